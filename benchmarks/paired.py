"""Two sides of one figure, measured in turn: a round of the peer, a round of ours, and so on.

Other work on the machine then slows both. pytest-benchmark times our rounds; the peer's times go to
`extra_info`.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pytest_benchmark.fixture import BenchmarkFixture

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Peer:
    """Another program that does the same work.

    Attributes:
        name: for the table.
        work: a round of the peer.
        repeat: units of the thing measured in that round.
        times_itself: whether `work` returns its seconds, because the peer is another process.
    """

    name: str
    work: Callable[[], object]
    repeat: float = 1
    times_itself: bool = False


def beside(
    benchmark: BenchmarkFixture,
    ours: Callable[[], Answer],
    peer: Peer,
    *,
    rounds: int,
    repeat: float = 1,
    must: float | None = None,
    aim: float | None = None,
    note: str = "",
) -> Answer:
    """Measure `ours` and the peer in turn, and return the answer of our last round.

    Args:
        benchmark: pytest-benchmark's fixture.
        ours: a round of ours.
        peer: the other side.
        rounds: of each side; one more of each comes first, unmeasured.
        repeat: units of the thing measured in a round of ours.
        must, aim: the ratio of medians, theirs to ours, that is required, and the one that is wanted.
        note: text that the table adds to the row.
    """
    theirs: list[float] = []

    def their_round() -> None:
        start = time.perf_counter()
        answer = peer.work()
        seconds = answer if peer.times_itself else time.perf_counter() - start
        assert isinstance(seconds, float)
        theirs.append(seconds / peer.repeat)

    answer: Answer = benchmark.pedantic(ours, setup=their_round, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info.update(
        peer=peer.name,
        peer_median=statistics.median(theirs[1:]),
        repeat=repeat,
        must=must,
        aim=aim,
        note=note,
    )
    return answer


def median_of(benchmark: BenchmarkFixture) -> float:
    """Return the median time of a round of ours, in seconds."""
    assert benchmark.stats is not None
    median: float = benchmark.stats.stats.median
    return median


def repeated(work: Callable[[], Answer], count: int) -> Callable[[], Answer]:
    """Make a round of `count` calls, at least one, that returns the last answer."""

    def round_of_calls() -> Answer:
        for _ in range(count - 1):
            work()
        return work()

    return round_of_calls
