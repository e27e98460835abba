"""SqliteMessageIds: a member's message ids in a file, so that no id is given out twice.

This also holds after a restart, a crash or a copy. For every identity and rln identifier, the file records
which ids of which absolute epoch were reserved, for which x, and the message that was sent with them. It
keeps the newest epoch and the one before it, and refuses older ones, so no id is given out again when a clock
goes back.

A reservation does these steps in this order: lock, inspect the guard file
(`rln.stores.sqlite.rollback_guard`), insert, announce the change, touch the guard file, record that, commit
and sync, mark the intent as done, return. If the guard file shows that the database may be an old copy, it is
unknown which ids of the current epoch are used. Then the rest of the epoch is refused: everything up to the
end of the requested epoch, for every identity in the file. This also happens after a copy and after a restart
of the machine.

An identity that is not in the file may have been used from another file. So its first epoch is refused too,
unless `introduce` was called for it. `refuse_until` refuses more: what the program that used it may have sent
by a clock that is ahead.

A refusal ends at a time of the machine's clock, which may be slow. If the clock is later set forward, the end
moves forward by the same amount, and it never moves back. So on the corrected clock, too, every epoch that
was current when the refusal began is refused. A clock that stays slow is not detected.

Use one file for one identity. If two copies of a file are both used, this is not detected after their first
epoch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rln.base import scalar
from rln.base.arguments import nonzero, whole
from rln.base.file_kind import FileKind
from rln.base.served_again import served_again
from rln.errors import RateLimitReached, StoreUnavailable
from rln.protocol.epoch import Epoch, clock_offset
from rln.proving.ports import KeptMessage, MessageIdAllocator
from rln.stores.refusals import (
    LATEST_TIME,
    epoch_too_old,
    id_used_for_other_message,
    ids_not_reserved,
    limit_reached,
)
from rln.stores.sql_rows import naming
from rln.stores.sqlite.database import Database
from rln.stores.sqlite.message_id_rows import (
    check_identities,
    check_keys,
    create_tables,
    fingerprint_of,
    kept_of,
    refusal_end_of,
    reservation_of,
    sortable_number,
)
from rln.stores.sqlite.refusal_end import NO_REFUSAL, RefusalEnd
from rln.stores.sqlite.rollback_guard import RollbackGuard
from rln.stores.sqlite.transaction_state import TransactionState
from rln.stores.store_arguments import check_kept, check_recall, check_use

_NAME: Final = "message ids"
_SCHEMA_VERSION: Final = 2

_UNKNOWN_IDENTITY: Final = (
    "this file has never seen the identity (if it is new, introduce it before its first message: "
    "`introduce`, --never-sent)"
)
_REFUSE_AGAIN: Final = "the identity may be refused or not: call `refuse_until` again"
_INTRODUCE_AGAIN: Final = "the identity may be introduced or not: call `introduce` again"
_IDS_ARE_SPENT: Final = "ids may be reserved, and count as spent: call `reserve` again, which gives others"
_MAY_BE_KEPT: Final = "the message may be kept or not: do not send it unless `recall` returns it"


class SqliteMessageIds(MessageIdAllocator):
    """A `MessageIdAllocator` in a file, shared by threads and processes.

    Args:
        path: path of the file; it and its guard files are created with mode 0600 if they do not exist.

    Raises:
        StoreUnavailable: the file cannot be used, or its file system is not reliable.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(
            path,
            name=_NAME,
            kind=FileKind.MESSAGE_IDS,
            schema_version=_SCHEMA_VERSION,
            create=create_tables,
        )
        self._guard = RollbackGuard(self._database.path, _NAME)

    def introduce(self, commitment: int) -> None:
        """Say that an identity is new; see `MessageIdAllocator`.

        This changes nothing for an identity that the file knows: refused epochs stay refused.
        """
        nonzero(commitment, "commitment")
        with self._changing(_INTRODUCE_AGAIN) as state:
            if _add_identity(state.connection, commitment, NO_REFUSAL) and state.reason_for_doubt is None:
                # In doubt, the old fingerprint stays, so that the next reservation finds the doubt.
                self._record_change(state, state.refusal_end, 0)

    def refuse_until(self, commitment: int, time: int) -> None:
        """Refuse an identity the epochs that begin before a time; see `MessageIdAllocator`.

        If the clock is set forward later, the refusal ends later by the same time.
        """
        nonzero(commitment, "commitment")
        whole(time, "time", 0, LATEST_TIME)
        with self._changing(_REFUSE_AGAIN) as state:
            end = RefusalEnd(time, state.clock_offset)
            if not _add_identity(state.connection, commitment, end):
                _adjust_identity(state, commitment)
                if _identity_refusal_end(state, commitment).time < time:
                    _set_identity_refusal_end(state.connection, commitment, end)
            if state.reason_for_doubt is None:
                self._record_change(state, state.refusal_end, 0)

    def reserve(
        self, commitment: int, epoch: Epoch, limit: int, count: int = 1, x: int | None = None
    ) -> range:
        """Reserve the next ids of a member in an epoch; see `MessageIdAllocator`.

        Raises:
            StoreUnavailable: also for the rest of a refused epoch; the message says until when.
        """
        check_use(commitment, epoch, limit, count, x)
        with self._changing(_IDS_ARE_SPENT) as state:
            refusal_end = state.refusal_end.adjusted(state.clock_offset)
            refusal: StoreUnavailable | RateLimitReached | None = None
            why = state.reason_for_doubt
            if why is not None:
                refusal_end = RefusalEnd(
                    max(state.refusal_end.time, epoch.end, state.newest_start + 1), state.clock_offset
                )
                _stop_following(state, refusal_end)
            if _add_identity(state.connection, commitment, RefusalEnd(epoch.end, state.clock_offset)):
                why = why or _UNKNOWN_IDENTITY
            adjusted = _adjust_identity(state, commitment) or refusal_end != state.refusal_end
            if why is not None:
                refusal = _epoch_refused(epoch, _refused_until(commitment, refusal_end, state), why)
            else:
                try:
                    _check_not_refused(commitment, epoch, state)
                    ids = _insert_reservation(state.connection, commitment, epoch, limit, count, x)
                except (StoreUnavailable, RateLimitReached) as error:
                    if not adjusted:
                        raise
                    refusal = error
            self._record_change(state, refusal_end, epoch.start)
        # Raised after the commit, because the refusal itself must be recorded.
        if refusal is not None:
            raise refusal
        return ids

    def keep(self, commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
        """Keep the message of reserved ids; see `MessageIdAllocator`."""
        check_kept(commitment, epoch, ids, x, message)
        with self._changing(_MAY_BE_KEPT) as state:
            if state.reason_for_doubt is not None:
                # Only a reservation sets the end of a refusal: this epoch may be older than the current one.
                raise StoreUnavailable(f"{_NAME}: do not send the message: {state.reason_for_doubt}")
            _check_not_refused(commitment, epoch, state)
            key = (_owner(commitment, epoch), _sortable(epoch.index))
            row = state.connection.execute(
                "SELECT stop, x FROM reservations WHERE owner = ? AND epoch = ? AND first = ?",
                (*key, ids.start),
            ).fetchone()
            if row is None:
                raise ids_not_reserved(epoch.index)
            stop, bound = reservation_of((ids.start, *row), epoch.index)
            if ids != range(ids.start, stop):
                raise ids_not_reserved(epoch.index)
            if bound not in (None, scalar.encode(x)):
                raise id_used_for_other_message(epoch.index)
            state.connection.execute(
                "UPDATE reservations SET x = ?, message = ? WHERE owner = ? AND epoch = ? AND first = ?",
                (scalar.encode(x), message, *key, ids.start),
            )
            self._record_change(state, state.refusal_end, epoch.start)

    def recall(self, commitment: int, identifier: bytes, x: int) -> tuple[KeptMessage, ...]:
        """Return the messages that were kept for this x; see `MessageIdAllocator`.

        A message that was sent may be sent again, so this also works in a refused epoch.
        """
        check_recall(commitment, identifier, x)
        owner, packed_x = scalar.encode(commitment) + identifier, scalar.encode(x)
        with naming(self._store), self._database.reading() as connection:
            # With max(), SQLite takes the other columns from the row that has the maximum.
            rows = connection.execute(
                "SELECT epoch, max(first), stop, x, message FROM reservations WHERE owner = ? AND x = ? "
                "AND message IS NOT NULL GROUP BY epoch ORDER BY epoch DESC",
                (owner, packed_x),
            )
            return tuple(map(kept_of, rows))

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._database.close()

    @property
    def _store(self) -> str:
        return f"{_NAME}: {self._database.path}"

    def __repr__(self) -> str:
        return f"SqliteMessageIds({str(self._database.path)!r})"

    @contextmanager
    def _changing(self, if_unknown: str) -> Iterator[TransactionState]:
        """Run the block in one transaction while no other process uses the files; commit at its end."""
        with naming(self._store), self._guard.locked():
            with self._database.writing(if_unknown) as connection:
                row = connection.execute("SELECT seal, burnt, clock FROM guard").fetchone()
                guard_state, offset = self._guard.inspect(), clock_offset()
                if row is None:
                    yield TransactionState(connection, guard_state, None, NO_REFUSAL, offset)
                else:
                    yield TransactionState(
                        connection,
                        guard_state,
                        fingerprint_of(row[0]),
                        RefusalEnd(*refusal_end_of(row[1:], "guard")),
                        offset,
                    )
            self._guard.confirm(if_unknown)

    def _record_change(self, state: TransactionState, refusal_end: RefusalEnd, begin: int) -> None:
        """Touch the guard file and record its fingerprint, as the last step before a commit.

        Args:
            state: what the transaction has found.
            refusal_end: for all identities from now on.
            begin: start of this change's epoch, unix time; 0 if it has no epoch.
        """
        fingerprint = self._guard.touch(
            state.guard_state, state.recorded, state.generation + 1, max(state.newest_start, begin)
        )
        row = (fingerprint.encode(), _sortable(refusal_end.time), refusal_end.clock_offset)
        state.connection.execute("REPLACE INTO guard VALUES (1, ?, ?, ?)", row)


def _sortable(number: int) -> bytes:
    """Encode a whole number below 2^128 so that SQLite sorts it by value: its integers have only 63 bits."""
    return number.to_bytes(16, "big")


def _owner(commitment: int, epoch: Epoch) -> bytes:
    return scalar.encode(commitment) + epoch.identifier


def _add_identity(connection: sqlite3.Connection, commitment: int, refusal_end: RefusalEnd) -> bool:
    """Add an identity; False: it was there before."""
    check_identities(connection)
    row = (scalar.encode(commitment), _sortable(refusal_end.time), refusal_end.clock_offset)
    return connection.execute("INSERT OR IGNORE INTO identities VALUES (?, ?, ?)", row).rowcount == 1


def _identity_refusal_end(state: TransactionState, commitment: int) -> RefusalEnd:
    """Return the end of the refusal for an identity."""
    row = state.connection.execute(
        "SELECT burnt, clock FROM identities WHERE commitment = ?", (scalar.encode(commitment),)
    ).fetchone()
    name = f"identities {scalar.encode(commitment).hex()}"
    return NO_REFUSAL if row is None else RefusalEnd(*refusal_end_of(row, name))


def _adjust_identity(state: TransactionState, commitment: int) -> bool:
    """Move an identity's end of refusal if the clock was set forward; False: it was not."""
    own = _identity_refusal_end(state, commitment)
    adjusted = _moved(state, own)
    if adjusted != own:
        _set_identity_refusal_end(state.connection, commitment, adjusted)
    return adjusted != own


def _stop_following(state: TransactionState, refusal_end: RefusalEnd) -> None:
    """Note which ends of identities need not follow the clock, because a refusal for all covers them.

    That refusal follows the clock. An end that `refuse_until` has set may be later.
    """
    rows = state.connection.execute(
        "SELECT commitment, burnt, clock FROM identities WHERE clock IS NOT NULL"
    ).fetchall()
    for commitment, *end in rows:
        own = _moved(state, RefusalEnd(*refusal_end_of(tuple(end), f"identities {commitment.hex()}")))
        _set_identity_refusal_end(
            state.connection,
            scalar.decode(commitment),
            RefusalEnd(own.time, None) if own.time <= refusal_end.time else own,
        )


def _moved(state: TransactionState, own: RefusalEnd) -> RefusalEnd:
    """Return an end by the clock now. Of a clock before a restart, nothing is known."""
    if state.is_same_boot or own.clock_offset is None:
        return own.adjusted(state.clock_offset)
    return RefusalEnd(own.time, state.clock_offset)


def _set_identity_refusal_end(connection: sqlite3.Connection, commitment: int, end: RefusalEnd) -> None:
    connection.execute(
        "UPDATE identities SET burnt = ?, clock = ? WHERE commitment = ?",
        (_sortable(end.time), end.clock_offset, scalar.encode(commitment)),
    )


def _epoch_refused(epoch: Epoch, until: int, why: str) -> StoreUnavailable:
    return served_again(
        f"{_NAME}: {why}; it is unknown which ids of epoch {epoch.index} are used, so every epoch that "
        f"begins before unix time {until} is refused",
        -(-until // epoch.period) * epoch.period,
    )


def _check_not_refused(commitment: int, epoch: Epoch, state: TransactionState) -> None:
    """Check that an epoch is not refused, for all identities or for this one."""
    until = _refused_until(commitment, state.refusal_end, state)
    if epoch.start < until:
        raise _epoch_refused(epoch, until, "an earlier call refused the epoch")


def _refused_until(commitment: int, for_all: RefusalEnd, state: TransactionState) -> int:
    """Return the unix time at which the refusals for all identities and for this one have both ended."""
    ends = (for_all, _identity_refusal_end(state, commitment))
    return max(one.adjusted(state.clock_offset).time for one in ends)


def _insert_reservation(
    connection: sqlite3.Connection, commitment: int, epoch: Epoch, limit: int, count: int, x: int | None
) -> range:
    """Reserve ids; the caller has checked that the database is not in doubt and the epoch not refused."""
    owner, index = _owner(commitment, epoch), _sortable(epoch.index)
    check_keys(connection, owner, index)
    row = connection.execute(
        "SELECT epoch FROM reservations WHERE owner = ? ORDER BY epoch DESC LIMIT 1", (owner,)
    ).fetchone()
    newest = epoch.index if row is None else sortable_number(row[0], "reservations: epoch")
    if epoch.index < newest - 1:
        raise epoch_too_old(epoch, newest)
    row = connection.execute(
        "SELECT first, stop, x FROM reservations WHERE owner = ? AND epoch = ? ORDER BY first DESC LIMIT 1",
        (owner, index),
    ).fetchone()
    first = 0 if row is None else reservation_of(row, epoch.index)[0]
    if first + count > limit:
        raise limit_reached(epoch, limit, first)
    if epoch.index > newest:
        connection.execute(
            "DELETE FROM reservations WHERE owner = ? AND epoch < ?", (owner, _sortable(epoch.index - 1))
        )
    connection.execute(
        "INSERT INTO reservations VALUES (?, ?, ?, ?, ?, NULL)",
        (owner, index, first, first + count, None if x is None else scalar.encode(x)),
    )
    return range(first, first + count)
