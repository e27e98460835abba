"""Threats to stores whose rows another program wrote or damaged: F21, column by column."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import psycopg
import pytest

import rln
from rln.errors import IntegrityAlarm, RateLimitReached, StoreUnavailable
from rln.group.registry_roots import RegistryRoots
from rln.ports import MemberRegistry
from rln.stores import open_log, open_mark, open_members
from rln.stores.groups import open_group
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from rln.stores.sqlite.log import SqliteNullifierLog
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.support.damaged_rows import BAD_ELEMENTS, BAD_NUMBERS, damage
from tests.support.kept_message import kept_in
from tests.support.postgres_server import empty_database
from tests.support.redis_server import RedisServer
from tests.support.small_world import DEPTH, LIMIT_BITS, START, World
from tests.unit.cli.terminal import run

NOW = START
SECRETS = (1, 2, 3, 4)


@cache
def commitment(secret: int) -> int:
    return rln.Identity.from_secret(secret).commitment


def prepare(registry: MemberRegistry) -> None:
    """Make steps 1 to 3, with members of each kind: who stays, left, is slashed, waits for the removal."""
    group = rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: NOW, interval=60)
    group.register_many([(commitment(secret), 2) for secret in SECRETS])
    group.remove(1)
    group.slash(3)
    group.slash(4)


# ---- the registry

LAST = "(SELECT max(number) FROM rln_step)"
NUMBERS = {
    "rln_registry": "form depth limit_bits",
    "rln_step": "at events next_index members slashed_at",
    "rln_event": "change place",
    "rln_member": "place quota joined gone",
    "rln_slashing": "noted due step",
}
ELEMENTS = {"rln_step": "root", "rln_member": "commitment", "rln_slashing": "commitment"}
WHERE = {
    "rln_registry": "one = 1",
    "rln_step": "number = 3",
    "rln_event": "number = 2",
    "rln_member": "place = 2",
    "rln_slashing": "step = 0",
}
POSSIBLE = {
    ("rln_step.at", "huge"),  # a clock may have been that far ahead
    ("rln_slashing.noted", "huge"),  # as above; the leaf is then due at once
    ("rln_slashing.step", "NULL"),  # both databases refuse it, as long as nobody changes the table itself
}
"""Values that a change may have written, or no program can write: they are not looked for."""

REGISTRY_CASES = (
    [
        (f"{table}.{column}", what)
        for columns, values in ((NUMBERS, BAD_NUMBERS), (ELEMENTS, BAD_ELEMENTS))
        for table, names in columns.items()
        for column in names.split()
        for what in values
        if (f"{table}.{column}", what) not in POSSIBLE
    ]
    + [("rln_registry.origin", what) for what in ("text", "text that is not UTF-8", "NULL", "bytes")]
    + [(f"rln_member.{column}", "0") for column in ("quota", "joined")]
    + [("rln_event.change", "0"), ("rln_event.change", "4")]
)


def value_of(what: str, column: str) -> object:
    if what in ("0", "4") and column.split(".")[1] not in ("root", "commitment"):
        return int(what)
    return (BAD_ELEMENTS if column.split(".")[1] in ("root", "commitment") else BAD_NUMBERS)[what]


def questions(registry: MemberRegistry) -> dict[str, Callable[[], object]]:
    """Every public way to read a registry, and the ways of its users."""

    def change() -> object:
        with registry.change() as change:
            return change.head(), change.steps_after(0), change.registrations(commitment(1))

    def roots() -> object:
        return list(RegistryRoots(registry, rln.WindowSize(count=8), lambda: NOW))

    def group() -> object:
        return rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: NOW, interval=60).root

    asked: dict[str, Callable[[], object]] = {
        "head": registry.head,
        "steps": lambda: registry.steps_after(-1),
        "later steps": lambda: registry.steps_after(2),
        "step at": lambda: registry.step_at(int(NOW * 1000)),
        "root changes": lambda: registry.root_changes_after(-1),
        "count": registry.count,
        "unregistered": registry.unregistered_slashings,
        "change": change,
        "roots": roots,
        "group": group,
    }
    for index in range(5):
        asked[f"registration at {index}"] = lambda index=index: registry.registration_at(index)
    for secret in (*SECRETS, 5):
        known = commitment(secret)
        asked[f"registrations of {secret}"] = lambda known=known: registry.registrations(known)
        asked[f"slashing of {secret}"] = lambda known=known: registry.slashing(known)
        asked[f"member {secret}"] = lambda known=known: registry.member(known)
        asked[f"was member {secret}"] = lambda known=known: registry.was_member(known)
        asked[f"is slashed {secret}"] = lambda known=known: registry.is_slashed(known)
    return asked


@cache
def world_and_message() -> tuple[World, rln.RlnProof]:
    """Return a world whose group is the prepared one, and a message of its first member."""
    world = World()
    world.time = NOW
    prepare(registry := rln.group.memory_registry.MemoryRegistry(DEPTH, LIMIT_BITS))
    world.group = rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: NOW, interval=60)
    proof = world.prover(rln.Identity.from_secret(1)).prove(b"hello")
    return world, proof


def verdict_with(registry: MemberRegistry) -> object:
    world, proof = world_and_message()
    roots = RegistryRoots(registry, rln.WindowSize(count=8), lambda: NOW)
    verifier = world.verifier(roots=roots, log=MemoryNullifierLog(), was_member=registry.was_member)
    return verifier.submit(proof, b"hello")


ASKED_BY_KEY = frozenset("step registrations registration slashing member was is count unregistered".split())


def check_registry(
    opened: Callable[[], MemberRegistry], spoil: Callable[[], bool], column: str, store: str
) -> None:
    """Damage a registry under an open one, and ask it, and one that is opened afterwards, everything."""
    table = column.split(".")[0]
    registry = opened()
    with closing(registry):
        before = {name: ask() for name, ask in questions(registry).items()}
        before["verdict"] = verdict_with(registry)
        assert isinstance(before["verdict"], rln.Valid)
        if not spoil():
            return
        alarms: list[str] = []

        def ask_everything(registry: MemberRegistry) -> None:
            asked = {**questions(registry), "verdict": lambda: verdict_with(registry)}
            for name, ask in asked.items():
                try:
                    answer = ask()
                except IntegrityAlarm as alarm:
                    alarms.append(str(alarm))
                except StoreUnavailable:
                    # In PostgreSQL this row was then written by a transaction that is not the recorded one.
                    assert table == "rln_registry"
                else:
                    # A key that was damaged is not found any more; nothing else may change an answer.
                    assert answer == before[name] or name.split()[0] in ASKED_BY_KEY, name

        ask_everything(registry)
        try:
            late = opened()
        except (IntegrityAlarm, StoreUnavailable) as alarm:
            alarms.append(str(alarm))
        else:
            with closing(late):
                ask_everything(late)
    assert alarms
    assert any(store in text for text in alarms), alarms
    assert any(table in text for text in alarms), alarms


@pytest.mark.parametrize(("column", "what"), REGISTRY_CASES)
def test_f21_a_damaged_row_of_a_registry_in_a_file_is_an_alarm(
    column: str, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "members.db"
    uri = f"sqlite:///{path}"
    with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        prepare(registry)
    table, name = column.split(".")
    statement = f"UPDATE {table} SET {name} = ? WHERE {WHERE[table]}"
    check_registry(
        lambda: open_members(uri, DEPTH, LIMIT_BITS),
        lambda: damage(path, statement, what, value_of(what, column)),
        column,
        str(path),
    )


MISSING = {
    "the registry": "DELETE FROM rln_registry",
    "step 0": "DELETE FROM rln_step WHERE number = 0",
    "a step in the middle": "DELETE FROM rln_step WHERE number = 1",
    "all steps": "DELETE FROM rln_step",
    "a step number with a gap": "UPDATE rln_step SET number = 9 WHERE number = 3",
    "an event": "DELETE FROM rln_event WHERE number = 2",
    "a member": "DELETE FROM rln_member WHERE place = 2",
    "a slashing": "DELETE FROM rln_slashing WHERE step = 0",
    "a slashing that is done": "DELETE FROM rln_slashing WHERE step > 0",
}


@pytest.mark.parametrize("what", MISSING)
def test_f21_a_missing_row_of_a_registry_is_an_alarm(what: str, tmp_path: Path) -> None:
    path = tmp_path / "members.db"
    uri = f"sqlite:///{path}"
    with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        prepare(registry)
    joined = "AND" if "WHERE" in MISSING[what] else "WHERE"
    assert damage(path, f"{MISSING[what]} {joined} ? IS NULL", "", None)
    with pytest.raises(IntegrityAlarm, match=f"{path}: rln_"):
        open_group(uri, DEPTH, LIMIT_BITS, now=lambda: NOW)


def test_f21_a_slashing_without_registration_is_an_alarm(tmp_path: Path) -> None:
    path = tmp_path / "members.db"
    with closing(open_members(f"sqlite:///{path}", DEPTH, LIMIT_BITS)) as registry:
        prepare(registry)
        statement = "UPDATE rln_slashing SET commitment = ? WHERE step = 0"
        assert damage(path, statement, "", commitment(9).to_bytes(32, "little"))
        with pytest.raises(IntegrityAlarm, match=f"{path}: rln_slashing .*expected -1 if nobody registered"):
            registry.root_changes_after(0)
        with pytest.raises(IntegrityAlarm, match="rln_slashing"):
            registry.slashing(commitment(9))


POSTGRES_CASES = [
    (column, what)
    for column, what in REGISTRY_CASES
    if what in ("negative", "huge", "NULL", "short", "long", "r", "0", "4", "nothing")
    and "origin" not in column
]


def spoil_postgresql(uri: str, column: str, what: str) -> bool:
    """Write a value into rows; return whether any row has changed."""
    table, name = column.split(".")
    with psycopg.connect(uri, autocommit=True) as connection:
        if WHERE[table].split()[0] != name and column != "rln_slashing.commitment":
            connection.execute(f"ALTER TABLE {table} ALTER {name} DROP NOT NULL".encode())
        statement = f"UPDATE {table} SET {name} = %s WHERE {WHERE[table]}".encode()
        try:
            return connection.execute(statement, (value_of(what, column),)).rowcount > 0
        except psycopg.errors.NotNullViolation:
            return False  # a part of a primary key


@pytest.mark.parametrize("table", NUMBERS)
def test_f21_a_damaged_row_of_a_registry_in_postgresql_is_an_alarm(table: str) -> None:
    for column, what in POSTGRES_CASES:
        if column.startswith(f"{table}."):
            uri = empty_database()
            with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
                prepare(registry)
            check_registry(
                lambda uri=uri: open_members(uri, DEPTH, LIMIT_BITS),
                lambda uri=uri, column=column, what=what: spoil_postgresql(uri, column, what),
                column,
                uri.rpartition("/")[2],
            )


def test_f21_a_damaged_registry_ends_a_command_with_status_3(tmp_path: Path) -> None:
    path = tmp_path / "members.db"
    with closing(open_members(f"sqlite:///{path}", DEPTH, LIMIT_BITS)) as registry:
        prepare(registry)
    assert damage(path, "UPDATE rln_member SET quota = ? WHERE place = 0", "", 1 << 40)
    said = run("group", "list", f"sqlite:///{path}", status=3)
    assert f"{path}: rln_member 0: quota: expected an integer from 1 to 16" in said


# ---- the nullifier log

LOG_NUMBERS = {"memory": "forgotten since", "epoch": "id ends", "share": "epoch"}
LOG_ELEMENTS = {"epoch": "external_nullifier", "share": "nullifier x y"}
LOG_CASES = [
    (f"{table}.{column}", what)
    for columns, values in ((LOG_NUMBERS, BAD_NUMBERS), (LOG_ELEMENTS, BAD_ELEMENTS))
    for table, names in columns.items()
    for column in names.split()
    for what in values
] + [("epoch.identifier", what) for what in ("text", "NULL", "a number")]

UNNOTICED = {
    *(("share.nullifier", what) for what in ("nothing", "short", "long", "r", "all ones", "0")),
    *(("epoch.external_nullifier", what) for what in ("0",)),
    ("share.y", "0"),
    ("memory.since", "negative"),
}
"""Values of the type and near the size of ours: the row stands for another message, or is possible."""


class Service:
    """A verifier on a log in a file, and a message that it has accepted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.world = World()
        self.group = self.world.group
        self.alice = self.world.join(4)
        self.prover = self.world.prover(self.alice)
        self.log = SqliteNullifierLog(path, self.world.clock, new=True)
        self.verifier = self.world.verifier(log=self.log)
        self.first = self.prover.prove(b"first")
        assert isinstance(self.verifier.submit(self.first, b"first"), rln.Valid)

    def outcomes(self, verifier: rln.Verifier) -> list[object]:
        other = self.prover.prove(b"other")
        return verifier.outcomes([(self.first, b"first"), (other, b"other")])


@pytest.mark.parametrize(("column", "what"), LOG_CASES)
def test_f21_a_damaged_row_of_a_log_is_an_alarm_and_no_verdict_about_the_sender(
    column: str, what: str, tmp_path: Path
) -> None:
    service = Service(tmp_path / "log.db")
    table, name = column.split(".")
    values = (
        BAD_ELEMENTS if name in ("external_nullifier", "nullifier", "x", "y", "identifier") else BAD_NUMBERS
    )
    if not damage(service.path, f"UPDATE {table} SET {name} = ?", what, values[what]):
        return
    verifiers = [service.verifier]
    opened = []
    seen: list[object] = []
    try:
        opened.append(SqliteNullifierLog(service.path, service.world.clock))
        verifiers.append(service.world.verifier(log=opened[0]))
    except IntegrityAlarm as alarm:
        seen.append(alarm)
    for verifier in verifiers:
        # A worker that knows the number of an epoch looks at the row again when it forgets old epochs.
        seen += service.outcomes(verifier)
    for log in (service.log, *opened):
        try:
            log.forget(1)
        except IntegrityAlarm as alarm:
            seen.append(alarm)
    for outcome in seen:
        assert not isinstance(outcome, (rln.Invalid, rln.RateLimitViolation)), outcome
        if isinstance(outcome, Exception):
            assert isinstance(outcome, (IntegrityAlarm, StoreUnavailable)), outcome
    if (column, what) not in UNNOTICED:
        alarms = [str(one) for one in seen if isinstance(one, IntegrityAlarm)]
        assert any(f"{service.path}: {table}" in text for text in alarms), seen
        replayed = service.outcomes(verifiers[-1])[0]
        assert not isinstance(replayed, rln.Valid)
    for log in (service.log, *opened):
        log.close()


def test_f21_a_damaged_share_does_not_touch_the_other_messages_of_its_batch(tmp_path: Path) -> None:
    service = Service(tmp_path / "log.db")
    assert damage(service.path, "UPDATE share SET x = ?", "short", b"short")
    first, other = service.outcomes(service.verifier)
    assert isinstance(first, IntegrityAlarm)
    assert f"{service.path}: share of epoch 1, nullifier " in str(first)
    assert isinstance(other, rln.Valid)
    again = rln.Prover(
        service.alice,
        service.group.membership(service.alice.commitment),
        service.world.key,
        ids=MemoryMessageIds(),
        clock=service.world.clock,
        path=service.group.proof,
    ).prove(b"a second message for the first id")
    with pytest.raises(IntegrityAlarm, match="share of epoch 1"):
        service.verifier.submit(again, b"a second message for the first id")

    async def judge() -> list[object]:
        async with rln.AsyncVerifier(service.verifier) as verifier:
            return await asyncio.gather(
                verifier.submit(service.first, b"first"),
                verifier.submit(other_proof, b"third"),
                return_exceptions=True,
            )

    other_proof = service.prover.prove(b"third")
    damaged, fine = asyncio.run(judge())
    assert isinstance(damaged, IntegrityAlarm)
    assert isinstance(fine, rln.Valid)
    service.log.close()


def test_f21_the_tables_of_a_log_refuse_what_no_verifier_writes(tmp_path: Path) -> None:
    service = Service(tmp_path / "log.db")
    service.log.close()
    with closing(sqlite3.connect(service.path, isolation_level=None)) as connection:
        for statement in (
            "UPDATE share SET x = 'five'",
            "UPDATE share SET nullifier = x'05'",
            "UPDATE epoch SET ends = 'never'",
            "UPDATE memory SET forgotten = 1.5",
            "INSERT INTO mark VALUES (1, 'noon')",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                connection.execute(statement)


@pytest.mark.parametrize("what", BAD_NUMBERS)
def test_f21_a_damaged_mark_is_an_alarm(what: str, tmp_path: Path) -> None:
    path = tmp_path / "mark.db"
    with closing(open_mark(f"sqlite:///{path}")) as mark:  # type: ignore[type-var]
        mark.raise_to(int(NOW))
        assert damage(path, "UPDATE mark SET seconds = ?", what, BAD_NUMBERS[what])
        with pytest.raises(IntegrityAlarm, match=f"high-water mark: {path}: mark: seconds"):
            mark.raise_to(int(NOW) + 60)
        world = World()
        clock = rln.EpochClock("story.example", 60, skew=5, now=lambda: world.time + 120, mark=mark)
        verifier = rln.Verifier(
            world.key.verifying_key, roots=world.group.roots, log=MemoryNullifierLog(), clock=clock
        )
        proof = world.prover(world.join()).prove(b"hello")
        with pytest.raises(IntegrityAlarm, match="mark: seconds"):
            verifier.submit(proof, b"hello")


# ---- message ids

IDS_CASES = [
    *(("guard.seal", what, value) for what, value in (("NULL", None), ("text", "a b c"), ("bytes", b"\x01"))),
    *(("guard.clock", what, BAD_NUMBERS[what]) for what in ("text", "bytes", "a fraction")),
    *(
        (f"{table}.burnt", what, value)
        for table in ("guard", "identities")
        for what, value in (("NULL", None), ("text", "x" * 16), ("short", b"\x00" * 15), ("a number", 3))
    ),
    *(("identities.clock", what, BAD_NUMBERS[what]) for what in ("text", "bytes", "a fraction")),
    *(("identities.commitment", what, value) for what, value in (("text", "me"), ("a number", 3))),
    *(("reservations.owner", what, value) for what, value in (("text", "me"), ("a number", 3))),
    *(("reservations.epoch", what, value) for what, value in (("text", "x" * 16), ("a number", 3))),
    *(("reservations.first", what, BAD_NUMBERS[what]) for what in ("text", "bytes", "negative", "huge")),
    *(("reservations.stop", what, BAD_NUMBERS[what]) for what in ("text", "bytes", "NULL", "negative")),
    ("reservations.stop", "0", 0),
    *(
        ("reservations.x", what, BAD_ELEMENTS[what])
        for what in ("text", "a number", "short", "long", "nothing")
    ),
    *(("reservations.message", what, value) for what, value in (("text", "hello"), ("a number", 3))),
]


@pytest.mark.parametrize(("column", "what", "value"), IDS_CASES)
def test_f21_a_damaged_row_of_message_ids_gives_no_id_out_again(
    column: str, what: str, value: object, tmp_path: Path
) -> None:
    world = World()
    epoch, me, path = world.clock.current(), commitment(1), tmp_path / "ids.db"
    with closing(SqliteMessageIds(path)) as ids:
        ids.introduce(me)
        used = ids.reserve(me, epoch, 9, x=7)
        ids.keep(me, epoch, used, 7, b"message")
        table, name = column.split(".")
        assert damage(path, f"UPDATE {table} SET {name} = ?", what, value)
        seen: list[object] = []
        for call in (
            lambda: ids.reserve(me, epoch, 9, x=8),
            lambda: kept_in(ids, me, epoch, 7),
            lambda: ids.keep(me, epoch, used, 7, b"message"),
            lambda: ids.introduce(commitment(2)),
        ):
            try:
                seen.append(call())
            except (IntegrityAlarm, StoreUnavailable, RateLimitReached) as error:
                seen.append(error)
        assert seen[0] != used
        assert seen[1] is None or isinstance(seen[1], IntegrityAlarm) or seen[1] == b"message"
        alarms = [str(one) for one in seen if isinstance(one, IntegrityAlarm)]
        assert any(f"message ids: {path}: {table}" in text for text in alarms), seen


# ---- Redis

REDIS_VALUES: dict[str, bytes | None] = {
    "short": b"short",
    "nothing": b"",
    "long": bytes(77),
    "x is 0": bytes(76),
    "x is r or more": b"\xff" * 32 + bytes(44),
    "y is r or more": b"\x01" + bytes(31) + b"\xff" * 32 + bytes(12),
    "a list": None,
}


@pytest.mark.parametrize("what", REDIS_VALUES)
def test_f21_a_foreign_entry_in_redis_is_an_alarm(what: str, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    server.start()
    try:
        world = World()
        world.time = time.time()
        clock = rln.EpochClock("story.example", 60)
        log = open_log(server.uri, clock, new=True)
        world.clock = clock
        prover = world.prover(world.join(4))
        verifier = world.verifier(log=log)
        proof = prover.prove(b"hello")
        assert isinstance(verifier.submit(proof, b"hello"), rln.Valid)
        (key,) = [key for key in server.client.keys() if b"{" not in key]
        server.client.delete(key)
        value = REDIS_VALUES[what]
        if value is None:
            server.client.lpush(key, b"x")
        else:
            server.client.set(key, value)
        other = prover.prove(b"other")
        damaged, fine = verifier.outcomes([(proof, b"hello"), (other, b"other")])
        assert isinstance(damaged, IntegrityAlarm)
        assert f"entry {key.decode()}" in str(damaged)
        assert f":{server.port}" in str(damaged)
        assert isinstance(fine, rln.Valid)
        log.close()
    finally:
        server.stop()


# ---- mirrors


def test_f21_a_damaged_mirror_is_named_and_never_used(tmp_path: Path) -> None:
    uri, path = f"sqlite:///{tmp_path}/members.db", tmp_path / "mirror"
    run("group", "create", uri, "--depth", 6, "--limit-bits", 4)
    (tmp_path / "members.csv").write_text("".join(f"{1000 + n},1\n" for n in range(40)))
    run("group", "register", uri, "--file", tmp_path / "members.csv")
    public = run("group", "key", "--out", tmp_path / "key.pem").strip()
    run("group", "export", uri, "--key", tmp_path / "key.pem", "--out", tmp_path / "all.bulletin")
    size = ("--depth", 6, "--limit-bits", 4)
    run("group", "import", tmp_path / "all.bulletin", "--into", path, "--public-key", public, *size)
    whole = path.read_bytes()
    # The mark, the form, the depth, the two roots, the numbers of leaves, the first leaf and the last.
    for place in (0, 8, 9, 27, 59, 99, 107, 115, 123, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        said = run("group", "root", path, status=2)
        assert str(path) in said
    for damaged in (b"", whole[:-1], whole + b"\0"):
        path.write_bytes(damaged)
        assert str(path) in run("group", "root", path, status=2)
