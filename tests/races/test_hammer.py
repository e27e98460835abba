"""The hammer: four workers submit the same messages; exactly min(limit, distinct ids) are accepted.

Most proofs are stubs, because the races are in the log; a smaller test has real proofs.
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
from tests.races.real_proofs import RealProofMaker
from tests.races.traffic import Result, mix
from tests.support.effort import effort

MEMBERS = 200
LIMITS = (1, 2, 7, 64)
ROUNDS = effort(1, 20)

hammer = lru_cache(maxsize=1)(stub_hammer)


@pytest.fixture(scope="module")
def real_hammer() -> Hammer:
    maker = RealProofMaker()
    return Hammer(maker.key.verifying_key, [maker.root], mix(maker, random.Random(1)), maker.clock, 1)


@pytest.mark.slow
@pytest.mark.parametrize("store", LOGS)
def test_accepted_is_exactly_the_limit(
    store: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    total, rates = Counter[Result](), []
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        results, rate = hammer(number, LIMITS * MEMBERS).run(LOGS[store](folder))
        total += results
        rates.append(rate)
    report(store, total, rates, record_property)
    assert sum(total.values()) >= 100_000 * ROUNDS
    assert all(total[result] > 100 for result in Result)


@pytest.mark.slow
@pytest.mark.parametrize("store", LOGS)
def test_accepted_is_exactly_the_limit_with_real_proofs(
    store: str, real_hammer: Hammer, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    results, rate = real_hammer.run(LOGS[store](tmp_path))
    report(f"{store}, real proofs", results, [rate], record_property)
    assert sum(results.values()) >= 700
    assert all(results[result] for result in Result)


@pytest.mark.slow
@pytest.mark.parametrize("store", LOGS)
def test_of_messages_that_share_ids_exactly_one_is_accepted(
    store: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    total, rates = Counter[Result](), []
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        results, rate = several_hammer(number, 20).run(LOGS[store](folder))
        total += results
        rates.append(rate)
    report(f"{store}, two ids each", total, rates, record_property)
    assert total[Result.VALID] == 660 * ROUNDS
    assert all(total[result] > 100 for result in (Result.DUPLICATE, Result.VIOLATION))


def report(
    what: str, results: Counter[Result], rates: Sequence[float], record: Callable[[str, object], None]
) -> None:
    """Print what was measured; pytest shows it with -rP."""
    rate = sorted(rates)[len(rates) // 2]
    record("attempts", sum(results.values()))
    record("attempts_per_second", round(rate))
    counted = ", ".join(
        f"{results[result]} {result.name.lower().replace('_', ' ')}" for result in Result if results[result]
    )
    print(f"{what}: {sum(results.values())} attempts, {rate:.0f} a second: {counted}")
