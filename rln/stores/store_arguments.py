"""Store arguments: what a log and a message id allocator are given, with one check for all stores."""

from __future__ import annotations

from collections.abc import Sequence

from rln.base import scalar
from rln.base.arguments import instance, nonzero, plain_bytes, sequence
from rln.errors import InputError, ParameterError
from rln.protocol.epoch import Epoch
from rln.protocol.share import Share
from rln.stores.refusals import check_message, check_reservation
from rln.verifying.ports import Claim, check_claim


def checked_claims(claims: Sequence[Claim]) -> list[tuple[Epoch, dict[int, Share]]]:
    """Return the epoch of each claim, and its shares by nullifier.

    Raises:
        ParameterError: not claims, or as for `check_claim`.
    """
    if type(claims) is not list:
        sequence(claims, "claims")
    try:
        return [(epoch, check_claim(shares)) for epoch, shares in claims if _is_epoch(epoch)]
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise ParameterError("claims: expected pairs of an Epoch and shares, got something else") from error


def check_questions(keys: Sequence[tuple[Epoch, int]]) -> None:
    """Check the epochs and nullifiers that a log is asked for.

    Raises:
        ParameterError: not pairs of an epoch and a nullifier.
        FieldRangeError: a nullifier is not a field element.
    """
    if type(keys) is not list:
        sequence(keys, "keys")
    try:
        for epoch, nullifier in keys:
            if _is_epoch(epoch) and (type(nullifier) is not int or not 0 <= nullifier < scalar.ORDER):
                scalar.check(nullifier, "nullifier")
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise ParameterError(
            "keys: expected pairs of an Epoch and a nullifier, got something else"
        ) from error


def _is_epoch(epoch: object) -> bool:
    """Return True, or refuse anything but an epoch."""
    if type(epoch) is not Epoch:
        instance(epoch, Epoch, "epoch")
    return True


def check_use(commitment: int, epoch: Epoch, limit: int, count: int, x: int | None) -> None:
    """Check the arguments of `MessageIdAllocator.reserve`.

    Raises:
        ParameterError, FieldRangeError: as for `check_reservation`, or not an epoch.
    """
    instance(epoch, Epoch, "epoch")
    check_reservation(commitment, limit, count, x)


def check_kept(commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
    """Check the arguments of `MessageIdAllocator.keep`.

    Raises:
        InputError: an argument has another type or is outside its range.
    """
    instance(epoch, Epoch, "epoch")
    check_recall(commitment, epoch.identifier, x)
    instance(ids, range, "ids")
    check_message(message)


def check_recall(commitment: int, identifier: bytes, x: int) -> None:
    """Check the arguments of `MessageIdAllocator.recall`.

    Raises:
        InputError: an argument has another type or is outside its range.
    """
    nonzero(commitment, "commitment")
    plain_bytes(identifier, "rln identifier")
    nonzero(x, "x")
