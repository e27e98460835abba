"""Epoch: the time span that a limit applies to, and the external nullifier that identifies it in proofs.

Prover and verifier get the time from this module only. Both use an `EpochClock`, so that both mean the same
epoch. With LP(b) = length as u64 little-endian ‖ b:

    index               floor(unix time / period)
    rln identifier      LP("rln") ‖ LP(application) ‖ LP(period in seconds as u64 little-endian)
    external nullifier  Poseidon(H(index as u64 little-endian in 32 bytes), H(rln identifier))
    H(b)                Keccak-256, read little-endian, modulo r

The application is a domain name that its provider owns. There is no default, because two services with one
rln identifier would slash each other's members. The identifier contains the period. Otherwise, after a change
of the period, a new epoch could have the external nullifier of an old one.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self, runtime_checkable

from rln.base import scalar
from rln.base.arguments import fixed_bytes, instance, is_real, plain_bytes, shown, unix_time, whole
from rln.base.injected import callback, implements
from rln.base.served_again import served_again
from rln.errors import ParameterError, StoreUnavailable
from rln.protocol.hashing import hash_to_field, poseidon_hash
from rln.protocol.signal import length_prefixed

MAX_PERIOD: Final = 366 * 24 * 3600
MAX_INDEX: Final = 2**64 - 1
"""The highest index of an epoch."""
_MAX_ACCEPTED: Final = 4096
_MARGIN: Final = 60
"""Extra seconds for which a share is remembered; also the time between two writes of the high-water mark."""
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def check_application(application: str) -> str:
    """Return the application when it is a domain name.

    It must be lower-case ASCII with at least two labels, and the last label must not be a number.

    Raises:
        ParameterError: anything else, for example "localhost", "Example.com", "example.com." or an address.
    """
    if type(application) is not str:
        raise ParameterError(f"application: expected str, got {type(application).__name__}")
    labels = application.split(".")
    well_formed = len(application) <= 253 and len(labels) >= 2 and all(map(_LABEL.match, labels))
    if not well_formed or labels[-1].isdigit():
        raise ParameterError(
            "application: expected a domain name in lower case with at least one dot (example.com), "
            f"got {application[:80]!r}"
        )
    return application


def rln_identifier(application: str, period: int) -> bytes:
    """Return the rln identifier of an application and its period.

    Args:
        application: a domain name.
        period: seconds, from 1 second to 366 days.

    Raises:
        ParameterError: the application is not a domain name, or the period is outside its range.
    """
    check_application(application)
    seconds = whole(period, "period", 1, MAX_PERIOD).to_bytes(8, "little")
    parts = (b"rln", application.encode("ascii"), seconds)
    return b"".join(map(length_prefixed, parts))


def external_nullifier(index: int, identifier: bytes) -> int:
    """Return the external nullifier of one epoch of one rln identifier, a field element.

    Args:
        index: the epoch's index, 0 to 2^64 - 1.
        identifier: the rln identifier before hashing, any bytes.

    Raises:
        ParameterError: the index is outside its range.
        EncodingError: the identifier is not `bytes`.
    """
    epoch = whole(index, "epoch index", 0, MAX_INDEX).to_bytes(32, "little")
    return poseidon_hash([hash_to_field(epoch), hash_to_field(plain_bytes(identifier, "rln identifier"))])


def clock_offset() -> int:
    """Return the unix time in nanoseconds at which the machine started, by what its clock says now.

    The result changes only by a few milliseconds, unless the clock is set: then it changes by as much as the
    clock. A system without CLOCK_BOOTTIME may not count the time of a sleep; each sleep then looks as if the
    clock was set forward.
    """
    running: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(running)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of one application.

    Args:
        index: floor(unix time / period), 0 to 2^64 - 1.
        period: seconds, from 1 second to 366 days.
        identifier: the rln identifier before hashing.
        external_nullifier: the field element that names the epoch in proofs. It follows from index and
            identifier, so make epochs with `Epoch.of` or a clock.
    """

    index: int
    period: int
    identifier: bytes
    external_nullifier: int

    def __post_init__(self) -> None:
        whole(self.index, "epoch index", 0, MAX_INDEX)
        whole(self.period, "period", 1, MAX_PERIOD)
        plain_bytes(self.identifier, "rln identifier")
        scalar.check(self.external_nullifier, "external_nullifier")

    @classmethod
    def of(cls, index: int, period: int, identifier: bytes) -> Self:
        """Make an epoch and compute its external nullifier.

        Raises:
            ParameterError: the index or the period is outside its range.
            EncodingError: the identifier is not `bytes`.
        """
        whole(period, "period", 1, MAX_PERIOD)
        return cls(index, period, identifier, external_nullifier(index, identifier))

    @property
    def start(self) -> int:
        """The first second of the epoch, unix time."""
        return self.index * self.period

    @property
    def end(self) -> int:
        """The first second after the epoch, unix time."""
        return self.start + self.period


@runtime_checkable
class Clock(Protocol):
    """Tells the current epoch: `rln.protocol.epoch.EpochClock`, or a fixed clock in tests."""

    def now(self) -> float:
        """Return unix time in seconds."""

    def current(self) -> Epoch:
        """Return the current epoch: a prover makes proofs for it."""

    def acceptable(self) -> tuple[Epoch, ...]:
        """Return the epochs whose messages are acceptable now, oldest first."""

    def find(self, external_nullifier: int) -> Epoch | None:
        """Return the acceptable epoch with this external nullifier, or None."""

    def horizon(self) -> int:
        """Return a unix time: epochs that ended at or before it may be forgotten."""

    @property
    def skew(self) -> float:
        """Seconds by which clocks may differ."""

    @property
    def retention(self) -> int:
        """Seconds for which a share must be remembered after it was accepted."""

    def opened(self, epoch: Epoch) -> float:
        """Return the unix time at which messages for the epoch begin to be acceptable."""


@runtime_checkable
class HighWaterMark(Protocol):
    """Remembers the highest time ever seen, to detect a clock that goes back."""

    def raise_to(self, seconds: int) -> int:
        """Raise the mark durably to a unix time, unless it is higher already, and return the mark.

        Raises:
            StoreUnavailable: the mark cannot be read or written.
        """


class EpochClock:
    """Tells the current epoch and the acceptable epochs. Safe to use from several threads, and across a fork.

    Args:
        application: a domain name that the provider owns.
        period: length of an epoch in seconds, from 1 second to 366 days.
        skew: seconds by which the clocks of members and provider may differ, delivery included, 0 or more.
            Every epoch that overlaps [now - skew, now + skew] is acceptable.
        past_gap: how many more epochs, before those within the skew, are acceptable; 0 or more.
        future_gap: how many more epochs, after those within the skew, are acceptable; 0 or more.
        mark: remembers the highest time seen (`rln.stores.open_mark`). If the time has gone back by more than
            the skew, in this process or since an earlier one, the clock raises StoreUnavailable. None: no
            such check.
        now: returns unix time in seconds.

    Raises:
        ParameterError: the application is not a domain name, or a number is outside its range.
    """

    def __init__(
        self,
        application: str,
        period: int,
        *,
        skew: float = 20.0,
        past_gap: int = 0,
        future_gap: int = 0,
        mark: HighWaterMark | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._configure(rln_identifier(application, period), period, skew, (past_gap, future_gap), mark, now)

    @classmethod
    def waku(
        cls,
        identifier: bytes,
        period: int,
        *,
        skew: float = 20.0,
        past_gap: int = 0,
        future_gap: int = 0,
        mark: HighWaterMark | None = None,
        now: Callable[[], float] = time.time,
    ) -> Self:
        """Make a clock for a Waku network, whose rln identifier is 32 raw bytes.

        The period is not part of such an identifier, so a network must not change its period.

        Args:
            identifier: 32 bytes, such as `rln/waku-rln-relay/v2.0.0` padded with zero bytes.
            period: as for the class.
            skew, past_gap, future_gap, mark, now: as for the class.

        Raises:
            EncodingError: the identifier is not 32 bytes.
            ParameterError: a number is outside its range.
        """
        clock = cls.__new__(cls)
        raw = fixed_bytes(identifier, 32, "rln identifier")
        clock._configure(raw, period, skew, (past_gap, future_gap), mark, now)
        return clock

    def _configure(
        self,
        identifier: bytes,
        period: int,
        skew: float,
        gaps: tuple[int, int],
        mark: HighWaterMark | None,
        now: Callable[[], float],
    ) -> None:
        self._identifier = identifier
        self._period = whole(period, "period", 1, MAX_PERIOD)
        if not is_real(skew) or skew < 0:
            raise ParameterError(f"skew: expected seconds, 0 or more and finite, got {shown(skew)}")
        if 2 * skew / period > _MAX_ACCEPTED:
            raise ParameterError(f"skew: expected at most {_MAX_ACCEPTED // 2} periods, got {skew} seconds")
        self._skew = skew
        self._past_gap = whole(gaps[0], "past_gap", 0, _MAX_ACCEPTED)
        self._future_gap = whole(gaps[1], "future_gap", 0, _MAX_ACCEPTED)
        if mark is not None:
            implements(mark, HighWaterMark, "mark")
        callback(now, "now")
        self._mark = mark
        self._marked: int | None = None
        self._now = now
        self._known: dict[int, Epoch] = {}  # replaced by whole entries, so it needs no lock

    def __repr__(self) -> str:
        return f"EpochClock({self._identifier!r}, period {self._period})"

    @property
    def identifier(self) -> bytes:
        """The rln identifier before hashing."""
        return self._identifier

    @property
    def period(self) -> int:
        """Length of an epoch in seconds."""
        return self._period

    @property
    def skew(self) -> float:
        """Seconds by which clocks may differ."""
        return self._skew

    @property
    def retention(self) -> int:
        """Seconds for which a share must be remembered after it was accepted.

        The time from the first moment at which an epoch is acceptable to the last one, plus a minute.
        """
        return math.ceil((self._past_gap + self._future_gap + 1) * self._period + 2 * self._skew + _MARGIN)

    def now(self) -> float:
        """Return unix time in seconds.

        Raises:
            ParameterError: `now` returns no finite number of seconds since 1970.
            StoreUnavailable: the time is before the high-water mark by more than the skew, or the mark cannot
                be read or written.
        """
        seconds = unix_time(self._now(), "now")
        if self._mark is not None:
            self._check_mark(seconds, self._mark)
        return seconds

    def _check_mark(self, seconds: float, mark: HighWaterMark) -> None:
        """Refuse a time before the mark. Raise the mark only now and then: that is a durable write."""
        if self._marked is None or seconds >= self._marked + min(self._period, _MARGIN):
            marked = mark.raise_to(int(seconds))
            if type(marked) is not int or marked < int(seconds):
                raise StoreUnavailable(
                    f"mark: expected a time of {int(seconds)} or later, got {shown(marked)}; no time is "
                    "accepted"
                )
            self._marked = marked
        if seconds < self._marked - self._skew:
            oldest = math.ceil(self._marked - self._skew)
            raise served_again(
                f"clock: expected unix time {oldest} or later, got {int(seconds)}: it has gone back by more "
                f"than {self._skew} seconds; set the clock right; if it is right now, it was ahead before: "
                "stop all verifiers that use the mark, and delete the mark's file (see docs/stores.md)",
                self._marked - self._skew,
                seconds,
            )

    def epoch(self, index: int) -> Epoch:
        """Return the epoch with this index, 0 to 2^64 - 1."""
        whole(index, "epoch index", 0, MAX_INDEX)
        known = self._known.get(index)
        if known is None:
            if len(self._known) >= 2 * _MAX_ACCEPTED:
                self._known = {}
            known = self._known[index] = Epoch.of(index, self._period, self._identifier)
        return known

    def current(self) -> Epoch:
        """Return the current epoch."""
        return self.epoch(int(self.now() // self._period))

    def opened(self, epoch: Epoch) -> float:
        """Return the unix time at which messages for the epoch begin to be acceptable."""
        instance(epoch, Epoch, "epoch")
        return epoch.start - self._skew - self._future_gap * self._period

    def acceptable(self) -> tuple[Epoch, ...]:
        """Return the epochs that overlap [now - skew, now + skew] and those of the gaps, oldest first."""
        now = self.now()
        first = int(max(now - self._skew, 0) // self._period) - self._past_gap
        last = int((now + self._skew) // self._period) + self._future_gap
        return tuple(self.epoch(index) for index in range(max(first, 0), last + 1))

    def find(self, external_nullifier: int) -> Epoch | None:
        """Return the acceptable epoch with this external nullifier, or None if no acceptable epoch has it."""
        scalar.check(external_nullifier, "external_nullifier")
        for epoch in self.acceptable():
            if epoch.external_nullifier == external_nullifier:
                return epoch
        return None

    def horizon(self) -> int:
        """Return a unix time: epochs that ended at or before it may be forgotten.

        None of them can become acceptable again, even if the clock goes back so little that the high-water
        mark does not notice.
        """
        return max(int(self.now() - 2 * self._skew - self._past_gap * self._period - _MARGIN), 0)
