"""Threats A10: registrations without knowledge of the secret, and registrars that want the secret.

The registrar chooses its nonce, account, tier and limit, and can lie about each of them. What stays secret
must not depend on its honesty.
"""

from __future__ import annotations

import inspect
import itertools
from dataclasses import replace

import pytest

import rln
from rln.errors import InvalidProof, Reason, RecoveryError
from rln.http.registration import (
    LABEL,
    NONCE_BYTES,
    RegistrationParts,
    RegistrationProof,
    prove_registration,
)
from rln.lowlevel import entropy
from rln.protocol.epoch import external_nullifier
from rln.protocol.proof import RlnProof
from rln.protocol.share import Share
from rln.protocol.signal import hash_signal, join_signal
from tests.support.small_world import DEPTH, LIMIT_BITS, World, small_key

APPLICATION, SERVER_NONCE = "api.example.com", bytes(range(16))

Made = tuple[RegistrationParts, RegistrationProof]


def prove(
    identity: rln.Identity,
    tier: str = "basic",
    limit: int = 2,
    account: str = "acct_5",
    application: str = APPLICATION,
    server_nonce: bytes = SERVER_NONCE,
) -> Made:
    return prove_registration(
        identity, application, account, tier, limit, server_nonce, small_key(), threads=1
    )


def check(made: Made, parts: RegistrationParts | None = None, limit: int = 2) -> None:
    made[1].check(parts or made[0], limit, DEPTH, None, small_key().verifying_key)


def share(made: Made) -> Share:
    return Share(hash_signal(made[0].signal), made[1].y, made[1].nullifier)


def bare(made: Made) -> Share:
    """The share as a registrar can try to use it, as if the nullifiers agreed."""
    return replace(share(made), nullifier=None)


# ---- the applicant ---------------------------------------------------------------------------------


def test_a10_nobody_registers_a_commitment_whose_secret_they_do_not_know() -> None:
    victim, stranger = rln.Identity.generate(), rln.Identity.generate()
    made = prove(stranger)
    check(made)
    with pytest.raises(InvalidProof):
        check(made, replace(made[0], commitment=victim.commitment))


def test_a10_a_proof_that_was_seen_registers_nothing_else() -> None:
    """Another account, tier, limit, attempt or provider: somebody who saw the proof gains nothing."""
    made = prove(rln.Identity.generate())
    check(made)
    for changed in (
        {"account": "acct_6"},
        {"tier": "pro"},
        {"server_nonce": bytes(16)},
        {"client_nonce": bytes(16)},
        {"application": "other.example.com"},
    ):
        with pytest.raises(InvalidProof):
            check(made, replace(made[0], **changed))
    for limit in (1, 3, 16):
        with pytest.raises(InvalidProof):
            check(made, limit=limit)


# ---- the registrar ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"tier": "pro", "limit": 9},
        {"account": "acct_6"},
        {"application": "other.example.com"},
        {"server_nonce": bytes(16)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a10_two_tiers_with_the_same_nonces_do_not_reveal_the_secret(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, object]
) -> None:
    """The worst case: a registrar that repeats its nonce, and an applicant whose nonce repeats too."""
    monkeypatch.setattr(entropy, "draw", _constant(entropy.draw))
    identity = rln.Identity.generate()
    first, second = prove(identity), prove(identity, **other)  # type: ignore[arg-type]
    assert first[0].client_nonce == second[0].client_nonce
    assert share(first).x != share(second).x
    assert first[1].nullifier != second[1].nullifier
    with pytest.raises(RecoveryError, match="different nullifiers"):
        rln.recover_secret(share(first), share(second))
    assert rln.recover_unverified(bare(first), bare(second)).commitment != identity.commitment


def _constant(draw):  # type: ignore[no-untyped-def]
    """Return a source whose nonces repeat; all other random bytes, above all blinding, stay random."""
    return lambda size: bytes(size) if size == NONCE_BYTES else draw(size)


def test_a10_a_line_from_the_nonces_alone_would_have_revealed_it() -> None:
    """What the derivation prevents: the same attack on a line that depends on the nonces only succeeds."""
    identity = rln.Identity.generate()
    nonces = [SERVER_NONCE, bytes(16)]
    line = external_nullifier(0, join_signal("rln registration line", nonces))
    shares = [
        identity.share(hash_signal(join_signal(LABEL, [tier, *nonces])), line, 0)
        for tier in (b"basic", b"pro")
    ]
    assert rln.recover_secret(*shares).reveal() == identity.secret().reveal()


def test_a10_a_registrar_that_repeats_its_nonce_gets_attempts_on_different_lines() -> None:
    identity = rln.Identity.generate()
    attempts = [prove(identity) for _ in range(4)]
    assert len({made[0].client_nonce for made in attempts}) == 4
    assert len({made[1].nullifier for made in attempts}) == 4
    for one, two in itertools.combinations(attempts, 2):
        assert rln.recover_unverified(bare(one), bare(two)).commitment != identity.commitment


def test_a10_the_same_registration_proved_again_shows_the_same_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line has one x: where all parts repeat, the second proof tells nothing that the first did not."""
    monkeypatch.setattr(entropy, "draw", _constant(entropy.draw))
    identity = rln.Identity.generate()
    first, second = prove(identity), prove(identity)
    assert share(first) == share(second)
    assert first[1].proof != second[1].proof


def test_a10_nobody_chooses_the_applicants_nonce() -> None:
    assert "client_nonce" not in inspect.signature(prove_registration).parameters


# ---- registrations and requests --------------------------------------------------------------------


def test_a10_a_registration_proof_is_no_message() -> None:
    """The root of a group whose only member is the applicant is the root of the registration."""
    world = World()
    member = world.join(2)
    parts, proof = prove(member, application="story.example")
    assert parts.root(2, DEPTH) == world.group.root
    values = (
        proof.y,
        world.group.root,
        proof.nullifier,
        hash_signal(parts.signal),
        parts.epoch.external_nullifier,
    )
    message = RlnProof(proof.proof, *values)
    assert world.key.verifying_key.verify(message.public_inputs, message.proof)
    verdict = world.verifier(threads=1).submit(message, parts.signal)
    assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_EPOCH
    now = world.clock.current().external_nullifier
    verdict = world.verifier(threads=1).submit(replace(message, external_nullifier=now), parts.signal)
    assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.BAD_PROOF


def test_a10_a_message_is_no_registration_proof() -> None:
    """Also one whose signal is that of a registration, which no honest program makes."""
    world = World()
    member = world.join(2)
    parts = RegistrationParts("story.example", "acct_5", "basic", SERVER_NONCE, bytes(16), member.commitment)
    message = world.prover(member).prove(parts.signal)
    with pytest.raises(InvalidProof):
        check((parts, RegistrationProof(message.proof, message.y, message.nullifier)))
    assert message.nullifier not in (prove(member)[1].nullifier, prove(member)[1].nullifier)


def test_a10_no_period_and_application_give_the_line_of_a_registration() -> None:
    """The identifiers begin with labels of different lengths, so that no domain name reaches the other."""
    parts = RegistrationParts(APPLICATION, "acct_5", "basic", SERVER_NONCE, bytes(16), 7)
    clock = rln.EpochClock(APPLICATION, 1)
    assert parts.epoch.identifier[:8] != clock.current().identifier[:8]
    assert parts.epoch.external_nullifier != clock.epoch(0).external_nullifier
    assert (DEPTH, LIMIT_BITS) == (small_key().parameters.depth, small_key().parameters.limit_bits)
