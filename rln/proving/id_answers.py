"""Id answers: what an allocator and a clock have answered, checked before a proof is made from it.

A proof with an id that the allocator did not give out alone, or for an epoch that is none, can publish the
member's secret. So a wrong answer stops the prover before the identity is used.
"""

from __future__ import annotations

from rln.base.arguments import instance, shown
from rln.errors import StoreUnavailable
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.membership import Membership
from rln.proving.ports import MessageIdAllocator


class WrongAnswer(StoreUnavailable):
    """An allocator has answered with something other than the ids or messages that it was asked for."""


def reserve_ids(
    ids: MessageIdAllocator, member: Membership, epoch: Epoch, count: int = 1, x: int | None = None
) -> range:
    """Reserve message ids for one message; arguments are as for `MessageIdAllocator.reserve`.

    Raises:
        WrongAnswer: the answer is not a range of `count` consecutive ids below the member's limit.
        RateLimitReached, StoreUnavailable: as the allocator raises them.
    """
    given: object = ids.reserve(member.commitment, epoch, member.limit, count, x)
    if type(given) is not range or given != range(given.start, given.start + count):
        raise _wrong(f"a range of {count}", given)
    if not 0 <= given.start <= member.limit - count:
        raise _wrong(f"ids from 0 to {member.limit - 1}", given)
    return given


def _wrong(expected: str, given: object) -> WrongAnswer:
    return WrongAnswer(
        f"ids: expected {expected} from `reserve`, got {shown(given)}; no proof was made and nothing was "
        "revealed; correct the allocator: an id that it has given out counts as spent"
    )


def current_epoch(clock: Clock) -> Epoch:
    """Return the current epoch.

    Raises:
        ParameterError: the clock answers with something else.
    """
    epoch = clock.current()
    instance(epoch, Epoch, "clock.current")
    return epoch
