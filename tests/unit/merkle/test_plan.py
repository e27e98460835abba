"""Plans: new nodes are hashed beside the tree, from any runs of leaves."""

from __future__ import annotations

import pytest

from rln.errors import ParameterError
from rln.merkle.level import NODE_BYTES, Level
from rln.merkle.plan import hash_ancestors, siblings
from rln.merkle.runs import Run
from rln.merkle.state import empty_nodes
from rln.merkle.tree import MerkleTree

DEPTH = 5


def leaf(value: int) -> bytes:
    return value.to_bytes(NODE_BYTES, "little")


def tree_of(leaves: dict[int, int]) -> MerkleTree:
    tree = MerkleTree(DEPTH)
    for index, value in leaves.items():
        tree.set(index, value)
    return tree


def empty_levels() -> list[Level]:
    nodes = empty_nodes(DEPTH)
    return [Level(1 << (DEPTH - height), nodes[height]) for height in range(DEPTH + 1)]


def test_a_stale_plan_is_refused() -> None:
    tree = MerkleTree(DEPTH)
    plan = tree.plan_extend(leaf(1))
    assert (plan.root, plan.next_index) == (tree_of({0: 1}).root, 1)
    tree.append(2)
    with pytest.raises(ParameterError, match="^plan: "):
        tree.apply(plan)
    assert tree.root == tree_of({0: 2}).root


@pytest.mark.parametrize(
    "leaves",
    [{0: 7}, {31: 7}, {4: 1, 5: 2}, {5: 1, 6: 2, 7: 3}, {0: 1, 3: 2, 30: 3}, dict.fromkeys(range(32), 9)],
)
def test_ancestors_are_those_of_the_tree(leaves: dict[int, int]) -> None:
    runs: list[Run] = []
    for index, value in leaves.items():
        if runs and runs[-1][0] + len(runs[-1][1]) // NODE_BYTES == index:
            runs[-1] = (runs[-1][0], bytes(runs[-1][1]) + leaf(value))
        else:
            runs.append((index, leaf(value)))
    levels, tree = empty_levels(), tree_of(leaves)
    changed = hash_ancestors(levels, runs, 1)
    assert len(changed) == DEPTH + 1
    for height, found in enumerate(changed):
        nodes = {
            first + n: int.from_bytes(packed[n * NODE_BYTES : (n + 1) * NODE_BYTES], "little")
            for first, packed in found
            for n in range(len(packed) // NODE_BYTES)
        }
        assert set(nodes) == {index >> height for index in leaves}
        for position, node in nodes.items():
            assert node == tree.subtree_root(DEPTH - height, position << height)
    assert [level.read(0, 1) for level in levels] == empty_nodes(DEPTH), "the tree itself is not changed"


def test_no_leaves_change_no_node() -> None:
    assert hash_ancestors(empty_levels(), [], 1) == [[]] * (DEPTH + 1)


def test_siblings_of_an_empty_tree() -> None:
    assert siblings(empty_levels(), 13) == empty_nodes(DEPTH)[:-1]
