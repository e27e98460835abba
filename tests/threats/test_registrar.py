"""Registration: nobody registers for somebody else, and no way of registering again gives a second limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import rln
from rln.errors import InvalidProof
from rln.http import registration
from rln.http.policy import Tier
from rln.http.registration import LINE_LABEL, RegistrationParts, prove_registration
from rln.protocol.epoch import Epoch
from rln.protocol.signal import hash_signal, join_signal
from rln.services.nonces import MOST_NONCES
from rln.services.refusal import (
    CONFLICT,
    NO_REPLACEMENT,
    NONCE_NOT_OPEN,
    TIER_NOT_ALLOWED,
    TOO_MANY_ATTEMPTS,
    TOO_MANY_REPLACEMENTS,
    Refused,
)
from rln.services.replacement import ReplacementRules
from tests.support.http_world import APPLICATION, http_key
from tests.support.registrar_office import BASIC, PERIOD, PRO, Cheat, Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


def refused(problem: object) -> object:
    """Expect a refusal with a problem."""
    return pytest.raises(Refused, check=lambda error: error.problem is problem)


# ---- A10: squatting ---------------------------------------------------------------------------------


def test_a10_a_commitment_of_somebody_else_is_registered_by_no_other_account(office: Office) -> None:
    victim, squatter = rln.Identity.generate(), rln.Identity.generate()
    account = office.account("squatter")
    nonce, _, _ = office.registrar.challenge(account, "basic")
    parts, proof = office.proof(account, squatter, BASIC, nonce)
    with pytest.raises(InvalidProof):
        office.send(account, parts, proof, commitment=victim.commitment)
    office.round(3600)
    assert not office.group.was_member(victim.commitment)
    office.register(office.account("victim"), victim, PRO)
    office.round(3600)
    assert office.group.membership(victim.commitment).limit == PRO.limit


def test_a10_a_proof_that_was_seen_is_of_no_use(office: Office) -> None:
    victim, thief = office.account("victim"), office.account("thief")
    identity = rln.Identity.generate()
    nonce, _, _ = office.registrar.challenge(victim, "basic")
    parts, proof = office.proof(victim, identity, BASIC, nonce)
    with refused(NONCE_NOT_OPEN):  # before the victim sends it
        office.send(thief, parts, proof)
    own, _, _ = office.registrar.challenge(thief, "basic")
    with pytest.raises(InvalidProof):
        office.send(thief, parts, proof, server_nonce=own)
    office.send(victim, parts, proof)
    with refused(NONCE_NOT_OPEN):
        office.send(victim, parts, proof)
    office.round(3600)
    assert office.states(thief) == [] and office.states(victim) == [("basic", "member")]


def test_a10_a_proof_for_one_tier_registers_no_other(office: Office) -> None:
    account, identity = office.account(), rln.Identity.generate()
    nonce, _, _ = office.registrar.challenge(account, "basic")
    parts, proof = office.proof(account, identity, BASIC, nonce)
    with refused(NONCE_NOT_OPEN):
        office.send(account, parts, proof, tier="pro")
    with refused(NONCE_NOT_OPEN):  # it is used up for the tier that it was made for, too
        office.send(account, parts, proof)
    nonce, _, _ = office.registrar.challenge(account, "pro")
    with pytest.raises(InvalidProof):
        office.send(account, *office.proof(account, identity, BASIC, nonce), tier="pro")
    with refused(TIER_NOT_ALLOWED):
        office.registrar.challenge(replace(account, tiers=("basic",)), "pro")


def test_a10_one_nonce_opens_one_attempt_of_one_account(office: Office) -> None:
    account, other = office.account("one"), office.account("other")
    nonce, expires, _ = office.registrar.challenge(account, "basic")
    made = office.proof(other, rln.Identity.generate(), BASIC, nonce)
    with refused(NONCE_NOT_OPEN):
        office.send(other, *made)
    with refused(NONCE_NOT_OPEN):
        office.send(other, *office.proof(other, rln.Identity.generate(), BASIC, bytes(16)))
    office.send(account, *office.proof(account, rln.Identity.generate(), BASIC, nonce))
    with refused(NONCE_NOT_OPEN):
        office.send(account, *office.proof(account, rln.Identity.generate(), BASIC, nonce))
    nonce, expires, _ = office.registrar.challenge(other, "basic")
    office.time = expires
    with refused(NONCE_NOT_OPEN):
        office.send(other, *office.proof(other, rln.Identity.generate(), BASIC, nonce))


def test_a10_a_nonce_is_used_up_by_a_wrong_proof_and_by_a_kill_after_it(office: Office) -> None:
    account = office.account()
    nonce, _, _ = office.registrar.challenge(account, "basic")
    parts, proof = office.proof(account, rln.Identity.generate(), BASIC, nonce)
    with pytest.raises(InvalidProof):
        office.send(account, parts, replace(proof, y=proof.y ^ 1))
    office.close()
    office.open()
    with refused(NONCE_NOT_OPEN):
        office.send(account, parts, proof)


def test_a10_open_nonces_of_an_account_are_bounded(office: Office) -> None:
    account, other = office.account("one"), office.account("other")
    for _ in range(MOST_NONCES):
        office.registrar.challenge(account, "basic")
    with refused(TOO_MANY_ATTEMPTS) as caught:
        office.registrar.challenge(account, "basic")
    assert 299 < caught.value.retry_after <= 300
    office.registrar.challenge(other, "basic")
    office.time += 301
    office.registrar.challenge(account, "basic")


def test_a10_a_taken_commitment_is_refused_without_saying_whose_it_is(office: Office) -> None:
    """The owner of the secret has two accounts, or registered at the command line, or was slashed."""
    answers = set()
    other = office.account("other")
    for number, prepare in enumerate(("account", "command line", "slashed", "ended")):
        identity = rln.Identity.generate()
        if prepare == "command line":
            office.group.register(identity.commitment, 1)
        else:
            first = office.account(f"first-{number}")
            office.register(first, identity)
            office.round(3600)
            if prepare == "slashed":
                office.group.slash(identity)
            elif prepare == "ended":
                office.registrar.end(first, "basic")
                office.round(3600)
        with refused(CONFLICT) as caught:
            office.register(other, identity)
        answers.add((str(caught.value), caught.value.problem, caught.value.retry_after))
    assert len(answers) == 1
    assert office.states(other) == []


def test_a10_the_leaf_comes_from_commitment_and_tier(office: Office) -> None:
    account, identity = office.account(), rln.Identity.generate()
    nonce, _, _ = office.registrar.challenge(account, "basic")
    # A proof for a larger limit is none for this tier.
    parts, proof = prove_registration(identity, APPLICATION, account.name, "basic", 200, nonce, office.key)
    with pytest.raises(InvalidProof):
        office.send(account, parts, proof)
    office.register(account, identity)
    office.round(3600)
    member = office.group.membership(identity.commitment)
    leaf = office.group.proof(member.index).leaf
    assert leaf == rln.poseidon_hash([identity.commitment, BASIC.limit])


# ---- rejoining --------------------------------------------------------------------------------------


def rejoin(office: Office, tiers: tuple[Tier, ...] = (BASIC,)) -> dict[int, int]:
    """Join again and again over several epochs, send all that can be sent; return what each epoch served."""
    account = office.account()
    cheats = [Cheat(office, account, tier) for tier in tiers]
    for step in range(90):
        if step % 8 == 0 and step < 64:
            cheats[step // 8 % len(cheats)].join()
        office.round(10)
        assert office.leaves(account) <= 1
        for cheat in cheats:
            cheat.send()
    served: dict[int, int] = {}
    for cheat in cheats:
        for epoch, count in cheat.served.items():
            served[epoch] = served.get(epoch, 0) + count
    return served


def test_a10_joining_four_times_in_an_epoch_gives_one_limit(tmp_path: Path) -> None:
    office = Office(tmp_path, replacements=1000)
    served = rejoin(office)
    office.close()
    assert max(served.values()) == BASIC.limit


def test_a10_a_change_of_tier_gives_no_sum_of_limits(tmp_path: Path) -> None:
    office = Office(tmp_path, replacements=1000)
    served = rejoin(office, (BASIC, PRO))
    office.close()
    assert max(served.values()) <= PRO.limit


def test_a10_without_the_wait_the_same_attack_is_served_many_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive rule, to show that the test above can fail."""
    monkeypatch.setattr(ReplacementRules, "free_at", lambda _, removed: removed)
    office = Office(tmp_path, replacements=1000)
    served = rejoin(office)
    office.close()
    assert max(served.values()) > BASIC.limit


def test_a10_the_old_leaf_goes_before_the_new_one_comes(office: Office) -> None:
    account, old, new = office.account(), rln.Identity.generate(), rln.Identity.generate()
    office.register(account, old)
    office.round(10)
    office.register(account, new)
    office.round(0.1)
    assert not office.group.is_member(old.commitment) and not office.group.is_member(new.commitment)
    assert office.states(account) == [("basic", "waiting"), ("basic", "ended")]
    (row, *_) = office.registrar.registrations(account)
    office.time = row["admission"] - 12.0  # type: ignore[operator]
    office.round()
    assert office.states(account)[0] == ("basic", "pending")
    office.round(10)
    assert office.states(account)[0] == ("basic", "member") and office.group.is_member(new.commitment)


def test_a10_replacements_are_capped(office: Office) -> None:
    account = office.account()
    for _ in range(4):
        office.register(account, rln.Identity.generate())
        office.round()
        office.round(2 * PERIOD + 20)
    with refused(TOO_MANY_REPLACEMENTS) as caught:
        office.register(account, rln.Identity.generate())
    assert caught.value.retry_after > 25 * 86_400
    assert office.states(account)[0] == ("basic", "member"), "the refused one ends nothing"
    office.time += 30 * 86_400
    office.register(account, rln.Identity.generate())


def test_a10_whoever_was_slashed_gets_no_other_leaf(office: Office) -> None:
    account, identity = office.account(), rln.Identity.generate()
    office.register(account, identity)
    office.round(10)
    office.group.slash(identity)
    office.round()
    assert office.states(account) == [("basic", "slashed")]
    for tier in (BASIC, PRO):
        with refused(NO_REPLACEMENT):
            office.register(account, rln.Identity.generate(), tier)


@pytest.mark.parametrize("leaves_first", [False, True])
def test_a10_a_replacement_before_the_slashing_is_no_way_out(office: Office, leaves_first: bool) -> None:
    account, identity = office.account(), rln.Identity.generate()
    office.register(account, identity)
    office.round(10)
    if leaves_first:
        office.registrar.end(account, "basic")
        office.round()
    office.register(account, rln.Identity.generate())  # the middleware has not judged the messages yet
    if leaves_first:
        office.round()
    office.group.slash(identity)
    for _ in range(3):
        office.round(PERIOD)
    assert office.states(account) == [("basic", "ended"), ("basic", "slashed")]
    assert office.leaves(account) == 0


def test_a10_an_operator_may_forgive_a_slashing_once(tmp_path: Path) -> None:
    office = Office(tmp_path, after_slash=1)
    account = office.account()
    for _ in range(2):
        identity = rln.Identity.generate()
        office.register(account, identity)
        office.round(3 * PERIOD)
        assert office.group.is_member(identity.commitment)
        office.group.slash(identity)
        office.round()
    with refused(NO_REPLACEMENT):
        office.register(account, rln.Identity.generate())
    office.close()


def test_a10_an_account_that_ends_and_comes_back_waits_too(office: Office) -> None:
    account = office.account()
    office.register(account, rln.Identity.generate())
    office.round(10)
    del office.known[account.name]
    office.round(10)
    assert office.leaves(account) == 0 and office.states(account) == [("basic", "ended")]
    office.register(office.account(), rln.Identity.generate())
    office.round(20)
    assert office.states(account)[0] == ("basic", "waiting")


# ---- the line of a registration ---------------------------------------------------------------------


def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, rln.Share]]:
    """Return external nullifier and share of two proofs with the same nonces and different tiers.

    The applicant's random source repeats itself here, and the registrar repeats its nonce.
    """
    monkeypatch.setattr(registration.entropy, "draw", lambda size: b"\1" * size)
    identity, found = rln.Identity.from_secret(12345), []
    for tier in ("basic", "pro"):
        parts, proof = prove_registration(
            identity, APPLICATION, "acme", tier, 2, b"\2" * 16, http_key(), threads=1
        )
        share = rln.Share(hash_signal(parts.signal), proof.y, proof.nullifier)
        found.append((parts.epoch.external_nullifier, share))
    return found


def test_a10_same_nonces_and_two_tiers_recover_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    (one, first), (two, second) = lines(monkeypatch)
    assert one != two and first.nullifier != second.nullifier
    with pytest.raises(rln.RecoveryError):
        rln.recover_secret(first, second)


def test_a10_with_a_line_of_the_nonces_alone_the_secret_is_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive line, to show that the test above can fail."""

    def naive(parts: RegistrationParts) -> Epoch:
        return Epoch.of(0, 1, join_signal(LINE_LABEL, [parts.server_nonce, parts.client_nonce]))

    monkeypatch.setattr(RegistrationParts, "epoch", property(naive))
    (_, first), (_, second) = lines(monkeypatch)
    assert rln.recover_secret(first, second).commitment == rln.Identity.from_secret(12345).commitment
