"""Victims: processes that say a line for everything they do, until they are killed and replaced.

A line is written at once and whole, or not at all: what a victim said, it did.
"""

from __future__ import annotations

import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

Say = Callable[[str], None]
"""Writes a line to the parent."""

PATIENCE = 60.0
"""Seconds that the parent waits for a line from somebody."""


class Victim:
    """A process that works for ever.

    Args:
        work: what it does; gets the way to say a line, and how many of its kind were killed before it.
    """

    def __init__(self, work: Callable[[Say, int], None]) -> None:
        self._work = work
        self.killed = 0
        self._start()

    def _start(self) -> None:
        self.read, write = os.pipe()
        self._rest = b""
        self._child = os.fork()
        if self._child == 0:
            _live(self._work, write, self.killed)
        os.close(write)
        os.set_blocking(self.read, False)

    def lines(self) -> list[str]:
        """The lines that it has said since the last time, as far as they are whole."""
        found = self._rest
        while True:
            try:
                part = os.read(self.read, 1 << 16)
            except BlockingIOError:
                break
            if not part:
                break
            found += part
        *whole, self._rest = found.split(b"\n")
        lines = [line.decode() for line in whole]
        failures = [line for line in lines if line.startswith("failed ")]
        assert not failures, failures[0].replace("\\n", "\n")
        return lines

    def kill(self) -> list[str]:
        """End it at once, start another one, and return the last lines."""
        os.kill(self._child, signal.SIGKILL)
        _, status = os.waitpid(self._child, 0)
        last = self.lines()
        assert os.WTERMSIG(status) == signal.SIGKILL, "it had ended by itself"
        assert not self._rest, "half a line"
        os.close(self.read)
        self.killed += 1
        self._start()
        return last

    def end(self) -> list[str]:
        """End it for good, and return the last lines."""
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        last = self.lines()
        os.close(self.read)
        return last


def _live(work: Callable[[Say, int], None], write: int, killed: int) -> NoReturn:
    parent = os.getppid()
    os.set_blocking(write, True)

    def say(line: str) -> None:
        if os.getppid() != parent:  # nobody listens any more
            os._exit(0)
        os.write(write, line.encode() + b"\n")

    try:
        signal.alarm(600)
        work(say, killed)
    except BaseException:  # noqa: BLE001 - the parent raises it
        say("failed " + traceback.format_exc()[-3000:].replace("\n", "\\n"))
    finally:
        os._exit(1)


def wait(victims: Sequence[Victim]) -> None:
    """Until one of them has said something."""
    ready, _, _ = select.select([victim.read for victim in victims], [], [], PATIENCE)
    assert ready, "nobody says anything"


def idle(seconds: float) -> None:
    """Let the victims come to some other point of their work."""
    time.sleep(seconds)
