"""Freshness: whether what a process has read from a registry is recent enough, or must be read again.

Readers of a registry wait for its answer. If the server is slow, the readers of one process must not wait in
turn, one after another. So one of them reads, and the others use what was read a short while ago.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from rln.base import forks
from rln.errors import StoreUnavailable

REREAD_SECONDS: Final = 0.1
"""Seconds for which what was read is recent enough."""

STALE_SECONDS: Final = 1.0
"""Seconds for which what was read may be used while another thread reads again."""

_PATIENCE: Final = 1.0
"""Seconds to wait for another thread's reading if what was read before is too old."""


class Freshness:
    """The time of the last reading of a registry, and whether it is recent enough.

    It has one number, which threads may set and read at once. In a forked child the owner makes a new one.

    Args:
        read_at: seconds by the clock of this process; None if the registry was not read yet.
    """

    def __init__(self, read_at: float | None = None) -> None:
        self._read_at = read_at

    def is_fresh(self, now: float | None) -> bool:
        """Tell whether the reading is recent enough; without a clock, or after it went back, it is not."""
        return self._is_within(REREAD_SECONDS, now)

    def is_usable(self, now: float | None) -> bool:
        """Tell whether the reading may be used while another thread reads again."""
        return self._is_within(STALE_SECONDS, now)

    def renew(self, now: float | None) -> None:
        """Set the time of the last reading."""
        self._read_at = now

    def _is_within(self, seconds: float, now: float | None) -> bool:
        if now is None or self._read_at is None:
            return False
        return self._read_at <= now < self._read_at + seconds


class Rereading:
    """Readings of a registry, made by one thread at a time.

    While a thread reads, the others use what was read at most STALE_SECONDS ago. If that is too old, or there
    is no clock, each waits for at most a second, and then gets `StoreUnavailable`: however slow the registry
    is, none waits for the others in turn, and none uses old data for ever. In a forked child the next call
    reads.

    Args:
        read_at: seconds by the clock of this process; None if the registry was not read yet.
    """

    def __init__(self, read_at: float | None = None) -> None:
        self._freshness = Freshness(read_at)
        self._reading = threading.Lock()
        forks.register(self)

    def ensure(self, now: float | None, read: Callable[[], None], *, again: bool = False) -> None:
        """Read if it is time to.

        Args:
            now: seconds by the clock of this process; None without a clock: then every call reads.
            read: reads the registry.
            again: read even if the last reading is fresh.

        Raises:
            StoreUnavailable: another thread has been reading for too long.
            Exception: any error of `read`; then the next call reads.
        """
        if not again and self._freshness.is_fresh(now):
            return
        if not self._reading.acquire(blocking=False):
            if self._freshness.is_usable(now):
                return
            if not self._reading.acquire(timeout=_PATIENCE):
                raise StoreUnavailable(
                    f"registry: expected an answer within {_PATIENCE:g} seconds, and another thread still "
                    "waits for one; try again"
                )
        reading = self._reading  # a fork within `read` gives the child another one
        try:
            if again or not self._freshness.is_fresh(now):
                read()
                self._freshness.renew(now)
        finally:
            reading.release()

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()  # held while the registry is read, which may take long

    def _after_fork(self, torn: bool) -> None:
        self._reading = threading.Lock()
        self._freshness = Freshness()
