"""Each verb of each store: an error says whether nothing was changed, or how to find out.

The disk or the network fails before a change is committed, or while it is. What the error says is compared
with what the store holds afterwards.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rln.errors import StoreUnavailable
from rln.group.group import Group
from rln.protocol.epoch import EpochClock
from rln.protocol.identity import Identity
from rln.protocol.share import Share
from rln.stores.groups import open_group
from rln.stores.sqlite.database import Database
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from rln.stores.sqlite.message_ids import SqliteMessageIds
from rln.stores.sqlite.rollback_guard import RollbackGuard
from tests.stores.redis_worker import IMPATIENCE, Script, rested, worker
from tests.support.kept_message import kept_in
from tests.support.proxy import Proxy
from tests.support.redis_server import empty_server

NOW = 1_700_000_000
CLOCK = EpochClock("example.com", 60, now=lambda: NOW)
EPOCH = CLOCK.current()
SHARE = Share(1, 2, 3)
UNCHANGED = "nothing was changed"


class Connection(sqlite3.Connection):
    """A connection whose next statement of a kind fails, before or after the disk has it."""

    failing: tuple[str, bool] | None = None

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Execute a statement, or fail."""
        if Connection.failing is None or not statement.startswith(Connection.failing[0]):
            return super().execute(statement, *values)
        is_written, Connection.failing = Connection.failing[1], None
        if is_written:
            super().execute(statement, *values)
        elif self.in_transaction:
            super().execute("ROLLBACK")
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC  # type: ignore[misc]
        raise error


@pytest.fixture(autouse=True)
def failing_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **more: connect(*a, **more | {"factory": Connection}))
    yield
    Connection.failing = None


@dataclass
class Verb:
    """One verb of an open store.

    Attributes:
        call: the verb.
        has_happened: whether the store holds the change now.
        unknown: a part of the error if the outcome is unknown.
        commit: the beginning of the statement that commits.
        close: closes the store.
    """

    call: Callable[[], object]
    has_happened: Callable[[], bool]
    unknown: str
    commit: str
    close: Callable[[], None]


def insert_alone(path: Path) -> Verb:
    log = SqliteNullifierLog(path, CLOCK, new=True)
    log.insert_or_get(EPOCH, [Share(1, 2, 4)])
    return Verb(
        lambda: log.insert_or_get(EPOCH, [SHARE]),
        lambda: log.peek(EPOCH, 3) == SHARE,
        "the message id may be spent: do not serve the message; `peek` shows",
        "INSERT INTO share",
        log.close,
    )


def insert(path: Path) -> Verb:
    log = SqliteNullifierLog(path, CLOCK, new=True)
    return Verb(
        lambda: log.insert_or_get(EPOCH, [SHARE]),
        lambda: log.peek(EPOCH, 3) == SHARE,
        "the message id may be spent: do not serve the message; `peek` shows",
        "COMMIT",
        log.close,
    )


def forget(path: Path) -> Verb:
    log = SqliteNullifierLog(path, CLOCK, new=True)
    log.insert_or_get(EPOCH, [SHARE])

    def is_forgotten() -> bool:
        try:
            return log.peek(EPOCH, 3) is None
        except StoreUnavailable:
            return True

    return Verb(
        lambda: log.forget(EPOCH.end), is_forgotten, "refused from now on or not: call `forget` again",
        "COMMIT", log.close,
    )  # fmt: skip


def raise_mark(path: Path) -> Verb:
    mark = SqliteMark(path)
    return Verb(
        lambda: mark.raise_to(NOW), lambda: mark.raise_to(0) == NOW, "raise it again to find out", "COMMIT",
        mark.close,
    )  # fmt: skip


def introduce(path: Path) -> Verb:
    ids = SqliteMessageIds(path)
    rows = "SELECT count(*) FROM identities"
    return Verb(
        lambda: ids.introduce(7), lambda: count(ids._database, rows) == 1, "call `introduce` again", "COMMIT",
        ids.close,
    )  # fmt: skip


def refuse_until(path: Path) -> Verb:
    ids = SqliteMessageIds(path)
    rows = "SELECT count(*) FROM identities"
    return Verb(
        lambda: ids.refuse_until(7, NOW), lambda: count(ids._database, rows) == 1,
        "call `refuse_until` again",
        "COMMIT", ids.close,
    )  # fmt: skip


def reserve(path: Path) -> Verb:
    ids = SqliteMessageIds(path)
    ids.introduce(7)
    rows = "SELECT count(*) FROM reservations"
    return Verb(
        lambda: ids.reserve(7, EPOCH, 9),
        lambda: count(ids._database, rows) == 1,
        "ids may be reserved, and count as spent: call `reserve` again",
        "COMMIT",
        ids.close,
    )


def keep(path: Path) -> Verb:
    ids = SqliteMessageIds(path)
    ids.introduce(7)
    reserved = ids.reserve(7, EPOCH, 9)
    return Verb(
        lambda: ids.keep(7, EPOCH, reserved, 21, b"message"),
        lambda: kept_in(ids, 7, EPOCH, 21) == b"message",
        "do not send it unless `recall` returns it",
        "COMMIT",
        ids.close,
    )


def registry_of(path: Path) -> Group:
    return open_group(f"sqlite:///{path}", 6, 4, now=lambda: NOW)


def register(path: Path) -> Verb:
    group = registry_of(path)

    def is_member() -> bool:
        group.follow()
        return group.is_member(77)

    unknown = "may have happened or not.* ask whether it has happened"
    return Verb(lambda: group.register(77, 3), is_member, unknown, "COMMIT", group.registry.close)


def remove(path: Path) -> Verb:
    group = registry_of(path)
    group.register(77, 3)

    def is_removed() -> bool:
        group.follow()
        return not group.is_member(77)

    unknown = "may have happened or not.* ask whether it has happened"
    return Verb(lambda: group.remove(0), is_removed, unknown, "COMMIT", group.registry.close)


def slash(path: Path) -> Verb:
    group, identity = registry_of(path), Identity.generate()
    group.register(identity.commitment, 3)

    def is_slashed() -> bool:
        return group.registry.slashing(identity.commitment) is not None

    unknown = "may have happened or not.* ask whether it has happened"
    return Verb(lambda: group.slash(identity), is_slashed, unknown, "COMMIT", group.registry.close)


def count(database: Database, statement: str) -> int:
    with database.reading() as connection:
        return int(connection.execute(statement).fetchone()[0])


VERBS = (
    insert_alone,
    insert,
    forget,
    raise_mark,
    introduce,
    refuse_until,
    reserve,
    keep,
    register,
    remove,
    slash,
)


@pytest.mark.parametrize("happens", [False, True], ids=["it did not happen", "it happened"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_commit_that_failed_says_that_its_outcome_is_unknown_and_how_to_find_out(
    tmp_path: Path, verb: Callable[[Path], Verb], happens: bool
) -> None:
    made = verb(tmp_path / "store.db")
    assert not made.has_happened()
    Connection.failing = made.commit, happens
    with pytest.raises(StoreUnavailable, match=f"disk I/O error; .*{made.unknown}") as caught:
        made.call()
    assert Connection.failing is None
    assert UNCHANGED not in str(caught.value)
    assert made.has_happened() == happens
    made.close()


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb is not insert_alone])
def test_an_error_before_the_commit_says_that_nothing_was_changed(
    tmp_path: Path, verb: Callable[[Path], Verb]
) -> None:
    made = verb(tmp_path / "store.db")
    Connection.failing = "BEGIN IMMEDIATE", False
    with pytest.raises(StoreUnavailable, match=f"disk I/O error; {UNCHANGED}"):
        made.call()
    assert Connection.failing is None
    assert not made.has_happened()
    made.call()
    assert made.has_happened()
    made.close()


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_that_is_locked_for_too_long_says_that_nothing_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Callable[[Path], Verb]
) -> None:
    monkeypatch.setattr("rln.stores.sqlite.database.TIMEOUT", 0.05)
    made = verb(tmp_path / "store.db")
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=f"locked; {UNCHANGED}"):
        made.call()
    other.execute("ROLLBACK")
    other.close()
    assert not made.has_happened()
    made.close()


def test_a_purge_that_is_not_complete_says_that_the_epochs_are_refused(tmp_path: Path) -> None:
    made = forget(tmp_path / "log.db")
    writing = Database.writing

    @contextmanager
    def failing(database: Database, *arguments: str) -> Iterator[sqlite3.Connection]:
        with writing(database, *arguments) as connection:
            yield connection
        Connection.failing = "BEGIN IMMEDIATE", False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "writing", failing)
        with pytest.raises(
            StoreUnavailable, match="refused from now on, but not all .* again: disk"
        ) as caught:
            made.call()
    assert UNCHANGED not in str(caught.value)
    Connection.failing = None
    assert made.has_happened()
    made.close()


@pytest.mark.parametrize("verb", [introduce, refuse_until, reserve, keep])
def test_a_guard_that_cannot_be_written_says_what_became_of_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Callable[[Path], Verb]
) -> None:
    made = verb(tmp_path / "ids.db")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StoreUnavailable, match=f"No space left on device; {UNCHANGED}"):
            made.call()
    assert not made.has_happened()
    confirm = RollbackGuard.confirm

    def failing(guard: RollbackGuard, *arguments: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            confirm(guard, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(RollbackGuard, "confirm", failing)
        with pytest.raises(StoreUnavailable, match=f"No space left on device; .*{made.unknown}"):
            made.call()
    assert made.has_happened()
    made.close()


# ---- Redis -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [1, 2])
@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_lost_answer_of_redis_says_that_the_id_may_be_spent(fault: str, shares: int) -> None:
    clock = EpochClock("example.com", 60)
    server = int(empty_server().rpartition(":")[2])
    with Proxy(server) as proxy:
        log = worker(proxy.port, clock, new=True, patience=IMPATIENCE)
        epoch, claim = clock.current(), [Share(1, 2, 3 + number) for number in range(shares)]
        proxy.fault = fault
        with pytest.raises(
            StoreUnavailable, match="may be spent: do not serve the message; `peek`"
        ) as caught:
            log.insert_or_get(epoch, claim)
        assert UNCHANGED not in str(caught.value)
        with pytest.raises(StoreUnavailable) as caught:
            log.peek(epoch, 3)
        assert "may be spent" not in str(caught.value)
        proxy.fault = "forward"
        rested()
        assert (log.peek(epoch, 3) is not None) == (fault == "after")
        log.close()


def test_a_redis_that_cannot_be_reached_says_that_nothing_was_changed() -> None:
    clock = EpochClock("example.com", 60)
    server = int(empty_server().rpartition(":")[2])
    with Proxy(server) as proxy:
        log = worker(proxy.port, clock, new=True, patience=IMPATIENCE)
    with pytest.raises(StoreUnavailable, match=f"Error.*; {UNCHANGED}"):
        log.insert_or_get(clock.current(), [SHARE])
    log.close()


def test_a_message_of_which_one_id_was_inserted_never_says_that_nothing_was_changed() -> None:
    """The second of two shares cannot be sent any more."""
    clock = EpochClock("example.com", 60)
    server = int(empty_server().rpartition(":")[2])
    with Proxy(server, Script("forward", "forward", "forward")) as proxy:
        log = worker(proxy.port, clock, new=True, patience=IMPATIENCE)
        execute = log._router.execute

        def cut(*arguments: object, **more: object) -> object:
            found = execute(*arguments, **more)  # type: ignore[arg-type]
            proxy.__exit__(None, None, None)
            return found

        log._router.execute = cut  # type: ignore[method-assign,assignment]
        with pytest.raises(StoreUnavailable, match="the message id may be spent") as caught:
            log.insert_or_get(clock.current(), [SHARE, Share(1, 2, 4)])
        assert UNCHANGED not in str(caught.value)
        log.close()
    assert worker(server, clock).peek(clock.current(), 3) == SHARE
