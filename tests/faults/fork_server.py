"""Nursery: a process that has imported everything, and forks a child for each story.

Commands on its input, one a line, and what it answers:

    start STORY PART DIRECTORY    a child that waits; its process id
    go                            the child may begin; its wait status when it has ended

What the child says goes to DIRECTORY.said, its errors to DIRECTORY.errors.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from tests.faults.scenario import say
from tests.faults.scenarios import STORIES


def live(name: str, part: str, directory: Path, ready: int, gate: int) -> None:
    """Be the child, and never return."""
    code = 1
    try:
        for target, ending in ((1, ".said"), (2, ".errors")):
            opened = os.open(f"{directory}{ending}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, target)
            os.close(opened)
        story = STORIES[name]()
        os.write(ready, b"x")
        os.read(gate, 1)
        story.run(directory, say, story.plan if part == "plan" else story.later)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it is told, and the child ends here
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def main() -> None:
    gate, child = -1, -1
    for line in sys.stdin:
        words = line.split()
        if words[0] == "start":
            inner, gate = os.pipe()
            waiting, ready = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(gate)
                live(words[1], words[2], Path(words[3]), ready, inner)
            os.close(ready)
            os.read(waiting, 1)
            os.close(waiting)
            os.close(inner)
            print(child, flush=True)
        else:
            os.write(gate, b"x")
            os.close(gate)
            print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
