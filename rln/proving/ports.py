"""Ports: the protocol of a prover's message id allocator.

`rln.stores` contains the implementations. Each must pass the contract tests in `tests/stores/`. An allocator
that cannot be sure that an id is unused raises `StoreUnavailable` and gives out none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from rln.base.arguments import instance, plain_bytes, whole
from rln.errors import ParameterError
from rln.protocol.epoch import MAX_INDEX, Epoch


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message that an allocator has recorded, with the message ids that it spends.

    Args:
        epoch_index: index of the epoch that the ids are of, 0 to 2^64 - 1.
        ids: one or more consecutive ids, 0 or more.
        message: the encoded proof.

    Raises:
        ParameterError: the index is outside its range, or the ids are not consecutive.
        EncodingError: the message is not `bytes`.
    """

    epoch_index: int
    ids: range
    message: bytes = field(repr=False)

    def __post_init__(self) -> None:
        whole(self.epoch_index, "epoch index", 0, MAX_INDEX)
        instance(self.ids, range, "ids")
        if not self.ids or self.ids.start < 0 or self.ids != range(self.ids.start, self.ids.stop):
            raise ParameterError(f"ids: expected one or more consecutive ids, 0 or more, got {self.ids}")
        plain_bytes(self.message, "message")


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

    def refuse_until(self, commitment: int, time: int) -> None:
        """Give an identity no id for any epoch that begins before a time.

        Call this for an identity that another program has used, before its first message here, and for one
        that another program is going to use: with the end of the epoch that is current, by a clock that is
        ahead by the skew. The latest time of several calls counts.

        Args:
            commitment: identity commitment of the member.
            time: unix time.

        Raises:
            ParameterError: the allocator forgets at the end of the process, so it refuses such identities.
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

        A second message for the same ids and x replaces the first.

        Args:
            commitment, epoch, ids: those of a reservation.
            x: hash of the signal; the one given to `reserve`, if one was given.
            message: the encoded proof.

        Raises:
            StoreUnavailable: the message was not recorded, the ids were not reserved here, or they belong to
                another x. The message must not be sent.
        """

    def recall(self, commitment: int, identifier: bytes, x: int) -> tuple[KeptMessage, ...]:
        """Return the messages that were recorded for this x: one for each epoch, the newest epoch first.

        If several messages of an epoch have this x, it is the one with the highest ids. Epochs that the
        allocator refuses to give ids for are recalled too, as long as it remembers them.

        Args:
            commitment: identity commitment of the member.
            identifier: the rln identifier of the epochs, before hashing.
            x: hash of the signal.

        Raises:
            StoreUnavailable: the allocator is unsure.
        """

    def close(self) -> None:
        """Close files and connections; a second call does nothing."""
