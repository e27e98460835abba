"""The hammer: several workers and the same messages; accepted is min(limit, distinct ids), exactly.

Proofs are stubs, since the races are those of the log; a smaller part has real ones. Every attempt is made by
two or three of the four workers, each in an order of his own, singly and in batches.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import rln
from rln.ports import NullifierLog
from rln.stores import open_log
from tests.effort import effort
from tests.exactness.crew import in_processes, in_threads
from tests.exactness.places import LOGS
from tests.exactness.real import RealMaker
from tests.exactness.stub import StubKey, StubMaker
from tests.exactness.traffic import Answer, End, Maker, check, mix, send

WORKERS = 4
MEMBERS = 200
LIMITS = (1, 2, 7, 64)
ROUNDS = effort(1, 30)


class Hammer:
    """One epoch of traffic, and four workers who judge it.

    Args:
        key: of the proofs.
        roots: that they are for.
        maker: of the proofs, in the clock's current epoch.
        clock: of the workers.
        seed: of every choice.
    """

    def __init__(
        self, key: rln.VerifyingKey, roots: list[int], maker: Maker, clock: rln.EpochClock, seed: int
    ) -> None:
        self.key, self.roots, self.clock = key, roots, clock
        self.traffic = mix(maker, random.Random(seed))
        self.commitments = {rln.Identity.from_secret(secret).commitment for secret in maker.secrets}
        self.shifts = shifts(len(self.traffic.attempts), random.Random(seed))

    def strike(self, uri: str) -> tuple[Counter[End], float]:
        """Let all workers loose on one log; return how often each end came, and attempts a second."""
        first = open_log(uri, self.clock, new=True)
        start = time.perf_counter()
        if uri == "memory://":
            answers = in_threads(WORKERS, lambda number: self.work(first, number))
        else:
            first.close()
            answers = in_processes(WORKERS, lambda number: self.work(open_log(uri, self.clock), number))
        seconds = time.perf_counter() - start
        everything = [answer for worker in answers for answer in worker]
        return check(self.traffic, everything), len(everything) / seconds

    def work(self, log: NullifierLog, number: int) -> list[Answer]:
        """What one worker does."""
        verifier = rln.Verifier(
            self.key,
            roots=self.roots,
            log=log,
            clock=self.clock,
            was_member=self.commitments.__contains__,
            threads=1,
        )
        return send(verifier, self.traffic.attempts, self.shifts[number], random.Random(number))


def shifts(attempts: int, draw: random.Random) -> list[list[int]]:
    """For each worker the numbers of his attempts, in his order."""
    made: list[list[int]] = [[] for _ in range(WORKERS)]
    for attempt in range(attempts):
        for worker in draw.sample(range(WORKERS), draw.choice((2, 3))):
            made[worker].append(attempt)
    for numbers in made:
        draw.shuffle(numbers)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("place", LOGS)
def test_accepted_is_exactly_the_limit(
    place: str, request: pytest.FixtureRequest, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    key, total, rates = StubKey(), Counter[End](), []
    for number in range(ROUNDS):
        clock = rln.EpochClock(f"hammer-{number}.example", 3600, past_gap=1)
        maker = StubMaker(key, [limit for limit in LIMITS for _ in range(MEMBERS)], clock.current())
        folder = tmp_path / str(number)
        folder.mkdir()
        ends, rate = Hammer(key, [17], maker, clock, number).strike(LOGS[place](request, folder))
        total += ends
        rates.append(rate)
    report(place, total, rates, record_property)
    assert sum(total.values()) >= 100_000 * ROUNDS
    assert all(total[end] > 100 for end in End)


@pytest.mark.slow
@pytest.mark.parametrize("place", LOGS)
def test_accepted_is_exactly_the_limit_with_real_proofs(
    place: str,
    real: RealMaker,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    hammer = Hammer(real.key.verifying_key, [real.root], real, real.clock, 1)
    ends, rate = hammer.strike(LOGS[place](request, tmp_path))
    report(f"{place}, real proofs", ends, [rate], record_property)
    assert sum(ends.values()) >= 700
    assert all(ends[end] for end in End)


def report(
    what: str, ends: Counter[End], rates: Sequence[float], record: Callable[[str, object], None]
) -> None:
    """Say what was measured; pytest shows it with -rP."""
    record("attempts", sum(ends.values()))
    record("attempts_per_second", round(sorted(rates)[len(rates) // 2]))
    counted = ", ".join(f"{ends[end]} {end.name.lower()}" for end in End)
    print(f"{what}: {sum(ends.values())} attempts, {sorted(rates)[len(rates) // 2]:.0f} a second: {counted}")
