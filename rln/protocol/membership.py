"""Membership: which member has which leaf, with which limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from rln.base.arguments import nonzero, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.merkle.proof import MerkleProof
from rln.protocol.hashing import poseidon_hash


def rate_commitment(commitment: int, limit: int) -> int:
    """Return the leaf Poseidon(identity commitment, user message limit).

    Raises:
        FieldRangeError: the commitment is not a field element.
        ParameterError: the commitment is 0, or the limit is not 1 to 65,536.
    """
    nonzero(commitment, "commitment")
    whole(limit, "limit", 1, 1 << MAX_LIMIT_BITS)
    return poseidon_hash([commitment, limit])


@dataclass(frozen=True, slots=True)
class Membership:
    """One member's place in a group.

    Args:
        index: of the leaf, 0 or more.
        limit: messages in an epoch, 1 to 65,536 (a group has its own, lower bound).
        commitment: identity commitment, a field element other than 0.
        paths: gives the newest path for an index, where the group itself is at hand; it takes no part in
            equality or printing.

    Raises:
        ParameterError: a number outside its range.
        FieldRangeError: the commitment is not a field element.
    """

    index: int
    limit: int
    commitment: int
    paths: Callable[[int], MerkleProof] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        whole(self.index, "index", 0, (1 << MAX_DEPTH) - 1)
        whole(self.limit, "limit", 1, 1 << MAX_LIMIT_BITS)
        nonzero(self.commitment, "commitment")

    def __reduce__(self) -> tuple[type[Self], tuple[int, int, int]]:
        """A copy, pickled ones included, is the three numbers: `paths` stays with the group."""
        return type(self), (self.index, self.limit, self.commitment)

    @property
    def rate_commitment(self) -> int:
        """The leaf, computed from commitment and limit."""
        return rate_commitment(self.commitment, self.limit)
