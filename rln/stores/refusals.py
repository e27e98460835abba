"""Refusals: checks and errors that all stores share, so that they use the same words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from rln.base.arguments import MAX_TIME, nonzero, plain_bytes, whole
from rln.base.bounds import MAX_LIMIT_BITS
from rln.base.served_again import served_again, utc_text
from rln.errors import ParameterError, RateLimitReached, StoreUnavailable
from rln.protocol.epoch import Clock, Epoch

LATEST_TIME: Final = MAX_TIME
"""The latest unix time that a store accepts: SQLite's integers have 63 bits."""

NOTHING_CHANGED: Final = "nothing was changed"
MAY_BE_SPENT: Final = (
    "the message id may be spent: do not serve the message; `peek` shows what the log holds, once it answers"
)
"""How the error of an insertion ends that may have happened."""

MAX_MESSAGE_BYTES: Final = 1 << 16
"""Bytes of a message that an allocator keeps, at most; enough for a record of 2,000 public values."""


def epoch_forgotten(
    epoch: Epoch,
    before: int,
    now: float | None = None,
    since: float | None = None,
    clock: Clock | None = None,
) -> StoreUnavailable:
    """Make the error for an epoch that the log has dropped.

    Args:
        epoch: the epoch.
        before: epochs that ended by this unix time are dropped.
        now: unix time; None: the log has no clock.
        since: the log refuses epochs that were open at this unix time, too; None: it does not. Needs `clock`.
        clock: clock of the verifiers.
    """
    kept = replace(epoch, index=before // epoch.period)
    served: int | None = kept.start
    if since is not None and clock is not None and clock.opened(kept) <= since:
        served = first_start_after(epoch, since, clock)
    return served_again(
        f"nullifier log: epoch {epoch.index} ended at unix time {epoch.end} and is forgotten, like all "
        f"epochs up to unix time {before}; if it is the current epoch, the clock was ahead or has gone back: "
        "check it",
        served,
        now,
    )


def epoch_older_than_log(epoch: Epoch, since: int, clock: Clock, now: float) -> StoreUnavailable:
    """Make the error for an epoch that was already open when the log was created.

    Args:
        epoch: the epoch.
        since: when the log was created, or when the machine with a young log was restarted; by the clock now.
        clock: clock of the verifiers.
        now: its time.
    """
    return served_again(
        f"nullifier log: epoch {epoch.index} was open at unix time {since}, when this log was created (or, "
        "while it was young, first used after a restart of the machine), so shares that were accepted in it "
        "may be missing; every epoch that was open then is refused, and later ones are served",
        first_start_after(epoch, since, clock),
        now,
    )


def first_start_after(epoch: Epoch, moment: float, clock: Clock) -> int | None:
    """Return the start of the first epoch that opens after a unix time; None: this clock does not tell.

    Until then, the current epoch is one that was open at that time.

    Args:
        epoch: any epoch of the clock.
        moment: unix time.
        clock: tells when epochs open.
    """
    lead = epoch.start - clock.opened(epoch)
    least = max(math.floor((moment + lead) / epoch.period), 0)
    # Two are enough if every epoch opens the same time before its start; the third makes up for rounding.
    later = (replace(epoch, index=least + step) for step in range(3))
    return next((one.start for one in later if clock.opened(one) > moment), None)


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


def epoch_too_old(epoch: Epoch, newest: int) -> StoreUnavailable:
    """Make the error for an old epoch, for which no more ids are given out.

    Args:
        epoch: the epoch.
        newest: index of the newest epoch that ids were given out for; ids for the one before it are left.
    """
    return served_again(
        f"message ids: expected epoch {newest - 1} or later, got {epoch.index}; check the clock: it may have "
        "gone back",
        (newest - 1) * epoch.period,
    )


def limit_reached(epoch: Epoch, limit: int, used: int) -> RateLimitReached:
    """Make the error for an epoch that has too few ids left."""
    return RateLimitReached(
        f"message ids: {used} of {limit} ids of epoch {epoch.index} are used, too few are left; "
        f"wait for the next epoch, which begins at {utc_text(epoch.end)}"
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
