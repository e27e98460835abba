"""Errors: the exceptions of the library, in one tree.

    RlnError
      InputError (ValueError)        the input is wrong, or the object is not ready for the call
        EncodingError                wrong length or format byte, trailing bytes, or text not canonical
        FieldRangeError              a number is outside its field
        PointError                   off the curve, outside the subgroup, or infinity where not allowed
        ParameterError               an argument is outside its range, or parts do not match
        KeyFileError                 a key can be read, but it is not safe to use
      ProofRejected                  the proof is well formed but not acceptable; .reason is an enum
        InvalidProof  UnknownRoot  WrongEpoch  WrongSignal
      RateLimitReached               the user message limit for this epoch is used up; nothing was revealed
      NotRenewable                   no kept message can be renewed for the signal: make a new one
      Overloaded                     too many messages, or bad proofs of one source; not judged: try later
      MembershipError
        NotAMember  AlreadyAMember  TreeFull
      GroupRefused                   a bulletin is wrong or out of order, or the group is too small
      RecoveryError                  the shares do not determine a secret
      ProviderUnavailable            a provider gave no answer, or not what was asked for: try later
      PolicyChanged                  a provider's policy is not the pinned one, nor its signed successor
      RequestRefused                 a provider refuses a request, and no further credential is sent for it
        AnswerLost                   the request was judged before, and its answer is lost
      StoreError                     a store failed; the original error is __cause__
        StoreUnavailable             the store cannot be sure: do not serve the message, try later
        IntegrityAlarm               a mathematically impossible result: stop and investigate
      NativeError (RuntimeError)     out of memory, engine unavailable, or an internal fault
        EntropyError                 the random source failed or repeats itself

A message names the thing, what was expected and what was got: `root: expected 32 bytes, got 31`. It never
holds a secret.
"""

from __future__ import annotations

import enum


class RlnError(Exception):
    """Base class of all errors that this library raises."""


class InputError(RlnError, ValueError):
    """The input is wrong, or the object is not ready for the call: it is closed, or has no path yet."""


class EncodingError(InputError):
    """The input has a wrong length, an unknown format byte, trailing bytes, or text that is not canonical."""


class FieldRangeError(InputError):
    """A number is outside its field."""


class PointError(InputError):
    """A point is off the curve, outside the subgroup, or infinity where infinity is not allowed."""


class ParameterError(InputError):
    """An argument is outside its range, or parts do not belong together."""


class KeyFileError(InputError):
    """A key can be read, but it is not safe to use; get it again from its source."""


class Reason(enum.Enum):
    """Why a message was refused."""

    MALFORMED = "malformed"
    WRONG_EPOCH = "wrong epoch"
    UNKNOWN_ROOT = "unknown root"
    WRONG_SIGNAL = "wrong signal"
    BAD_PROOF = "bad proof"


class ProofRejected(RlnError):
    """A well-formed proof is not acceptable; `reason` tells why."""

    reason: Reason = Reason.BAD_PROOF


class InvalidProof(ProofRejected):
    """The proof does not verify for its public values: the pairing equation does not hold."""


class UnknownRoot(ProofRejected):
    """The root is not in the window of recent roots."""

    reason = Reason.UNKNOWN_ROOT


class WrongEpoch(ProofRejected):
    """The message is for another application or period, or for an epoch that is not acceptable now."""

    reason = Reason.WRONG_EPOCH


class WrongSignal(ProofRejected):
    """x is not the hash of the signal."""

    reason = Reason.WRONG_SIGNAL


class RateLimitReached(RlnError):
    """The member has used up their user message limit for this epoch; nothing was revealed.

    Args:
        message: what is used up, and until when.
        retry_after: becomes the attribute.

    Attributes:
        retry_after: seconds until the next epoch, by the clock of the epochs, counted from when the error was
            made; None: not known.
    """

    # For classes of other stores that derive from this one and do not call its constructor.
    retry_after: float | None = None

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotRenewable(RlnError):
    """No message that was kept for the signal can be renewed; nothing was spent. Make a new one: `prove`."""


class Overloaded(RlnError):
    """Too many messages at a time, or too many bad proofs from one source; this message was not judged."""


class MembershipError(RlnError):
    """The group does not allow the request."""


class NotAMember(MembershipError):
    """The commitment or the index has no member now."""


class AlreadyAMember(MembershipError):
    """The commitment is registered already."""


class TreeFull(MembershipError):
    """The tree has no free leaf."""


class GroupRefused(RlnError):
    """A bulletin is wrong (signature, order of steps, leaves, root), or the group has too few members."""


class RecoveryError(RlnError):
    """The shares do not determine a secret."""


class ProviderUnavailable(RlnError):
    """A provider gave no answer, or not what was asked for: try later."""


class PolicyChanged(RlnError):
    """A provider's policy is neither the pinned one nor its signed successor: find out why."""


class RequestRefused(RlnError):
    """A provider refuses a request, and no further credential is sent for it."""


class AnswerLost(RequestRefused):
    """The provider has judged the request before, and its answer is lost; sending it again costs more."""


class StoreError(RlnError):
    """A store failed; the original error is the cause."""


class StoreUnavailable(StoreError):
    """The store cannot be sure of its data: do not serve the message. A change may have been written.

    Args:
        message: what is wrong, and what to do; a known time at which the store serves again is in it.
        retry_after: becomes the attribute.
        served_from: becomes the attribute.

    Attributes:
        retry_after: seconds until the store serves messages of the current epoch again, by the clock of the
            epochs, counted from when the error was made; None: not known. The message itself may belong to an
            epoch that stays refused: prove again then.
        served_from: the same as unix time by that clock; None: not known. A store without a clock knows this
            time only; prover and verifier add `retry_after`.
    """

    # For classes of other stores that derive from this one and do not call its constructor.
    retry_after: float | None = None
    served_from: float | None = None

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, served_from: float | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.served_from = served_from


class IntegrityAlarm(StoreError):
    """Something mathematically impossible happened: stop and investigate."""


class NativeError(RlnError, RuntimeError):
    """Out of memory, engine unavailable, or an internal fault, in the machine or in the library."""


class EntropyError(NativeError):
    """The system's random source failed, or repeats its bytes; no key or proof was made from it."""
