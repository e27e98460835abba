"""One step of many members on a stored registry, registered, followed and opened by three processes.

Each process tells how long its part took and how much its resident memory grew at the peak.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rln.group.group import Group
from rln.stores.groups import close_group, open_group
from tests.support.process_memory import PausedProcess

PARTS = ("register", "follow", "open")

TREE_BYTES = 64
"""Bytes of a member in the tree: two nodes, because a full tree has as many inner nodes as leaves."""

PACKED_BYTES = 40
"""Bytes of a packed member, commitment and limit, which whoever registers members keeps."""

_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251F86C6A11D0C18E95
"""Odd, so that its multiples modulo 2^253 are different commitments in no order."""

_PROGRAM = "import sys; from tests.support.bulk_step import run_part; run_part(*sys.argv[1:])"


@dataclass(frozen=True)
class Figures:
    """What one process measured.

    Attributes:
        seconds, cpu: time of the clock and of the processors.
        grown: bytes by which the resident memory grew at the peak.
        own: bytes of it for the tree, and for the members that are registered.
        root: the root after the step.
    """

    seconds: float
    cpu: float
    grown: int
    own: int
    root: str

    @property
    def beyond(self) -> int:
        """Bytes at the peak beyond the tree and the packed members."""
        return self.grown - self.own


def members(count: int) -> Iterator[tuple[int, int]]:
    """Yield different commitments, each with a limit."""
    for number in range(1, count + 1):
        yield number * _SPREAD % (1 << 253), 1 + number % 100


def measure(uri: str, count: int) -> dict[str, Figures]:
    """Register, follow and open a step of so many members, and return the figures of each part.

    Args:
        uri: a registry that does not exist yet.
        count: number of members, at least 2; the tree is as deep as they need.
    """
    depth = (count - 1).bit_length()
    with ExitStack() as held:
        processes = [PausedProcess(_PROGRAM, part, uri, str(depth), str(count)) for part in PARTS]
        for process in processes:
            held.enter_context(process)
        found = {
            part: Figures(**json.loads(process.resume().removeprefix("ready ")))
            for part, process in zip(PARTS, processes, strict=True)
        }
    assert len({figures.root for figures in found.values()}) == 1
    return found


def run_part(part: str, uri: str, depth: str, count: str) -> None:
    """Do one part of the work in this process, as `measure` asks it."""
    opened: list[Group] = []

    def open_it() -> None:
        opened.append(open_group(uri, int(depth), now=time.time))

    if part != "open":
        open_it()
    print("ready", flush=True)
    sys.stdin.readline()
    works: dict[str, Callable[[], object]] = {
        "register": lambda: opened[0].register_many(members(int(count))),
        "follow": lambda: opened[0].follow(),
        "open": open_it,
    }
    before, start, start_cpu = _resident("VmRSS"), time.perf_counter(), time.process_time()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    works[part]()
    figures = Figures(
        seconds=time.perf_counter() - start,
        cpu=time.process_time() - start_cpu,
        grown=_resident("VmHWM") - before,
        own=(TREE_BYTES + (PACKED_BYTES if part == "register" else 0)) * int(count),
        root=hex(opened[0].root),
    )
    assert len(opened[0]) == int(count)
    close_group(opened[0])
    print("ready", json.dumps(asdict(figures)), flush=True)


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
