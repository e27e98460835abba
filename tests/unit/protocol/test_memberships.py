"""Memberships and leaves of many at once equal those of one."""

from __future__ import annotations

from array import array

import pytest

from rln.base import scalar
from rln.group.group import Group
from rln.protocol.membership import Membership, rate_commitment
from rln.protocol.memberships import Memberships, rate_commitments


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_leaves_of_many_are_the_leaves_of_each(count: int) -> None:
    commitments = [scalar.ORDER - 1 - n for n in range(count)]
    limits = array("Q", [1 + 211 * n % 65_536 for n in range(count)])
    packed = rate_commitments(scalar.encode_many(commitments), limits, 2)
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
