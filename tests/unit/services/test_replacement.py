"""ReplacementRules: after `free_at`, nothing that the old leaf could send is acceptable any more."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rln
from rln.errors import ParameterError
from rln.services.replacement import ReplacementRules
from tests.support.http_world import APPLICATION, http_key

SECONDS = st.floats(0, 1, allow_nan=False)


@given(
    period=st.integers(1, 3000),
    window=st.integers(1, 3000),
    skew=st.integers(0, 300),
    removed=st.integers(1_700_000_000_000, 1_700_000_000_000 + 3_000_000),
    part=SECONDS,
    error=st.floats(-1, 1, allow_nan=False),
    later=SECONDS,
)
def test_no_epoch_of_the_old_leaf_is_acceptable_when_the_new_one_comes(
    period: int, window: int, skew: int, removed: int, part: float, error: float, later: float
) -> None:
    """A verifier whose clock differs by a second takes the old root until its window ends, never longer."""
    assume(skew < 100 * period)  # more acceptable epochs than any provider has, and slow to list
    free = ReplacementRules(window, period, skew).free_at(removed) / 1000
    now = removed / 1000 + window * part + error
    clock = rln.EpochClock(APPLICATION, period, skew=skew, now=lambda: now)
    sent = {epoch.index for epoch in clock.acceptable()}
    verifier = rln.EpochClock(APPLICATION, period, skew=skew, now=lambda: free + later + error)
    assert not sent & {epoch.index for epoch in verifier.acceptable()}


def test_the_wait_is_at_most_an_epoch_and_the_window() -> None:
    rules = ReplacementRules(60, 300, 20)
    for removed in range(1_800_000_000_000, 1_800_000_300_000, 7_000):
        assert 82_000 <= rules.free_at(removed) - removed <= 82_000 + 320_000


def test_parameters_without_seconds_are_refused() -> None:
    params = rln.Params.of(http_key(), APPLICATION, 300, window_count=64)
    with pytest.raises(ParameterError, match="expected window_seconds, got none"):
        ReplacementRules.of(params)


@pytest.mark.parametrize("wrong", [{"most": -1}, {"days": 0}, {"after_slash": 1.0}, {"most": True}])
def test_numbers_outside_their_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ParameterError):
        ReplacementRules(60, 300, 20, **wrong)
