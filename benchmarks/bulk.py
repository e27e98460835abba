"""One step of many members: how long it takes, and how much memory, to register, follow and open it.

    python -m benchmarks.bulk [--members 1048576] [--store sqlite|postgres]

Three processes use one registry: the first registers all members as one step, the second had opened the group
before and follows, the third opens the group afterwards. PostgreSQL is a server of its own on this machine.

"beyond" is the peak of resident memory during the work, less what was resident before, less the tree (64
bytes a member), and for the first process less the packed members (40 bytes a member).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rln.group.group import Group
from rln.lowlevel import engine, threads
from rln.stores.groups import close_group, open_group
from tests.support.postgres_server import empty_database

TREE_BYTES = 64
PACKED_BYTES = 40
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251F86C6A11D0C18E95
"""Odd, so that its multiples modulo 2^253 are different commitments in no order."""


def members(count: int) -> Iterator[tuple[int, int]]:
    """Yield different commitments, each with a limit."""
    for number in range(1, count + 1):
        yield number * _SPREAD % (1 << 253), 1 + number % 100


def measured(work: Callable[[], object]) -> dict[str, float]:
    """Return the seconds that some work takes, and by how many bytes the memory grows at its peak."""
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - start_cpu,
        "grown": _resident("VmHWM") - before,
    }


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def child(part: str, uri: str, depth: int, count: int) -> None:
    """Do one part of the work and print its figures as JSON."""
    opened: list[Group] = []

    def open_it() -> None:
        opened.append(open_group(uri, depth, now=time.time))

    if part != "open":
        open_it()
    print("ready", flush=True)
    sys.stdin.readline()
    if part == "register":
        found = measured(lambda: opened[0].register_many(members(count)))
    elif part == "follow":
        found = measured(lambda: opened[0].follow())
    else:
        found = measured(open_it)
    assert len(opened[0]) == count
    print(json.dumps({**found, "root": hex(opened[0].root)}), flush=True)
    close_group(opened[0])


def measure(store: str, count: int) -> None:
    """Run the three parts in their own processes and print their figures."""
    depth = max(1, (count - 1).bit_length())
    roots = set()
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/members.db" if store == "sqlite" else empty_database()
        print(f"{count} members, {store}, engine {engine.name()}, {threads.available()} threads", flush=True)
        running = {}
        for part in ("register", "follow", "open"):
            words = ["--part", part, "--uri", uri, "--depth", str(depth), "--members", str(count)]
            running[part] = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.bulk", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            _line(running[part])
        for part, process in running.items():
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            found = json.loads(_line(process))
            process.wait()
            roots.add(found["root"])
            own = (TREE_BYTES + (PACKED_BYTES if part == "register" else 0)) * count
            print(
                f"{part:9} {found['seconds']:8.2f} s, {found['cpu']:7.2f} s of processors, "
                f"grown by {found['grown'] / 1e6:7.1f} MB, beyond {(found['grown'] - own) / 2**20:6.1f} MiB",
                flush=True,
            )
    assert len(roots) == 1


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--members", type=int, default=1 << 20)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--part", choices=["register", "follow", "open"], help=argparse.SUPPRESS)
    parser.add_argument("--uri", help=argparse.SUPPRESS)
    parser.add_argument("--depth", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part is None:
        measure(arguments.store, arguments.members)
    else:
        child(arguments.part, arguments.uri, arguments.depth, arguments.members)


if __name__ == "__main__":
    main()
