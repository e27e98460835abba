"""Pace: how long a process waits before it takes out another slashed member.

The time of a step is that of the machine that made it, and never less than that of the step before: where two
clocks differ, or one was far ahead once, it says nothing about here and now. What does is this process's own
clock: a removal that it had not seen when it last looked, and sees now, was made in between.
"""

from __future__ import annotations

from rln.group.events import CLOCK_TOLERANCE


class RemovalThrottle:
    """When the last removal was made, by the clock of this process. All times are unix milliseconds.

    Args:
        interval: in which one removal step is enough; 0 is no pace.
        made: the time of the last removal step that is known, 0 when there is none.
        now: when it was read; None where there is no clock, and then no pace.
    """

    def __init__(self, interval: int, made: int, now: int | None) -> None:
        self._interval = interval
        # Who has just begun has seen nothing being made: a time that is to come is a wrong one.
        self._made = min(made, now) if made and now is not None and made <= now + CLOCK_TOLERANCE else None
        self._looked = now

    def observe(self, made: int | None, now: int | None) -> None:
        """Look now.

        Args:
            made: the time of the newest removal step that is new here; None when none is.
            now: of this process.
        """
        if now is None:
            return
        if made is not None:
            self._made = min(max(made, now if self._looked is None else self._looked), now)
        self._looked = now

    def blocked_until(self, now: int | None) -> int | None:
        """Return when the next removal may be made, or None when that is at once."""
        if now is None or self._made is None or not self._interval:
            return None
        over = self._made + self._interval
        return over if self._made - CLOCK_TOLERANCE <= now < over else None
