"""Outcome: name the outcome of a message in a word or two, for counters and log lines."""

from __future__ import annotations

from rln.errors import IntegrityAlarm, Overloaded, StoreUnavailable
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


def verdict_word(outcome: Verdict | Exception) -> str:
    """Return the name of the verdict or of the error. All unexpected errors are "error"."""
    return next((word for kind, word in _WORDS if isinstance(outcome, kind)), "error")


def reason_word(outcome: Verdict | Exception) -> str:
    """Return the reason of an invalid message, and an empty string for any other outcome."""
    return outcome.reason.value if isinstance(outcome, Invalid) else ""
