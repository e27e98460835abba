"""The allowance of each source: no source exceeds its burst, and memory is bounded."""

import random
import threading
from collections.abc import Callable
from zlib import crc32

import pytest

from rln.errors import ParameterError
from rln.verifying.source_limit import SourceLimit, check_source
from tests.support.killed_child import exit_code


def test_a_burst_and_then_the_rate():
    limit = SourceLimit(2.0, 3)
    assert [limit.take("a", 100.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert not limit.take("a", 100.4)
    assert limit.take("a", 100.5)
    assert not limit.take("a", 100.9)
    assert limit.take("a", 101.0)
    assert [limit.take("a", 200.0) for _ in range(4)] == [True] * 3 + [False]


def test_sources_do_not_know_each_other():
    limit = SourceLimit(1.0, 1)
    for source in ("a", b"a", None, "", b"", "b"):
        assert limit.take(source, 0.0)
        assert not limit.take(source, 0.0)


def test_what_is_given_back_can_be_taken_again_and_full_allowances_are_not_kept():
    limit = SourceLimit(1.0, 2)
    for _ in range(100):
        assert limit.take("a", 5.0) and limit.take("a", 5.0) and not limit.take("a", 5.0)
        limit.give_back("a")
        limit.give_back("a")
        assert len(limit) == 0
    limit.give_back("a")
    assert [limit.take("a", 5.0) for _ in range(3)] == [True, True, False]


def test_a_clock_that_goes_back_adds_nothing():
    limit = SourceLimit(1.0, 1)
    assert limit.take("a", 1000.0)
    for now in (999.0, 999.9, 999.0, 1000.0, 1000.9):
        assert not limit.take("a", now)
    assert limit.take("a", 1001.0)


def test_a_clock_that_was_a_day_ahead_starves_no_source_when_it_is_set_back():
    limit = SourceLimit(2.0, 3)
    assert [limit.take("a", 86400.0 + 5.0) for _ in range(4)] == [True, True, True, False]
    assert [limit.take("a", now) for now in (5.0, 5.4, 5.5, 5.9, 6.0)] == [False, False, True, False, True]


def test_memory_is_bounded_and_the_least_recently_used_goes():
    limit = SourceLimit(0.001, 1, sources=100)
    for number in range(1000):
        assert limit.take(str(number), 1.0)
        assert len(limit) <= 100
    assert not limit.take("900", 1.0)
    assert not limit.take("999", 1.0)
    assert limit.take("899", 1.0)


def test_allowances_that_are_full_again_are_dropped_first():
    limit = SourceLimit(1.0, 2, sources=100)
    for number in range(100):
        limit.take(str(number), 0.0)
    assert len(limit) == 100
    limit.take("late", 2.0)
    assert len(limit) == 1


@pytest.mark.parametrize("seed", range(5))
def test_nobody_gets_more_than_burst_and_rate_allow(seed):
    """Whatever is taken and given back: bad ones in any window are at most burst + rate * its length."""
    draw = random.Random(seed)
    rate, burst = draw.choice([0.5, 1.0, 3.0]), draw.randrange(1, 6)
    limit, now = SourceLimit(rate, burst), 0.0
    bad: dict[str, list[float]] = {"a": [], "b": []}
    for _ in range(2000):
        now += draw.expovariate(5.0)
        source = draw.choice("ab")
        if limit.take(source, now):
            if draw.random() < 0.5:
                limit.give_back(source)
            else:
                bad[source].append(now)
    for times in bad.values():
        assert len(times) > 50
        for i, first in enumerate(times):
            for j in range(i, min(i + 40, len(times))):
                assert j - i + 1 <= burst + rate * (times[j] - first) + 1e-6


def test_threads_share_an_allowance():
    limit, taken = SourceLimit(0.001, 500), []

    def take() -> None:
        taken.append(sum(limit.take("a", 1.0) for _ in range(300)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 500


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("rate", (0, 1)), ("rate", (-1.0, 1)), ("rate", (float("nan"), 1)), ("rate", (float("inf"), 1)),
        ("rate", ("1", 1)), ("rate", (True, 1)), ("burst", (1.0, 0)), ("burst", (1.0, 1.5)),
        ("burst", (1.0, 1 << 21)), ("sources", (1.0, 1, 0)), ("sources", (1.0, 1, 1 << 25)),
    ],
)  # fmt: skip
def test_numbers_outside_their_range(name, arguments):
    with pytest.raises(ParameterError, match=name):
        SourceLimit(*arguments)


def test_what_is_a_source():
    for good in (None, "192.0.2.1", b"\x00" * 256, ""):
        assert check_source(good) is good
    for bad in (7, bytearray(b"x"), "x" * 257, b"x" * 257, ("a",)):
        with pytest.raises(ParameterError, match="source: expected"):
            check_source(bad)


def test_repr_names_no_source():
    limit = SourceLimit(1.5, 3)
    limit.take("192.0.2.1", 0.0)
    assert repr(limit) == "SourceLimit(1.5 a second, 3 at once)"


# ---- several workers: the arithmetic of docs/guide.md --------------------------------------------------


def bad_proofs(limits: list[SourceLimit], choose: Callable[[int], int], seconds: int) -> int:
    """Return how many bad proofs of one source are verified in some seconds; it sends 100 in each second."""
    return sum(
        limits[choose(number)].take("source", 1000.0 + number / 100) for number in range(100 * seconds + 1)
    )


def in_turn(workers: int) -> Callable[[int], int]:
    return lambda number: number % workers


def test_workers_multiply_the_limit_of_one_source():
    alone = bad_proofs([SourceLimit(2.0, 4)], in_turn(1), 10)
    assert alone == 4 + 2 * 10
    assert bad_proofs([SourceLimit(2.0, 4) for _ in range(8)], in_turn(8), 10) == pytest.approx(
        8 * alone, abs=8
    )


def test_a_limit_that_is_divided_by_the_workers_holds_for_all_of_them_together():
    wanted = 48 + 8 * 10
    limits = [SourceLimit(8.0 / 8, 48 // 8) for _ in range(8)]
    assert wanted - 8 <= bad_proofs(limits, in_turn(8), 10) <= wanted
    randomly = random.Random(11)
    limits = [SourceLimit(8.0 / 8, 48 // 8) for _ in range(8)]
    assert bad_proofs(limits, lambda number: randomly.randrange(8), 10) <= wanted


def test_a_source_that_always_gets_to_one_worker_has_the_limit_of_one_worker():
    limits = [SourceLimit(2.0, 4) for _ in range(8)]
    assert bad_proofs(limits, lambda number: crc32(b"source") % 8, 10) == 4 + 2 * 10


def test_simultaneous_messages_at_random_workers_need_three_times_the_average_burst():
    """16 messages at 8 workers are 2 for each on average; a burst of 6 for each refuses few honest ones."""
    randomly = random.Random(11)
    refused = {2: 0, 6: 0}
    for burst in refused:
        for _ in range(1000):
            limits = [SourceLimit(0.001, burst) for _ in range(8)]
            refused[burst] += sum(not limits[randomly.randrange(8)].take("source", 1.0) for _ in range(16))
    assert refused[6] < 0.01 * 16 * 1000 < 0.1 * 16 * 1000 < refused[2]


def test_a_forked_worker_has_allowances_of_its_own():
    limit = SourceLimit(0.001, 2)
    assert limit.take("source", 1.0)

    def worker() -> None:
        assert [limit.take("source", 1.0) for _ in range(2)] == [True, False]

    assert exit_code(worker) == exit_code(worker) == 0
    assert [limit.take("source", 1.0) for _ in range(2)] == [True, False]
