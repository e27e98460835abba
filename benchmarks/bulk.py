"""One step of many members: how long it takes, and how much memory, to register, follow and open it.

    python -m benchmarks.bulk [--members 1048576] [--store sqlite|postgres]

Three processes use one registry: the first registers all members as one step, the second had opened the group
before and follows, the third opens the group afterwards. PostgreSQL is a server of its own on this machine.
The times include making the members, and the commit.

"beyond" is the peak of resident memory during the work, less what was resident before, less the tree (64
bytes a member), and for the first process less the packed members (40 bytes a member).
"""

from __future__ import annotations

import argparse
import tempfile

from rln.lowlevel import engine, threads
from tests.support.bulk_step import measure
from tests.support.postgres_server import empty_database


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--members", type=int, default=1 << 20)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    arguments = parser.parse_args()
    count = arguments.members
    print(f"{count} members, {arguments.store}, engine {engine.name()}, {threads.available()} threads")
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/members.db" if arguments.store == "sqlite" else empty_database()
        for part, figures in measure(uri, count).items():
            print(
                f"{part:9} {figures.seconds:8.2f} s, {figures.cpu:7.2f} s of processors, "
                f"grown by {figures.grown / 1e6:7.1f} MB, beyond {figures.beyond / 2**20:6.1f} MiB"
            )


if __name__ == "__main__":
    main()
