"""Real Redis servers on loopback: one server, one with a replica, under Sentinels, in a cluster.

A server ends with its `with` block. Servers that a whole run shares (`empty_server`, `empty_sentinel`,
`empty_cluster`) end with the run. All of them end when the process that started them dies.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import redis

from tests.conftest import lacking

HOST = "127.0.0.1"
PATIENCE = 20.0
SLOTS = 16384
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Ask again and again until the condition holds; fail after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            if condition():
                return
        except (redis.RedisError, OSError):
            pass
        assert time.monotonic() < deadline, f"{what}: not within {patience} seconds"
        time.sleep(0.01)


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def entry_count(client: redis.Redis) -> int:
    """Return the number of entries; the other keys of a log have a hash tag."""
    return sum(b"{" not in key for key in client.keys("rln:*"))


class RedisServer:
    """A redis-server, with an append-only file unless other settings are given.

    Args:
        directory: of its files.
        port: to listen on; a free one by default.
        environment: more variables of its environment.
        settings: of redis.conf, with _ in place of -.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        environment: dict[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.port = port or free_port()
        self._environment = environment
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._settings: dict[str, Any] = {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            **settings,
        }
        self.client = redis.Redis(HOST, self.port, socket_timeout=5, protocol=2)
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def at(uri: str) -> redis.Redis:
        """Return a client of the server of a URI."""
        return redis.Redis(HOST, int(uri.rpartition(":")[2]), socket_timeout=5, protocol=2)

    @property
    def uri(self) -> str:
        return f"redis://{HOST}:{self.port}"

    def start(self, **settings: Any) -> None:
        self._settings |= settings
        words = [
            word
            for name, value in self._settings.items()
            for word in (f"--{name.replace('_', '-')}", *(str(value).split() or [""]))
        ]
        where = ["--port", str(self.port), "--bind", HOST, "--dir", str(self.directory)]
        self._process = spawn(
            "redis-server",
            *where,
            "--repl-diskless-sync-delay",
            "0",
            *words,
            environment=self._environment,
        )
        until(self.client.ping, f"redis-server on {self.port}")

    def command(self, *words: str | int) -> Any:
        """Send a command and return the reply."""
        return self.client.execute_command(*words)  # type: ignore[no-untyped-call]

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """Kill the server, also when it is suspended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.client.connection_pool.disconnect()

    def restart(self, **settings: Any) -> None:
        self.stop()
        self.start(**settings)

    def set(self, **settings: Any) -> None:
        """Change settings of the running server."""
        for name, value in settings.items():
            self.client.config_set(name.replace("_", "-"), str(value))

    def follow(self, port: int) -> None:
        """Become the replica of the server on a port, and wait until the replication runs."""
        self.client.replicaof(HOST, port)
        until(self.is_replicating, "replica")

    def is_replicating(self) -> bool:
        """Return whether the connection to the primary works."""
        return bool(self.client.info("replication")["master_link_status"] == "up")

    def become_primary(self) -> None:
        """Stop being a replica."""
        self.command("REPLICAOF", "NO", "ONE")


def spawn(name: str, *words: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a program with more variables; skip the test if it is not installed."""
    found = shutil.which(name)
    if found is None:
        lacking("redis", f"{name} is not installed")
    return subprocess.Popen(
        [str(found), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | (environment or {}),
        preexec_fn=_die_with_parent,
    )


@contextmanager
def redis_server(directory: Path, **settings: Any) -> Iterator[RedisServer]:
    """Run one server."""
    server = RedisServer(directory / "redis", **settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def redis_pair(directory: Path, **settings: Any) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Run a primary and its replica."""
    with redis_server(directory / "first", **settings) as first:
        with redis_server(directory / "second", **settings) as second:
            second.follow(first.port)
            until(lambda: first.client.info("replication")["connected_slaves"] == 1, "replica")
            yield first, second


class Sentinels:
    """Sentinels that watch a primary under the name `rln`."""

    def __init__(self, directory: Path, watched: int, count: int = 1) -> None:
        self.ports = [free_port() for _ in range(count)]
        self._directory = directory
        self._watched = watched
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def uri(self) -> str:
        return f"redis+sentinel://{','.join(f'{HOST}:{port}' for port in self.ports)}/rln"

    def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        for port in self.ports:
            settings = self._directory / f"{port}.conf"
            settings.write_text(
                f"port {port}\nbind {HOST}\ndir {self._directory}\n"
                f"sentinel monitor rln {HOST} {self._watched} {len(self.ports) // 2 + 1}\n"
                "sentinel down-after-milliseconds rln 300\nsentinel failover-timeout rln 1000\n"
            )
            self._processes.append(spawn("redis-sentinel", str(settings)))
        for port in self.ports:
            until(partial(self._is_ready, port), f"redis-sentinel on {port}")

    def _is_ready(self, port: int) -> bool:
        """Return whether a Sentinel knows the primary, a replica and all other Sentinels."""
        state = self.ask(port)
        return (
            state[b"flags"] == b"master"
            and int(state[b"num-slaves"]) >= 1
            and int(state[b"num-other-sentinels"]) == len(self.ports) - 1
        )

    def ask(self, port: int | None = None) -> dict[bytes, bytes]:
        """Return what a Sentinel says about the primary, by the name of the field."""
        with redis.Redis(HOST, port or self.ports[0], socket_timeout=2, protocol=2) as client:
            connection = client.connection_pool.get_connection()
            connection.send_command("SENTINEL", "MASTER", "rln")
            fields = connection.read_response()
            client.connection_pool.release(connection)
        return dict(zip(fields[::2], fields[1::2], strict=True))

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@contextmanager
def redis_under_sentinels(
    directory: Path, count: int = 1
) -> Iterator[tuple[Sentinels, RedisServer, RedisServer]]:
    """Run a primary and its replica under Sentinels."""
    with redis_pair(directory) as (first, second):
        sentinels = Sentinels(directory / "sentinels", first.port, count)
        try:
            sentinels.start()
            yield sentinels, first, second
        finally:
            sentinels.stop()


class RedisCluster:
    """Primaries that share the slots evenly, and replicas of the first of them."""

    def __init__(self, directory: Path, primaries: int = 3, replicas: int = 0) -> None:
        settings: dict[str, Any] = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": 500,
            "cluster-require-full-coverage": "no",
        }
        self.nodes = [
            RedisServer(directory / f"node{i}", **(settings | {"cluster-port": free_port()}))
            for i in range(primaries + replicas)
        ]
        self._primaries = primaries

    @property
    def uri(self) -> str:
        return f"redis+cluster://{','.join(f'{HOST}:{node.port}' for node in self.nodes)}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        for i, node in enumerate(self.nodes):
            self._set_epoch(node, i + 1)
            if i < self._primaries:
                first, last = SLOTS * i // self._primaries, SLOTS * (i + 1) // self._primaries - 1
                node.command("CLUSTER", "ADDSLOTSRANGE", first, last)
            if i:
                first_node = self.nodes[0]
                bus = first_node._settings["cluster-port"]
                node.command("CLUSTER", "MEET", HOST, first_node.port, bus)
        until(lambda: all(self._is_complete(node) for node in self.nodes), "cluster")
        primary = self.nodes[0].command("CLUSTER", "MYID")
        for node in self.nodes[self._primaries :]:
            node.command("CLUSTER", "REPLICATE", primary)
            until(node.is_replicating, "replica")

    def _set_epoch(self, node: RedisServer, epoch: int) -> None:
        """Give a node its epoch. If the answer is late, the client repeats the command, which is refused."""
        try:
            node.command("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        except redis.ResponseError:
            if self._info(node)["cluster_my_epoch"] != str(epoch):
                raise

    @staticmethod
    def _info(node: RedisServer) -> dict[str, str]:
        said = node.command("CLUSTER", "INFO")
        return said if isinstance(said, dict) else dict(
            line.split(":") for line in said.decode().split("\r\n") if line
        )  # fmt: skip

    def _is_complete(self, node: RedisServer) -> bool:
        """Return whether a node knows all nodes and an owner of each slot."""
        fields = self._info(node)
        return (fields["cluster_state"], fields["cluster_known_nodes"], fields["cluster_slots_ok"]) == (
            "ok", str(len(self.nodes)), str(SLOTS)
        )  # fmt: skip

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


@contextmanager
def redis_cluster(directory: Path, primaries: int = 3, replicas: int = 0) -> Iterator[RedisCluster]:
    """Run a cluster."""
    cluster = RedisCluster(directory, primaries, replicas)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


# ---- shared by a run, and emptied before each use ------------------------------------------------------


@cache
def _run() -> tuple[ExitStack, Path]:
    stack = ExitStack()
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rln-redis-")))
    atexit.register(stack.close)
    return stack, directory


@cache
def _shared_server() -> RedisServer:
    stack, directory = _run()
    return stack.enter_context(redis_server(directory / "one"))


@cache
def _shared_sentinels() -> tuple[Sentinels, RedisServer]:
    stack, directory = _run()
    sentinels, first, _ = stack.enter_context(redis_under_sentinels(directory / "watched"))
    return sentinels, first


@cache
def _shared_cluster() -> RedisCluster:
    stack, directory = _run()
    return stack.enter_context(redis_cluster(directory / "cluster"))


def empty_server() -> str:
    """Empty the server of this run and return its URI."""
    server = _shared_server()
    server.client.flushall()
    return server.uri


def empty_sentinel() -> str:
    """Empty the primary under a Sentinel of this run and return the Sentinel's URI."""
    sentinels, first = _shared_sentinels()
    first.client.flushall()
    return sentinels.uri


def empty_cluster() -> str:
    """Empty the cluster of three primaries of this run and return its URI."""
    cluster = _shared_cluster()
    for node in cluster.nodes:
        node.client.flushall()
    return cluster.uri
