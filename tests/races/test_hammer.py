"""The hammer: four workers and the same messages; accepted is min(limit, distinct ids), exactly.

Proofs are stubs, since the races are those of the log; a smaller part has real ones.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import pytest

from tests.races.hammer import Hammer, several_hammer, stub_hammer
from tests.races.log_uris import LOGS
from tests.races.real_proofs import RealMaker
from tests.races.traffic import End, mix
from tests.support.effort import effort

MEMBERS = 200
LIMITS = (1, 2, 7, 64)
ROUNDS = effort(1, 20)

hammer = lru_cache(maxsize=1)(stub_hammer)


@pytest.fixture(scope="module")
def real_hammer() -> Hammer:
    maker = RealMaker()
    return Hammer(maker.key.verifying_key, [maker.root], mix(maker, random.Random(1)), maker.clock, 1)


@pytest.mark.slow
@pytest.mark.parametrize("place", LOGS)
def test_accepted_is_exactly_the_limit(
    place: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    total, rates = Counter[End](), []
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        ends, rate = hammer(number, LIMITS * MEMBERS).strike(LOGS[place](folder))
        total += ends
        rates.append(rate)
    report(place, total, rates, record_property)
    assert sum(total.values()) >= 100_000 * ROUNDS
    assert all(total[end] > 100 for end in End)


@pytest.mark.slow
@pytest.mark.parametrize("place", LOGS)
def test_accepted_is_exactly_the_limit_with_real_proofs(
    place: str, real_hammer: Hammer, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ends, rate = real_hammer.strike(LOGS[place](tmp_path))
    report(f"{place}, real proofs", ends, [rate], record_property)
    assert sum(ends.values()) >= 700
    assert all(ends[end] for end in End)


@pytest.mark.slow
@pytest.mark.parametrize("place", LOGS)
def test_of_messages_that_share_ids_exactly_one_is_accepted(
    place: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    total, rates = Counter[End](), []
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        ends, rate = several_hammer(number, 20).strike(LOGS[place](folder))
        total += ends
        rates.append(rate)
    report(f"{place}, two ids each", total, rates, record_property)
    assert total[End.VALID] == 660 * ROUNDS
    assert all(total[end] > 100 for end in (End.DUPLICATE, End.VIOLATION))


def report(
    what: str, ends: Counter[End], rates: Sequence[float], record: Callable[[str, object], None]
) -> None:
    """Say what was measured; pytest shows it with -rP."""
    rate = sorted(rates)[len(rates) // 2]
    record("attempts", sum(ends.values()))
    record("attempts_per_second", round(rate))
    counted = ", ".join(f"{ends[end]} {end.name.lower().replace('_', ' ')}" for end in End if ends[end])
    print(f"{what}: {sum(ends.values())} attempts, {rate:.0f} a second: {counted}")
