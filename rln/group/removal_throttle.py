"""RemovalThrottle: how long a process waits before it removes another slashed member.

The time of a step comes from the machine that made it, and is at least that of the step before. So where
clocks differ, or one was far ahead once, the time of a step cannot be compared with the clock here. The
throttle relies on the clock of this process: a removal that is new in the registry was made after this
process read the registry the time before.
"""

from __future__ import annotations

from rln.group.events import CLOCK_TOLERANCE


class RemovalThrottle:
    """When the last removal was made, by the clock of this process. All times are unix milliseconds.

    Args:
        interval: in which one step with removals is enough; 0 turns the throttle off.
        removed_at: the time of the last known step with removals, 0 if there is none.
        now: when the registry was read; None without a clock, which turns the throttle off.
    """

    def __init__(self, interval: int, removed_at: int, now: int | None) -> None:
        self._interval = interval
        self._removed_at: int | None
        # A process that has just started has seen no removal: a time in the future comes from a wrong clock.
        if now is None or not 0 < removed_at <= now + CLOCK_TOLERANCE:
            self._removed_at = None
        else:
            self._removed_at = min(removed_at, now)
        self._read_at = now

    def observe(self, removed_at: int | None, now: int | None) -> None:
        """Record what a reading of the registry has shown.

        Args:
            removed_at: the time of the newest step with removals that is new to this process; None if no such
                step is.
            now: by the clock of this process.
        """
        if now is None:
            return
        if removed_at is not None:
            self._removed_at = min(max(removed_at, now if self._read_at is None else self._read_at), now)
        self._read_at = now

    def blocked_until(self, now: int | None) -> int | None:
        """Return when the next removal may be made, or None if it may be made now."""
        if now is None or self._removed_at is None or not self._interval:
            return None
        over = self._removed_at + self._interval
        return over if self._removed_at - CLOCK_TOLERANCE <= now < over else None
