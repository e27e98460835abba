"""Nodes: all nodes of a tree at one moment, as they are kept and moved without hashing them again."""

from __future__ import annotations

from dataclasses import dataclass, field

from rln.base.arguments import whole
from rln.base.bounds import MAX_DEPTH
from rln.errors import ParameterError
from rln.lowlevel import hashes
from rln.merkle.level import NODE_BYTES, Nodes


def empty_nodes(depth: int) -> list[bytes]:
    """Return the node of each level above leaves that were never set, from the leaf to the root."""
    nodes = [bytes(NODE_BYTES)]
    for _ in range(depth):
        nodes.append(hashes.poseidon([nodes[-1]] * 2))
    return nodes


@dataclass(frozen=True, slots=True)
class TreeState:
    """All nodes of a tree at one moment.

    Args:
        depth: 1 to 32.
        next_index: number of leaves that may be set, all before the others.
        levels: for each level, leaves first, the packed nodes above those leaves; nothing checks that they
            are the hashes of one another.

    Raises:
        ParameterError: depth, number or length of levels do not fit.
    """

    depth: int
    next_index: int
    levels: tuple[Nodes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        whole(self.depth, "depth", 1, MAX_DEPTH)
        whole(self.next_index, "next index", 0, 1 << self.depth)
        expected = [NODE_BYTES * count for count in self.widths(self.depth, self.next_index)]
        if [len(nodes) for nodes in self.levels] != expected:
            raise ParameterError("levels: expected all nodes above the leaves, got another number")

    @property
    def root(self) -> int:
        """The root, a field element."""
        return int.from_bytes(self.levels[-1] or empty_nodes(self.depth)[-1], "little")

    @staticmethod
    def widths(depth: int, next_index: int) -> list[int]:
        """How many nodes of each level stand above the first leaves."""
        return [-(-next_index // (1 << height)) for height in range(depth + 1)]
