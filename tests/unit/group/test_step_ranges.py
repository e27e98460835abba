"""A set of steps in ranges behaves as a set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rln.group.step_ranges import StepRanges

STEPS = st.integers(0, 30)


@given(st.lists(st.tuples(STEPS, STEPS)), st.integers(0, 30))
def test_ranges_are_a_set_of_steps(added: list[tuple[int, int]], forgotten: int) -> None:
    ranges, steps = StepRanges(), set[int]()
    for start, stop in added:
        ranges.add(start, stop)
        steps |= set(range(start, stop))
    assert {step for part in ranges.ranges() for step in part} == steps
    assert all(a.stop < b.start for a, b in zip(ranges.ranges(), ranges.ranges()[1:], strict=False))
    for step in range(31):
        outside = [other for other in range(-1, step + 1) if other not in steps]
        assert ranges.newest_outside(step) == max(outside)
    ranges.forget_before(forgotten)
    kept = {step for part in ranges.ranges() for step in part}
    assert {step for step in steps if step >= forgotten} <= kept <= steps
