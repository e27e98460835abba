"""A process that has imported everything, and forks a child for each run of a scenario.

It reads commands, one on each line, and answers each with one line:

    start SCENARIO PART DIRECTORY   fork a child that waits; answer its process id
    go                              let the child begin; answer its wait status when it has ended

PART is `plan` or `second_plan`. The child reports its steps in DIRECTORY.output and writes errors to
DIRECTORY.errors.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from tests.faults.scenario import report
from tests.faults.scenarios import SCENARIOS


def run_child(name: str, part: str, directory: Path, ready: int, gate: int) -> None:
    """Run a scenario in the child, then end the process."""
    code = 1
    try:
        for target, ending in ((1, ".output"), (2, ".errors")):
            opened = os.open(f"{directory}{ending}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, target)
            os.close(opened)
        scenario = SCENARIOS[name]()
        os.write(ready, b"x")
        os.read(gate, 1)
        scenario.run(directory, report, scenario.plan if part == "plan" else scenario.second_plan)
        code = 0
    except BaseException:  # noqa: BLE001 - the child writes any error down and ends here
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
                run_child(words[1], words[2], Path(words[3]), ready, inner)
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
