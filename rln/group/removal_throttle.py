"""RemovalThrottle: how long a process waits before it removes another slashed member.

The time of a step comes from the clock of the machine that made it, and is never before the time of the
previous step. So if clocks differ, or one clock was once far ahead, the time of a step cannot be compared
with the clock of this process. The throttle therefore uses only the clock of this process: if a reading of
the registry shows a new removal, the removal was made after the previous reading.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rln.base import forks
from rln.group.events import CLOCK_TOLERANCE


class RemovalThrottle:
    """When the last removal was made, by the clock of this process. All times are unix milliseconds.

    Threads may use it at once; its lock is held for a few assignments. A forked child goes on with its own
    copy. If the fork could not wait for another thread, a removal may be one reading older than it was.

    Args:
        interval: least time between two steps with removals; 0 turns the throttle off.
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
        self._lock = threading.Lock()
        forks.register(self)

    def observe(self, removed_at: int | None, now: int | None) -> None:
        """Record what a reading of the registry has shown.

        Args:
            removed_at: the time of the newest step with removals that is new to this process; None if no such
                step is.
            now: by the clock of this process.
        """
        if now is None:
            return
        with self._lock:
            if removed_at is not None:
                self._removed_at = min(max(removed_at, now if self._read_at is None else self._read_at), now)
            self._read_at = now

    def blocked_until(self, now: int | None) -> int | None:
        """Return when the next removal may be made, or None if it may be made now."""
        removed_at = self._removed_at
        if now is None or removed_at is None or not self._interval:
            return None
        over = removed_at + self._interval
        return over if removed_at - CLOCK_TOLERANCE <= now < over else None

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._lock = threading.Lock()
