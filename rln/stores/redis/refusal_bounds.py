"""RefusalBounds: the times up to which a log on Redis refuses epochs."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

from rln.base import forks


class RefusalBounds:
    """The unix times up to which a log refuses epochs, on all of its primaries.

    Both only rise, except that `forgotten` is replaced if it is later than a server's time. Safe to use from
    several threads. A forked child goes on from the bounds of its parent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forgotten = 0
        """Unix time; epochs that ended by then are forgotten."""
        self.complete_after = -math.inf
        """Unix time; epochs that were open by then are refused, since clocks differed."""
        forks.register(self)

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._lock = threading.Lock()  # each bound is one number, which is never half changed

    def forget(self, before: int) -> None:
        """Raise `forgotten`."""
        forks.refuse_unnoticed("nullifier log")
        with self._lock:
            self.forgotten = max(before, self.forgotten)

    def merge_forgotten(self, known: int, now: int) -> None:
        """Raise `forgotten` to the value that a server has stored; discard ours if it is later than `now`.

        Such a value comes from a clock that was ahead for a moment, and would refuse all epochs until then.

        Args:
            known: the stored value, unix time.
            now: the server's unix time.
        """
        with self._lock:
            self.forgotten = max(known, self.forgotten if self.forgotten <= now else 0)

    def refuse_until(self, moment: float) -> None:
        """Raise `complete_after`."""
        with self._lock:
            self.complete_after = max(moment, self.complete_after)
