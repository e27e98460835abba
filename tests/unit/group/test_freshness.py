"""What was read from a registry is used for 0.1 seconds, and is read again if the clock has gone back."""

from __future__ import annotations

from rln.group.freshness import REREAD_SECONDS, Freshness


def test_what_was_read_counts_for_a_while() -> None:
    freshness = Freshness(1000.0)
    assert [freshness.is_fresh(now) for now in (1000.0, 1000.09)] == [True, True]
    assert [freshness.is_fresh(now) for now in (1000.0 + REREAD_SECONDS, 2000.0)] == [False, False]
    freshness.renew(2000.0)
    assert [freshness.is_fresh(now) for now in (2000.05, 2000.2)] == [True, False]


def test_a_clock_that_goes_back_ends_it() -> None:
    assert not Freshness(1000.0).is_fresh(999.9)


def test_nothing_is_fresh_without_a_clock_or_a_reading() -> None:
    freshness = Freshness()
    assert not freshness.is_fresh(1000.0)
    assert not freshness.is_fresh(None)
    freshness.renew(None)
    assert not freshness.is_fresh(1000.0)
    assert not Freshness(1000.0).is_fresh(None)
