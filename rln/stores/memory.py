"""Stores that live and die with the process: for tests, demonstrations, and services that never restart.

Both are safe to use from several threads, and useless across processes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rln.argument import nonzero, whole
from rln.bounds import MAX_LIMIT_BITS
from rln.epoch import Epoch
from rln.errors import ParameterError, RateLimitReached, StoreUnavailable
from rln.share import Share


class MemoryNullifierLog:
    """A `NullifierLog` in memory. After a restart every message of the running epoch is new to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: dict[int, dict[int, Share]] = {}
        self._ends: dict[int, int] = {}
        self._forgotten = 0

    def __len__(self) -> int:
        """Return the number of shares that are remembered."""
        with self._lock:
            return sum(map(len, self._shares.values()))

    def __repr__(self) -> str:
        return f"MemoryNullifierLog({len(self)} shares)"

    def peek(self, epoch: Epoch, nullifier: int) -> Share | None:
        """Return the share that is known for the nullifier in the epoch; see `NullifierLog`."""
        with self._lock:
            self._refuse_forgotten(epoch)
            return self._shares.get(epoch.external_nullifier, {}).get(nullifier)

    def insert_or_get(self, epoch: Epoch, shares: Sequence[Share]) -> tuple[Share, ...]:
        """Insert all shares, or return those that are taken; see `NullifierLog`."""
        new: dict[int, Share] = {}
        for share in shares:
            if share.nullifier is None or share.nullifier in new:
                raise ParameterError("shares: expected one nullifier each, all different")
            new[share.nullifier] = share
        if not new:
            raise ParameterError("shares: expected at least one, got none")
        with self._lock:
            self._refuse_forgotten(epoch)
            known = self._shares.setdefault(epoch.external_nullifier, {})
            self._ends[epoch.external_nullifier] = max(
                epoch.end, self._ends.get(epoch.external_nullifier, epoch.end)
            )
            taken = tuple(known[nullifier] for nullifier in new if nullifier in known)
            if not taken:
                known.update(new)
            return taken

    def forget(self, before: int) -> int:
        """Drop the epochs that ended at unix time `before` or earlier; see `NullifierLog`."""
        whole(before, "before", 0, 1 << 62)
        with self._lock:
            if before <= self._forgotten:
                return 0
            self._forgotten = before
            ended = [key for key, end in self._ends.items() if end <= before]
            for key in ended:
                del self._ends[key]
            return sum(len(self._shares.pop(key)) for key in ended)

    def _refuse_forgotten(self, epoch: Epoch) -> None:
        if epoch.end <= self._forgotten:
            raise StoreUnavailable(
                f"nullifier log: epoch {epoch.index} ended at {epoch.end}, and everything up to "
                f"{self._forgotten} is forgotten; has the clock gone back?"
            )


class MemoryMessageIds:
    """A `MessageIdAllocator` in memory.

    After a restart it starts at 0 again: a member who goes on sending in the
    same epoch then loses his secret. Use it where the identity does not outlive the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[tuple[int, bytes], dict[int, int]] = {}

    def reserve(self, commitment: int, epoch: Epoch, limit: int, count: int = 1) -> range:
        """Reserve the next ids of a member in an epoch; see `MessageIdAllocator`.

        It remembers the newest epoch of each member and the one before it, and refuses older ones.
        """
        nonzero(commitment, "commitment")
        whole(limit, "limit", 1, 1 << MAX_LIMIT_BITS)
        whole(count, "count", 1, 1 << MAX_LIMIT_BITS)
        with self._lock:
            used = self._used.setdefault((commitment, epoch.identifier), {})
            newest = max(used, default=epoch.index)
            if epoch.index < newest - 1:
                raise StoreUnavailable(
                    f"message ids: epoch {epoch.index} is over, {newest} was used; has the clock gone back?"
                )
            first = used.get(epoch.index, 0)
            if first + count > limit:
                raise RateLimitReached(
                    f"message ids: {limit} messages in epoch {epoch.index} are the limit, {first} are used"
                )
            used[epoch.index] = first + count
            for index in [index for index in used if index < max(newest, epoch.index) - 1]:
                del used[index]
            return range(first, first + count)
