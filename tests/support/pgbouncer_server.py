"""A real PgBouncer on loopback before a PostgreSQL server; it ends when the process that started it dies."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import psycopg

from tests.conftest import lacking
from tests.support.postgres_server import PATIENCE
from tests.support.redis_server import HOST, free_port


class PgBouncer:
    """A pooler whose clients share the connections to one server.

    Args:
        server: the port of the PostgreSQL server on loopback.
        pool_mode: `transaction`: clients take turns after each transaction; `statement`, `session`.
        pool_size: connections to the server for each database.
    """

    def __init__(self, server: int, pool_mode: str = "transaction", pool_size: int = 1) -> None:
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            lacking("pgbouncer", "PgBouncer is not installed")
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="pgbouncer"))
        settings = {
            "listen_addr": HOST,
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": pool_mode,
            "default_pool_size": pool_size,
            "max_client_conn": 200,
            "logfile": self.directory / "log",
            "admin_users": "rln",
        }
        written = "".join(f"{name} = {value}\n" for name, value in settings.items())
        configuration = self.directory / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n* = host={HOST} port={server} user=rln\n[pgbouncer]\n{written}"
        )
        command = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:  # it refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            os.chown(configuration, user.pw_uid, user.pw_gid)
            command += ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        self._process = subprocess.Popen(
            [*command, str(program), "-q", str(configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_until_it_answers()

    def __enter__(self) -> PgBouncer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def uri(self, database: str) -> str:
        return f"postgresql://rln@{HOST}:{self.port}/{database}"

    def through(self, uri: str) -> str:
        """Return the URI of a database of the server, through the pooler."""
        return self.uri(uri.rpartition("/")[2])

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.uri("pgbouncer"), connect_timeout=2, autocommit=True).close()
                return
            except psycopg.Error:
                assert self._process.poll() is None, "pgbouncer has ended"
                assert time.monotonic() < deadline, f"pgbouncer: not within {PATIENCE} seconds"
                time.sleep(0.02)
