"""The membership tree: 2^20 leaves at once, beside as many hashes of light-poseidon, and one leaf alone."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.paired import Peer, beside, repeated

LEAVES = 1 << 20
HASHES = 1 << 12
"""Hashes in a round of the peer; 2^20 would take too long, so its time is scaled up."""


@pytest.mark.benchmark(group="tree of 2^20 leaves, 2 threads")
def bench_build(benchmark: BenchmarkFixture) -> None:
    hasher = pytest.importorskip("light_poseidon_python").Hasher(2)
    peer = Peer("light-poseidon", repeated(lambda: hasher.hash([1, 2]), HASHES), HASHES / (LEAVES - 1))
    leaves = list(range(1, LEAVES + 1))

    def ours() -> rln.MerkleTree:
        tree = rln.MerkleTree(20, threads=2)
        tree.extend(leaves)
        return tree

    tree = beside(benchmark, ours, peer, rounds=5, must=28, aim=34, note="from Python ints")
    assert tree.next_index == LEAVES
    assert tree.proof(LEAVES - 1).root == tree.root


@pytest.mark.benchmark(group="tree of depth 20: set one leaf among 1,024")
def bench_set_one_leaf(benchmark: BenchmarkFixture) -> None:
    tree = rln.MerkleTree(20)
    tree.extend(range(1, 1025))
    benchmark(tree.set, 512, 7)
    assert tree.get(512) == 7
