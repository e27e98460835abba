"""Ports: what a prover needs from outside, and nothing about how it is done.

Adapters live in `rln.stores`. Every one of them must pass the contract suites in `tests/stores/`. All fail
closed: an allocator that cannot tell raises `StoreUnavailable`, and then no id was given out.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from rln.protocol.epoch import Epoch


@runtime_checkable
class MessageIdAllocator(Protocol):
    """Gives out message ids, each one once. An id that was given out is burnt, whatever happens next.

    It also remembers what each id went with, so that no id ever goes with a second message, and a message can
    be sent again byte for byte.
    """

    def introduce(self, commitment: int) -> None:
        """Say that an identity is new: it has sent nothing before, here or elsewhere.

        A durable allocator that meets an identity for the first time cannot know what was spent before its
        memory began, and gives out no id of that epoch, unless it was told so. Twice is fine.

        Raises:
            StoreUnavailable: not remembered.
        """

    def reserve(
        self, commitment: int, epoch: Epoch, limit: int, count: int = 1, x: int | None = None
    ) -> range:
        """Reserve the next ids of a member for one message, durably before it returns.

        Ids are counted by member and external nullifier, that is by the absolute epoch which the proof is
        for.

        Args:
            commitment: identity commitment of the member.
            epoch: the epoch of the proof.
            limit: the member's user message limit, 1 or more.
            count: ids for this message, 1 for a single-id proof.
            x: hash of the message that the ids are for; None where it is not known yet, and `keep` says it.

        Returns:
            `count` consecutive ids below the limit, never given out before.

        Raises:
            RateLimitReached: fewer than `count` ids are left in the epoch; none was reserved.
            ParameterError: limit or count outside its range, or x is 0.
            StoreUnavailable: the allocator is unsure: the clock has gone back behind what it remembers, or
                its memory may have been copied or restored.
        """

    def keep(self, commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
        """Remember the message that goes out with reserved ids, durably before it returns.

        Args:
            commitment, epoch, ids: of a reservation.
            x: hash of the message, the one given to `reserve` if one was.
            message: the encoded proof.

        Raises:
            StoreUnavailable: not remembered; or the ids were not reserved here, or go with another x: then
                the message must not leave.
        """

    def recall(self, commitment: int, epoch: Epoch, x: int) -> bytes | None:
        """Return the newest message that was kept for this x in this epoch, or None.

        Raises:
            StoreUnavailable: the allocator cannot tell.
        """

    def close(self) -> None:
        """Give up files; a second time does nothing."""
