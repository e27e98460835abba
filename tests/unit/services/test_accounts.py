"""AccountStore: one registrar, one leaf an account and tier, whatever order the requests come in."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.group.events import Change, Event
from rln.http.policy import Tier
from rln.services.account_rows import Place
from rln.services.accounts import AccountStore
from rln.services.api_keys import Account
from rln.services.refusal import CONFLICT, Refused
from rln.services.replacement import ReplacementRules

RULES = ReplacementRules(60, 300, 20, 100)
BASIC, PRO = Tier("basic", 2), Tier("pro", 3)
NOW = 1_800_000_000_000
ONE, BOTH = Account("one", ("basic", "pro")), Account("both", ("basic", "pro"), True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AccountStore]:
    with closing(
        AccountStore(tmp_path / "accounts.db", RULES, ("http://127.0.0.1/a", "http://127.0.0.1/b"))
    ) as one:
        yield one


def admitted(store: AccountStore, commitment: int, index: int, limit: int = 2, now: int = NOW) -> None:
    """Admit what waits, with the event of its step."""
    assert commitment in [row.commitment for row in store.take_batch(now, 0, 1, 100)]
    store.follow([(now, [Event(index + 1, Change.REGISTERED, index, commitment, limit)])], store.step + 1)


def places(store: AccountStore, account: Account = ONE) -> list[Place]:
    return [row.place for row in store.of_account(account.name)]


def test_the_same_request_again_changes_nothing(store: AccountStore) -> None:
    first = store.register(ONE, BASIC, 11, NOW)
    assert store.register(ONE, BASIC, 11, NOW + 5) == first
    admitted(store, 11, 0)
    assert store.register(ONE, BASIC, 11, NOW + 9).place == Place.MEMBER
    assert len(store.of_account("one")) == 1


def test_another_commitment_or_tier_replaces(store: AccountStore) -> None:
    store.register(ONE, BASIC, 11, NOW)
    admitted(store, 11, 0)
    store.register(ONE, PRO, 12, NOW)
    store.register(ONE, PRO, 13, NOW)
    assert places(store) == [Place.MEMBER, Place.ENDED, Place.WANTED]
    assert [row.commitment for row in store.to_remove()] == [11]
    assert store.take_batch(NOW, 0, 1, 100) == []
    store.follow([(NOW, [Event(2, Change.REMOVED, 0, 11, 2)])], 2)
    assert places(store) == [Place.ENDED, Place.ENDED, Place.WANTED]
    free = RULES.free_at(NOW)
    assert store.take_batch(free - 1, 0, 1, 100) == []
    admitted(store, 13, 1, 3, free)
    assert places(store)[-1] == Place.MEMBER


def test_an_account_may_have_several_tiers_with_different_commitments(store: AccountStore) -> None:
    store.register(BOTH, BASIC, 11, NOW)
    with pytest.raises(Refused) as caught:
        store.register(BOTH, PRO, 11, NOW)
    assert caught.value.problem is CONFLICT
    store.register(BOTH, PRO, 12, NOW)
    assert len(store.take_batch(NOW, 0, 1, 100)) == 2
    # An account that may have one again gives both up for it.
    store.follow([(NOW, [Event(n, Change.REGISTERED, n, 10 + n, 1 + n) for n in (1, 2)])], 1)
    store.register(Account("both", ("basic", "pro")), BASIC, 13, NOW)
    assert [row.commitment for row in store.to_remove()] == [11, 12]


def test_the_table_has_no_room_for_a_second_leaf(store: AccountStore, tmp_path: Path) -> None:
    store.register(ONE, BASIC, 11, NOW)
    admitted(store, 11, 0)
    row = "INSERT INTO registration SELECT NULL, {}, {}, {}, 2, 1, 0, 3, 0, 0, 9, 0 FROM registration"
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as raw:
        for values in (("account", "tier", "zeroblob(32)"), ("'other'", "tier", "commitment")):
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
                raw.execute(row.format(*values))


def test_batches_wait_for_enough_or_long_enough(store: AccountStore) -> None:
    for number in range(3):
        store.register(Account(f"a{number}", ("basic",)), BASIC, 11 + number, NOW + number)
    assert store.take_batch(NOW + 900, 1000, 4, 100) == []
    assert len(store.take_batch(NOW + 2, 1000, 3, 2)) == 2
    store.give_back([1, 2])
    assert len(store.take_batch(NOW + 1000, 1000, 4, 100)) == 3


def test_what_is_given_back_ends_if_it_was_to_end(store: AccountStore) -> None:
    store.register(ONE, BASIC, 11, NOW)
    (row,) = store.take_batch(NOW, 0, 1, 100)
    store.register(ONE, BASIC, 12, NOW)
    assert store.take_batch(NOW, 0, 1, 100) == [], "the old one may be in the tree"
    store.give_back([row.id])
    assert places(store) == [Place.ENDED, Place.WANTED]
    assert len(store.take_batch(NOW, 0, 1, 100)) == 1


def test_a_slashing_is_told_once_to_each_address(store: AccountStore) -> None:
    store.register(ONE, BASIC, 11, NOW)
    admitted(store, 11, 0)
    event = Event(2, Change.SLASHED, 0, 11, 2)
    for _ in range(2):  # an event may be read again after a kill
        store.follow([(NOW, [event])], 2)
    with store.reading() as connection:
        rows = connection.execute("SELECT event, account, tier, url FROM webhook ORDER BY id").fetchall()
    assert rows == [(1, "one", "basic", f"http://127.0.0.1/{name}") for name in "ab"]


def test_an_identity_that_changed_its_tier_is_slashed_once(store: AccountStore) -> None:
    store.register(ONE, BASIC, 11, NOW)
    admitted(store, 11, 0)
    store.register(ONE, PRO, 11, NOW)
    store.follow([(NOW, [Event(2, Change.REMOVED, 0, 11, 2)])], 2)
    admitted(store, 11, 1, 3, RULES.free_at(NOW))
    store.follow([(NOW, [Event(3, Change.SLASHED, 1, 11, 3)])], 4)
    assert places(store) == [Place.ENDED, Place.SLASHED]
    with store.reading() as connection:
        assert connection.execute("SELECT DISTINCT event, tier FROM webhook").fetchall() == [(2, "pro")]


def test_events_of_others_are_nothing_to_us(store: AccountStore) -> None:
    store.register(ONE, BASIC, 11, NOW)
    store.take_batch(NOW, 0, 1, 100)
    store.follow([(NOW, [Event(1, Change.REGISTERED, 0, 11, 7), Event(2, Change.REMOVED, 0, 99, 1)])], 1)
    assert places(store) == [Place.ADMITTING], "another limit: somebody else has registered it"


def test_a_second_registrar_and_a_forked_child_are_refused(store: AccountStore, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="another registrar uses this file"):
        AccountStore(tmp_path / "accounts.db", RULES)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.of_account("one")
        except StoreUnavailable:
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(StoreUnavailable, match="another registrar"):  # the child has not released it
        AccountStore(tmp_path / "accounts.db", RULES)
    store.close()
    AccountStore(tmp_path / "accounts.db", RULES).close()


def test_policies_only_get_newer(store: AccountStore) -> None:
    store.note_policy(2, b"a")
    store.note_policy(2, b"a")
    for version, digest in ((1, b"a"), (2, b"b")):
        with pytest.raises(IntegrityAlarm, match="version 2 was served before"):
            store.note_policy(version, digest)
    store.note_policy(3, b"b")


def test_a_row_of_another_program_is_an_alarm(store: AccountStore, tmp_path: Path) -> None:
    store.register(ONE, BASIC, 11, NOW)
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as raw:
        raw.execute("UPDATE registration SET quota = 0")
        raw.commit()
    with pytest.raises(IntegrityAlarm, match=r"accounts.db: registration 1: quota: expected .* got 0"):
        store.of_account("one")


def test_rows_show_no_account_and_no_commitment(store: AccountStore) -> None:
    shown = repr(store.register(ONE, BASIC, 123456789, NOW))
    assert "123456789" not in shown and "'one'" not in shown
