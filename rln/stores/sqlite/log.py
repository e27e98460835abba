"""SqliteNullifierLog: the shares of accepted messages in one SQLite file, for threads and processes at once.

The tables are in `rln.stores.sqlite.log_rows`.

One SQL statement inserts a share, unless its epoch is forgotten or its nullifier exists. The number of
changed rows tells whether it inserted the share. A single claim is its own transaction, with one fsync;
claims that arrive together share one transaction.

The file may also hold the high-water mark of a clock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rln.base import scalar
from rln.base.arguments import whole
from rln.base.file_kind import FileKind
from rln.errors import IntegrityAlarm, StoreError, StoreUnavailable
from rln.protocol.epoch import Clock, Epoch, clock_offset
from rln.protocol.share import Share
from rln.stores.machine_time import MachineTime, running_time
from rln.stores.refusals import (
    LATEST_TIME,
    MAY_BE_SPENT,
    check_before,
    epoch_forgotten,
    epoch_older_than_log,
)
from rln.stores.sql_rows import ForeignRow, alarm, naming
from rln.stores.sqlite.connection_slot import rows_of
from rln.stores.sqlite.file_header import reason_to_refuse
from rln.stores.sqlite.log_rows import (
    SCHEMA_VERSION,
    START,
    check_keys,
    check_nullifiers,
    columns_of,
    mark_of,
    memory_of,
    open_log_file,
    share_of,
)
from rln.stores.sqlite.log_start import LogStart
from rln.stores.store_arguments import check_questions, checked_claims
from rln.verifying.ports import Claim, NullifierLog, Taken

_CHUNK: Final = 2000
"""Shares that are dropped in one transaction; other writers wait no longer than it takes."""

_CHUNKS: Final = 10
"""Largest number of transactions of one `forget`; later insertions drop the remaining shares."""

_KNOWN_EPOCHS: Final = 8192

_FORGET_AGAIN: Final = "the epochs may be refused from now on or not: call `forget` again"
_RAISE_AGAIN: Final = "the mark may be raised or not, and no time is accepted: raise it again to find out"

_Row = tuple[bytes, bytes, bytes]
"""Nullifier, x and y of a share."""

_INSERT: Final = (
    "INSERT INTO share (epoch, nullifier, x, y) SELECT id, ?, ?, ? FROM epoch, memory"
    " WHERE id = ? AND ? > forgotten ON CONFLICT DO NOTHING"
)
_ENTER_EPOCH: Final = (
    "INSERT INTO epoch (identifier, external_nullifier, ends) SELECT ?1, ?2, ?3 FROM memory"
    " WHERE ?3 > forgotten ON CONFLICT DO UPDATE SET ends = max(ends, excluded.ends)"
    " WHERE ends > (SELECT forgotten FROM memory) RETURNING id"
)
_BEGIN: Final = (
    f"INSERT INTO memory (one, forgotten, {START}) VALUES (1, 0, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_BEGIN_AGAIN: Final = "UPDATE memory SET since = ?, shift = ?, observed = ?, boot = ?, running = ?, clock = ?"
_FOLLOW: Final = (
    "UPDATE memory SET shift = max(shift, ?), observed = max(observed, ?) WHERE since = ? AND running = ?"
)
_FIND_EPOCH: Final = "SELECT id FROM epoch WHERE identifier = ? AND external_nullifier = ?"
_GET: Final = "SELECT x, y FROM share WHERE epoch = ? AND nullifier = ?"
_DROP_SHARES: Final = (
    "DELETE FROM share WHERE epoch = ?1 AND nullifier <"
    " coalesce((SELECT nullifier FROM share WHERE epoch = ?1 ORDER BY nullifier LIMIT 1 OFFSET ?2), ?3)"
)
_BEYOND: Final = b"\xff" * 33
"""Greater than every encoded nullifier."""


def _encode(share: Share) -> _Row:
    """Encode a share that `check_claim` has checked; its numbers were checked when it was made."""
    nullifier, x, y = share.nullifier or 0, share.x, share.y
    return nullifier.to_bytes(32, "little"), x.to_bytes(32, "little"), y.to_bytes(32, "little")


def _names(epoch: Epoch) -> tuple[bytes, bytes]:
    return epoch.identifier, scalar.encode(epoch.external_nullifier, "external nullifier")


def holds_log(path: Path) -> bool:
    """Tell whether an existing file holds a log, and not only a high-water mark; the file is not changed.

    Raises:
        StoreUnavailable: the file is of another kind, or cannot be read.
    """
    name = f"nullifier log: {path}"
    try:
        refusal = reason_to_refuse(path, FileKind.LOG, SCHEMA_VERSION, empty=False)
        if refusal is not None:
            raise StoreUnavailable(f"{name}: {refusal}")
        return bool(rows_of(path, "SELECT one FROM memory"))
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{name}: {error}") from error


class SqliteNullifierLog(NullifierLog):
    """A `NullifierLog` in a file. Safe to use from several threads, and across a fork.

    Args:
        path: path of the file; created if it does not exist.
        clock: clock of the verifiers.
        new: no message was accepted in an open epoch before, here or elsewhere; see `rln.stores.open_log`.

    Raises:
        StoreUnavailable: the file cannot be used.
    """

    def __init__(self, path: Path, clock: Clock, *, new: bool = False) -> None:
        self._clock = clock
        self._epochs: dict[Epoch, int] = {}
        self._ended: list[int] = []
        now, machine = clock.now(), MachineTime.now()
        start = LogStart.nothing_before() if new else LogStart.at(now, machine)
        self._database = open_log_file(path, "nullifier log")
        try:
            with self._database.writing() as connection:
                connection.execute(_BEGIN, columns_of(start))
                with naming(self._store):
                    _, found = memory_of(connection)
                self._start = found.opened(now, machine, clock.retention)
                if self._start != found:
                    connection.execute(_BEGIN_AGAIN, columns_of(self._start))
            self._recorded = self._start
        except BaseException:
            self._database.close()
            raise

    def __len__(self) -> int:
        """Return the number of shares in the file, including those that are being dropped.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM share").fetchone()[0])

    def __bool__(self) -> bool:
        return True  # a log without shares is a log

    def __repr__(self) -> str:
        return f"SqliteNullifierLog({str(self._database.path)!r})"

    @property
    def place(self) -> str:
        """The path of the file."""
        return str(self._database.path)

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> list[Share | StoreError | None]:
        """Return the shares that the log holds; see `NullifierLog`."""
        check_questions(keys)
        self._start = self._followed_start()
        try:
            now = self._clock.now()  # not in the transaction: the clock's mark may be in the same file
            with naming(self._store), self._database.reading() as connection:
                before, _ = memory_of(connection)
                numbers = self._numbers(connection, {epoch for epoch, _ in keys})
                return [
                    self._refusal(epoch, before, now) or self._peek(connection, numbers[epoch], key)
                    for epoch, key in keys
                ]
        except StoreError as error:
            return [error] * len(keys)

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreError]:
        """Insert each claim, or return the shares that were there before; see `NullifierLog`."""
        checked = checked_claims(claims)
        if not checked:
            return []
        entered: dict[Epoch, int] = {}
        try:
            self._follow_clock()
            now = self._clock.now()  # as in `peek_many`
            if len(checked) == 1 and self._insert_alone(*checked[0]):
                return [()]
            with naming(self._store), self._database.writing(MAY_BE_SPENT) as connection:
                before, _ = memory_of(connection)
                answers = [self._claim(connection, entered, before, now, *claim) for claim in checked]
                self._drop(connection, 2 * len(checked))
        except StoreError as error:
            return [error] * len(checked)
        # Remember the epochs' numbers only after the commit.
        if len(self._epochs) > _KNOWN_EPOCHS:
            self._epochs = {}
        self._epochs.update(entered)
        return answers

    def forget(self, before: int) -> None:
        """Drop the epochs that ended at unix time `before` or earlier; see `NullifierLog`.

        They are refused after the first transaction. Their shares are dropped in small transactions: some
        here, and the rest by later insertions, each of which drops twice as many as it inserts. So no verdict
        waits for all of them.
        """
        check_before(before)
        with naming(self._store), self._database.writing(_FORGET_AGAIN) as connection:
            check_keys(connection)
            memory_of(connection)
            connection.execute("UPDATE memory SET forgotten = max(forgotten, ?)", (before,))
            ended = connection.execute("SELECT id FROM epoch, memory WHERE ends <= forgotten").fetchall()
            self._ended = [number for (number,) in ended]
        for _ in range(_CHUNKS):
            if not self._ended:
                break
            try:
                with self._database.writing() as connection:
                    self._drop(connection, _CHUNK)
            except StoreUnavailable as error:
                raise StoreUnavailable(
                    "nullifier log: the epochs are refused from now on, but not all of their shares are "
                    f"dropped; call `forget` again: {error.__cause__ or error}"
                ) from error

    def close(self) -> None:
        """Close the file for this process; a second call does nothing."""
        self._database.close()

    def _followed_start(self) -> LogStart:
        """Return the start of the log by the machine's clock now; this process has seen no other boot."""
        start = self._start
        if start.is_over(self._clock.retention):
            return start
        machine = MachineTime(start.machine.boot, running_time(), clock_offset())
        return start.followed(machine, self._clock.retention)

    def _follow_clock(self) -> None:
        """Record what the start of the log is by the machine's clock now, if that has changed."""
        start = self._followed_start()
        if start != self._recorded:
            with naming(self._store), self._database.writing() as connection:
                memory_of(connection)
                values = (start.shift, start.observed, start.since, start.machine.running)
                connection.execute(_FOLLOW, values)
        self._start = self._recorded = start

    def _drop(self, connection: sqlite3.Connection, most: int) -> None:
        """Drop some shares of an ended epoch. Call it within a transaction, which also protects the list."""
        if self._ended:
            number = self._ended[0]
            dropped = connection.execute(_DROP_SHARES, (number, most, _BEYOND)).rowcount
            if dropped < most:
                connection.execute("DELETE FROM epoch WHERE id = ?", (number,))
                # If this is rolled back, the next `forget` finds the epoch again.
                self._ended.remove(number)

    def _insert_alone(self, epoch: Epoch, shares: dict[int, Share]) -> bool:
        """Insert a claim of one share by a single statement; False: the claim needs a transaction."""
        number = self._epochs.get(epoch)
        if number is None or len(shares) > 1 or self._ended or self._is_older(epoch):
            return False
        (share,) = shares.values()
        row = (*_encode(share), number, epoch.end)
        return self._database.execute_alone(_INSERT, row, MAY_BE_SPENT) > 0

    @property
    def _store(self) -> str:
        return f"nullifier log: {self._database.path}"

    def _numbers(self, connection: sqlite3.Connection, epochs: set[Epoch]) -> dict[Epoch, int | None]:
        """Return the numbers of epochs, None for those that have none, and check the keys of their shares.

        A key that is not ours would not be found, and its message would be accepted once more.
        """
        numbers: dict[Epoch, int | None] = {epoch: self._epochs.get(epoch) for epoch in epochs}
        if None in numbers.values():
            check_keys(connection)
        for epoch, known in numbers.items():
            row = None
            if known is None:
                row = connection.execute(_FIND_EPOCH, _names(epoch)).fetchone()
                numbers[epoch] = None if row is None else row[0]
            check_nullifiers(connection, numbers[epoch])
        return numbers

    def _peek(
        self, connection: sqlite3.Connection, number: int | None, nullifier: int
    ) -> Share | StoreError | None:
        if number is None:
            return None
        key = scalar.encode(nullifier, "nullifier")
        found = connection.execute(_GET, (number, key)).fetchone()
        return None if found is None else self._decode(found, number, key)

    def _decode(self, row: tuple[Any, ...], number: int, key: bytes) -> Share | IntegrityAlarm:
        """Decode a share; if it is damaged, the other shares of this call are not affected."""
        try:
            return share_of(row, number, key)
        except ForeignRow as error:
            return alarm(self._store, error)

    def _claim(
        self,
        connection: sqlite3.Connection,
        entered: dict[Epoch, int],
        before: int,
        now: float,
        epoch: Epoch,
        shares: dict[int, Share],
    ) -> Taken | StoreError:
        """Insert the shares of one message within a transaction: all of them or none."""
        refusal = self._refusal(epoch, before, now)
        if refusal is not None:
            return refusal
        number = self._epochs.get(epoch) or entered.get(epoch)
        if number is None:
            if not entered:  # once for all new epochs of a call
                check_keys(connection)
            rows = connection.execute(_ENTER_EPOCH, (*_names(epoch), epoch.end)).fetchall()
            if not rows:
                return self._forgotten(epoch, before, now)
            number = entered[epoch] = rows[0][0]
        if len(shares) > 1:
            connection.execute("SAVEPOINT claim")
        taken: list[Share] = []
        damaged: IntegrityAlarm | None = None
        for share in shares.values():
            row = _encode(share)
            if connection.execute(_INSERT, (*row, number, epoch.end)).rowcount == 0:
                found = connection.execute(_GET, (number, row[0])).fetchone()
                if found is None:
                    raise StoreUnavailable(
                        f"nullifier log: expected a row for epoch {epoch.index}, got none; check for other "
                        "programs that write the file"
                    )
                known = self._decode(found, number, row[0])
                if isinstance(known, Share):
                    taken.append(known)
                else:
                    damaged = known
        if len(shares) > 1:
            if taken or damaged:
                connection.execute("ROLLBACK TO claim")
            connection.execute("RELEASE claim")
        return damaged or tuple(taken)

    def _refusal(self, epoch: Epoch, before: int, now: float) -> StoreUnavailable | None:
        if epoch.end <= before:
            return self._forgotten(epoch, before, now)
        until = self._refused_until() if self._is_older(epoch) else None
        return None if until is None else epoch_older_than_log(epoch, until, self._clock, now)

    def _forgotten(self, epoch: Epoch, before: int, now: float) -> StoreUnavailable:
        return epoch_forgotten(epoch, before, now, self._refused_until(), self._clock)

    def _is_older(self, epoch: Epoch) -> bool:
        return self._clock.opened(epoch) <= self._refused_until()

    def _refused_until(self) -> int:
        return self._start.refused_until(self._clock.retention)


class SqliteMark:
    """A high-water mark in a file, the log's or another. Safe to use from several threads.

    Args:
        path: path of the file; created if it does not exist.

    Raises:
        StoreUnavailable: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = open_log_file(path, "high-water mark")

    def __repr__(self) -> str:
        return f"SqliteMark({str(self._database.path)!r})"

    def raise_to(self, seconds: int) -> int:
        """Raise the mark and sync it; see `rln.protocol.epoch.HighWaterMark`."""
        whole(seconds, "seconds", 0, LATEST_TIME)
        name = f"high-water mark: {self._database.path}"
        with naming(name), self._database.writing(_RAISE_AGAIN) as connection:
            found = mark_of(connection)
            if found is None or found < seconds:
                connection.execute("REPLACE INTO mark VALUES (1, ?)", (seconds,))
        return seconds if found is None else max(found, seconds)

    def close(self) -> None:
        """Close the file for this process; a second call does nothing."""
        self._database.close()
