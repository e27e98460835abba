"""MerkleProof: a leaf and the path from it to the root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rln.base import scalar
from rln.base.arguments import sequence, whole
from rln.base.bounds import MAX_DEPTH
from rln.errors import ParameterError
from rln.lowlevel import hashes


@dataclass(frozen=True, slots=True)
class MerkleProof:
    """A leaf and its path, taken from one state of a tree.

    Args:
        leaf: a field element, 0 if the leaf is not set.
        index: of the leaf, below 2^depth.
        siblings: one field element a level, the sibling of the leaf first; 1 to 32, the depth.

    Raises:
        ParameterError: depth or index is outside its range.
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
        """Make a proof from `pathElements` and `identityPathIndex`, the form that circuits use.

        Args:
            leaf: a field element.
            siblings: one field element a level, the sibling of the leaf first.
            bits: one a level: 0 when the node is the left child, 1 when it is the right one.

        Raises:
            ParameterError: bits and siblings differ in number, or a bit is neither 0 nor 1.
            FieldRangeError: leaf or a sibling is not a field element.
        """
        if len(sequence(bits, "bits")) != len(sequence(siblings, "siblings")):
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
        """Return the root that the path gives for another leaf at this index.

        Raises:
            FieldRangeError: not a field element.
        """
        siblings = b"".join(sibling.to_bytes(scalar.SIZE, "little") for sibling in self.siblings)
        root = hashes.merkle_root(scalar.encode(leaf, "leaf"), siblings, bytes(self.bits))
        return int.from_bytes(root, "little")
