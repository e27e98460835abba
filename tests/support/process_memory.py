"""The memory of another process: a child that pauses, and a search through its memory."""

import signal
import subprocess
import sys
from pathlib import Path


class PausedProcess:
    """A child that runs a program up to its line "ready" and then waits for input.

    As a context manager it gives the child's process id, and kills the child at the end.

    Args:
        program: source text. It prints a line that starts with "ready" and then reads a line, once or more.
        arguments: of the program.
    """

    def __init__(self, program: str, *arguments: str) -> None:
        command = [sys.executable, "-c", program, *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )

    def __enter__(self) -> int:
        self.wait_until_ready()
        return self.process.pid

    def wait_until_ready(self) -> str:
        """Wait for the next line "ready", and return it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode().strip()
        assert line.startswith("ready"), line
        return line

    def resume(self) -> str:
        """Let the child continue up to its next line "ready", and return that line."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.wait_until_ready()

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def find_in_memory(pid: int, needles: dict[str, bytes]) -> set[str]:
    """Return the names of the needles that are somewhere in the writable memory of a process."""
    names = set()
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, permissions = line.split()[:2]
            if "w" not in permissions:
                continue
            start, end = (int(number, 16) for number in span.split("-"))
            memory.seek(start)
            try:
                data = memory.read(end - start)
            except OSError:
                continue
            names |= {name for name, needle in needles.items() if needle in data}
    return names
