"""A flood of invalid messages at an AsyncVerifier: a second long, or a minute with RLN_EFFORT=release."""

import pytest

from benchmarks.flood import KINDS, run
from tests.support.effort import RELEASE


@pytest.mark.parametrize("own_sources", [False, True])
def test_honest_messages_are_served_during_a_flood(own_sources):
    """Threats F8. In CI fewer messages come than the queue has places, so a slow machine changes nothing."""
    seconds, rate, ratio = (60.0, 50.0, 20) if RELEASE else (0.9, 50.0, 20)
    idle, flood = run(seconds, rate, ratio, own_sources)
    count = int(seconds * rate)
    assert idle.honest == flood.honest == {"Valid": count}
    assert flood.invalid.total() == count * ratio
    refused = {"wrong epoch", "unknown root", "wrong signal", "Duplicate", "bad proof", "Overloaded"}
    assert set(flood.invalid) <= refused
    if own_sources:
        assert flood.invalid["bad proof"] <= count * ratio // len(KINDS)
    if RELEASE:
        assert flood.quantile(0.99) <= 10 * idle.quantile(0.99)
        assert own_sources or flood.invalid["Overloaded"] > 0
