"""`rln connect` as a process of its own, for tests with real clients."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.errors import RateLimitReached
from tests.support.http_world import LIMIT
from tests.support.registrar_server import free_port

PATIENCE = 60.0


def wait_for_port(port: int) -> None:
    """Wait until somebody listens at a port of this machine."""
    for _ in range(int(PATIENCE / 0.1)):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE):
            return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens at {port}")


def spend_all(directory: Path) -> None:
    """Use all message ids of this epoch, as another process of the same member."""
    with Member.open(directory, MemberSettings(background=False)) as member, suppress(RateLimitReached):
        while True:
            member._ids.reserve(member._identity.commitment, member._clock.current(), LIMIT)


class ConnectServer:
    """`rln connect` for a member's directory; leave the `with` block to stop it.

    Args:
        directory: of the member.
        log: what it says goes there.
        options: of the command, beside the port.
    """

    def __init__(self, directory: Path, log: Path, *options: str) -> None:
        self.directory = directory
        self.log = log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rln", "connect", str(directory), "--port", str(self.port), *options],
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env={**os.environ, "PYTHONPATH": os.getcwd()},
            )
        if "--json" in options:  # it says nothing before its end
            self.said: list[str] = []
            wait_for_port(self.port)
        else:
            self.said = list(self._lines())

    def _lines(self) -> Iterator[str]:
        """Go through the lines that it prints when it listens."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            yield line
            if "ANTHROPIC_API_KEY" in line:
                return
        raise AssertionError(self.log.read_text())

    @property
    def token(self) -> str:
        """What clients use as their API key."""
        return (self.directory / "connect-token").read_text().strip()

    def stop(self) -> int:
        """Stop it with SIGTERM, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> ConnectServer:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
