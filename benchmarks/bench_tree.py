"""The membership tree: many leaves at once, one leaf, one path."""

import pytest

import rln


@pytest.mark.benchmark(group="tree of depth 20")
def bench_extend(benchmark):
    leaves = list(range(1, 4097))

    def build() -> rln.MerkleTree:
        tree = rln.MerkleTree(20)
        tree.extend(leaves)
        return tree

    assert benchmark.pedantic(build, rounds=3).next_index == len(leaves)


@pytest.mark.benchmark(group="tree of depth 20")
def bench_set_one_leaf(benchmark):
    tree = rln.MerkleTree(20)
    tree.extend(range(1, 1025))
    benchmark(tree.set, 512, 7)
    assert tree.get(512) == 7
