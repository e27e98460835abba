"""Freshness: whether a process knows its registry well enough, or must read it again."""

from __future__ import annotations

from typing import Final

REREAD_SECONDS: Final = 0.1
"""Seconds for which a process with a clock answers from what it has read."""


class Freshness:
    """For how long what was read from a registry is good enough.

    Args:
        read_at: seconds by the owner's clock, when the registry was read; None when it was not.
    """

    def __init__(self, read_at: float | None = None) -> None:
        self._read_at = read_at

    def is_fresh(self, now: float | None) -> bool:
        """Tell whether what was read still counts: never without a clock, nor when it has gone back."""
        if now is None or self._read_at is None:
            return False
        return self._read_at <= now < self._read_at + REREAD_SECONDS

    def renew(self, now: float | None) -> None:
        """Set the time at which the registry was read."""
        self._read_at = now
