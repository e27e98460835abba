"""Plans: new nodes are hashed beside the tree, from any runs of leaves."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, integers, lists, sampled_from

from rln.errors import ParameterError
from rln.merkle.level import NODE_BYTES, Level
from rln.merkle.plan import hash_ancestors, siblings
from rln.merkle.runs import PIECE_BYTES, Run
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


@given(
    piece=sampled_from([2, 3, 4, 6]),
    leaves=dictionaries(integers(0, 31), integers(1, 1 << 30), min_size=2),
    cuts=lists(booleans(), min_size=32, max_size=32),
)
def test_runs_may_touch_and_pieces_may_be_of_any_size(
    piece: int, leaves: dict[int, int], cuts: list[bool]
) -> None:
    """Runs that touch are cut at random, and copied in small pieces."""
    runs: list[Run] = []
    for index, value in sorted(leaves.items()):
        if runs and not cuts[index] and runs[-1][0] + len(runs[-1][1]) // NODE_BYTES == index:
            runs[-1] = (runs[-1][0], bytes(runs[-1][1]) + leaf(value))
        else:
            runs.append((index, leaf(value)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rln.merkle.plan.PIECE_BYTES", piece * NODE_BYTES)
        changed = hash_ancestors(empty_levels(), runs, 1)
    ((_, root),) = changed[-1]
    assert int.from_bytes(root, "little") == tree_of(leaves).root


@pytest.mark.parametrize("removed", [(), (0, 4)])
def test_a_plan_of_many_leaves_copies_none_of_them(removed: tuple[int, ...]) -> None:
    """Even if they start at an odd index, or touch a leaf that is removed."""
    tree, count = MerkleTree(17, threads=1), 1 << 16
    tree.extend([1, 2, 3, 4, 5])
    packed = memoryview(bytearray(leaf(7) * count))
    tracemalloc.start()
    try:
        plan = tree.plan(5, packed, removed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The inner nodes are as many as the leaves, and the bookkeeping of pages is small.
    assert peak < NODE_BYTES * count + 3 * PIECE_BYTES
    tree.apply(plan)
    packed[1000 * NODE_BYTES : 1001 * NODE_BYTES] = leaf(9)
    assert tree.get(1005) == 9, "the memory of the plan is that of the tree"
