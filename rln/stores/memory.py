"""Stores that last as long as the process: for tests, demonstrations, and services that never restart.

They are safe to use from several threads; processes cannot share them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from rln.base.arguments import nonzero, whole
from rln.errors import StoreUnavailable
from rln.protocol.epoch import Epoch
from rln.protocol.share import Share
from rln.proving.ports import MessageIdAllocator
from rln.stores.refusals import (
    LATEST_TIME,
    check_before,
    check_message,
    check_reservation,
    epoch_forgotten,
    epoch_too_old,
    id_used_for_other_message,
    ids_not_reserved,
    limit_reached,
)
from rln.verifying.ports import Claim, NullifierLog, Taken, check_claim


class MemoryNullifierLog(NullifierLog):
    """A `NullifierLog` in memory. After a restart it knows no message of the current epoch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: dict[int, dict[int, Share]] = {}
        self._ends: dict[int, int] = {}
        self._forgotten = 0

    def __len__(self) -> int:
        """Return the number of shares in the log."""
        with self._lock:
            return sum(map(len, self._shares.values()))

    def __repr__(self) -> str:
        return f"MemoryNullifierLog({len(self)} shares)"

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> list[Share | StoreUnavailable | None]:
        """Return the shares that the log holds; see `NullifierLog`."""
        with self._lock:
            return [
                self._refusal(epoch) or self._shares.get(epoch.external_nullifier, {}).get(nullifier)
                for epoch, nullifier in keys
            ]

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        """Insert each claim, or return the shares that were there before; see `NullifierLog`."""
        checked = [(epoch, check_claim(shares)) for epoch, shares in claims]
        with self._lock:
            return [self._refusal(epoch) or self._insert_or_get(epoch, new) for epoch, new in checked]

    def _insert_or_get(self, epoch: Epoch, new: dict[int, Share]) -> Taken:
        known = self._shares.setdefault(epoch.external_nullifier, {})
        end = self._ends.get(epoch.external_nullifier, epoch.end)
        self._ends[epoch.external_nullifier] = max(epoch.end, end)
        taken = tuple(known[nullifier] for nullifier in new if nullifier in known)
        if not taken:
            known.update(new)
        return taken

    def forget(self, before: int) -> None:
        """Drop the epochs that ended at unix time `before` or earlier; see `NullifierLog`."""
        check_before(before)
        with self._lock:
            self._forgotten = max(before, self._forgotten)
            for key in [key for key, end in self._ends.items() if end <= self._forgotten]:
                del self._ends[key]
                del self._shares[key]

    def close(self) -> None:
        """Do nothing: the shares stay as long as this object."""

    def _refusal(self, epoch: Epoch) -> StoreUnavailable | None:
        return epoch_forgotten(epoch, self._forgotten) if epoch.end <= self._forgotten else None


class MemoryMark:
    """A high-water mark that lasts as long as the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0

    def raise_to(self, seconds: int) -> int:
        """Raise the mark; see `HighWaterMark`."""
        with self._lock:
            self._seconds = max(whole(seconds, "seconds", 0, LATEST_TIME), self._seconds)
            return self._seconds


@dataclass(slots=True)
class _EpochUse:
    """What one member used in one epoch.

    Attributes:
        next_id: the next id to give out; all below it are given out.
        x_of_id: for each id, the x of the message that uses it; None while it is not known.
        message_of_x: the kept messages.
    """

    next_id: int = 0
    x_of_id: dict[int, int | None] = field(default_factory=dict)
    message_of_x: dict[int, bytes] = field(default_factory=dict)


class MemoryMessageIds(MessageIdAllocator):
    """A `MessageIdAllocator` in memory.

    After a restart it starts at 0 again: a member who goes on sending in the same epoch then publishes their
    secret. Use it only for an identity that does not outlive the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[tuple[int, bytes], dict[int, _EpochUse]] = {}

    def introduce(self, commitment: int) -> None:
        """Do nothing: this allocator treats every identity as new; see `MessageIdAllocator`."""
        nonzero(commitment, "commitment")

    def reserve(
        self, commitment: int, epoch: Epoch, limit: int, count: int = 1, x: int | None = None
    ) -> range:
        """Reserve the next ids of a member in an epoch; see `MessageIdAllocator`.

        It keeps the newest epoch of each member and the one before it, and refuses older ones.
        """
        check_reservation(commitment, limit, count, x)
        with self._lock:
            member = self._members.setdefault((commitment, epoch.identifier), {})
            newest = max(member, default=epoch.index)
            if epoch.index < newest - 1:
                raise epoch_too_old(epoch.index, newest)
            spent = member.setdefault(epoch.index, _EpochUse())
            first = spent.next_id
            if first + count > limit:
                raise limit_reached(epoch.index, limit, first)
            spent.next_id = first + count
            for i in range(first, first + count):
                spent.x_of_id[i] = x
            for index in [index for index in member if index < max(newest, epoch.index) - 1]:
                del member[index]
            return range(first, first + count)

    def keep(self, commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
        """Remember the message of reserved ids; see `MessageIdAllocator`."""
        nonzero(x, "x")
        check_message(message)
        with self._lock:
            spent = self._members.get((commitment, epoch.identifier), {}).get(epoch.index, _EpochUse())
            if not ids or any(i not in spent.x_of_id for i in ids):
                raise ids_not_reserved(epoch.index)
            if any(spent.x_of_id[i] not in (None, x) for i in ids):
                raise id_used_for_other_message(epoch.index)
            for i in ids:
                spent.x_of_id[i] = x
            spent.message_of_x[x] = message

    def recall(self, commitment: int, epoch: Epoch, x: int) -> bytes | None:
        """Return the message that was kept for this x; see `MessageIdAllocator`."""
        with self._lock:
            spent = self._members.get((commitment, epoch.identifier), {}).get(epoch.index, _EpochUse())
            return spent.message_of_x.get(x)

    def close(self) -> None:
        """Do nothing: the ids stay as long as this object."""
