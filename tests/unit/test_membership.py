"""Memberships and Merkle paths cannot exist in a wrong state."""

from __future__ import annotations

import copy
import pickle

import pytest

from rln.base import scalar
from rln.errors import FieldRangeError, ParameterError
from rln.group import Group
from rln.hashing import poseidon_hash
from rln.membership import Membership, MerkleProof, rate_commitment

COMMITMENT = 0x051C31DE3BFF7E52DC7B2EB34FC96813BACF38BDE92D27FE326CE5D8296322A7
LEAF = 0x09BEAC7784ABFADC9958B3176B352389D0B969CCC7F8BCCF3E968ED632E26ECA
ROOT = 0x0CA44928DFAA33B33D7204B1691194BA46ED393ECBE0DAD1448BFF673F2519AF


def zero_hashes(depth: int) -> list[int]:
    zeros = [0]
    while len(zeros) < depth:
        zeros.append(poseidon_hash([zeros[-1], zeros[-1]]))
    return zeros


def test_rate_commitment_of_the_merkle_proof_example() -> None:
    assert rate_commitment(COMMITMENT, 100) == LEAF
    assert Membership(3, 100, COMMITMENT).rate_commitment == LEAF


@pytest.mark.parametrize("limit", [0, -1, 2**32 + 1, scalar.ORDER - 1, True, 1.0, None, "1"])
def test_limits_out_of_range(limit: object) -> None:
    with pytest.raises(ParameterError, match="^limit: "):
        Membership(0, limit, COMMITMENT)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="^limit: "):
        rate_commitment(COMMITMENT, limit)  # type: ignore[arg-type]


@pytest.mark.parametrize(("commitment", "kind"), [(0, ParameterError), (scalar.ORDER, FieldRangeError)])
def test_commitments_out_of_range(commitment: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="^commitment: "):
        Membership(0, 1, commitment)
    with pytest.raises(kind, match="^commitment: "):
        rate_commitment(commitment, 1)


@pytest.mark.parametrize("index", [-1, 2**32, True, 1.0])
def test_indices_out_of_range(index: object) -> None:
    with pytest.raises(ParameterError, match="^index: "):
        Membership(index, 1, COMMITMENT)  # type: ignore[arg-type]


def test_path_of_the_merkle_proof_example() -> None:
    zeros = zero_hashes(20)
    proof = MerkleProof(LEAF, 3, tuple(zeros))
    assert proof.root == ROOT
    assert proof.depth == 20
    assert proof.bits == (1, 1, *([0] * 18))
    assert MerkleProof.from_path(LEAF, zeros, proof.bits) == proof
    assert proof.root_of(LEAF + 1) != ROOT


@pytest.mark.parametrize("bit", [2, -1, 255, True, 1.0])
def test_path_bits_are_0_or_1(bit: object) -> None:
    with pytest.raises(ParameterError, match=r"^bits\[1\]: "):
        MerkleProof.from_path(LEAF, [1, 2, 3], [0, bit, 0])  # type: ignore[list-item]


def test_path_lengths() -> None:
    with pytest.raises(ParameterError, match="^bits: expected 2, one for each sibling, got 3"):
        MerkleProof.from_path(LEAF, [1, 2], [0, 1, 0])
    for siblings in ((), (1,) * 33):
        with pytest.raises(ParameterError, match="^number of siblings: expected 1 to 32"):
            MerkleProof(LEAF, 0, siblings)
    with pytest.raises(ParameterError, match="^siblings: expected tuple"):
        MerkleProof(LEAF, 0, [1])  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="^index: expected 0 to 3, got 4"):
        MerkleProof(LEAF, 4, (1, 2))


@pytest.mark.parametrize("value", [scalar.ORDER, -1, True, 1.0])
def test_nodes_are_field_elements(value: object) -> None:
    with pytest.raises(FieldRangeError, match="^leaf: "):
        MerkleProof(value, 0, (1,))  # type: ignore[arg-type]
    with pytest.raises(FieldRangeError, match=r"^siblings\[1\]: "):
        MerkleProof(1, 0, (1, value))  # type: ignore[arg-type]
    with pytest.raises(FieldRangeError, match="^leaf: "):
        MerkleProof(1, 0, (1,)).root_of(value)  # type: ignore[arg-type]


def test_a_copy_leaves_the_group_behind() -> None:
    group = Group(3)
    member = group.register(5, 2)
    for other in (pickle.loads(pickle.dumps(member)), copy.deepcopy(member)):
        assert other == member
        assert (member.paths is None, other.paths is None) == (False, True)
