"""Membership: who stands at which leaf, and the path from that leaf to the root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from rln.base import scalar
from rln.base.arguments import nonzero, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import ParameterError
from rln.hashing import poseidon_hash
from rln.lowlevel import hashes


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


@dataclass(frozen=True, slots=True)
class MerkleProof:
    """A leaf and its path, taken from one state of a tree.

    Args:
        leaf: a field element, 0 where nothing was set.
        index: of the leaf, below 2^depth.
        siblings: one field element a level, the leaf's own sibling first; their number is the depth, 1 to 32.

    Raises:
        ParameterError: depth or index outside its range.
        FieldRangeError: leaf or a sibling is not a field element.
    """

    leaf: int
    index: int
    siblings: tuple[int, ...]

    def __post_init__(self) -> None:
        scalar.check(self.leaf, "leaf")
        if type(self.siblings) is not tuple:
            raise ParameterError(f"siblings: expected tuple, got {type(self.siblings).__name__}")
        whole(len(self.siblings), "number of siblings", 1, MAX_DEPTH)
        whole(self.index, "index", 0, (1 << len(self.siblings)) - 1)
        for level, sibling in enumerate(self.siblings):
            scalar.check(sibling, f"siblings[{level}]")

    @classmethod
    def from_path(cls, leaf: int, siblings: Sequence[int], bits: Sequence[int]) -> Self:
        """Make a proof of `pathElements` and `identityPathIndex`, as circuits have them.

        Args:
            leaf: a field element.
            siblings: one field element a level, the leaf's own sibling first.
            bits: one a level: 0 when the node is the left child, 1 when it is the right one.

        Raises:
            ParameterError: not as many bits as siblings, or a bit is neither 0 nor 1.
            FieldRangeError: leaf or a sibling is not a field element.
        """
        if len(bits) != len(siblings):
            raise ParameterError(f"bits: expected {len(siblings)}, one for each sibling, got {len(bits)}")
        index = sum(whole(bit, f"bits[{level}]", 0, 1) << level for level, bit in enumerate(bits))
        return cls(leaf, index, tuple(siblings))

    @property
    def depth(self) -> int:
        """Number of levels."""
        return len(self.siblings)

    @property
    def bits(self) -> tuple[int, ...]:
        """One bit a level: 0 when the node is the left child, 1 when it is the right one."""
        return tuple(self.index >> level & 1 for level in range(len(self.siblings)))

    @property
    def root(self) -> int:
        """The root of the tree that this proof was taken from."""
        return self.root_of(self.leaf)

    def root_of(self, leaf: int) -> int:
        """Return the root that the path leads to from another leaf in this place.

        Raises:
            FieldRangeError: not a field element.
        """
        siblings = b"".join(sibling.to_bytes(scalar.SIZE, "little") for sibling in self.siblings)
        root = hashes.merkle_root(scalar.encode(leaf, "leaf"), siblings, bytes(self.bits))
        return int.from_bytes(root, "little")
