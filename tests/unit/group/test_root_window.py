"""The window of acceptable roots: by count, by time, never empty."""

from __future__ import annotations

import math

import pytest

from rln.base import scalar
from rln.errors import FieldRangeError, ParameterError
from rln.group.root_window import RootHistory, RootWindow
from rln.group.window_size import WindowSize
from rln.ports import RootSource


def test_an_empty_window_is_an_error_at_construction() -> None:
    with pytest.raises(ParameterError, match="^roots: expected at least one, got none"):
        RootHistory([], WindowSize(count=5))
    with pytest.raises(ParameterError, match="^window: expected a count, seconds, or both"):
        WindowSize()


@pytest.mark.parametrize("count", [0, -1, True, 1.0, 2**20 + 1])
def test_counts_out_of_range(count: object) -> None:
    with pytest.raises(ParameterError, match="^window count: "):
        WindowSize(count=count)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan, True, "5"])
def test_seconds_out_of_range(seconds: object) -> None:
    with pytest.raises(ParameterError, match="^window seconds: "):
        WindowSize(seconds=seconds, now=lambda: 0.0)  # type: ignore[arg-type]


def test_seconds_need_a_clock() -> None:
    with pytest.raises(ParameterError, match="^window: expected `now`"):
        WindowSize(seconds=5)


def test_window_by_count() -> None:
    history = RootHistory([1, 2], WindowSize(count=3))
    window = history.window
    assert list(window) == [2, 1]
    assert [history.push(root) for root in (3, 4)] == [2, 3]
    assert list(window) == [4, 3, 2]
    assert (window.current, len(window), history.step) == (4, 3, 3)
    assert [root in window for root in (1, 2, 3, 4, 5)] == [False, True, True, True, False]


def test_things_that_are_no_root_are_not_in_the_window() -> None:
    window = RootHistory([1], WindowSize(count=3)).window
    assert [thing in window for thing in (0, True, 1.0, "1", None, [], 1 + scalar.ORDER)] == [False] * 7
    assert isinstance(window, RootSource)
    assert isinstance(window, RootWindow)
    assert not hasattr(window, "push")


def test_a_burst_of_members_does_not_flood_a_window_in_time() -> None:
    now = [100.0]
    history = RootHistory([1], WindowSize(seconds=10, now=lambda: now[0]))
    for root in range(2, 1002):
        history.push(root)
    assert 1 in history.window
    now[0] = 110.0
    assert 1 in history.window
    now[0] = 110.5
    assert list(history.window) == [1001]
    now[0] = 9999.0
    assert list(history.window) == [1001]


def test_a_root_ages_from_the_moment_it_was_replaced() -> None:
    now = [0.0]
    history = RootHistory([1], WindowSize(seconds=10, now=lambda: now[0]))
    now[0] = 1000.0
    history.push(2)
    now[0] = 1009.0
    assert 1 in history.window
    now[0] = 1011.0
    assert 1 not in history.window


def test_a_clock_that_jumps_back_brings_no_root_back() -> None:
    now = [1000.0]
    history = RootHistory([1], WindowSize(seconds=10, now=lambda: now[0]))
    history.push(2)
    now[0] = 1011.0
    assert 1 not in history.window
    now[0] = 0.0
    assert 1 not in history.window
    history.push(3)
    now[0] = 9.0
    assert 2 in history.window
    now[0] = 11.0
    assert 2 not in history.window


def test_a_clock_that_goes_back_keeps_a_root_for_the_seconds_of_the_window_and_no_longer() -> None:
    now = [1000.0]
    history = RootHistory([1], WindowSize(seconds=10, now=lambda: now[0]))
    history.push(2)
    now[0] = 1009.0
    assert 1 in history.window
    now[0] = 500.0
    assert 1 in history.window
    now[0] = 510.0
    assert 1 in history.window
    now[0] = 510.1
    assert list(history.window) == [2]


def test_a_clock_that_was_a_day_ahead_keeps_no_root_for_a_day() -> None:
    now = [1000.0]
    history = RootHistory([1], WindowSize(seconds=10, now=lambda: now[0]))
    now[0] += 86400
    history.push(2)
    now[0] -= 86400
    assert list(history.window) == [2, 1]
    now[0] += 5
    history.push(3)
    now[0] += 6
    assert list(history.window) == [3, 2]
    now[0] += 5
    assert list(history.window) == [3]


def test_both_bounds_must_hold() -> None:
    now = [0.0]
    history = RootHistory([1, 2, 3], WindowSize(count=2, seconds=10, now=lambda: now[0]))
    assert list(history.window) == [3, 2]
    now[0] = 11.0
    assert list(history.window) == [3]


def test_retired_steps_leave_at_once_and_others_stay() -> None:
    history = RootHistory([1, 2, 3, 4], WindowSize(count=10))
    history.push(5, [range(1, 3)])
    assert list(history.window) == [5, 4, 1]
    history.push(6, [range(0, 1), range(3, 5)])
    assert list(history.window) == [6]


def test_retiring_does_not_bring_older_roots_back() -> None:
    history = RootHistory([1, 2, 3, 4], WindowSize(count=3))
    history.push(5, [range(2, 4)])
    assert list(history.window) == [5]
    history.push(6)
    assert list(history.window) == [6, 5]


def test_a_root_that_comes_again_is_acceptable_as_long_as_one_of_its_steps() -> None:
    history = RootHistory([1, 2, 1], WindowSize(count=3))
    assert list(history.window) == [1, 2]
    history.push(3)
    assert 1 in history.window
    history.push(4)
    history.push(5)
    assert 1 not in history.window


@pytest.mark.parametrize(
    ("root", "kind"), [(0, ParameterError), (scalar.ORDER, FieldRangeError), (True, FieldRangeError)]
)
def test_bad_roots(root: int, kind: type[Exception]) -> None:
    history = RootHistory([1], WindowSize(count=3))
    with pytest.raises(kind, match="^root: "):
        history.push(root)
    with pytest.raises(kind, match="^root: "):
        RootHistory([1, root], WindowSize(count=3))
    assert list(history.window) == [1]
