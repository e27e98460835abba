"""Scenarios under strace, which records system calls, makes them fail, or kills the process at them.

strace is attached after all imports, so it counts the calls of the store and no others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT, lacking
from tests.faults.scenario import Progress

FAULTY = ("fdatasync,fsync", "pread64", "pwrite64", "ftruncate", "unlink", "openat")
"""System calls of every store that fail in turn. SQLite chooses one of the first two."""


def need_strace() -> None:
    """Skip the test if strace is missing or may not trace."""
    if shutil.which("strace") is None:
        lacking("strace", "strace is not installed")
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True)
    if tried.returncode:
        lacking("strace", f"strace may not trace here: {tried.stderr.strip()[:200]}")


@dataclass(frozen=True)
class Run:
    """The result of a scenario.

    Attributes:
        status: of its process, as `os.waitpid` returns it.
        lines: its report.
        trace: what strace wrote.
        errors: what it wrote to stderr.
    """

    status: int
    lines: tuple[str, ...]
    trace: str
    errors: str

    @property
    def progress(self) -> Progress:
        """How far the scenario came."""
        return Progress.of(self.lines)

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == 9

    def check_ending(self, *, kills: bool = False) -> None:
        """Fail if the scenario ended with an exception, which means a wrong answer or a wrong error."""
        assert self.status == 0 or (kills and self.was_killed), self.errors


class ForkServer:
    """Runs scenarios; see `tests.faults.fork_server`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, scenario: str, directory: Path, *options: str, part: str = "plan") -> Run:
        """Run a scenario under strace, in a directory that may hold files of an earlier run."""
        for ending in (".output", ".errors", ".trace"):
            Path(f"{directory}{ending}").unlink(missing_ok=True)
        pid = self._ask(f"start {scenario} {part} {directory}")
        tracer = self._attach(pid, directory, options) if options else None
        status = self._ask("go")
        if tracer is not None:
            tracer.wait(30)
        output, errors, trace = (
            Path(f"{directory}{ending}").read_text() if Path(f"{directory}{ending}").exists() else ""
            for ending in (".output", ".errors", ".trace")
        )
        return Run(status, tuple(output.splitlines()), trace, errors)

    def _attach(self, pid: int, directory: Path, options: tuple[str, ...]) -> subprocess.Popen[str]:
        command = ["strace", "-o", f"{directory}.trace", *options, "-p", str(pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        answer = tracer.stderr.readline()
        assert "attached" in answer, answer
        return tracer

    def _ask(self, command: str) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def run_fork_server() -> Iterator[ForkServer]:
    """Run a fork server, and end it with the block."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.fork_server"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield ForkServer(process)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


def count(trace: str, call: str) -> int:
    """Return how often a trace has the call; of several, separated by commas, the one that is most frequent.

    An injection counts each of several calls for itself.
    """
    return max(len(re.findall(rf"^{name}\(", trace, re.M)) for name in call.split(","))
