"""Memberships cannot exist in a wrong state."""

from __future__ import annotations

import copy
import pickle

import pytest

from rln.base import scalar
from rln.errors import FieldRangeError, ParameterError
from rln.group.group import Group
from rln.protocol.membership import Membership, rate_commitment

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
