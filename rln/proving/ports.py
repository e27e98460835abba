"""Ports: the protocol of a prover's message id allocator.

`rln.stores` contains the implementations. Each must pass the contract tests in `tests/stores/`. An allocator
that cannot be sure that an id is unused raises `StoreUnavailable` and gives out none.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from rln.protocol.epoch import Epoch


@runtime_checkable
class MessageIdAllocator(Protocol):
    """Gives out message ids, each one once. A reserved id is spent, whatever happens next.

    The allocator also remembers the message of each id. So no id is ever used for a second message, and a
    message can be sent again byte for byte.
    """

    def introduce(self, commitment: int) -> None:
        """Declare that an identity is new: it has never sent a message, here or elsewhere.

        A durable allocator that has no record of an identity cannot know which ids were spent with another
        allocator. So it gives out no id for the identity in the current epoch, unless you call this method
        first. A second call does nothing.

        Raises:
            StoreUnavailable: the allocator could not record it.
        """

    def reserve(
        self, commitment: int, epoch: Epoch, limit: int, count: int = 1, x: int | None = None
    ) -> range:
        """Reserve the next message ids of a member for one message, durably before the call returns.

        Ids are counted separately for each member and external nullifier, that is, for each epoch.

        Args:
            commitment: identity commitment of the member.
            epoch: the epoch of the proof.
            limit: the member's user message limit, 1 or more.
            count: number of ids for this message; 1 for a proof with a single message id.
            x: hash of the signal that the ids are for; None if it is not known yet: then `keep` gets it.

        Returns:
            `count` consecutive ids below the limit, never given out before.

        Raises:
            RateLimitReached: fewer than `count` ids are left in the epoch; none was reserved.
            ParameterError: limit or count outside its range, or x is 0.
            StoreUnavailable: an id may be used already: the clock is behind the newest record, or the records
                may have been copied or restored.
        """

    def keep(self, commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
        """Record the message that is sent with reserved ids, durably before the call returns.

        Args:
            commitment, epoch, ids: those of a reservation.
            x: hash of the signal; the one given to `reserve`, if one was given.
            message: the encoded proof.

        Raises:
            StoreUnavailable: the message was not recorded, the ids were not reserved here, or they belong to
                another x. The message must not be sent.
        """

    def recall(self, commitment: int, epoch: Epoch, x: int) -> bytes | None:
        """Return the newest message that was recorded for this x in this epoch, or None.

        Raises:
            StoreUnavailable: the allocator is unsure.
        """

    def close(self) -> None:
        """Close files and connections; a second call does nothing."""
