"""Outcome: name the outcome of a message in a word or two, for counters and log lines."""

from __future__ import annotations

from typing import Final

from rln.base.arguments import flag, real
from rln.errors import IntegrityAlarm, Overloaded, ParameterError, StoreUnavailable
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict

_WORDS = (
    (Valid, "valid"),
    (Duplicate, "duplicate"),
    (RateLimitViolation, "rate limit violation"),
    (Invalid, "invalid"),
    (Overloaded, "overloaded"),
    (StoreUnavailable, "unavailable"),
    (IntegrityAlarm, "alarm"),
)


MOST_MESSAGES: Final = 1 << 62
"""More messages than can be pending."""


def check_judged(outcome: Verdict | Exception, since: float) -> None:
    """Check what an observer is told about a message.

    Raises:
        ParameterError: no outcome, or no time.
    """
    if not isinstance(outcome, (Valid, Duplicate, RateLimitViolation, Invalid, Exception)):
        raise ParameterError(f"outcome: expected a verdict or an error, got {type(outcome).__name__}")
    real(since, "since")


def check_stored(failed: bool, since: float) -> None:
    """Check what an observer is told about the nullifier log.

    Raises:
        ParameterError: neither True nor False, or no time.
    """
    flag(failed, "failed")
    real(since, "since")


def verdict_word(outcome: Verdict | Exception) -> str:
    """Return the name of the verdict or of the error. All unexpected errors are "error"."""
    return next((word for kind, word in _WORDS if isinstance(outcome, kind)), "error")


def reason_word(outcome: Verdict | Exception) -> str:
    """Return the reason of an invalid message, and an empty string for any other outcome."""
    return outcome.reason.value if isinstance(outcome, Invalid) else ""
