"""RootSteps: the roots of consecutive steps, and which of them are within a window."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from rln.errors import IntegrityAlarm
from rln.group.step_ranges import StepRanges

KEEP_SECONDS: Final = 1.0
"""Seconds for which a root is kept after it has left the window: the clocks of threads differ a little."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many of the newest roots are acceptable, and for how many seconds after they were replaced.

    Attributes:
        count: None is no bound.
        seconds: None is no bound.
    """

    count: int | None
    seconds: float | None


class RootSteps:
    """The roots of consecutive steps, each with the time at which it became the current one.

    One thread at a time may use it, which the owner's lock ensures, also around a fork.

    Args:
        bounds: of the window.
        first: number of the first step, which is added next.
        forgotten: no root is missing that was replaced after this time.
    """

    def __init__(self, bounds: Bounds, first: int, forgotten: float = -math.inf) -> None:
        self._bounds = bounds
        self._roots: dict[int, int] = {}  # by step, ascending, without gaps
        self._begun: dict[int, float] = {}  # by step, ascending
        self._steps: dict[int, list[int]] = {}  # of each root, ascending
        self._retired = StepRanges()
        self._to_forget = 0  # how many roots the next call of `forget` may forget
        self._latest = -math.inf
        self.oldest = first
        self.newest = first - 1
        self.forgotten = forgotten
        """When the newest root that was forgotten for its age was replaced."""

    def add(self, root: int, at: float) -> None:
        """Add the root of the next step, which replaces the one before."""
        self.newest += 1
        self._roots[self.newest] = root
        self._begun[self.newest] = max(at, self._begun.get(self.newest - 1, at))
        self._steps.setdefault(root, []).append(self.newest)
        self._to_forget += 2

    def retire(self, retired: Sequence[range]) -> None:
        """Retire the roots of some steps, of those that were added."""
        for steps in retired:
            # A range without an end must not retire what comes later: the next step removes the leaf.
            self._retired.add(max(steps.start, self.oldest), min(steps.stop, self.newest + 1))

    def continue_from(self, older: RootSteps) -> None:
        """Add the steps of an older reading that are newer than all of these, and retire what it retired."""
        for step in range(self.newest + 1, older.newest + 1):
            self.add(older._roots[step], older._begun[step])
        self.retire(older._retired.ranges())

    def compare(self, step: int, root: int) -> None:
        """Compare the root of a step with the one that was added before, if it is still known.

        Raises:
            IntegrityAlarm: they differ.
        """
        if self._roots.get(step, root) != root:
            raise IntegrityAlarm(
                f"registry: step {step} was read with two different roots; stop its users and investigate"
            )

    def read_at(self, now: float, ready: int) -> None:
        """Forget what has left the window; the root of step `ready` and later ones stay.

        If a root was replaced in the future, a clock was wrong. The time is changed to now; otherwise the
        root would stay acceptable for too long.
        """
        if self._bounds.seconds is not None:
            if now < self._latest - KEEP_SECONDS:  # then what has left must not come back
                self.forget(self._latest, ready, keep=0.0, most=len(self._roots))
                self._latest = now
            self._latest = max(self._latest, now)
            step = self.newest
            while self._begun.get(step, now) > now:
                self._begun[step] = now
                step -= 1
        self.forget(now, ready)

    def newest_at(self, now: float, ready: int) -> int | None:
        """Return the newest acceptable step up to `ready`, or None."""
        step = self._retired.newest_outside(ready)
        return step if step >= self.oldest and self._is_young(step, now) else None

    def accepts(self, root: int, now: float, ready: int) -> bool:
        """Tell whether a root is that of an acceptable step up to `ready`."""
        steps, step = self._steps.get(root, ()), ready
        while (place := bisect_right(steps, step) - 1) >= 0:
            step = self._retired.newest_outside(steps[place])
            if step == steps[place]:  # of the steps with this root, it was replaced last
                return self._is_young(step, now)
        return False

    def root(self, step: int) -> int:
        """Return the root of a step that was not forgotten."""
        return self._roots[step]

    def young(self, now: float, ready: int) -> tuple[int, list[int], list[range]]:
        """Return the first step within the bounds, the roots from there to `ready`, and the retired steps."""
        steps = range(self.oldest, ready + 1)
        skipped = bisect_left(steps, True, key=lambda step: self._is_young(step, now))
        roots = islice(self._roots.values(), skipped, len(steps))
        return self.oldest + skipped, list(roots), self._retired.ranges()

    def forget(self, now: float, ready: int, keep: float = KEEP_SECONDS, most: int | None = None) -> None:
        """Forget roots that are outside the bounds: as many as were added, or at most a number of them."""
        most = self._to_forget if most is None else most
        count, first = self._bounds.count, self.oldest
        for step in self._old(now - keep, min(ready, first + most)):
            root = self._roots.pop(step)
            del self._begun[step], self._steps[root][0]
            if not self._steps[root]:
                del self._steps[root]
            if count is None or step > self.newest - count:
                self.forgotten = max(self.forgotten, self._begun[step + 1])
            self.oldest = step + 1
        self._to_forget = max(0, self._to_forget - (self.oldest - first))
        if self.oldest > first:
            self._retired.forget_before(self.oldest)

    def _old(self, now: float, stop: int) -> Iterator[int]:
        """Yield the steps before `stop` that are outside the bounds."""
        for step in range(self.oldest, stop):
            if self._is_young(step, now):
                return
            yield step

    def _is_young(self, step: int, now: float) -> bool:
        """Tell whether a step is within the bounds; if one is, all later ones are, too."""
        count, seconds = self._bounds.count, self._bounds.seconds
        if count is not None and step <= self.newest - count:
            return False
        return seconds is None or step == self.newest or now - self._begun[step + 1] <= seconds
