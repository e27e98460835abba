"""Stores that last as long as the process: for tests, demonstrations, and services that never restart.

They are safe to use from several threads; processes cannot share them. A forked child has a copy, without
what the parent adds later. So the child's log and message ids refuse every call: the log would accept each
message once more, and the ids would be given out twice, which publishes the member's secret. This is also
true if a program in another language forks (`rln.base.forks.unnoticed`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rln.base import forks
from rln.base.arguments import nonzero, whole
from rln.errors import ParameterError, StoreUnavailable
from rln.protocol.epoch import Epoch
from rln.protocol.share import Share
from rln.proving.ports import KeptMessage, MessageIdAllocator
from rln.stores.refusals import (
    LATEST_TIME,
    check_before,
    epoch_forgotten,
    epoch_too_old,
    id_used_for_other_message,
    ids_not_reserved,
    limit_reached,
)
from rln.stores.store_arguments import check_kept, check_questions, check_recall, check_use, checked_claims
from rln.verifying.ports import Claim, NullifierLog, Taken


class _OfOneProcess:
    """A store that is in the memory of one process, and whose copy in a forked child refuses every call.

    Args:
        name: of the store, in messages.
        advice: what to do in the child.
    """

    def __init__(self, name: str, advice: str) -> None:
        self._name = name
        self._advice = advice
        self._lock = threading.Lock()
        self._copy_watch = forks.CopyWatch()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Run the block while no other thread uses the store.

        Raises:
            StoreUnavailable: this process was forked from the one that has the store.
        """
        self._refuse_copy()
        with self._lock:
            yield
            self._refuse_copy()  # a signal handler may have forked meanwhile

    def _refuse_copy(self) -> None:
        if self._copy_watch.is_copy:
            raise StoreUnavailable(
                f"{self._name}: kept in the memory of the process that forked this one; {self._advice}"
            )


class MemoryNullifierLog(_OfOneProcess, NullifierLog):
    """A `NullifierLog` in memory. After a restart it knows no message of the current epoch.

    Safe to use from several threads. In a forked child every call raises `StoreUnavailable`.
    """

    def __init__(self) -> None:
        super().__init__(
            "nullifier log",
            "both would accept each message, so open a log in a file or on a server: "
            "rln.stores.open_log('sqlite:///log.db', clock)",
        )
        self._shares: dict[int, dict[int, Share]] = {}
        self._ends: dict[int, int] = {}
        self._forgotten = 0

    def __len__(self) -> int:
        """Return the number of shares in the log."""
        with self._locked():
            return sum(map(len, self._shares.values()))

    def __bool__(self) -> bool:
        """Return True: a log without shares is a log, and `log or default` must not drop it."""
        return True

    def __repr__(self) -> str:
        if self._copy_watch.is_copy:
            return "MemoryNullifierLog(of another process)"
        return f"MemoryNullifierLog({len(self)} shares)"

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> list[Share | StoreUnavailable | None]:
        """Return the shares that the log holds; see `NullifierLog`."""
        check_questions(keys)
        try:
            with self._locked():
                return [
                    self._refusal(epoch) or self._shares.get(epoch.external_nullifier, {}).get(nullifier)
                    for epoch, nullifier in keys
                ]
        except StoreUnavailable as error:
            return [error] * len(keys)

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        """Insert each claim, or return the shares that were there before; see `NullifierLog`."""
        checked = checked_claims(claims)
        try:
            with self._locked():
                return [self._refusal(epoch) or self._insert_or_get(epoch, new) for epoch, new in checked]
        except StoreUnavailable as error:
            return [error] * len(checked)

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
        with self._locked():
            self._forgotten = max(before, self._forgotten)
            for key in [key for key, end in self._ends.items() if end <= self._forgotten]:
                del self._ends[key]
                del self._shares[key]

    def close(self) -> None:
        """Do nothing: the shares stay as long as this object."""

    def _refusal(self, epoch: Epoch) -> StoreUnavailable | None:
        return epoch_forgotten(epoch, self._forgotten) if epoch.end <= self._forgotten else None


class MemoryMark:
    """A high-water mark that lasts as long as the process.

    Safe to use from several threads. A forked child goes on from the mark of its parent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0
        forks.register(self)

    def raise_to(self, seconds: int) -> int:
        """Raise the mark; see `HighWaterMark`."""
        forks.refuse_unnoticed("high-water mark")
        with self._lock:
            self._seconds = max(whole(seconds, "seconds", 0, LATEST_TIME), self._seconds)
            return self._seconds

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._lock = threading.Lock()  # one number is never half changed


@dataclass(slots=True)
class _EpochUse:
    """What one member used in one epoch.

    Attributes:
        next_id: the next id to give out; all below it are given out.
        x_of_id: for each id, the x of the message that uses it; None while it is not known.
        kept_of_x: for each x, the ids and the message that was kept with them; the highest ids count.
    """

    next_id: int = 0
    x_of_id: dict[int, int | None] = field(default_factory=dict)
    kept_of_x: dict[int, tuple[range, bytes]] = field(default_factory=dict)


class MemoryMessageIds(_OfOneProcess, MessageIdAllocator):
    """A `MessageIdAllocator` in memory.

    After a restart it starts at 0 again: a member who goes on sending in the same epoch then publishes their
    secret. Use it only for an identity that does not outlive the process. Safe to use from several threads.
    In a forked child every call raises `StoreUnavailable`, because parent and child would give out the same
    ids.
    """

    def __init__(self) -> None:
        super().__init__(
            "message ids",
            "both would give out the same ids, which publishes the secret, so keep them in a file: "
            "rln.stores.open_message_ids('sqlite:///ids.db')",
        )
        self._members: dict[tuple[int, bytes], dict[int, _EpochUse]] = {}

    def introduce(self, commitment: int) -> None:
        """Do nothing: this allocator treats every identity as new; see `MessageIdAllocator`."""
        nonzero(commitment, "commitment")

    def refuse_until(self, commitment: int, time: int) -> None:
        """Refuse: an identity that another program uses needs ids that are never forgotten.

        Raises:
            ParameterError: always.
        """
        nonzero(commitment, "commitment")
        whole(time, "time", 0, LATEST_TIME)
        with self._locked():
            raise ParameterError(
                "message ids: expected a file for an identity that another program uses, got ids in memory, "
                "which are forgotten; open them with rln.stores.open_message_ids('sqlite:///ids.db')"
            )

    def reserve(
        self, commitment: int, epoch: Epoch, limit: int, count: int = 1, x: int | None = None
    ) -> range:
        """Reserve the next ids of a member in an epoch; see `MessageIdAllocator`.

        It keeps the newest epoch of each member and the one before it, and refuses older ones.
        """
        check_use(commitment, epoch, limit, count, x)
        with self._locked():
            member = self._members.setdefault((commitment, epoch.identifier), {})
            newest = max(member, default=epoch.index)
            if epoch.index < newest - 1:
                raise epoch_too_old(epoch, newest)
            spent = member.setdefault(epoch.index, _EpochUse())
            first = spent.next_id
            if first + count > limit:
                raise limit_reached(epoch, limit, first)
            spent.next_id = first + count
            for i in range(first, first + count):
                spent.x_of_id[i] = x
            for index in [index for index in member if index < max(newest, epoch.index) - 1]:
                del member[index]
            return range(first, first + count)

    def keep(self, commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
        """Remember the message of reserved ids; see `MessageIdAllocator`."""
        check_kept(commitment, epoch, ids, x, message)
        with self._locked():
            spent = self._members.get((commitment, epoch.identifier), {}).get(epoch.index, _EpochUse())
            if not ids or any(i not in spent.x_of_id for i in ids):
                raise ids_not_reserved(epoch.index)
            if any(spent.x_of_id[i] not in (None, x) for i in ids):
                raise id_used_for_other_message(epoch.index)
            for i in ids:
                spent.x_of_id[i] = x
            before = spent.kept_of_x.get(x)
            if before is None or before[0].start <= ids.start:
                spent.kept_of_x[x] = ids, message

    def recall(self, commitment: int, identifier: bytes, x: int) -> tuple[KeptMessage, ...]:
        """Return the messages that were kept for this x; see `MessageIdAllocator`."""
        check_recall(commitment, identifier, x)
        with self._locked():
            member = self._members.get((commitment, identifier), {})
            kept = ((index, member[index].kept_of_x.get(x)) for index in sorted(member, reverse=True))
            return tuple(KeptMessage(index, *found) for index, found in kept if found is not None)

    def close(self) -> None:
        """Do nothing: the ids stay as long as this object."""
