"""Logs: write what a verifier does to `logging`, as lines of JSON.

    {"commitment": "123…", "event": "judged", "seconds": 0.0021, "verdict": "rate limit violation"}

A line holds no secret, no proof, no nullifier, no signal and no address. The line of a violation holds the
member's identity commitment, which is public by then. Levels:

    CRITICAL   alarm: something mathematically impossible happened; the audit trail is damaged or fails;
               alert the operator at once
    ERROR      unavailable, and unexpected errors
    WARNING    rate limit violation; the nullifier log failed
    INFO       invalid, overloaded: any sender can cause any number of these lines
    DEBUG      valid, duplicate
"""

from __future__ import annotations

import json
import logging
import time
from typing import Final

from rln.base.arguments import instance, whole
from rln.errors import RlnError
from rln.integrations.observer_lock import ObserverLock
from rln.integrations.outcome import MOST_MESSAGES, check_judged, check_stored, reason_word, verdict_word
from rln.verifying.ports import Observer
from rln.verifying.verdict import Invalid, RateLimitViolation, Verdict

_LEVELS: Final = {
    "valid": logging.DEBUG,
    "duplicate": logging.DEBUG,
    "invalid": logging.INFO,
    "overloaded": logging.INFO,
    "rate limit violation": logging.WARNING,
    "unavailable": logging.ERROR,
    "error": logging.ERROR,
    "alarm": logging.CRITICAL,
}


class LogObserver(Observer):
    """Writes lines to a logger. Safe to use from several threads, and across a fork.

    A line is written with a lock that a fork waits for, see `rln.integrations.observer_lock`. That does not
    help if other code writes to the same stream during a fork. An event loop waits for each line, as with all
    of `logging`. There is nothing to close.

    Args:
        logger: the logger that gets the lines; None is the logger `rln.verifying`.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        if logger is not None:
            instance(logger, logging.Logger, "logger")
        self._logger = logging.getLogger("rln.verifying") if logger is None else logger
        self._lock = ObserverLock("log lines")

    def moment(self) -> float:
        """Return the time of a monotonic clock, in seconds."""
        return time.perf_counter()

    def judged(self, outcome: Verdict | Exception, since: float) -> None:
        """Write the outcome of a message; see `Observer`."""
        check_judged(outcome, since)
        verdict = verdict_word(outcome)
        level = _LEVELS[verdict]
        if not self._logger.isEnabledFor(level):
            return
        line: dict[str, object] = {"verdict": verdict}
        if isinstance(outcome, Invalid):
            line |= {"reason": reason_word(outcome), "detail": outcome.detail}
        elif isinstance(outcome, RateLimitViolation):
            line["commitment"] = str(outcome.identity_secret.commitment)
        elif isinstance(outcome, Exception):
            line["error"] = type(outcome).__name__
            # The text of other errors may hold anything, even bytes of a message.
            if isinstance(outcome, RlnError):
                line["detail"] = str(outcome)
        self._write(level, "judged", since, line)

    def stored(self, failed: bool, since: float) -> None:
        """Write a line if the nullifier log has failed; see `Observer`."""
        check_stored(failed, since)
        if failed:
            self._write(logging.WARNING, "nullifier log failed", since, {})

    def damaged(self, error: Exception) -> None:
        """Write what happened to the audit trail; see `Observer`."""
        instance(error, Exception, "error")
        line: dict[str, object] = {"error": type(error).__name__}
        if isinstance(error, RlnError):
            line["detail"] = str(error)
        self._write(logging.CRITICAL, "audit trail damaged", time.perf_counter(), line)

    def waiting(self, messages: int) -> None:
        """Write nothing, because a number that changes all the time belongs in metrics."""
        whole(messages, "messages", 0, MOST_MESSAGES)

    def _write(self, level: int, event: str, since: float, line: dict[str, object]) -> None:
        whole = {"event": event, "seconds": round(time.perf_counter() - since, 6), **line}
        with self._lock:
            self._logger.log(level, "%s", json.dumps(whole, sort_keys=True))
