"""LogStart: when a log began, and by which clock, so that a clock that is set right later opens no old epoch.

A log that was created because another one was lost refuses the epochs that were open when it was created.
The clock at that time may have been slow. Then epochs that were really open seem to open later. So:

    clock set forward   The end of the refusal moves forward by the same amount, and not back.
    restart             The times of two boots cannot be compared, so the clock may have been set. The first
                        opening in a new boot refuses the epochs that are open then.
    retention           When the machine has run for `Clock.retention` since the creation, every epoch that
                        was open then has ended, whatever the clock showed. Neither of the above is needed any
                        more, so a clock that was ahead for a moment closes a log for at most that long.

The original time is kept for good, so epochs before it stay refused if the clock goes back later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Self

from rln.stores.machine_time import MachineTime
from rln.stores.refusals import LATEST_TIME

_SECOND: Final = 1_000_000_000
_TOLERANCE: Final = _SECOND
"""Nanoseconds by which the clock may go forward without having been set."""


@dataclass(frozen=True, slots=True)
class LogStart:
    """The start of a log. Immutable, so threads and forked processes may share it.

    Attributes:
        since: unix time by the clock of that time; epochs that were open by then are refused.
        shift: seconds by which the clock was set forward afterwards, at most.
        observed: seconds for which the machine is known to have run since then.
        machine: the machine's times at `since`.
    """

    since: int
    shift: int
    observed: int
    machine: MachineTime

    @classmethod
    def nothing_before(cls) -> Self:
        """Make the start of a log before which nothing was accepted."""
        return cls(-LATEST_TIME, 0, LATEST_TIME, MachineTime("", 0, 0))

    @classmethod
    def at(cls, seconds: float, machine: MachineTime) -> Self:
        """Make the start of a log that is created at a unix time."""
        return cls(math.ceil(seconds), 0, 0, machine)

    def is_over(self, retention: int) -> bool:
        """Tell whether the epochs that were really open at the start have ended."""
        return self.observed >= retention

    def refused_until(self, retention: int) -> int:
        """Return a unix time: epochs that were open by then are refused."""
        return self.since if self.is_over(retention) else self.since + self.shift

    def opened(self, seconds: float, machine: MachineTime, retention: int) -> LogStart:
        """Return the start for a process that opens the log at a unix time, maybe after a restart."""
        if self.is_over(retention):
            return self
        if machine.boot and machine.boot == self.machine.boot:
            return self.followed(machine, retention)
        since = max(self.since, math.ceil(seconds))
        return LogStart(since, max(0, self.since + self.shift - since), 0, machine)

    def followed(self, machine: MachineTime, retention: int) -> LogStart:
        """Return the start as the machine's clock shows it now, in the same boot."""
        if self.is_over(retention):
            return self
        if machine.running - self.machine.running >= retention * _SECOND:
            return replace(self, observed=retention)
        forward = machine.clock_offset - self.machine.clock_offset
        shift = -(-forward // _SECOND) if forward > _TOLERANCE else 0
        return replace(self, shift=shift) if shift > self.shift else self
