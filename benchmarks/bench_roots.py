"""Readers of roots: a slash amid 20,000 joins of the last minute, and the longest wait during a step of 10^6.

A reader asks every 2 ms while another process (SQLite) or another thread (memory) registers a million members
as one step. The time of the benchmark is the whole step; "longest wait in ms" is what the reader waited. The
reader shares the machine with the hashing, so the longest wait contains the scheduler's.
"""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rln.errors import StoreUnavailable
from rln.group.group import Group
from rln.group.memory_registry import MemoryRegistry
from rln.group.registry_roots import RegistryRoots
from rln.group.root_window import RootHistory
from rln.group.window_size import WindowSize
from rln.ports import MemberRegistry, RootSource
from rln.protocol.identity import Identity
from rln.stores.groups import open_group
from rln.stores.sqlite.members import SqliteRegistry
from tests.support.bulk_step import members

DEPTH = 20
JOINS = 20_000
MEMBERS = 1_000_000
PATIENCE = 600
WINDOW = WindowSize(seconds=PATIENCE, now=time.time)
REGISTER = (
    "import sys, time; from tests.support.bulk_step import members; from rln.stores.groups import open_group;"
    f"open_group(sys.argv[1], {DEPTH}, now=time.time).register_many(members({MEMBERS}))"
)


def group_on(registry: MemberRegistry) -> Group:
    return Group(DEPTH, registry=registry, window=WINDOW, now=time.time)


@pytest.mark.benchmark(group="retire half of 20,000 roots")
def bench_retire(benchmark: BenchmarkFixture) -> None:
    numbers = itertools.count(1 << 40)

    def filled() -> tuple[tuple[RootHistory], dict[str, object]]:
        return (RootHistory(range(1, JOINS + 1), WINDOW),), {}

    benchmark.pedantic(
        lambda history: history.push(next(numbers), [range(JOINS // 4, 3 * JOINS // 4)]),
        setup=filled,
        rounds=20,
    )


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.benchmark(group="slash amid 20,000 joins of the last minutes, two followers included")
def bench_slash(benchmark: BenchmarkFixture, store: str, tmp_path: Path) -> None:
    registry: MemberRegistry = (
        MemoryRegistry(DEPTH) if store == "memory" else SqliteRegistry(tmp_path / "members.db", DEPTH)
    )
    group = Group(DEPTH, registry=registry, window=WINDOW, now=time.time, interval=0)
    identities = [Identity.from_secret(1000 + number) for number in range(20)]
    for number in range(JOINS):
        place, rest = divmod(number, JOINS // len(identities))
        group.register(identities[place].commitment if rest == 0 else 10**9 + number, 5)
    other, bare = group_on(registry), RegistryRoots(registry, WINDOW, time.time)
    turn = iter(reversed(identities[1:]))

    def slash() -> None:
        group.slash(next(turn))
        other.follow()
        bare._tracker.follow(registry)
        assert group.root in other.roots

    benchmark.pedantic(slash, rounds=len(identities) - 1)
    registry.close()


def longest_waits(sources: Iterable[RootSource], is_over: Callable[[], bool]) -> list[float]:
    """Ask each source every 2 ms until it is over, and return the longest wait of each in seconds."""
    listed = list(sources)
    worst = [0.0] * len(listed)
    while not is_over():
        for place, source in enumerate(listed):
            begun = time.perf_counter()
            try:
                assert 5 not in source
            except StoreUnavailable:
                pass  # an answer, too: the step was written for longer than the window
            worst[place] = max(worst[place], time.perf_counter() - begun)
        time.sleep(0.002)
    return worst


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.benchmark(group="a step of 10^6 members, written and followed")
def bench_wait(benchmark: BenchmarkFixture, store: str, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'members.db'}"
    registry: MemberRegistry = (
        MemoryRegistry(DEPTH) if store == "memory" else open_group(uri, DEPTH, now=time.time).registry
    )
    writer, reader = group_on(registry), group_on(registry)
    bare = RegistryRoots(registry, WINDOW, time.time)
    found: list[float] = []

    def follow() -> None:
        if store == "memory":
            thread = threading.Thread(target=writer.register_many, args=(members(MEMBERS),))
            thread.start()
            found.extend(longest_waits([reader.roots, bare], lambda: reader._replica.step == 1))
            thread.join()
        else:
            child = subprocess.Popen([sys.executable, "-c", REGISTER, uri])
            found.extend(longest_waits([reader.roots, bare], lambda: reader._replica.step == 1))
            assert child.wait() == 0

    benchmark.pedantic(follow, rounds=1)
    benchmark.extra_info["longest wait in ms: group"] = round(found[0] * 1000)
    benchmark.extra_info["longest wait in ms: window alone"] = round(found[1] * 1000)
    assert len(reader) == MEMBERS
    registry.close()
