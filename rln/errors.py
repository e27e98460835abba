"""The errors of the library, one tree.

    RlnError
      InputError (ValueError)        can never be right, whoever asks
        EncodingError                length, version byte, trailing bytes, text that is not canonical
        FieldRangeError              a number outside its field
        PointError                   off the curve, outside the subgroup, or infinity where none may be
        ParameterError               depth, limit, key and circuit do not match
        KeyFileError                 a key that is well formed and unsound
      ProofRejected                  well formed, not acceptable; .reason is an enum
        InvalidProof  UnknownRoot  WrongEpoch  WrongSignal
      RateLimitReached               own budget for this epoch is spent; nothing was revealed
      Overloaded                     too many messages at a time; this one was not judged: try later
      MembershipError
        NotAMember  AlreadyAMember  TreeFull
      GroupRefused                   what is said of a group does not hold: key, order, leaves, size
      RecoveryError                  shares do not determine a secret
      StoreError                     the remembered state failed; original as __cause__
        StoreUnavailable             the store is unsure: nothing was accepted
        IntegrityAlarm               an event that mathematics excludes
      NativeError (RuntimeError)     out of memory, engine unavailable, internal: machine or bug
        EntropyError                 the random source failed or repeats itself

A message names the thing, what was expected and what came: `root: expected 32 bytes, got 31`. Never a secret.
"""

from __future__ import annotations

import enum


class RlnError(Exception):
    """Base of everything that this library raises on purpose."""


class InputError(RlnError, ValueError):
    """The input can never be right, whoever asks."""


class EncodingError(InputError):
    """Wrong length, unknown version byte, trailing bytes, or text that is not canonical."""


class FieldRangeError(InputError):
    """A number outside the field it should belong to."""


class PointError(InputError):
    """Not a point: off the curve, outside the subgroup, or infinity where none may be."""


class ParameterError(InputError):
    """An argument outside its range, or parts that do not belong together."""


class KeyFileError(InputError):
    """A key that is well formed and unsound."""


class Reason(enum.Enum):
    """Why a message was refused."""

    MALFORMED = "malformed"
    WRONG_EPOCH = "wrong epoch"
    UNKNOWN_ROOT = "unknown root"
    WRONG_SIGNAL = "wrong signal"
    BAD_PROOF = "bad proof"


class ProofRejected(RlnError):
    """A well-formed proof that is not acceptable; `reason` says why."""

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
    """The member's own budget for this epoch is spent; nothing was revealed."""


class Overloaded(RlnError):
    """Too many messages at a time, or too many bad ones from one source; this one was not judged."""


class MembershipError(RlnError):
    """The group and the request do not fit."""


class NotAMember(MembershipError):
    """No such member."""


class AlreadyAMember(MembershipError):
    """The commitment is registered already."""


class TreeFull(MembershipError):
    """No leaf is left."""


class GroupRefused(RlnError):
    """What is said of a group does not hold: signature, order of its steps, leaves and root, or its size."""


class RecoveryError(RlnError):
    """The shares do not determine a secret."""


class StoreError(RlnError):
    """The remembered state failed; the original error is the cause."""


class StoreUnavailable(StoreError):
    """The store is unsure, so nothing was accepted."""


class IntegrityAlarm(StoreError):
    """Something happened that mathematics excludes: stop and look."""


class NativeError(RlnError, RuntimeError):
    """Out of memory, engine unavailable, or an internal fault: the machine or a bug."""


class EntropyError(NativeError):
    """The random source failed or repeats itself; nothing was made with it."""
