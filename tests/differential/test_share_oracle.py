"""Identities, shares and recovery, compared with vectors/oracle, which is RLN in plain integers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.errors import RecoveryError
from rln.merkle.tree import MerkleTree
from rln.protocol.hashing import hash_to_field, hash_to_field_big_endian, poseidon_hash
from rln.protocol.identity import Identity
from rln.protocol.recovery import recover_secret
from rln.protocol.share import Share
from tests.support.field_elements import SCALARS, R
from vectors.oracle import identity as oracle_identity
from vectors.oracle import keccak, merkle, poseidon, share
from vectors.oracle.field import Refused

NONZERO = SCALARS.filter(bool)


@settings(max_examples=20)
@given(secret=NONZERO, epoch=SCALARS, message_id=SCALARS, x=NONZERO)
def test_shares(secret: int, epoch: int, message_id: int, x: int) -> None:
    found = Identity.from_secret(secret).share(x, epoch, message_id)
    assert (found.y, found.nullifier) == share.share(secret, epoch, message_id, x)


@settings(max_examples=20)
@given(secret=NONZERO, epoch=SCALARS, message_id=SCALARS, xs=st.tuples(NONZERO, NONZERO))
def test_two_shares_of_one_message_id_give_the_secret_and_one_x_does_not(
    secret: int, epoch: int, message_id: int, xs: tuple[int, int]
) -> None:
    member = Identity.from_secret(secret)
    first, second = (member.share(x, epoch, message_id) for x in xs)
    points = [(one.x, one.y) for one in (first, second)]
    if xs[0] == xs[1]:
        with pytest.raises(Refused):
            share.recover(first.nullifier, *points)
        with pytest.raises(RecoveryError):
            recover_secret(first, second)
    else:
        assert share.recover(first.nullifier, *points) == secret
        assert recover_secret(first, second).reveal() == secret


@settings(max_examples=20)
@given(slope=SCALARS, xs=st.tuples(NONZERO, NONZERO), ys=st.tuples(SCALARS, SCALARS))
def test_both_refuse_points_of_another_line(slope: int, xs: tuple[int, int], ys: tuple[int, int]) -> None:
    nullifier = poseidon_hash([slope])
    points = list(zip(xs, ys, strict=True))
    try:
        expected = share.recover(nullifier, *points)
    except Refused:
        with pytest.raises(RecoveryError):
            recover_secret(*(Share(x, y, nullifier) for x, y in points))
    else:
        assert recover_secret(*(Share(x, y, nullifier) for x, y in points)).reveal() == expected


@settings(max_examples=10)
@given(seed=st.binary(max_size=300), extended=st.booleans())
def test_seeded_identities(seed: bytes, extended: bool) -> None:
    made = Identity.from_seed(seed, extended)
    expected = oracle_identity.from_seed(seed, extended)
    assert made.commitment == expected["commitment"]
    assert made.secret().reveal() == expected["secret"]
    if extended:
        assert made.secret().reveal_extended() == (expected["trapdoor"], expected["nullifier"])


@settings(max_examples=20)
@given(message=st.binary(max_size=300))
def test_hashes_of_messages(message: bytes) -> None:
    assert hash_to_field(message) == keccak.hash_to_field(message)
    assert hash_to_field_big_endian(message) == keccak.hash_to_field(message, big_endian=True)


@settings(max_examples=20)
@given(inputs=st.lists(SCALARS, min_size=1, max_size=8))
def test_poseidon(inputs: list[int]) -> None:
    assert poseidon_hash(inputs) == poseidon.poseidon(inputs)


@settings(max_examples=10)
@given(leaves=st.lists(SCALARS, max_size=9), depth=st.integers(4, 6))
def test_trees(leaves: list[int], depth: int) -> None:
    tree = MerkleTree(depth)
    tree.extend(leaves)
    assert tree.root == merkle.tree_root(depth, leaves)
    for index in range(len(leaves)):
        path = tree.proof(index)
        assert merkle.root_of(path.leaf, path.siblings, path.bits) == tree.root


def test_the_field_is_the_same() -> None:
    assert share.R == R
