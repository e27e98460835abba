"""Refusals: what stores of every kind refuse in the same words."""

from __future__ import annotations

from typing import Final

from rln.base.arguments import nonzero, plain_bytes, whole
from rln.base.bounds import MAX_LIMIT_BITS
from rln.errors import ParameterError, RateLimitReached, StoreUnavailable
from rln.protocol.epoch import Epoch

LATEST_TIME: Final = 1 << 62
"""Unix time that no store goes beyond: SQLite's integers have 63 bits."""

MAX_MESSAGE_BYTES: Final = 1 << 16
"""Bytes of a message that an allocator keeps; a record of 2,000 public values fits."""


def epoch_forgotten(epoch: Epoch, before: int) -> StoreUnavailable:
    """Say that a log has dropped an epoch."""
    return StoreUnavailable(
        f"nullifier log: epoch {epoch.index} ended at {epoch.end}, and everything up to "
        f"{before} is forgotten; has the clock gone back?"
    )


def epoch_older_than_log(epoch: Epoch, since: int) -> StoreUnavailable:
    """Say that a log knows nothing of what an epoch saw before the log was there."""
    return StoreUnavailable(
        f"nullifier log: epoch {epoch.index} was open at {since}, when this log was made; what was accepted "
        "before is not in it"
    )


def check_before(before: int) -> int:
    """Return the argument of `forget`, whole seconds of unix time.

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
    """Say that an allocator gives out no more ids of an old epoch."""
    return StoreUnavailable(
        f"message ids: epoch {index} is over, {newest} was used; has the clock gone back?"
    )


def limit_reached(index: int, limit: int, used: int) -> RateLimitReached:
    """Say that too few ids are left in an epoch."""
    return RateLimitReached(f"message ids: {limit} messages in epoch {index} are the limit, {used} are used")


def ids_not_reserved(index: int) -> StoreUnavailable:
    """Say that a message came with ids that nobody reserved."""
    return StoreUnavailable(f"message ids: expected ids that were reserved in epoch {index}, got others")


def id_used_for_other_message(index: int) -> StoreUnavailable:
    """Say that an id already goes with another message: to send both would publish the secret."""
    return StoreUnavailable(f"message ids: an id of epoch {index} goes with another message already")
