"""Outcome: what became of a message in a word or two, for counters and log lines."""

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
    """Return the verdict's name, or that of the error; all unforeseen ones are "error"."""
    return next((word for kind, word in _WORDS if isinstance(outcome, kind)), "error")


def reason_word(outcome: Verdict | Exception) -> str:
    """Return why a message is invalid, and nothing of the other outcomes."""
    return outcome.reason.value if isinstance(outcome, Invalid) else ""
