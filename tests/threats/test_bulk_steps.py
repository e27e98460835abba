"""Row F23 of docs/threats.md: a step of millions of members is written and read in bounded pieces."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

import rln
from rln.errors import AlreadyAMember, IntegrityAlarm, StoreUnavailable
from rln.group.memory_registry import MemoryRegistry
from rln.group.ports import MemberRegistry, RegistryReader
from rln.stores import open_members, sql_events, sql_registry
from rln.stores.copy_members import copy_members
from rln.stores.postgres.members import _PostgresTransaction
from rln.stores.postgres.origin import COLUMNS
from rln.stores.sqlite.members import _SqliteTransaction
from rln.sync.export import bulletin_since
from rln.sync.mirror import Mirror
from tests.stores.adapters import REGISTRIES
from tests.support.bulk_step import PACKED_BYTES, PARTS, TREE_BYTES, measure
from tests.support.effort import effort

DEPTH, LIMIT_BITS = 10, 8
PAGE = 16
MANY = 200

MIB = 1 << 20
SMALL, LARGE = 1 << 15, effort(1 << 17, 1 << 22)
BEYOND = 64 * MIB
"""Bytes that a step may need beyond the tree and the packed members, however many members it has."""


@pytest.fixture
def rows_of_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make pages small, and record how many rows each SQL statement returns or inserts."""
    modules = ("memory_tables", "registry_rules", "step_writer")
    for module in (*(f"rln.group.{name}" for name in modules), "rln.stores.sql_registry"):
        monkeypatch.setattr(f"{module}.PAGE_EVENTS", PAGE)
    counts: list[int] = []
    for kind in (_PostgresTransaction, _SqliteTransaction):
        _count_rows(monkeypatch, kind, counts)
    return counts


def _count_rows(
    monkeypatch: pytest.MonkeyPatch, kind: type[_PostgresTransaction | _SqliteTransaction], counts: list[int]
) -> None:
    read, insert = kind.rows, kind.copy

    def rows(self: object, statement: str, *values: object) -> list[tuple[object, ...]]:
        found = read(self, statement, *values)  # type: ignore[arg-type]
        if statement != COLUMNS:  # the columns of the tables, at the opening
            counts.append(len(found))
        return found

    def copy(self: object, table: str, columns: Sequence[str], given: Iterable[tuple[object, ...]]) -> None:
        assert isinstance(given, Iterator), "no list of all rows"
        listed = list(given)
        counts.append(len(listed))
        insert(self, table, columns, iter(listed))  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "rows", rows)
    monkeypatch.setattr(kind, "copy", copy)


@pytest.fixture(params=["sqlite", "postgres"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return REGISTRIES[request.param](tmp_path)


def opened(registry: MemberRegistry, count: int = 64) -> rln.Group:
    return rln.Group(DEPTH, LIMIT_BITS, rln.WindowSize(count=count), registry=registry, now=time.time)


def test_f23_no_statement_of_a_bulk_step_is_about_more_rows_than_a_page(
    uri: str, rows_of_calls: list[int]
) -> None:
    """A single SELECT of all members of a step took longer than the timeout of a statement."""
    with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        group, late = opened(registry), opened(registry)
        group.register_many([(n + 1, 3) for n in range(MANY)])
        late.follow()
        group.remove(7)
        again, short = opened(registry), opened(registry, count=1)
        mirror = Mirror(DEPTH, LIMIT_BITS)
        mirror.apply(bulletin_since(registry))
        copied = MemoryRegistry(DEPTH, LIMIT_BITS)
        copy_members(registry, copied)
        target = open_members("memory://", DEPTH, LIMIT_BITS)
        copy_members(copied, target)
        roots = {some.root for some in (group, late, again, short, mirror, opened(copied), opened(target))}
        assert len(roots) == 1
    assert max(rows_of_calls) == PAGE
    assert rows_of_calls.count(PAGE) >= 7 * (MANY // PAGE)


def test_f23_no_call_of_a_registry_gives_or_takes_more_than_a_page(
    rows_of_calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    read = MemoryRegistry.events_after

    def events_after(self: RegistryReader, number: int, most: int = PAGE) -> object:
        page = read(self, number, most)  # type: ignore[arg-type]
        sizes.append(len(page))
        return page

    monkeypatch.setattr(MemoryRegistry, "events_after", events_after)
    registry = MemoryRegistry(DEPTH, LIMIT_BITS)
    group = opened(registry)
    late = opened(registry)
    group.register_many([(n + 1, 3) for n in range(MANY)])
    late.follow()
    assert late.root == group.root == opened(registry).root
    assert max(sizes) == PAGE
    assert len(sizes) == 2 * -(-MANY // PAGE)


def test_f23_a_bulk_step_is_registered_whole_or_not_at_all(uri: str, rows_of_calls: list[int]) -> None:
    with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        group, secret = opened(registry), rln.Identity.generate()
        group.register_many([(500, 1), (secret.commitment, 1)])
        group.slash(secret)
        root, head = group.root, registry.head()
        many = [(n + 1, 3) for n in range(MANY)]
        for bad, reason in ((500, "registered already"), (3, "registered"), (secret.commitment, "slashed")):
            with pytest.raises(AlreadyAMember, match=f"^commitment: {reason}") as caught:
                group.register_many([*many, (bad, 1)])
            assert str(bad) not in str(caught.value)
            assert (group.root, registry.head()) == (root, head)
        group.register_many(many)
        assert len(group) == MANY + 1
    assert max(rows_of_calls) == PAGE


def test_f23_nothing_of_a_bulk_step_is_applied_if_its_last_page_is_wrong(
    tmp_path: Path, rows_of_calls: list[int]
) -> None:
    registry = open_members(REGISTRIES["sqlite"](tmp_path), DEPTH, LIMIT_BITS)
    group, late = opened(registry), opened(registry)
    before = late.root
    group.register_many([(n + 1, 3) for n in range(MANY)])
    with registry.change() as change:
        change._transaction.run(  # type: ignore[attr-defined]
            "UPDATE rln_member SET quota = 4 WHERE place = ?", MANY - 1
        )
    with pytest.raises(IntegrityAlarm, match="do not give its root"):
        late.follow()
    assert late._replica.tree.root == before
    assert (late._replica.step, late._replica.tree.next_index) == (0, 0)
    registry.close()


def test_f23_an_error_of_the_database_repeats_no_commitment(tmp_path: Path) -> None:
    """PostgreSQL adds the line of the COPY to its error, and the row that broke a rule."""
    uri = REGISTRIES["postgres"](tmp_path)
    with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        group = opened(registry)
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("ALTER TABLE rln_member ADD CHECK (quota < 4)")
        with pytest.raises(StoreUnavailable, match="CheckViolation") as caught:
            group.register_many([(0xFEDCBA98, 3), (0x89ABCDEF, 4)])
        for commitment in (0xFEDCBA98, 0x89ABCDEF):
            assert commitment.to_bytes(4, "little").hex() not in str(caught.value)
        assert len(group) == 0


FILL = """
    INSERT INTO rln_member SELECT n, sha256(n::text::bytea), 1, 1, 0 FROM generate_series(0, 99999) n;
    INSERT INTO rln_event SELECT n + 1, 1 + (n % 50 = 0)::int, n FROM generate_series(0, 99999) n;
    INSERT INTO rln_slashing SELECT sha256((2 * n)::text::bytea), 0, 0, 1 FROM generate_series(0, 4999) n;
"""


@pytest.mark.parametrize("statistics", ["none", "of empty tables", "fresh"])
def test_f23_no_statement_of_a_page_reads_a_whole_table_on_postgresql(statistics: str) -> None:
    """Within the transaction that fills a table, the server has no statistics of it."""
    uri = REGISTRIES["postgres"](Path())
    open_members(uri, 20, LIMIT_BITS).close()
    values = {"_EVENTS": (60_000, 92_768), "_MEMBERS": (60_000, 92_767), "_LEAVERS": (60_000, 92_768)}
    values["_SLASHED_JOINERS"] = (60_000, 92_767)
    statements = {name: text for name, text in vars(sql_events).items() if str(text).startswith("SELECT")}
    assert statements.keys() == values.keys()
    statements["_STEPS"], values["_STEPS"] = sql_registry._STEPS, (0, 4096)
    with psycopg.connect(uri, autocommit=True) as connection:
        for table in ("rln_member", "rln_event", "rln_slashing"):
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
        if statistics == "of empty tables":
            connection.execute("ANALYZE")
        connection.execute(FILL)
        if statistics == "fresh":
            connection.execute("ANALYZE")
        for name, text in statements.items():
            explain = b"EXPLAIN " + text.replace("?", "%s").encode()
            plan = "\n".join(row[0] for row in connection.execute(explain, values[name]).fetchall())
            whole = re.findall(r"Seq Scan on rln_(?:member|event|slashing)|Hash.*Join|Merge Join", plan)
            assert not whole, f"{name}: {plan}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_f23_the_memory_of_a_bulk_step_is_that_of_its_tree(kind: str, tmp_path: Path) -> None:
    """It was 350 bytes a member and more, of which the tree needs 64.

    With four million members, the step was acknowledged and could not be read back from a loaded server.
    """
    found = {}
    for name, count in (("small", SMALL), ("large", LARGE)):
        (tmp_path / name).mkdir()
        found[count] = measure(REGISTRIES[kind](tmp_path / name), count)
    for part in PARTS:
        small, large = found[SMALL][part], found[LARGE][part]
        print(f"{kind} {part}: {large.seconds:.1f} s, {large.beyond / MIB:.1f} MiB beyond the tree")
        assert large.beyond < BEYOND, part
        # SQLite's cache of a change grows up to its bound, whatever the number of members.
        if (kind, part) != ("sqlite", "register"):
            own = TREE_BYTES + (PACKED_BYTES if part == "register" else 0)
            assert (large.grown - small.grown) / (LARGE - SMALL) < own + 48, part
