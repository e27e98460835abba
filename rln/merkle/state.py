"""TreeState: all nodes of a tree at one moment, to store or move the tree without hashing it again."""

from __future__ import annotations

from dataclasses import dataclass, field

from rln.base.arguments import whole
from rln.base.bounds import MAX_DEPTH
from rln.errors import ParameterError
from rln.lowlevel import hashes
from rln.merkle.level import NODE_BYTES, Nodes


def empty_nodes(depth: int) -> list[bytes]:
    """Return the node of each level above unset leaves, from the leaf to the root."""
    nodes = [bytes(NODE_BYTES)]
    for _ in range(depth):
        nodes.append(hashes.poseidon([nodes[-1]] * 2))
    return nodes


@dataclass(frozen=True, slots=True)
class TreeState:
    """All nodes of a tree at one moment.

    Args:
        depth: 1 to 32.
        next_index: number of leaves that may be set; all later leaves are unset.
        levels: for each level, leaves first, the packed nodes above those leaves. That each node is the hash
            of its children is not checked.

    Raises:
        ParameterError: depth, next index, or the number or length of the levels is outside its range.
    """

    depth: int
    next_index: int
    levels: tuple[Nodes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        whole(self.depth, "depth", 1, MAX_DEPTH)
        whole(self.next_index, "next index", 0, 1 << self.depth)
        expected = [NODE_BYTES * count for count in self.widths(self.depth, self.next_index)]
        sizes = [len(nodes) for nodes in self.levels]
        if sizes != expected:
            raise ParameterError(f"levels: expected {expected} bytes, one number a level, got {sizes}")

    @property
    def root(self) -> int:
        """The root, a field element."""
        return int.from_bytes(self.levels[-1] or empty_nodes(self.depth)[-1], "little")

    @staticmethod
    def widths(depth: int, next_index: int) -> list[int]:
        """Return how many nodes of each level are above the first `next_index` leaves."""
        return [-(-next_index // (1 << height)) for height in range(depth + 1)]
