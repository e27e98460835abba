"""Refusal end: the time from which message ids are given out again, by a clock that may be set meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CLOCK_TOLERANCE: Final = 1_000_000_000
"""Nanoseconds by which the clock may go forward without having been set."""


@dataclass(frozen=True, slots=True)
class RefusalEnd:
    """The end of a refusal: epochs that begin before it are refused. Immutable, so safe in all threads.

    Attributes:
        time: unix time, by the clock at that time; 0: nothing is refused.
        clock_offset: of that clock, see `rln.protocol.epoch.clock_offset`; None: this end need not follow the
            clock, because a refusal for all identities follows it.
    """

    time: int
    clock_offset: int | None

    def adjusted(self, clock_offset: int) -> RefusalEnd:
        """Return the same end by a clock with this offset; a clock that was set back changes nothing."""
        if (
            self.clock_offset is None
            or self.time == 0
            or clock_offset - self.clock_offset <= _CLOCK_TOLERANCE
        ):
            return self
        return RefusalEnd(self.time + -(-(clock_offset - self.clock_offset) // 1_000_000_000), clock_offset)


NO_REFUSAL: Final = RefusalEnd(0, None)
