"""Memberships cannot exist in a wrong state."""

from __future__ import annotations

import copy
import pickle
from array import array

import pytest

from rln.base import scalar
from rln.errors import FieldRangeError, ParameterError
from rln.group.group import Group
from rln.protocol.membership import Membership, Memberships, PackedMembers, rate_commitment

COMMITMENT = 0x051C31DE3BFF7E52DC7B2EB34FC96813BACF38BDE92D27FE326CE5D8296322A7
LEAF = 0x09BEAC7784ABFADC9958B3176B352389D0B969CCC7F8BCCF3E968ED632E26ECA


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


def test_a_copy_leaves_the_group_behind() -> None:
    group = Group(3)
    member = group.register(5, 2)
    for other in (pickle.loads(pickle.dumps(member)), copy.deepcopy(member)):
        assert other == member
        assert (member.paths is None, other.paths is None) == (False, True)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_leaves_of_many_are_the_leaves_of_each(count: int) -> None:
    commitments = [scalar.ORDER - 1 - n for n in range(count)]
    limits = array("Q", [1 + 211 * n % 65_536 for n in range(count)])
    packed = PackedMembers(scalar.encode_many(commitments), limits).rate_commitments(2)
    leaves = [int.from_bytes(packed[i : i + 32], "little") for i in range(0, len(packed), 32)]
    assert leaves == [rate_commitment(*pair) for pair in zip(commitments, limits, strict=True)]


def test_memberships_are_a_sequence_of_membership() -> None:
    group = Group(6)
    made = group.register_many([(7, 1), (8, 2), (9, 3)])
    expected = [Membership(0, 1, 7), Membership(1, 2, 8), Membership(2, 3, 9)]
    assert isinstance(made, Memberships)
    assert made == expected == list(made)
    assert (len(made), made[-1], made[1:], made[::2]) == (3, expected[2], expected[1:], expected[::2])
    assert expected[1] in made
    assert made != expected[:2]
    assert made != "members"
    assert hash(made) == hash(made)
    assert repr(made) == "Memberships(3 from index 0 on)"
    assert made[1].paths is not None
    assert made[1].paths(1) == group.proof(1)
    with pytest.raises(IndexError):
        made[3]


def test_members_are_packed_once() -> None:
    packed = PackedMembers.pack([(7, 1), (scalar.ORDER - 1, 16)], 16)
    assert (len(packed), list(packed.limits)) == (2, [1, 16])
    assert packed.commitments == scalar.encode_many([7, scalar.ORDER - 1])
    assert [packed.commitment(position) for position in range(2)] == [7, scalar.ORDER - 1]
    assert not PackedMembers.pack([], 16)
    assert repr(packed) == "PackedMembers()"


@pytest.mark.parametrize(
    ("member", "kind", "message"),
    [
        ((7, 17), ParameterError, "^limit: expected 1 to 16, got 17"),
        ((7, True), ParameterError, "^limit: expected int, got bool"),
        ((0, 1), ParameterError, "^commitment: expected a field element other than 0"),
        ((scalar.ORDER, 1), FieldRangeError, "^commitment: "),
    ],
)
def test_members_that_are_not_packed(member: tuple[int, int], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        PackedMembers.pack([(5, 1), member], 16)
