"""After any sequence of changes a tree equals a tree that is rebuilt from its leaves."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rln.base import scalar
from rln.merkle.tree import MerkleTree
from rln.protocol.hashing import poseidon_hash

DEPTH = 9
CAPACITY = 1 << DEPTH

leaf = st.sampled_from([0, 1, scalar.ORDER - 1, 2**64 - 1]) | st.integers(0, scalar.ORDER - 1)
# A page has 128 nodes, so many indices are near the borders of pages and near the ends of the tree.
index = st.sampled_from([0, 1, 127, 128, 255, 256, CAPACITY - 1]) | st.integers(0, CAPACITY - 1)
cache: dict[tuple[int, int], int] = {}


def node(left: int, right: int) -> int:
    if (left, right) not in cache:
        cache[left, right] = poseidon_hash([left, right])
    return cache[left, right]


def rows(leaves: list[int]) -> list[list[int]]:
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node(below[i], below[i + 1]) for i in range(0, len(below), 2)])
    return levels


class TreeAndRebuild(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.tree = MerkleTree(DEPTH)
        self.leaves = [0] * CAPACITY
        self.filled: set[int] = set()
        self.next_index = 0

    def write(self, start: int, values: list[int]) -> None:
        self.leaves[start : start + len(values)] = values
        self.filled.update(range(start, start + len(values)))
        if values:
            self.next_index = max(self.next_index, start + len(values))

    def clear(self, at: int) -> None:
        self.leaves[at] = 0
        self.filled.discard(at)

    @rule(at=index, value=leaf)
    def set(self, at: int, value: int) -> None:
        self.tree.set(at, value)
        self.write(at, [value])

    @rule(at=index, values=st.lists(leaf, max_size=9))
    def set_range(self, at: int, values: list[int]) -> None:
        values = values[: CAPACITY - at]
        self.tree.set_range(at, values)
        self.write(at, values)

    @precondition(lambda self: self.next_index < CAPACITY)
    @rule(value=leaf)
    def append(self, value: int) -> None:
        assert self.tree.append(value) == self.next_index
        self.write(self.next_index, [value])

    @rule(values=st.lists(leaf, max_size=150))
    def extend(self, values: list[int]) -> None:
        values = values[: CAPACITY - self.next_index]
        assert self.tree.extend(values) == self.next_index
        self.write(self.next_index, values)

    @rule(at=index)
    def delete(self, at: int) -> None:
        self.tree.delete(at)
        self.clear(at)

    @rule(at=index, values=st.lists(leaf, max_size=9), deleted=st.lists(index, max_size=9))
    def override_range(self, at: int, values: list[int], deleted: list[int]) -> None:
        values = values[: CAPACITY - at]
        self.tree.override_range(at, values, deleted)
        for one in deleted:
            self.clear(one)
        self.write(at, values)

    @rule(at=index, level=st.integers(0, DEPTH))
    def look(self, at: int, level: int) -> None:
        levels = rows(self.leaves)
        assert self.tree.get(at) == self.leaves[at]
        assert self.tree.subtree_root(level, at) == levels[DEPTH - level][at >> (DEPTH - level)]
        proof = self.tree.proof(at)
        assert proof.siblings == tuple(levels[k][at >> k ^ 1] for k in range(DEPTH))
        assert proof.root == self.tree.root

    @invariant()
    def same_root(self) -> None:
        assert self.tree.root == rows(self.leaves)[-1][0]
        assert self.tree.next_index == self.next_index
        assert self.tree.empty_indices() == [i for i in range(self.next_index) if i not in self.filled]


TestTreeAndRebuild = TreeAndRebuild.TestCase
TestTreeAndRebuild.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
