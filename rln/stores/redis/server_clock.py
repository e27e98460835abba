"""ServerClock: what a server's clock did since the workers of a log last looked at it.

Redis deletes an entry when its time is over by the server's clock. Every decision compares this clock with
the verifiers' clock, but both may be wrong by the same amount. So each examination leaves these keys:

    mark      the newest time of the server that a worker has seen. If the server's time is behind it, the
              clock was ahead, and entries may have expired early.
    timers    keys that expire at fixed times, up to the end of the life of an entry. If one is missing before
              its time, the clock was ahead, even if no worker was running. Entries live longer than the
              retention by the time between two timers: so if the clock was ahead by so little that no timer
              shows it, the epochs of the entries that expired have ended.
    machine   for each machine, by how much the server's clock differed from the time for which that machine
              had been running, which nobody can set.

A generation is young until the workers have seen the server for the retention. If the server's clock is set
forward while a generation is young, its start was noted by a slow clock, and the start is noted again. The
same is done when a machine looks at a young generation for the first time and nobody has looked for a while,
because then the clock may have been set. Later none of this matters: what was open at the start has ended.

Redis deletes expired keys in the background, some at a time. If its clock was ahead for a short time while no
worker was running, it may have deleted entries and no timer; this is not noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rln.lowlevel import entropy
from rln.stores.machine_time import MachineTime
from rln.stores.redis.resp import pack
from rln.stores.redis.server_info import GenerationRecord

TOLERANCE: Final = 30_000_000
"""Microseconds by which a clock may move without having been set, and for which nobody may look."""

_MARKED_EVERY: Final = 2_500_000
"""Microseconds between two writes of the mark, by all workers together."""

_TIMERS: Final = 32
_LEAST_SPACING: Final = 60
_SECOND: Final = 1_000_000


def timer_spacing(retention: int) -> int:
    """Return the seconds between two timers."""
    return max(_LEAST_SPACING, -(-retention // _TIMERS))


def entry_lifetime(retention: int) -> int:
    """Return the seconds for which an entry lives."""
    return retention + timer_spacing(retention)


@dataclass(frozen=True, slots=True)
class ClockMark:
    """The newest time of a server that a worker has seen. Immutable.

    Attributes:
        time: unix time in microseconds.
        lifetime: seconds for which entries lived; workers with another one set other timers.
    """

    time: int
    lifetime: int

    @classmethod
    def decode(cls, text: bytes | None) -> ClockMark | None:
        """Decode a mark; None: there is none, or it is not a mark."""
        parts = (text or b"").split(b" ")
        if len(parts) != 2 or not all(part.isdigit() for part in parts):
            return None
        return cls(*map(int, parts))

    def encode(self) -> bytes:
        """Encode the mark."""
        return b"%d %d" % (self.time, self.lifetime)


class ServerClock:
    """The keys of one log about the clock of one server.

    It has no state that changes, so any thread, event loop or forked process may use it; there is nothing to
    close.

    Args:
        suffix: hash tag and application, the end of the keys.
        retention: of the clock of the verifiers, in seconds.
    """

    def __init__(self, suffix: bytes, retention: int) -> None:
        self.mark_key = b"rln:clock:" + suffix
        self._timer_key = b"rln:timer:" + suffix + b":%d"
        self._machine_key = b"rln:machine:" + suffix + b":%b"
        self._unknown_boot = entropy.draw(16).hex()
        self.retention = retention
        self.spacing = timer_spacing(retention)
        self.lifetime = entry_lifetime(retention)

    def begin(self, server_time: int) -> ClockExamination:
        """Begin an examination.

        Args:
            server_time: unix time in microseconds, a moment ago.
        """
        return ClockExamination(self, server_time, MachineTime.now())

    def timer_key(self, time: int) -> bytes:
        """Return the key of the timer that expires at a unix time."""
        return self._timer_key % time

    def machine_key(self, boot: str) -> bytes:
        """Return the key of a machine."""
        return self._machine_key % (boot or self._unknown_boot).encode()


class ClockExamination:
    """One examination of a server's clock. One thread uses it, once; there is nothing to close.

    Attributes:
        questions: commands; `read` takes the replies to them.
    """

    def __init__(self, clock: ServerClock, server_time: int, machine: MachineTime) -> None:
        self._clock = clock
        self._running = machine.running // 1000
        self._machine_key = clock.machine_key(machine.boot)
        first = server_time // _SECOND // clock.spacing + 1
        last = (server_time // _SECOND + clock.lifetime) // clock.spacing + 1
        self._times = [number * clock.spacing for number in range(first, last + 1)]
        keys = [clock.mark_key, self._machine_key, *map(clock.timer_key, self._times)]
        self.questions = [pack(b"GET", key) for key in keys]
        self._mark: ClockMark | None = None
        self._machine: tuple[bytes, int] | None = None
        self._timers: dict[int, bool] = {}

    def read(self, replies: Sequence[Any]) -> None:
        """Read the replies to the questions, none of which is an error."""
        mark, machine, *timers = replies
        self._mark = ClockMark.decode(mark)
        generation, _, offset = (machine or b"").partition(b" ")
        self._machine = (generation, int(offset)) if offset.lstrip(b"-").isdigit() else None
        self._timers = {time: found is not None for time, found in zip(self._times, timers, strict=True)}

    def entries_may_be_lost(self, now: int) -> bool:
        """Tell whether the server's clock was ahead, so that entries may have expired early.

        Args:
            now: the server's unix time in microseconds, read after the timers.
        """
        mark = self._mark
        if mark is None:
            return False
        if now < mark.time - TOLERANCE:
            return True
        if mark.lifetime != self._clock.lifetime:
            return False
        last = mark.time // _SECOND + mark.lifetime
        return any(now < time * _SECOND and time <= last and not self._timers[time] for time in self._times)

    def clock_was_set(self, record: GenerationRecord, now: int) -> bool:
        """Tell whether the server's clock may have been set forward since the start of a young generation.

        Args:
            record: of the generation.
            now: as above.
        """
        if not self._is_young(record):
            return False
        if self._machine is not None and self._machine[0] == record.generation:
            return now - self._running - self._machine[1] > TOLERANCE
        return now - self._last_seen(record) > TOLERANCE

    def writes(self, record: GenerationRecord, now: int, changed: bool) -> list[bytes]:
        """Return the commands that leave the keys for the next examination.

        Args:
            record: of the generation, as it is from now on.
            now: as above.
            changed: the generation is new, or its start was noted again.
        """
        mark, lifetime = self._mark, self._clock.lifetime
        is_known = not self._is_young(record) or (
            self._machine is not None and self._machine[0] == record.generation
        )
        fresh = mark is not None and mark.lifetime == lifetime and now - mark.time < _MARKED_EVERY
        if fresh and is_known and not changed:
            return []
        newest = now if changed or mark is None else max(now, mark.time)
        commands = [pack(b"SET", self._clock.mark_key, ClockMark(newest, lifetime).encode())]
        if changed or not is_known:
            value = b"%b %d" % (record.generation, now - self._running)
            commands.append(pack(b"SET", self._machine_key, value, b"EX", lifetime))
        last = newest // _SECOND + lifetime
        missing = [time for time in self._times if now < time * _SECOND and not self._timers[time]]
        for time in missing:
            if time <= last:
                commands.append(pack(b"SET", self._clock.timer_key(time), b"", b"EXAT", time))
        return commands

    def _last_seen(self, record: GenerationRecord) -> int:
        """Return the newest time at which a worker has seen the generation, in microseconds."""
        return max(record.since, 0 if self._mark is None else self._mark.time)

    def _is_young(self, record: GenerationRecord) -> bool:
        seen = self._last_seen(record) - record.since
        return record.since > 0 and seen < self._clock.retention * _SECOND
