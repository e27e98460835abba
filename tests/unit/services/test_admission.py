"""Admission: other changes of the registry, a hook that fails and a full tree stop nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import rln
from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.services.api_keys import Account, AccountHook
from tests.support.registrar_office import PERIOD, Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


def joined(office: Office, name: str) -> tuple[Account, rln.Identity]:
    """Return an account that is a member."""
    account, identity = office.account(name), rln.Identity.generate()
    office.register(account, identity)
    office.round(10)
    return account, identity


def test_a_batch_is_one_step(office: Office) -> None:
    for number in range(8):
        office.register(office.account(f"a{number}"), rln.Identity.generate())
    office.round()
    assert office.group.registry.head().number == 1 and len(office.group) == 8


def test_one_that_waits_is_admitted_alone_after_the_interval(office: Office) -> None:
    account = office.account()
    office.register(account, rln.Identity.generate())
    office.round(9.9)
    assert office.states(account) == [("basic", "pending")]
    office.round(0.1)
    assert office.states(account) == [("basic", "member")]


def test_a_commitment_that_somebody_registers_meanwhile_stops_nobody_else(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (office.account(name) for name in ("first", "second", "third"))
    identities = [rln.Identity.generate() for _ in range(3)]
    for account, identity in zip((first, second, third), identities, strict=True):
        office.register(account, identity)
    office.group.register(identities[0].commitment, 1)  # at the command line
    register_many = office.group.register_many

    def raced(members: list[tuple[int, int]]) -> object:
        monkeypatch.undo()
        office.group.register(identities[1].commitment, 1)
        return register_many(members)

    monkeypatch.setattr(office.group, "register_many", raced)
    office.round(10)
    office.round()
    assert office.states(first) == office.states(second) == [("basic", "ended")]
    assert office.states(third) == [("basic", "member")]


def test_an_operator_who_removes_a_leaf_ends_the_registration(office: Office) -> None:
    account, identity = joined(office, "acme")
    office.group.remove(office.group.membership(identity.commitment).index)
    office.round()
    assert office.states(account) == [("basic", "ended")]
    office.register(account, rln.Identity.generate())
    office.round(20)
    assert office.states(account)[0] == ("basic", "waiting"), "its old roots are acceptable all the same"


def test_a_full_tree_keeps_the_others_waiting(office: Office) -> None:
    room = 1 << office.group.depth
    office.group.register_many([(1000 + number, 1) for number in range(room - 2)])
    accounts = [office.account(f"a{number}") for number in range(3)]
    for account in accounts:
        office.register(account, rln.Identity.generate())
    office.round(10)
    office.round(10)
    assert [office.states(account)[0][1] for account in accounts] == ["member", "member", "pending"]


@pytest.mark.parametrize("error", [StoreUnavailable("no answer"), KeyError("acme"), RuntimeError("x")])
def test_a_directory_that_fails_ends_nobody_and_stops_nobody(office: Office, error: Exception) -> None:
    account, _ = joined(office, "acme")

    def failing(name: str) -> Account | None:
        raise error

    office.registrar.admission._directory = AccountHook(lambda _: None, failing)
    other = office.account("other")
    office.register(other, rln.Identity.generate())
    office.round(10)
    assert office.states(account) == office.states(other) == [("basic", "member")]


def test_an_account_that_may_no_longer_have_a_tier_loses_it(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    account, identity = joined(office, "acme")
    office.known["acme"] = Account("acme", ("pro",))
    office.round(10)
    # An operator who has emptied the file of accounts by mistake must see what happens.
    assert "1 memberships end: their accounts are gone" in caplog.text and "acme" not in caplog.text
    assert office.states(account) == [("basic", "ended")] and not office.group.is_member(identity.commitment)


def test_a_slashing_by_the_middleware_is_seen(office: Office) -> None:
    account, identity = joined(office, "acme")
    from rln.stores.groups import open_group

    other = open_group(
        f"sqlite:///{office.directory}/members.db", office.group.depth, 8, now=office.clock.now, interval=30
    )
    other.slash(identity)
    second_account, second = joined(office, "second")
    other.slash(second)  # noted, and removed when the interval is over
    other.registry.close()
    office.round()
    assert office.states(account) == [("basic", "slashed")]
    office.round(60)
    assert office.states(second_account) == [("basic", "slashed")]
    office.round(PERIOD)
    assert len(office.group) == 0


def test_a_registry_that_went_back_admits_nobody(office: Office, tmp_path: Path) -> None:
    joined(office, "acme")
    office.close()
    for name in ("members.db", "members.db-slashed"):
        (tmp_path / name).unlink()
    for path in (tmp_path / "bulletins").iterdir():
        path.unlink()
    office.open()
    office.register(office.account("other"), rln.Identity.generate())
    with pytest.raises(IntegrityAlarm, match="know step 1 of the registry, which is at step 0"):
        office.round(10)
    assert len(office.group) == 0


def test_a_membership_that_ends_is_not_shown_as_one(tmp_path: Path) -> None:
    """Whoever joined again before the leaf was removed took it for a membership, and asked for nothing."""
    office = Office(tmp_path)
    account, identity = office.account(), rln.Identity.generate()
    office.register(account, identity)
    office.round(10)
    assert office.registrar.end(account, "basic")
    assert office.states(account) == [("basic", "ended")] and office.leaves(account) == 1
    office.register(account, identity)
    assert office.states(account) == [("basic", "waiting"), ("basic", "ended")]
    office.round()
    assert office.leaves(account) == 0
    office.round(400)
    office.round(10)
    assert office.states(account)[0] == ("basic", "member") and office.leaves(account) == 1
    office.close()
