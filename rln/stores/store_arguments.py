"""Store arguments: what a log and a message id allocator are given, with one check for all stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rln.base import scalar
from rln.base.arguments import instance, nonzero, sequence
from rln.errors import ParameterError
from rln.protocol.epoch import Epoch
from rln.protocol.share import Share
from rln.stores.refusals import check_message, check_reservation
from rln.verifying.ports import Claim, check_claim


def checked_claims(claims: Sequence[Claim]) -> list[tuple[Epoch, dict[int, Share]]]:
    """Return the epoch of each claim, and its shares by nullifier.

    Raises:
        ParameterError: not claims, or as for `check_claim`.
    """
    checked = []
    for claim in sequence(claims, "claims"):
        epoch, shares = _pair(claim, "claims")
        checked.append((epoch, check_claim(shares)))
    return checked


def check_questions(keys: Sequence[tuple[Epoch, int]]) -> None:
    """Check the epochs and nullifiers that a log is asked for.

    Raises:
        ParameterError: not pairs of an epoch and a nullifier.
        FieldRangeError: a nullifier is not a field element.
    """
    for key in sequence(keys, "keys"):
        scalar.check(_pair(key, "keys")[1], "nullifier")


def _pair(value: Any, name: str) -> tuple[Epoch, Any]:
    if type(value) is not tuple or len(value) != 2 or not isinstance(value[0], Epoch):
        raise ParameterError(f"{name}: expected pairs that begin with an Epoch, got {type(value).__name__}")
    return value


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
    check_recall(commitment, epoch, x)
    instance(ids, range, "ids")
    check_message(message)


def check_recall(commitment: int, epoch: Epoch, x: int) -> None:
    """Check the arguments of `MessageIdAllocator.recall`.

    Raises:
        ParameterError, FieldRangeError: an argument has another type or is outside its range.
    """
    nonzero(commitment, "commitment")
    instance(epoch, Epoch, "epoch")
    nonzero(x, "x")
