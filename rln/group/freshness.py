"""Freshness: whether what a process has read from a registry is recent enough, or must be read again."""

from __future__ import annotations

from typing import Final

REREAD_SECONDS: Final = 0.1
"""Seconds for which what was read is recent enough."""


class Freshness:
    """The time of the last reading of a registry, and whether it is recent enough.

    Args:
        read_at: seconds by the clock of this process; None if the registry was not read yet.
    """

    def __init__(self, read_at: float | None = None) -> None:
        self._read_at = read_at

    def is_fresh(self, now: float | None) -> bool:
        """Tell whether the reading is recent enough; without a clock, or after it went back, it is not."""
        if now is None or self._read_at is None:
            return False
        return self._read_at <= now < self._read_at + REREAD_SECONDS

    def renew(self, now: float | None) -> None:
        """Set the time of the last reading."""
        self._read_at = now
