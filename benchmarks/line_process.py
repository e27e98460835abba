"""LineProcess: a program that answers each line of JSON with another one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
END_SECONDS = 20
"""A program that has not ended so long after its input did is killed."""


class LineProcess:
    """One such program; `running` makes it.

    Args:
        process: with pipes for its standard input and output.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **question: object) -> dict[str, Any]:
        """Send a line, and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"expected an answer to {sorted(question)}, got none: the program has ended"
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer


@contextmanager
def running(command: Sequence[str]) -> Iterator[LineProcess]:
    """Start a program; its input ends with the block, and so should it."""
    process = subprocess.Popen(
        list(command), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:  # closes the pipes, and waits
        try:
            yield LineProcess(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(END_SECONDS) == 0
        finally:
            process.kill()
