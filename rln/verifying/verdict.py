"""Verdict: the four results of judging a message, for `match`.

    match verifier.submit(proof, signal):
        case Valid(): ...                                       the first time: serve it
        case Duplicate(): ...                                   the same message again: do not serve it twice
        case RateLimitViolation(identity_secret=secret): ...    the member exceeded the limit: slash them
        case Invalid(reason=reason): ...                        refused

A verdict has no truth value: `if verifier.submit(...)` raises TypeError, so a refused message cannot pass by
accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from rln.base.arguments import instance, text
from rln.errors import Reason
from rln.protocol.identity import IdentitySecret
from rln.verifying.evidence import Evidence


class _NoTruth:
    """A verdict is never true or false."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__}: a verdict is neither true nor false; use `match`, or "
            "`isinstance(verdict, rln.Valid)` to test for one of the four"
        )


@dataclass(frozen=True, slots=True)
class Valid(_NoTruth):
    """All checks passed, and the message is new. Its nullifiers are in the log now."""


@dataclass(frozen=True, slots=True)
class Duplicate(_NoTruth):
    """The same share was accepted before: do not serve the message. The member did nothing wrong."""


@dataclass(frozen=True, slots=True)
class RateLimitViolation(_NoTruth):
    """Two verified messages have one nullifier: the member used a message id twice.

    Args:
        identity_secret: the member's identity secret, recovered from both shares and checked against the
            nullifier.
        evidence: both messages, if the verifier has an audit trail that holds the first one and can read it.
    """

    identity_secret: IdentitySecret
    evidence: Evidence | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        instance(self.identity_secret, IdentitySecret, "identity_secret")
        if self.evidence is not None:
            instance(self.evidence, Evidence, "evidence")


@dataclass(frozen=True, slots=True)
class Invalid(_NoTruth):
    """The message is refused. Nothing was written.

    Args:
        reason: the first check that failed.
        detail: what is wrong, for a log line; may be empty.
    """

    reason: Reason
    detail: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        instance(self.reason, Reason, "reason")
        text(self.detail, "detail")


Verdict = Valid | Duplicate | RateLimitViolation | Invalid
