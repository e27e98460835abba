"""Ports: what prover and verifier need of the world, and nothing about how it is done.

Adapters live in `rln.stores`. Every one of them must pass the contract suites in `tests/stores/`. All fail
closed: a store that cannot tell raises `StoreUnavailable`, and then nothing was accepted and no id given out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from rln.epoch import Epoch
from rln.share import Share


@runtime_checkable
class Clock(Protocol):
    """Says which epoch it is: `rln.epoch.EpochClock`, or a fixed one in tests."""

    def now(self) -> float:
        """Return unix time in seconds."""

    def current(self) -> Epoch:
        """Return the epoch that it is now: the one to prove for."""

    def acceptable(self) -> tuple[Epoch, ...]:
        """Return the epochs that a message may come from now, oldest first."""

    def find(self, external_nullifier: int) -> Epoch | None:
        """Return the acceptable epoch with this external nullifier, or None."""

    def horizon(self) -> int:
        """Return the unix time such that epochs ending by then may be forgotten."""


@runtime_checkable
class RootSource(Protocol):
    """The roots that a proof may be for. Never empty: no roots would mean that nothing is acceptable."""

    def __contains__(self, root: object) -> bool:
        """Tell whether the root is acceptable now."""

    def __iter__(self) -> Iterator[int]:
        """Go through the acceptable roots, newest first, as they are at one moment."""

    def __len__(self) -> int:
        """Return how many there are, at least 1."""


@runtime_checkable
class NullifierLog(Protocol):
    """Remembers the shares of accepted messages by (external nullifier, nullifier), never by proof bytes."""

    def peek(self, epoch: Epoch, nullifier: int) -> Share | None:
        """Return the share that is known for the nullifier in the epoch; writes nothing.

        Raises:
            StoreUnavailable: the log cannot tell, for example because it has forgotten this epoch.
        """

    def insert_or_get(self, epoch: Epoch, shares: Sequence[Share]) -> tuple[Share, ...]:
        """Insert the shares of one verified message, or find out which of them are taken: one atomic step.

        Args:
            epoch: the acceptable epoch whose external nullifier the proof has.
            shares: one for each message id of the message, with its nullifier; nullifiers pairwise different.

        Returns:
            Nothing, when all were new: they are in the log now. Otherwise the shares that were there before
            under any of these nullifiers, in the order of the argument, and nothing was written.

        Raises:
            ParameterError: no shares, one without its nullifier, or two with the same.
            StoreUnavailable: the log is unsure; nothing was written.
        """

    def forget(self, before: int) -> int:
        """Drop every epoch that ended at unix time `before` or earlier, and return how many shares went.

        A log drops for no other reason: not for its size, not for its age alone. Afterwards `peek` and
        `insert_or_get` refuse these epochs with StoreUnavailable, also when the clock has jumped back.
        """


@runtime_checkable
class MessageIdAllocator(Protocol):
    """Gives out message ids, each one once. An id that was given out is burnt, whatever happens next."""

    def reserve(self, commitment: int, epoch: Epoch, limit: int, count: int = 1) -> range:
        """Reserve the next ids of a member for one message, durably before it returns.

        Ids are counted by member and external nullifier, that is by the absolute epoch which the proof is
        for.

        Args:
            commitment: identity commitment of the member.
            epoch: the epoch of the proof.
            limit: the member's user message limit, 1 or more.
            count: ids for this message, 1 for a single-id proof.

        Returns:
            `count` consecutive ids below the limit, never given out before.

        Raises:
            RateLimitReached: fewer than `count` ids are left in the epoch; none was reserved.
            ParameterError: limit or count outside its range.
            StoreUnavailable: the allocator is unsure, or the clock has gone back behind what it remembers.
        """
