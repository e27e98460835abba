"""ASGI servers as processes, and raw requests to them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.redis_server import free_port, until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
CHUNKS = 5
"""Chunks that the application sends at `/v1/stream`."""
GAP = 0.1
"""Seconds between them."""
WAIT = 3.0
"""Seconds to wait for the answer to a raw request."""

COMMANDS = {
    "uvicorn-h11": "uvicorn --http h11 --no-access-log --log-level warning --port {port} "
    "--workers {workers} {app}",
    "uvicorn-httptools": "uvicorn --http httptools --no-access-log --log-level warning --port {port} "
    "--workers {workers} {app}",
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} --workers {workers} {app}",
    "granian": "granian --interface asgi --host 127.0.0.1 --port {port} --workers {workers} {app}",
}
"""The command line of each server; uvicorn once for each of its parsers."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass
class Reply:
    """An answer, as far as it came.

    Args:
        data: all bytes.
        times: when each piece arrived, with the number of bytes until then.
    """

    data: bytes = b""
    times: list[tuple[float, int]] = field(default_factory=list)

    @property
    def status(self) -> int | None:
        """The first status; None if there was no answer."""
        found = re.match(rb"HTTP/1\.[01] (\d{3})", self.data)
        return int(found[1]) if found else None

    @property
    def head(self) -> bytes:
        """The first head, in lower case."""
        return self.data.partition(b"\r\n\r\n")[0].lower()

    def document(self) -> dict[str, Any]:
        """Return the JSON object in the body of the first answer."""
        body = self.data.partition(b"\r\n\r\n")[2]
        found: dict[str, Any] = json.JSONDecoder().raw_decode(body.decode("latin-1"))[0]
        return found

    @property
    def is_whole(self) -> bool:
        """Whether the first answer has come, if it says its length."""
        head, _, body = self.data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if length is not None:
            return len(body) >= int(length[1])
        return body.endswith(b"0\r\n\r\n")


@dataclass
class HttpServer:
    """A server process.

    Args:
        port: on 127.0.0.1.
        process: of the server, which may have workers.
        calls_file: gets a line for each call of the application.
    """

    port: int
    process: subprocess.Popen[bytes]
    calls_file: Path

    def calls(self) -> list[str]:
        """Return what the application has noted."""
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def connect(self) -> socket.socket:
        """Open a connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.settimeout(WAIT)
        return connection

    def send(self, *pieces: bytes, wait: float = WAIT) -> Reply:
        """Send pieces with a pause between them, and return the answer.

        It ends when it has the length that it says, when the server closes, or when nothing comes for so many
        seconds.
        """
        with self.connect() as connection:
            connection.settimeout(wait)
            reply = Reply()
            try:
                for place, piece in enumerate(pieces):
                    if place:
                        time.sleep(0.05)
                    connection.sendall(piece)
                while not reply.is_whole:
                    data = connection.recv(1 << 16)
                    if not data:
                        break
                    reply.data += data
                    reply.times.append((time.monotonic(), len(reply.data)))
            except (TimeoutError, ConnectionError):
                pass  # no more will come
            return reply

    def workers(self) -> list[int]:
        """Return the numbers of the worker processes."""
        number = self.process.pid
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        return [int(one) for one in children if b"resource_tracker" not in _command(int(one))]


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b"resource_tracker"  # it has ended


@contextmanager
def http_server(name: str, directory: Path, workers: int = 1) -> Iterator[HttpServer]:
    """Serve `tests.support.limited_app` with the settings in a directory."""
    port = free_port()
    calls = directory / "calls.txt"
    command = COMMANDS[name].format(port=port, workers=workers, app="tests.support.limited_app:app").split()
    with (directory / "server.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={
                **os.environ,
                "RLN_CONFIG": str(directory / "rln.toml"),
                "RLN_CALLS": str(calls),
                "PYTHONPATH": str(ROOT),
            },
            stdout=output,
            stderr=output,
        )
    server = HttpServer(port, process, calls)
    try:
        until(lambda: _answers(server), f"{name} to answer; see {directory}/server.log", PATIENCE)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(server: HttpServer) -> bool:
    assert server.process.poll() is None, "the server has ended"
    try:
        return server.send(b"GET /.well-known/rln HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 200
    except OSError:
        return False
