"""Served again: the wait in seconds, and the time that people read."""

from __future__ import annotations

import pytest

from rln.base.served_again import add_wait, served_again, utc_text
from rln.errors import IntegrityAlarm, StoreUnavailable

NOON = 1_700_049_600 - 1_700_049_600 % 86400 + 43200


def test_the_time_is_rounded_up_and_names_the_day_if_it_is_another_one() -> None:
    assert utc_text(NOON + 0.2, NOON - 60) == f"12:00:01 UTC (unix time {NOON + 1})"
    assert utc_text(NOON, NOON - 86400) == f"2023-11-15 12:00:00 UTC (unix time {NOON})"
    assert utc_text(NOON) == f"2023-11-15 12:00:00 UTC (unix time {NOON})"
    assert utc_text(0, 0) == "00:00:00 UTC (unix time 0)"


@pytest.mark.parametrize("seconds", [2**40, 2**62, 2**64 * 1000])
def test_a_time_after_the_year_9999_is_a_number(seconds: int) -> None:
    assert utc_text(seconds, NOON) == f"unix time {seconds}"
    assert utc_text(NOON, seconds) == f"unix time {NOON}"


def test_a_known_wait_is_in_the_error() -> None:
    error = served_again("members: busy", NOON + 90, NOON)
    assert (error.retry_after, error.served_from) == (90, NOON + 90)
    assert str(error) == f"members: busy; served again from 12:01:30 UTC (unix time {NOON + 90})"


def test_no_wait_is_promised_for_what_stays_refused() -> None:
    for now in (NOON, NOON + 1):
        error = served_again("an old epoch", NOON, now)
        assert (error.retry_after, error.served_from) == (None, None)
        assert str(error) == "an old epoch; the current epoch is served"


def test_an_unknown_time_is_not_in_the_error() -> None:
    error = served_again("members: busy", None, NOON)
    assert (str(error), error.retry_after, error.served_from) == ("members: busy", None, None)


def test_a_wait_is_added_where_only_the_time_is_known() -> None:
    error = served_again("ids", NOON)
    assert error.retry_after is None
    add_wait(error, lambda: NOON - 30)
    assert error.retry_after == 30
    add_wait(error, lambda: NOON - 10)
    assert error.retry_after == 30, "it counts from when the error was made"


def test_no_wait_is_added_to_anything_else() -> None:
    for other in (None, (), IntegrityAlarm("damaged"), StoreUnavailable("the disk")):
        add_wait(other, lambda: NOON)
        assert getattr(other, "retry_after", None) is None


def test_no_wait_is_added_if_the_time_is_over_or_the_clock_fails() -> None:
    def fails() -> float:
        raise StoreUnavailable("clock")

    def breaks() -> float:
        raise ZeroDivisionError

    for clock in (lambda: NOON + 1, fails, breaks):
        error = served_again("ids", NOON)
        add_wait(error, clock)
        assert error.retry_after is None


class Elsewhere(StoreUnavailable):
    """The error of somebody else's store, which does not call the constructor of its base."""

    def __init__(self, host: str) -> None:
        Exception.__init__(self, host)


def test_an_error_that_never_heard_of_the_wait_has_none() -> None:
    error = Elsewhere("host")
    add_wait(error, lambda: NOON)
    assert (error.retry_after, error.served_from, str(error)) == (None, None, "host")
