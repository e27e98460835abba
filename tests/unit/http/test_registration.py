"""Registration proofs: who can make one, and what it is bound to."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

import rln
from rln.errors import EncodingError, FieldRangeError, InputError, InvalidProof, ParameterError, PointError
from rln.http.registration import (
    LABEL,
    LINE_LABEL,
    RegistrationParts,
    RegistrationProof,
    prove_registration,
)
from rln.protocol.epoch import external_nullifier
from rln.protocol.identity import PUBLIC_COMMITMENT
from rln.protocol.membership import rate_commitment
from rln.protocol.signal import hash_signal
from tests.support.field_elements import P, R
from tests.support.joined_signal import split_joined_signal
from tests.support.small_world import DEPTH, SLOTS, small_key, small_multi_key

APPLICATION, ACCOUNT, TIER, LIMIT, SERVER_NONCE = "api.example.com", "acct_5", "pro", 3, bytes(range(16))


@pytest.fixture(scope="module")
def identity() -> rln.Identity:
    return rln.Identity.generate()


def prove(
    identity: rln.Identity, key: rln.ProvingKey | None = None
) -> tuple[RegistrationParts, RegistrationProof]:
    return prove_registration(
        identity, APPLICATION, ACCOUNT, TIER, LIMIT, SERVER_NONCE, key or small_key(), threads=1
    )


@pytest.fixture(scope="module")
def made(identity: rln.Identity) -> tuple[RegistrationParts, RegistrationProof]:
    return prove(identity)


def check(proof: RegistrationProof, parts: RegistrationParts, limit: int = LIMIT, depth: int = DEPTH) -> None:
    proof.check(parts, limit, depth, None, small_key().verifying_key)


Made = tuple[RegistrationParts, RegistrationProof]


def test_the_holder_of_the_secret_passes(identity: rln.Identity, made: Made) -> None:
    parts, proof = made
    assert parts.commitment == identity.commitment
    assert (parts.application, parts.account, parts.tier) == (APPLICATION, ACCOUNT, TIER)
    assert parts.server_nonce == SERVER_NONCE
    check(proof, parts)
    check(RegistrationProof.decode(proof.encode()), parts)
    assert len(proof.encode()) == 192


def test_a_key_for_several_message_ids_does_as_well(identity: rln.Identity) -> None:
    key = small_multi_key()
    parts, proof = prove(identity, key)
    proof.check(parts, LIMIT, DEPTH, SLOTS, key.verifying_key)
    with pytest.raises(InvalidProof):
        proof.check(replace(parts, tier="basic"), LIMIT, DEPTH, SLOTS, key.verifying_key)
    for slots in (None, SLOTS - 1, SLOTS + 1):
        with pytest.raises(InputError):
            proof.check(parts, LIMIT, DEPTH, slots, key.verifying_key)


OTHER: dict[str, Any] = {
    "application": "example.com",
    "account": "acct_6",
    "tier": "basic",
    "server_nonce": bytes(16),
    "client_nonce": bytes(16),
    "commitment": 5,
}


@pytest.mark.parametrize("name", OTHER)
def test_another_part_is_refused(made: Made, name: str) -> None:
    parts, proof = made
    with pytest.raises(InvalidProof, match="ask for a new nonce and prove again"):
        check(proof, replace(parts, **{name: OTHER[name]}))


def test_another_limit_or_depth_is_refused(made: Made) -> None:
    parts, proof = made
    for limit, depth in ((1, DEPTH), (LIMIT + 1, DEPTH), (65_536, DEPTH), (LIMIT, DEPTH + 1)):
        with pytest.raises(InvalidProof):
            check(proof, parts, limit, depth)
    for limit, depth in ((0, DEPTH), (65_537, DEPTH), (LIMIT, 0), (LIMIT, 33)):
        with pytest.raises(ParameterError):
            check(proof, parts, limit, depth)


def test_a_changed_proof_is_refused(made: Made) -> None:
    parts, proof = made
    for changed in (replace(proof, y=proof.y ^ 1), replace(proof, nullifier=proof.nullifier ^ 1)):
        with pytest.raises(InvalidProof):
            check(changed, parts)
    data = proof.encode()
    for place in range(len(data)):
        flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises((InputError, InvalidProof)):
            check(RegistrationProof.decode(flipped), parts)


def test_signal_and_line_come_from_all_parts() -> None:
    assert set(OTHER) == {field.name for field in fields(RegistrationParts)}
    parts = RegistrationParts(APPLICATION, ACCOUNT, TIER, SERVER_NONCE, bytes(16), 7)
    joined = [b"api.example.com", b"acct_5", b"pro", SERVER_NONCE, bytes(16), (7).to_bytes(32, "little")]
    assert split_joined_signal(parts.signal) == (LABEL, joined)
    assert split_joined_signal(parts.epoch.identifier) == (LINE_LABEL, joined)
    assert parts.epoch.external_nullifier == external_nullifier(0, parts.epoch.identifier)
    changed = [
        replace(parts, **{name: value}) for name, value in OTHER.items() if value != getattr(parts, name)
    ]
    lines = {one.epoch.external_nullifier for one in (parts, *changed)}
    assert len(lines) == len({hash_signal(one.signal) for one in (parts, *changed)}) == 1 + len(changed) == 6


def test_the_tree_has_one_leaf() -> None:
    parts = RegistrationParts(APPLICATION, ACCOUNT, TIER, SERVER_NONCE, bytes(16), 7)
    tree = rln.MerkleTree(5, threads=1)
    tree.append(rate_commitment(7, 3))
    assert parts.root(3, 5) == tree.root


def test_every_attempt_has_a_nonce_of_its_own(identity: rln.Identity) -> None:
    nonces = {prove(identity)[0].client_nonce for _ in range(3)}
    assert len(nonces) == 3


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"application": "localhost"}, ParameterError),
        ({"account": ""}, EncodingError),
        ({"account": "a b"}, EncodingError),
        ({"account": "a\n"}, EncodingError),
        ({"account": "é"}, EncodingError),
        ({"account": "\ud800"}, EncodingError),
        ({"account": "a" * 129}, EncodingError),
        ({"tier": "Pro"}, EncodingError),
        ({"tier": "٣"}, EncodingError),
        ({"server_nonce": bytes(15)}, EncodingError),
        ({"client_nonce": bytearray(16)}, EncodingError),
        ({"commitment": 0}, ParameterError),
        ({"commitment": PUBLIC_COMMITMENT}, ParameterError),
        ({"commitment": R}, FieldRangeError),
        ({"commitment": True}, FieldRangeError),
    ],
)
def test_parts_of_another_form_are_refused(changed: dict[str, Any], error: type[InputError]) -> None:
    parts = RegistrationParts(APPLICATION, ACCOUNT, TIER, SERVER_NONCE, bytes(16), 7)
    with pytest.raises(error):
        replace(parts, **changed)


def test_a_proof_has_one_form(made: Made) -> None:
    data = made[1].encode()
    for length in (0, 128, 191, 193):
        with pytest.raises(EncodingError, match="^registration proof: expected 192 bytes"):
            RegistrationProof.decode((data + data)[:length])
    for place, name in ((128, "y"), (160, "nullifier")):
        with pytest.raises(FieldRangeError, match=f"^{name}: "):
            RegistrationProof.decode(data[:place] + R.to_bytes(32, "little") + data[place + 32 :])
    with pytest.raises(FieldRangeError, match="expected a coordinate below p"):
        RegistrationProof.decode(P.to_bytes(32, "little") + data[32:])
    with pytest.raises(PointError, match="infinity"):
        RegistrationProof.decode(data[:31] + b"\x40" + data[32:])


def test_a_proof_shows_nothing_of_itself(made: Made) -> None:
    assert repr(made[1]) == "RegistrationProof()"


def test_a_limit_beyond_the_circuit_is_refused_before_the_proof(identity: rln.Identity) -> None:
    for limit in (0, 17, True):
        with pytest.raises(ParameterError, match="^limit: "):
            prove_registration(
                identity, APPLICATION, ACCOUNT, TIER, limit, SERVER_NONCE, small_key(), threads=1
            )
