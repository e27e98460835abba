"""A real PostgreSQL server on loopback, one for each run; every caller gets an empty database.

The server ends with the run, and also when the process that started it dies.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psycopg

from tests.conftest import lacking
from tests.support.redis_server import HOST, free_port

PATIENCE = 30.0
_numbers = itertools.count()


class PostgresServer:
    """A server with a database cluster of its own, and with fsync, because the registry refuses it without.

    PostgreSQL refuses to run as root; if you are root, it runs as the user `postgres`.

    Args:
        primary: a running server, which this one follows as a streaming standby.
    """

    def __init__(self, primary: PostgresServer | None = None) -> None:
        self._programs = _programs()
        self.directory = Path(tempfile.mkdtemp(prefix="postgres"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self.directory, self._user.pw_uid, self._user.pw_gid)
        if primary is None:
            self._call("initdb", "-D", str(self.data), "-U", "rln", "-A", "trust", "-N", "-E", "UTF8")
        else:
            self._call(
                "pg_basebackup", "-D", str(self.data), "-d", primary.uri("postgres"), "-R", "-N", "-c", "fast"
            )

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def uri(self, database: str, password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://rln{secret}@{HOST}:{self.port}/{database}"

    def start(self, fsync: str = "on", **more: object) -> None:
        """Start the server with settings of its configuration file, and wait until it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "fsync": fsync,
            "max_connections": 200,
            **more,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            self._as_user("postgres", "-D", str(self.data), *words),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.uri("postgres"), connect_timeout=2).close()
                return
            except psycopg.Error:
                assert self._process.poll() is None, "postgres has ended"
                assert time.monotonic() < deadline, f"postgres: not within {PATIENCE} seconds"
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server at once, without a checkpoint, as a crash does."""
        if self._process is not None:
            self._call("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
            self._process.wait()
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspend all processes of the server; the kernel still accepts what is sent to them."""
        assert self._process is not None
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self._process.pid)], capture_output=True)
        pids = [self._process.pid, *map(int, found.stdout.split())]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def demote(self) -> None:
        """Stop the server and let it be a standby from its next start on."""
        self.stop()
        (self.data / "standby.signal").touch()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def empty_database(self) -> str:
        """Make a database and return its URI."""
        name = f"group{next(_numbers)}"
        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return self.uri(name)

    def _call(self, name: str, *words: str) -> None:
        done = subprocess.run(self._as_user(name, *words), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def _as_user(self, name: str, *words: str) -> list[str]:
        command = [str(self._programs / name), *words]
        # setpriv becomes the program, and has it killed when its parent dies; runuser would remain between.
        death = ["setpriv", "--pdeathsig", "KILL"]
        if self._user is not None:
            death += ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        return [*death, *command]


def _programs() -> Path:
    """Return the directory with the programs of the newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        lacking("postgres", "PostgreSQL is not installed")
    return Path(str(initdb)).resolve().parent


@cache
def server() -> PostgresServer:
    """Start the server of this run, once, and return it."""
    made = PostgresServer()
    atexit.register(made.remove)
    made.start()
    return made


def empty_database() -> str:
    """Make an empty database on the server of this run and return its URI."""
    return server().empty_database()
