"""What stands in the memory of another process: a child that stops, and a search."""

import signal
import subprocess
import sys
from pathlib import Path


class stopped:
    """A child that runs a program up to its "ready" and waits there; its pid."""

    def __init__(self, program: str, *arguments: str) -> None:
        command = [sys.executable, "-c", program, *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )

    def __enter__(self) -> int:
        self.next()
        return self.process.pid

    def next(self) -> str:
        """Let it run up to its next line, and return that."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode().strip()
        assert line.startswith("ready"), line
        return line

    def go_on(self) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.next()

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def found(pid: int, looks: dict[str, bytes]) -> set[str]:
    """Which of the needles stand somewhere in the writable memory of a process."""
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
            names |= {name for name, needle in looks.items() if needle in data}
    return names
