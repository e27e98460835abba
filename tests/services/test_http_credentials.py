"""A credential from the prover to the verdict: one unit, several units, and what overspending costs."""

from __future__ import annotations

import hashlib

import pytest

import rln
from rln.http.credential import Credential, key_id
from rln.http.problem import QUOTA_EXCEEDED, WRONG_SIGNAL, problem_of_verdict
from rln.http.signal import RequestParts
from rln.stores.memory import MemoryMessageIds
from tests.support.small_world import SLOTS, World, small_key, small_multi_key


def parts(body: bytes) -> RequestParts:
    digest = hashlib.sha256(body).digest()
    return RequestParts(b"story.example", b"POST", b"/v1/chat", b"application/json", b"", digest)


def sent(world: World, proof: rln.RlnProof | rln.MultiRlnProof, nonce: bytes) -> Credential:
    """Return what the provider reads."""
    value = Credential(key_id(world.key.verifying_key.digest), nonce, proof).encode()
    found = Credential.decode(value.encode(), world.key.parameters.max_out)
    assert found.proof == proof
    return found


@pytest.mark.parametrize("units", range(1, SLOTS + 1))
def test_a_request_of_several_units_is_valid_once(units: int) -> None:
    world = World(small_multi_key())
    signal = parts(b"{}").signal(bytes(16))
    with world.prover(world.join(4)) as prover:
        credential = sent(world, prover.prove_multi(signal, units), bytes(16))
    assert credential.units == units
    verifier = world.verifier(threads=1)
    assert (
        problem_of_verdict(verifier.submit(credential.proof, parts(b"{ }").signal(bytes(16)))) == WRONG_SIGNAL
    )
    assert problem_of_verdict(verifier.submit(credential.proof, signal)) is None
    assert verifier.submit(credential.proof, signal) == rln.Duplicate()


@pytest.mark.parametrize("several", [False, True])
def test_whoever_overspends_is_found(several: bool) -> None:
    """Two requests with one message id: the second one is refused, and reveals the secret."""
    world = World(small_multi_key() if several else small_key())
    member, verifier = world.join(4), world.verifier(threads=1)
    verdicts = []
    for body in (b"one", b"two"):
        nonce = hashlib.sha256(body).digest()[:16]
        signal = parts(body).signal(nonce)
        with world.prover(member, ids=MemoryMessageIds()) as prover:  # a copy of the member's state
            proof = prover.prove_multi(signal, 2) if several else prover.prove(signal)
        verdicts.append(verifier.submit(sent(world, proof, nonce).proof, signal))
    assert verdicts[0] == rln.Valid()
    assert problem_of_verdict(verdicts[1]) == QUOTA_EXCEEDED
    assert isinstance(verdicts[1], rln.RateLimitViolation)
    assert verdicts[1].identity_secret.reveal() == member.secret().reveal()
