"""Merkle proofs cannot exist in a wrong state."""

from __future__ import annotations

import pytest

from rln.base import scalar
from rln.errors import FieldRangeError, ParameterError
from rln.merkle.proof import MerkleProof
from rln.protocol.hashing import poseidon_hash

LEAF = 0x09BEAC7784ABFADC9958B3176B352389D0B969CCC7F8BCCF3E968ED632E26ECA
ROOT = 0x0CA44928DFAA33B33D7204B1691194BA46ED393ECBE0DAD1448BFF673F2519AF


def zero_hashes(depth: int) -> list[int]:
    zeros = [0]
    while len(zeros) < depth:
        zeros.append(poseidon_hash([zeros[-1], zeros[-1]]))
    return zeros


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
