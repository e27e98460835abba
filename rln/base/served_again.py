"""Served again: the time at which a store serves again, as seconds to wait and as a time to read.

Stores on several machines and in several time zones refuse the same epochs, so the time is in UTC. It is a
time of the clock that tells the epochs, which a program may have set or replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from rln.errors import StoreUnavailable


def served_again(message: str, at: float | None, now: float | None = None) -> StoreUnavailable:
    """Make the error of a store that refuses until a known time.

    Args:
        message: what is refused, and why.
        at: unix time from which messages of the current epoch are served; None: not known.
        now: unix time by the same clock; None: the store has no clock.

    Returns:
        The error. If the time is over, it names none: then only the epoch that was asked for is refused.
    """
    if at is None:
        return StoreUnavailable(message)
    if now is not None and at <= now:
        return StoreUnavailable(f"{message}; the current epoch is served")
    wait = None if now is None else at - now
    text = f"{message}; served again from {utc_text(at, now)}"
    return StoreUnavailable(text, retry_after=wait, served_from=at)


def add_wait(error: object, now: Callable[[], float]) -> None:
    """Add the seconds to wait to an error that has the time alone; leave everything else as it is.

    Args:
        error: any error or answer.
        now: returns unix time by the clock of the epochs. If it fails, no wait is known.
    """
    if not isinstance(error, StoreUnavailable) or error.served_from is None or error.retry_after is not None:
        return
    try:
        wait = error.served_from - now()
    except Exception:  # noqa: BLE001 - the caller must get the error of the store, not that of the clock
        return
    error.retry_after = wait if wait > 0 else None


def utc_text(at: float, now: float | None = None) -> str:
    """Return a time for people, rounded up to a second; without the date if that is the date of `now`."""
    seconds = math.ceil(at)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
        today = None if now is None else datetime.fromtimestamp(now, UTC).date()
    except (OverflowError, ValueError, OSError):  # after the year 9999
        return f"unix time {seconds}"
    form = "%H:%M:%S UTC" if moment.date() == today else "%Y-%m-%d %H:%M:%S UTC"
    return f"{moment.strftime(form)} (unix time {seconds})"
