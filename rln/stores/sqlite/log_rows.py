"""Log rows: the tables of a nullifier log in SQLite, and their rows, decoded and checked.

    memory   one row: epochs that ended by unix time `forgotten` are refused; so are epochs that were open
             when the log was created, because accepted shares may be missing (`rln.stores.sqlite.log_start`)
    epoch    a number for each (rln identifier, external nullifier); numbers are never used again
    share    (epoch, nullifier) -> x, y

    mark     one row with the high-water mark of a clock

The tables refuse values of another type or size. So only damage, or a program that switches these checks off,
can leave a row that is not ours. Such a row is a `ForeignRow`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from rln.base import scalar
from rln.base.file_kind import FileKind
from rln.protocol.share import Share
from rln.stores.machine_time import MachineTime
from rln.stores.refusals import LATEST_TIME
from rln.stores.sql_rows import ForeignRow, field_element, number, packed
from rln.stores.sqlite.database import Database
from rln.stores.sqlite.log_start import LogStart

SCHEMA_VERSION: Final = 2
"""The version of the tables below."""

_PAGE_SIZE: Final = 1024
"""Bytes: a row has about 100, and consecutive rows are far apart."""


def _numbers(*columns: str) -> str:
    return " AND ".join(f"typeof({column}) = 'integer'" for column in columns)


def _elements(*columns: str) -> str:
    return " AND ".join(f"typeof({column}) = 'blob' AND length({column}) = 32" for column in columns)


_TABLES: Final = (
    "CREATE TABLE mark (one INTEGER PRIMARY KEY CHECK (one = 1), seconds INTEGER NOT NULL,"
    f" CHECK ({_numbers('seconds')}))",
    "CREATE TABLE memory (one INTEGER PRIMARY KEY CHECK (one = 1), forgotten INTEGER NOT NULL,"
    " since INTEGER NOT NULL, shift INTEGER NOT NULL, observed INTEGER NOT NULL, boot TEXT NOT NULL,"
    " running INTEGER NOT NULL, clock INTEGER NOT NULL,"
    f" CHECK ({_numbers('forgotten', 'since', 'shift', 'observed', 'running', 'clock')}"
    " AND typeof(boot) = 'text'))",
    "CREATE TABLE epoch (id INTEGER PRIMARY KEY AUTOINCREMENT, identifier BLOB NOT NULL,"
    " external_nullifier BLOB NOT NULL, ends INTEGER NOT NULL, UNIQUE (identifier, external_nullifier),"
    f" CHECK (typeof(identifier) = 'blob' AND {_elements('external_nullifier')} AND {_numbers('ends')}))",
    "CREATE TABLE share (epoch INTEGER NOT NULL, nullifier BLOB NOT NULL, x BLOB NOT NULL, y BLOB NOT NULL,"
    " PRIMARY KEY (epoch, nullifier),"
    f" CHECK ({_numbers('epoch')} AND {_elements('nullifier', 'x', 'y')})) WITHOUT ROWID",
)

START: Final = "since, shift, observed, boot, running, clock"
"""The columns of `memory` that tell when the log began."""

_NEWEST_EPOCH: Final = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'epoch'), 0)"
# Each statement below is one search in an index: SQLite sorts NULL, numbers, text and bytes in this order.
_LOWEST: Final = "SELECT epoch FROM share ORDER BY epoch, nullifier LIMIT 1"
_HIGHEST: Final = "SELECT epoch FROM share ORDER BY epoch DESC, nullifier DESC LIMIT 1"
_NO_BYTES: Final = "SELECT nullifier FROM share WHERE epoch = ? ORDER BY nullifier LIMIT 1"


def open_log_file(path: Path, name: str) -> Database:
    """Open a file of these tables; create it if it does not exist.

    Args:
        path: path of the file.
        name: name of the store in messages.

    Raises:
        StoreUnavailable: the file cannot be used, or is of another kind or version.
    """
    return Database(
        path,
        name=name,
        kind=FileKind.LOG,
        schema_version=SCHEMA_VERSION,
        page_size=_PAGE_SIZE,
        create=_create_tables,
    )


def _create_tables(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(table)


def columns_of(start: LogStart) -> tuple[int | str, ...]:
    """Return the values of the columns `START`."""
    machine = start.machine
    return start.since, start.shift, start.observed, machine.boot, machine.running, machine.clock_offset


def memory_of(connection: sqlite3.Connection) -> tuple[int, LogStart]:
    """Return the unix time up to which ended epochs are refused, and when the log began."""
    rows = connection.execute(f"SELECT forgotten, {START} FROM memory").fetchall()
    forgotten, since, shift, observed, boot, running, clock = _only(rows, "memory")
    if type(boot) is not str:
        raise ForeignRow(f"memory: boot: expected text, got {type(boot).__name__}")
    running = number(running, "memory: running", 0)
    start = LogStart(
        number(since, "memory: since", -LATEST_TIME, LATEST_TIME),
        number(shift, "memory: shift", 0, LATEST_TIME),
        number(observed, "memory: observed", 0, LATEST_TIME),
        MachineTime(boot, running, number(clock, "memory: clock", -LATEST_TIME)),
    )
    return number(forgotten, "memory: forgotten", 0, LATEST_TIME), start


def mark_of(connection: sqlite3.Connection) -> int | None:
    """Return the high-water mark, or None if there is none yet."""
    rows = connection.execute("SELECT seconds FROM mark").fetchall()
    return number(_only(rows, "mark")[0], "mark: seconds", 0, LATEST_TIME) if rows else None


def check_keys(connection: sqlite3.Connection) -> None:
    """Check every row of `epoch`, of which there are few, and that each share has the number of an epoch."""
    newest = number(connection.execute(_NEWEST_EPOCH).fetchone()[0], "sqlite_sequence epoch: seq", 0)
    for row in connection.execute("SELECT id, identifier, external_nullifier, ends FROM epoch"):
        name = f"epoch {row[0]}"
        number(row[0], f"{name}: id", 1, newest)
        packed(row[1], f"{name}: identifier")
        field_element(row[2], f"{name}: external_nullifier", low=0)
        number(row[3], f"{name}: ends", 1, LATEST_TIME)
    for statement in (_LOWEST, _HIGHEST):
        for (epoch,) in connection.execute(statement):
            number(epoch, "share: epoch", 1, newest)


def check_nullifiers(connection: sqlite3.Connection, epoch: int | None) -> None:
    """Check that the nullifiers of an epoch are bytes; None: there is no epoch."""
    for (nullifier,) in connection.execute(_NO_BYTES, (epoch,)) if epoch is not None else ():
        packed(nullifier, f"share of epoch {epoch}: nullifier", scalar.SIZE)


def share_of(row: Iterable[Any], epoch: int, nullifier: bytes) -> Share:
    """Decode x and y of a share that was found by its key."""
    x, y = row
    name = f"share of epoch {epoch}, nullifier {nullifier.hex()}"
    return Share(
        field_element(x, f"{name}: x"),
        field_element(y, f"{name}: y", low=0),
        int.from_bytes(nullifier, "little"),
    )


def _only(rows: list[Any], table: str) -> Any:
    if len(rows) != 1:
        raise ForeignRow(f"{table}: expected one row, got {len(rows)}")
    return rows[0]
