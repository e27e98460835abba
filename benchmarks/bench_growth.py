"""How cost grows with the depth of the tree, the size of the group, the size of a batch, and threads.

The plots in benchmarks/plots show these figures.
"""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.subject import THREADS, Statement, Subject
from rln.lowlevel import threads
from rln.protocol.proof import AnyProof, from_public_inputs

DEPTHS = [10, 14, 18, 20, 22, 26, 30, 32]
LOG_SIZES = [10, 12, 14, 16, 18, 20, 22, 24]
BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
PIECE = 1 << 20
"""Leaves that are added at once."""


@pytest.fixture(scope="module")
def proofs(subject: Subject) -> list[AnyProof]:
    return [from_public_inputs(proof, values) for proof, values in subject.proofs(max(BATCHES))]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.benchmark(group="growth: full proof by tree depth")
def bench_depth(benchmark: BenchmarkFixture, depth: int) -> None:
    statement = Statement(depth)
    key = rln.setup(rln.circuit.rln(depth=depth))
    key.build_tables()

    def prove() -> bytes:
        return key.prove(key.witness(statement.inputs(), statement.identity), THREADS)

    proof = benchmark.pedantic(prove, rounds=9, warmup_rounds=1)
    values = key.public_values(key.witness(statement.inputs(), statement.identity))
    assert key.verifying_key.verify(values, proof)


@pytest.mark.parametrize("log_size", LOG_SIZES)
@pytest.mark.benchmark(group="growth: building the tree by members")
def bench_group_size(benchmark: BenchmarkFixture, log_size: int) -> None:
    size = 1 << log_size
    packed = b"".join(leaf.to_bytes(32, "little") for leaf in range(1, min(size, PIECE) + 1))

    def build() -> rln.MerkleTree:
        tree = rln.MerkleTree(max(log_size, 10))
        for _ in range(max(1, size // PIECE)):
            tree.apply(tree.plan_extend(packed))
        return tree

    tree = benchmark.pedantic(build, rounds=1 if log_size > 20 else 3)
    assert tree.next_index == size


@pytest.mark.parametrize("log_size", LOG_SIZES[:-2])
@pytest.mark.benchmark(group="growth: setting one leaf by members")
def bench_one_leaf(benchmark: BenchmarkFixture, log_size: int) -> None:
    tree = rln.MerkleTree(max(log_size, 10))
    tree.extend(range(1, (1 << log_size) + 1))
    benchmark.pedantic(tree.set, (5, 7), rounds=51, warmup_rounds=1)
    assert tree.get(5) == 7


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.benchmark(group="growth: verification by size of the batch")
def bench_batch(benchmark: BenchmarkFixture, subject: Subject, proofs: list[AnyProof], batch: int) -> None:
    key = subject.key.verifying_key
    answers = benchmark.pedantic(
        key.verify_many, (proofs[:batch],), {"threads": THREADS}, rounds=5, warmup_rounds=1
    )
    assert list(answers) == [None] * batch


@pytest.mark.parametrize("count", sorted({1, 2, *range(4, threads.available() + 1, 4), threads.available()}))
@pytest.mark.benchmark(group="growth: full proof by threads")
def bench_threads(benchmark: BenchmarkFixture, subject: Subject, count: int) -> None:
    subject.key.build_tables()
    proof = benchmark.pedantic(
        lambda: subject.key.prove(subject.witness(), count), rounds=15, warmup_rounds=1
    )
    assert subject.key.verifying_key.verify(subject.values, proof)
