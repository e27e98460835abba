"""A renewed proof of RLN(20, 16), beside a new proof of the same member; each has another path than the last.

Message ids are in memory, so the times are those of the proofs. `bench_message_ids` has the time of a commit.
"""

import itertools

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.paired import Peer, beside
from benchmarks.subject import THREADS, Subjects
from rln import EpochClock, Group, Identity, Prover
from rln.stores.memory import MemoryMessageIds

ROUNDS = 21


@pytest.mark.benchmark(group="a proof for a new root")
def bench_renew(benchmark: BenchmarkFixture, subjects: Subjects) -> None:
    key = subjects("own key").key
    key.build_tables()
    identity, group = Identity.generate(), Group(20, 16)
    membership = group.register(identity.commitment, 1 << 16)
    paths = [group.proof(0)]
    for _ in range(4 * ROUNDS):
        group.register(Identity.generate().commitment, 1)
        paths.append(group.proof(0))
    newest = itertools.cycle(paths)
    clock = EpochClock("bench.example", 3600, now=lambda: 1_700_000_000.0)
    prover = Prover(
        identity,
        membership,
        key,
        ids=MemoryMessageIds(),
        clock=clock,
        path=lambda _: next(newest),
        threads=THREADS,
    )
    first = prover.prove(b"signal")
    new = Peer("our new proof", lambda: prover.prove(b"another signal"))
    renewed = beside(benchmark, lambda: prover.renew(b"signal"), new, rounds=ROUNDS, must=0.9, aim=1)
    assert renewed.shares == first.shares
    assert renewed.root != first.root
