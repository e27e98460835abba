"""Two sides of one figure, measured in turn: their round, our round, their round, and so on.

What a machine does beside us then slows both. pytest-benchmark times our rounds; the peer's stand in
`extra_info`.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Peer:
    """Who else does it.

    Attributes:
        name: as the table calls him.
        work: his round; None for a figure that has no peer.
        repeat: how many of ours his round is worth, where he takes less or more work at once.
    """

    name: str
    work: Callable[[], object]
    repeat: float = 1


def beside(
    benchmark: Any,
    ours: Callable[[], object],
    peer: Peer,
    *,
    rounds: int,
    repeat: float = 1,
    must: float | None = None,
    aim: float | None = None,
    note: str = "",
) -> object:
    """Measure `ours` and the peer in turn and return what our last round gave.

    Args:
        benchmark: pytest-benchmark's fixture.
        ours: a round of ours, `repeat` units of the thing measured.
        peer: the other side.
        rounds: of each side; one more of each goes before, unmeasured.
        must, aim: the ratio of medians, theirs to ours, that we hold ourselves to, and the one we want.
        note: what the table adds to the row.
    """
    theirs: list[float] = []

    def their_round() -> None:
        start = time.perf_counter()
        peer.work()
        theirs.append((time.perf_counter() - start) / peer.repeat)

    answer = benchmark.pedantic(ours, setup=their_round, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info.update(
        peer=peer.name,
        peer_median=statistics.median(theirs[1:]),
        repeat=repeat,
        must=must,
        aim=aim,
        note=note,
    )
    return answer


def repeated(work: Callable[[], object], count: int) -> Callable[[], object]:
    """A round of `count` calls; returns the last answer."""

    def round_of_calls() -> object:
        answer: object = None
        for _ in range(count):
            answer = work()
        return answer

    return round_of_calls
