"""StepRanges: a set of steps, kept as a few ranges that do not touch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class StepRanges:
    """A set of steps.

    A step that follows another is usually in the same range, so ranges are few, and adding one takes a search
    among them, however many steps it has. One thread at a time may use it, which the owner's lock ensures,
    also around a fork.
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []

    def add(self, start: int, stop: int) -> None:
        """Add the steps start .. stop, of which there may be none; ranges that touch become one."""
        if start >= stop:
            return
        low = bisect_left(self._stops, start)
        high = bisect_right(self._starts, stop)
        if low < high:
            start, stop = min(start, self._starts[low]), max(stop, self._stops[high - 1])
        self._starts[low:high] = [start]
        self._stops[low:high] = [stop]

    def newest_outside(self, step: int) -> int:
        """Return the newest step up to this one that is not in the set."""
        place = bisect_right(self._starts, step) - 1
        return self._starts[place] - 1 if place >= 0 and step < self._stops[place] else step

    def forget_before(self, step: int) -> None:
        """Forget the ranges that end before a step."""
        count = bisect_right(self._stops, step)
        del self._starts[:count], self._stops[:count]

    def ranges(self) -> list[range]:
        """Return the ranges, oldest first."""
        return [range(*pair) for pair in zip(self._starts, self._stops, strict=True)]
