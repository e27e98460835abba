"""RLN-API: the words of Waku's RLN-API for our verdicts and errors, in one table each.

The API says what became of a proof, and, if something failed, what the caller should do: wait until the
module is ready, try again, wait for the next epoch, or give up.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import Final

from rln import errors
from rln.base.arguments import instance
from rln.errors import ParameterError, RlnError
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict


class ProofWord(enum.Enum):
    """What became of a proof."""

    PROOF_VALID = "PROOF_VALID"
    PROOF_DUPLICATE = "PROOF_DUPLICATE"
    PROOF_RATE_LIMIT_VIOLATION = "PROOF_RATE_LIMIT_VIOLATION"
    PROOF_INVALID = "PROOF_INVALID"


class ErrorWord(enum.Enum):
    """What a caller should do about an error."""

    NOT_READY = "NOT_READY"
    """Wait: the member or its path is not known yet."""
    TRANSIENT = "TRANSIENT"
    """Try again later."""
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    """Wait for the next epoch."""
    PERMANENT = "PERMANENT"
    """Give up: the same call fails again."""


VERDICTS: Final = MappingProxyType(
    {
        Valid: ProofWord.PROOF_VALID,
        Duplicate: ProofWord.PROOF_DUPLICATE,
        RateLimitViolation: ProofWord.PROOF_RATE_LIMIT_VIOLATION,
        Invalid: ProofWord.PROOF_INVALID,
    }
)
"""The word for each verdict."""

ERRORS: Final = MappingProxyType(
    {
        errors.RlnError: ErrorWord.PERMANENT,
        errors.InputError: ErrorWord.PERMANENT,
        errors.EncodingError: ErrorWord.PERMANENT,
        errors.FieldRangeError: ErrorWord.PERMANENT,
        errors.PointError: ErrorWord.PERMANENT,
        errors.ParameterError: ErrorWord.PERMANENT,
        errors.KeyFileError: ErrorWord.PERMANENT,
        errors.ProofRejected: ErrorWord.PERMANENT,
        errors.InvalidProof: ErrorWord.PERMANENT,
        errors.UnknownRoot: ErrorWord.TRANSIENT,  # prove again with a new path, or refresh the roots
        errors.WrongEpoch: ErrorWord.PERMANENT,
        errors.WrongSignal: ErrorWord.PERMANENT,
        errors.RateLimitReached: ErrorWord.BUDGET_EXHAUSTED,
        errors.NotRenewable: ErrorWord.PERMANENT,
        errors.Overloaded: ErrorWord.TRANSIENT,
        errors.MembershipError: ErrorWord.PERMANENT,
        errors.NotAMember: ErrorWord.NOT_READY,
        errors.AlreadyAMember: ErrorWord.PERMANENT,
        errors.TreeFull: ErrorWord.PERMANENT,
        errors.GroupRefused: ErrorWord.NOT_READY,
        errors.RecoveryError: ErrorWord.PERMANENT,
        errors.ProviderUnavailable: ErrorWord.TRANSIENT,
        errors.PolicyChanged: ErrorWord.PERMANENT,
        errors.RequestRefused: ErrorWord.PERMANENT,
        errors.AnswerLost: ErrorWord.PERMANENT,
        errors.StoreError: ErrorWord.TRANSIENT,
        errors.StoreUnavailable: ErrorWord.TRANSIENT,
        errors.IntegrityAlarm: ErrorWord.PERMANENT,
        errors.NativeError: ErrorWord.PERMANENT,
        errors.EntropyError: ErrorWord.TRANSIENT,
    }
)
"""The word for each class of `rln.errors`."""


def proof_word(verdict: Verdict) -> ProofWord:
    """Return the word for a verdict.

    Raises:
        ParameterError: not a verdict.
    """
    if type(verdict) not in VERDICTS:
        raise ParameterError(f"verdict: expected a verdict, got {type(verdict).__name__}")
    return VERDICTS[type(verdict)]


def error_word(error: RlnError) -> ErrorWord:
    """Return the word for an error: that of its class, or of the nearest class above it.

    Raises:
        ParameterError: not an error of this library.
    """
    instance(error, RlnError, "error")
    return next(ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS)
