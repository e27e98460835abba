"""RateLimitProof: from a proof with its epoch and back; the vectors `waku-proofs.json` have its bytes."""

from __future__ import annotations

import dataclasses

import pytest

from rln.errors import EncodingError, FieldRangeError, InputError, ParameterError
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.proof import RlnProof
from rln.waku import rate_limit_proof
from rln.waku.rate_limit_proof import ENCODED_BYTES, RateLimitProof
from tests.unit.waku.wires import WIRES

NETWORK = b"rln/waku-rln-relay/v2.0.0".ljust(32, b"\0")
PROOF = RateLimitProof.decode(WIRES["proof"])
CLOCK = EpochClock.waku(NETWORK, 600)
EPOCH = CLOCK.epoch(PROOF.epoch)


def test_a_proof_of_an_epoch_goes_both_ways() -> None:
    proof = PROOF.rln_proof(EPOCH)
    assert proof == RlnProof(
        PROOF.proof, PROOF.y, PROOF.root, PROOF.nullifier, PROOF.x, EPOCH.external_nullifier
    )
    assert RateLimitProof.of(proof, EPOCH) == PROOF
    assert PROOF.encode() == WIRES["proof"]


def test_an_absent_identifier_is_the_networks() -> None:
    bare = dataclasses.replace(PROOF, rln_identifier=None)
    assert len(bare.encode()) == ENCODED_BYTES - 34
    assert RateLimitProof.decode(bare.encode()) == bare
    assert bare.rln_proof(EPOCH) == PROOF.rln_proof(EPOCH)


def test_another_epoch_or_network_is_refused() -> None:
    with pytest.raises(ParameterError, match=f"epoch: expected index {EPOCH.index}, got {EPOCH.index + 1}"):
        PROOF.rln_proof(CLOCK.epoch(EPOCH.index + 1))
    with pytest.raises(ParameterError, match="rln_identifier: expected that of the epoch"):
        PROOF.rln_proof(EpochClock.waku(bytes(32), 600).epoch(EPOCH.index))
    with pytest.raises(ParameterError, match="expected the epoch of the proof, got index"):
        RateLimitProof.of(PROOF.rln_proof(EPOCH), CLOCK.epoch(EPOCH.index + 1))
    named = Epoch.of(5, 600, b"an application")
    proof = dataclasses.replace(PROOF.rln_proof(EPOCH), external_nullifier=named.external_nullifier)
    with pytest.raises(EncodingError, match="rln_identifier: expected 32 bytes, got 14"):
        RateLimitProof.of(proof, named)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"proof": bytes(127)}, EncodingError),
        ({"root": -1}, FieldRangeError),
        ({"epoch": 1 << 64}, ParameterError),
        ({"x": 0}, ParameterError),
        ({"y": None}, FieldRangeError),
        ({"nullifier": 1 << 256}, FieldRangeError),
        ({"rln_identifier": b"short"}, EncodingError),
    ],
)
def test_a_wrong_value_makes_no_proof(change: dict[str, object], error: type[InputError]) -> None:
    with pytest.raises(error):
        dataclasses.replace(PROOF, **change)


def outcome(data: bytes) -> object:
    """Return the proof in some bytes, or how they are refused."""
    try:
        return RateLimitProof.decode(data)
    except InputError as error:
        return type(error), str(error)


@pytest.mark.parametrize("length", [301, 335])
def test_fixed_places_are_a_shortcut_to_the_same_answer(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    """Each byte is changed in three ways, which reaches every tag, length and value."""
    changed = []
    for at in range(length):
        for bit in (0x01, 0x40, 0x80):
            data = bytearray(WIRES["proof"][:length])
            data[at] ^= bit
            changed.append(bytes(data))
    quick = [outcome(data) for data in changed]
    monkeypatch.setattr(rate_limit_proof, "_at_fixed_places", lambda _: None)
    assert [outcome(data) for data in changed] == quick
    assert sum(isinstance(found, RateLimitProof) for found in quick) > length
