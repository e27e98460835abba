"""Members: 2^20 into SQLite or PostgreSQL at once, opening a group of so many, and registering one more."""

import itertools
import random
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.paired import median_of
from rln.group.group import Group
from rln.protocol.identity import Identity
from rln.stores.groups import close_group, open_group
from rln.stores.sqlite.members import SqliteRegistry
from tests.support.bulk_step import measure
from tests.support.postgres_server import empty_database

DEPTH = 20
MEMBERS = (1 << DEPTH) - 4096
"""Some leaves stay free for the members that are registered one by one."""

Large = tuple[str, Path, int]
"""URI, snapshot and root of a group."""


@pytest.fixture(scope="module")
def members() -> list[tuple[int, int]]:
    draw = random.Random(20)
    return [(draw.getrandbits(253) | 1, 1 + number % 100) for number in range(MEMBERS)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, members: list[tuple[int, int]]) -> Large:
    """Fill a group nearly to the last leaf."""
    folder = tmp_path_factory.mktemp("large")
    group = open_group(f"sqlite:///{folder}/members.db", DEPTH, now=time.time)
    group.register_many(members)
    root = group.root
    close_group(group, folder / "snapshot")
    return f"sqlite:///{folder}/members.db", folder / "snapshot", root


@pytest.mark.benchmark(group="2^20 members into SQLite, leaves and root included")
def bench_bulk(benchmark: BenchmarkFixture, tmp_path: Path, members: list[tuple[int, int]]) -> None:
    numbers = itertools.count()
    made: list[Group] = []

    def empty() -> tuple[tuple[Group], dict[str, object]]:
        registry = SqliteRegistry(tmp_path / f"{next(numbers)}.db", DEPTH)
        made.append(Group(DEPTH, registry=registry))
        return (made[-1],), {}

    benchmark.pedantic(lambda group: group.register_many(members), setup=empty, rounds=3)
    benchmark.extra_info["members a second"] = round(MEMBERS / median_of(benchmark))
    assert [len(group) for group in made] == [MEMBERS] * 3
    for group in made:
        group.registry.close()


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
@pytest.mark.benchmark(group="2^20 members as one step: registered, followed and opened by three processes")
def bench_step(benchmark: BenchmarkFixture, tmp_path: Path, store: str) -> None:
    """The memory of each part counts, too; `python -m benchmarks.bulk` prints the same for any number."""
    uri = f"sqlite:///{tmp_path}/members.db" if store == "sqlite" else empty_database()
    found = benchmark.pedantic(lambda: measure(uri, 1 << DEPTH), rounds=1)
    for part, figures in found.items():
        benchmark.extra_info[f"{part}: seconds"] = round(figures.seconds, 2)
        benchmark.extra_info[f"{part}: MiB beyond the tree"] = round(figures.beyond / 2**20, 1)
        assert figures.beyond < 64 * 2**20


@pytest.mark.benchmark(group="open a group of 2^20 members")
def bench_open_from_snapshot(benchmark: BenchmarkFixture, large: Large) -> None:
    uri, snapshot, root = large

    def opened() -> int:
        group = open_group(uri, DEPTH, now=time.time, snapshot=snapshot)
        found = group.root
        group.registry.close()
        return found

    assert benchmark.pedantic(opened, rounds=10) == root


@pytest.mark.benchmark(group="open a group of 2^20 members")
def bench_open_from_events(benchmark: BenchmarkFixture, large: Large) -> None:
    uri, _, root = large

    def opened() -> int:
        group = open_group(uri, DEPTH, now=time.time)
        found = group.root
        group.registry.close()
        return found

    assert benchmark.pedantic(opened, rounds=2) == root


@pytest.mark.benchmark(group="one more among 2^20 members, root and commit included")
def bench_one(benchmark: BenchmarkFixture, large: Large) -> None:
    uri, snapshot, _ = large
    group = open_group(uri, DEPTH, now=time.time, snapshot=snapshot)
    numbers = itertools.count(1)
    before = len(group)
    benchmark.pedantic(lambda: group.register(next(numbers), 5), rounds=1000, warmup_rounds=50)
    assert len(group) == before + 1050
    assert group.proof(len(group) - 1).root == group.root
    group.registry.close()


@pytest.mark.benchmark(group="one more among 2^20 members, root and commit included")
def bench_one_slashed(benchmark: BenchmarkFixture, large: Large) -> None:
    uri, snapshot, _ = large
    group = open_group(uri, DEPTH, now=time.time, snapshot=snapshot)
    secrets = itertools.count(1 << 64)

    def joined() -> tuple[tuple[int], dict[str, object]]:
        secret = next(secrets)
        group.register(Identity.from_secret(secret).commitment, 5)
        return (secret,), {}

    assert benchmark.pedantic(group.slash, setup=joined, rounds=100) is not None
    group.registry.close()
