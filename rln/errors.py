"""Errors: the exceptions of the library, in one tree.

    RlnError
      InputError (ValueError)        the input is always wrong, whatever the state
        EncodingError                wrong length, version byte, trailing bytes, or text not canonical
        FieldRangeError              a number is outside its field
        PointError                   off the curve, outside the subgroup, or infinity where not allowed
        ParameterError               an argument is outside its range, or parts do not match
        KeyFileError                 a key is well formed but unsound
      ProofRejected                  the proof is well formed but not acceptable; .reason is an enum
        InvalidProof  UnknownRoot  WrongEpoch  WrongSignal
      RateLimitReached               the user message limit for this epoch is used up; nothing was revealed
      Overloaded                     too many messages at a time; this one was not judged: try later
      MembershipError
        NotAMember  AlreadyAMember  TreeFull
      GroupRefused                   data about a group is wrong: key, order, leaves, size
      RecoveryError                  the shares do not determine a secret
      StoreError                     a store failed; the original error is __cause__
        StoreUnavailable             the store is unsure: nothing was accepted
        IntegrityAlarm               a mathematically impossible event
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
    """The input is always wrong, whatever the state of stores, group or clock."""


class EncodingError(InputError):
    """The input has the wrong length, an unknown version byte, trailing bytes, or is not canonical text."""


class FieldRangeError(InputError):
    """A number is outside its field."""


class PointError(InputError):
    """A point is off the curve, outside the subgroup, or infinity where infinity is not allowed."""


class ParameterError(InputError):
    """An argument is outside its range, or parts do not belong together."""


class KeyFileError(InputError):
    """A key is well formed but unsound."""


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
    """The pairing equation does not hold."""


class UnknownRoot(ProofRejected):
    """The root is not in the window of recent roots."""

    reason = Reason.UNKNOWN_ROOT


class WrongEpoch(ProofRejected):
    """The external nullifier is not that of an acceptable epoch of this application."""

    reason = Reason.WRONG_EPOCH


class WrongSignal(ProofRejected):
    """x is not the hash of the signal."""

    reason = Reason.WRONG_SIGNAL


class RateLimitReached(RlnError):
    """The member has used up their user message limit for this epoch; nothing was revealed."""


class Overloaded(RlnError):
    """Too many messages at a time, or too many bad proofs from one source; this message was not judged."""


class MembershipError(RlnError):
    """The group does not allow the request."""


class NotAMember(MembershipError):
    """There is no such member."""


class AlreadyAMember(MembershipError):
    """The commitment is registered already."""


class TreeFull(MembershipError):
    """The tree has no free leaf."""


class GroupRefused(RlnError):
    """Data about a group is wrong: its signature, order of steps, leaves and root, or size."""


class RecoveryError(RlnError):
    """The shares do not determine a secret."""


class StoreError(RlnError):
    """A store failed; the original error is the cause."""


class StoreUnavailable(StoreError):
    """The store is unsure, so nothing was accepted."""


class IntegrityAlarm(StoreError):
    """Something mathematically impossible happened: stop and investigate."""


class NativeError(RlnError, RuntimeError):
    """Out of memory, engine unavailable, or an internal fault, in the machine or in the library."""


class EntropyError(NativeError):
    """The random source failed or repeats itself; nothing was made from it."""
