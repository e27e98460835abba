"""Verdict: the four ends of a message, for `match`.

    match verifier.submit(proof, signal):
        case Valid(): ...                                       first time seen: serve it
        case Duplicate(): ...                                   the same message again: do not serve it twice
        case RateLimitViolation(identity_secret=secret): ...    the member overspent, and this is his secret
        case Invalid(reason=reason): ...                        refused

None of them has a truth value: `if verifier.submit(...)` raises, so a refused message cannot pass by
accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from rln.errors import Reason
from rln.protocol.identity import IdentitySecret
from rln.verifying.evidence import Evidence


class _NoTruth:
    """A verdict is never true or false."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__}: a verdict is neither true nor false; use `match`, or "
            "`isinstance(verdict, rln.Valid)` where one end is all you ask for"
        )


@dataclass(frozen=True, slots=True)
class Valid(_NoTruth):
    """All checks hold and the message is new; its nullifiers are in the log now."""


@dataclass(frozen=True, slots=True)
class Duplicate(_NoTruth):
    """The same share was accepted before; nothing was written, and nobody did wrong."""


@dataclass(frozen=True, slots=True)
class RateLimitViolation(_NoTruth):
    """Two verified messages with one nullifier: the member spent a message id twice.

    Args:
        identity_secret: the member's secret, recovered from both shares and checked against the nullifier.
        evidence: both messages, where the verifier has an audit trail that knows the first one.
    """

    identity_secret: IdentitySecret
    evidence: Evidence | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Invalid(_NoTruth):
    """Refused; nothing was written.

    Args:
        reason: which check failed first.
        detail: the thing, the expected and the got, for a log line; may be empty.
    """

    reason: Reason
    detail: str = field(default="", compare=False)


Verdict = Valid | Duplicate | RateLimitViolation | Invalid
