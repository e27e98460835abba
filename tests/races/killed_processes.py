"""Processes that report a line for everything they do, until they are killed and replaced.

A line is written whole or not at all, after the work: a process has done what it reported.
"""

from __future__ import annotations

import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

Report = Callable[[str], None]
"""Writes a line to the parent."""

PATIENCE = 60.0
"""Seconds that the parent waits for a line from any process."""


class KilledProcess:
    """A process that works until it is killed; another one then replaces it.

    Args:
        work: gets the function that reports a line, and the number of processes that were killed before.
    """

    def __init__(self, work: Callable[[Report, int], None]) -> None:
        self._work = work
        self.killed = 0
        self._start()

    def _start(self) -> None:
        self.read, write = os.pipe()
        self._rest = b""
        self._child = os.fork()
        if self._child == 0:
            _run_child(self._work, write, self.killed)
        os.close(write)
        os.set_blocking(self.read, False)

    def lines(self) -> list[str]:
        """Return the whole lines that the process has reported since the last call."""
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
        """Kill the process, start another one, and return the last lines."""
        os.kill(self._child, signal.SIGKILL)
        _, status = os.waitpid(self._child, 0)
        last = self.lines()
        assert os.WTERMSIG(status) == signal.SIGKILL, "the process had already ended"
        assert not self._rest, "the last line is incomplete"
        os.close(self.read)
        self.killed += 1
        self._start()
        return last

    def end(self) -> list[str]:
        """Kill the process without a replacement, and return the last lines."""
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        last = self.lines()
        os.close(self.read)
        return last


def _run_child(work: Callable[[Report, int], None], write: int, killed: int) -> NoReturn:
    parent = os.getppid()
    os.set_blocking(write, True)

    def report(line: str) -> None:
        if os.getppid() != parent:  # the parent has ended
            os._exit(0)
        os.write(write, line.encode() + b"\n")

    try:
        signal.alarm(600)
        work(report, killed)
    except BaseException:  # noqa: BLE001 - the parent raises it
        report("failed " + traceback.format_exc()[-3000:].replace("\n", "\\n"))
    finally:
        os._exit(1)


def wait_for_lines(processes: Sequence[KilledProcess]) -> None:
    """Wait until one of the processes has reported something."""
    ready, _, _ = select.select([process.read for process in processes], [], [], PATIENCE)
    assert ready, f"no process reports anything within {PATIENCE} seconds"


def pause(seconds: float) -> None:
    """Let the processes come to another point of their work."""
    time.sleep(seconds)
