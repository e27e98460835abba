"""Refusals: checks and errors that all stores share, so that they use the same words."""

from __future__ import annotations

from typing import Final

from rln.base.arguments import MAX_TIME, nonzero, plain_bytes, whole
from rln.base.bounds import MAX_LIMIT_BITS
from rln.errors import ParameterError, RateLimitReached, StoreUnavailable
from rln.protocol.epoch import Epoch

LATEST_TIME: Final = MAX_TIME
"""The latest unix time that a store accepts: SQLite's integers have 63 bits."""

NOTHING_CHANGED: Final = "nothing was changed"
MAY_BE_SPENT: Final = (
    "the message id may be spent: do not serve the message; `peek` shows what the log holds, once it answers"
)
"""How the error of an insertion ends that may have happened."""

MAX_MESSAGE_BYTES: Final = 1 << 16
"""Bytes of a message that an allocator keeps, at most; enough for a record of 2,000 public values."""


def epoch_forgotten(epoch: Epoch, before: int) -> StoreUnavailable:
    """Make the error for an epoch that the log has dropped."""
    return StoreUnavailable(
        f"nullifier log: epoch {epoch.index} ended at unix time {epoch.end} and is forgotten, like all "
        f"epochs up to unix time {before}; if it is the current epoch, the clock was ahead or has gone back: "
        "check it"
    )


def epoch_older_than_log(epoch: Epoch, since: int) -> StoreUnavailable:
    """Make the error for an epoch that was already open when the log was created.

    Args:
        epoch: the epoch.
        since: when the log was created, or when the machine with a young log was restarted; by the clock now.
    """
    return StoreUnavailable(
        f"nullifier log: epoch {epoch.index} was open at unix time {since}, when this log was created (or, "
        "while it was young, first used after a restart of the machine), so shares that were accepted in it "
        "may be missing; wait for a later epoch"
    )


def check_before(before: int) -> int:
    """Check the argument of `forget` and return it: whole seconds of unix time.

    Raises:
        ParameterError: anything else.
    """
    return whole(before, "before", 0, LATEST_TIME)


def check_reservation(commitment: int, limit: int, count: int, x: int | None) -> None:
    """Check the arguments of `MessageIdAllocator.reserve`.

    Raises:
        FieldRangeError: commitment or x is not a field element.
        ParameterError: one of them is 0, or limit or count is outside its range.
    """
    nonzero(commitment, "commitment")
    whole(limit, "limit", 1, 1 << MAX_LIMIT_BITS)
    whole(count, "count", 1, 1 << MAX_LIMIT_BITS)
    if x is not None:
        nonzero(x, "x")


def check_message(message: bytes) -> None:
    """Check a message that is to be kept.

    Raises:
        EncodingError: not `bytes`.
        ParameterError: larger than 64 KiB.
    """
    if len(plain_bytes(message, "message")) > MAX_MESSAGE_BYTES:
        raise ParameterError(f"message: expected at most {MAX_MESSAGE_BYTES} bytes, got {len(message)}")


def epoch_too_old(index: int, newest: int) -> StoreUnavailable:
    """Make the error for an old epoch, for which no more ids are given out."""
    return StoreUnavailable(
        f"message ids: expected epoch {newest - 1} or later, got {index}; check the clock: it may have "
        "gone back"
    )


def limit_reached(index: int, limit: int, used: int) -> RateLimitReached:
    """Make the error for an epoch that has too few ids left."""
    return RateLimitReached(
        f"message ids: {used} of {limit} ids of epoch {index} are used, too few are left; "
        "wait for the next epoch"
    )


def ids_not_reserved(index: int) -> StoreUnavailable:
    """Make the error for a message with ids that were not reserved."""
    return StoreUnavailable(
        f"message ids: these ids were not reserved in epoch {index}; do not send the message"
    )


def id_used_for_other_message(index: int) -> StoreUnavailable:
    """Make the error for an id that belongs to another message: sending both would publish the secret."""
    return StoreUnavailable(
        f"message ids: an id of epoch {index} already belongs to another message; to send both would publish "
        "the identity secret"
    )
