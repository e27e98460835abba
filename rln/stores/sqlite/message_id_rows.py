"""Message id rows: the tables of a file of message ids, and their rows, decoded and checked.

    guard          one row: the fingerprint of the last change, and the end of the refusal for all identities
    identities     the end of the refusal for an identity
    reservations   ids of an owner in an epoch, from `first` up to, not including, `stop`; the x that they are
                   for, and the message. The owner is commitment and rln identifier, one after the other

The tables refuse values of another type or size. So only damage, or a program that switches these checks off,
can leave a row that is not ours. Such a row is a `ForeignRow`: with it an id could be given out twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from rln.base import scalar
from rln.protocol.epoch import MAX_INDEX
from rln.proving.ports import KeptMessage
from rln.stores.sql_rows import ForeignRow, number, packed
from rln.stores.sqlite.guard_state import Fingerprint

_SORTABLE_SIZE: Final = 16
_REFUSAL: Final = (
    f"typeof(burnt) = 'blob' AND length(burnt) = {_SORTABLE_SIZE} AND typeof(clock) IN ('integer', 'null')"
)
_TABLES: Final = (
    "CREATE TABLE guard (one INTEGER PRIMARY KEY CHECK (one = 1), seal TEXT NOT NULL, burnt BLOB NOT NULL, "
    f"clock INTEGER, CHECK (typeof(seal) = 'text' AND {_REFUSAL}))",
    "CREATE TABLE identities (commitment BLOB PRIMARY KEY, burnt BLOB NOT NULL, clock INTEGER, "
    f"CHECK (typeof(commitment) = 'blob' AND length(commitment) = {scalar.SIZE} AND {_REFUSAL})) "
    "WITHOUT ROWID",
    "CREATE TABLE reservations (owner BLOB, epoch BLOB, first INTEGER, stop INTEGER NOT NULL, x BLOB, "
    "message BLOB, PRIMARY KEY (owner, epoch, first), "
    "CHECK (typeof(owner) = 'blob' AND typeof(epoch) = 'blob' "
    f"AND length(epoch) = {_SORTABLE_SIZE} AND typeof(first) = 'integer' AND typeof(stop) = 'integer' "
    f"AND (x IS NULL OR (typeof(x) = 'blob' AND length(x) = {scalar.SIZE})) "
    "AND (message IS NULL OR typeof(message) = 'blob'))) WITHOUT ROWID",
)
# SQLite sorts NULL, numbers and text before bytes, so each statement is one search in an index.
_FIRST_IDENTITY: Final = "SELECT commitment FROM identities ORDER BY commitment LIMIT 1"
_FIRST_OWNER: Final = "SELECT owner FROM reservations ORDER BY owner, epoch, first LIMIT 1"
_FIRST_EPOCH: Final = "SELECT epoch FROM reservations WHERE owner = ? ORDER BY epoch, first LIMIT 1"
_FIRST_IDS: Final = "SELECT first FROM reservations WHERE owner = ? AND epoch = ? ORDER BY first LIMIT 1"


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables of an empty file."""
    for statement in _TABLES:
        connection.execute(statement)


def fingerprint_of(seal: Any) -> Fingerprint:
    """Decode the fingerprint in `guard`."""
    try:
        found = Fingerprint.decode(seal)
    except (AttributeError, TypeError, ValueError) as error:
        raise ForeignRow(f"guard: seal: expected a fingerprint, got {type(seal).__name__}") from error
    for name in ("changed", "generation", "newest_start"):
        number(getattr(found, name), f"guard: seal: {name}", 0, 1 << 128)
    return found


def refusal_end_of(row: Sequence[Any], name: str) -> tuple[int, int | None]:
    """Decode the end of a refusal, and the clock offset that it follows."""
    burnt, clock = row
    if clock is not None:
        number(clock, f"{name}: clock", -(1 << 63))
    return sortable_number(burnt, f"{name}: burnt"), clock


def reservation_of(row: Sequence[Any], epoch: int) -> tuple[int, bytes | None]:
    """Decode `first`, `stop` and x of a reservation in an epoch; return `stop` and x."""
    first, stop, x = row
    name = f"reservations of epoch {epoch}, first {first}"
    number(first, f"{name}: first", 0)
    number(stop, f"{name}: stop", first + 1)
    return stop, None if x is None else packed(x, f"{name}: x", scalar.SIZE)


def kept_of(row: Sequence[Any]) -> KeptMessage:
    """Decode `epoch`, `first`, `stop`, x and message of a reservation whose message was kept."""
    epoch = number(sortable_number(row[0], "reservations: epoch"), "reservations: epoch", 0, MAX_INDEX)
    stop, _ = reservation_of(row[1:4], epoch)
    return KeptMessage(epoch, range(row[1], stop), packed(row[4], f"reservations of epoch {epoch}: message"))


def sortable_number(data: Any, name: str) -> int:
    """Decode a whole number below 2^128."""
    return int.from_bytes(packed(data, name, _SORTABLE_SIZE), "big")


def check_identities(connection: sqlite3.Connection) -> None:
    """Check the keys of the identities: one that is not ours would not be found."""
    for (commitment,) in connection.execute(_FIRST_IDENTITY):
        packed(commitment, "identities: commitment", scalar.SIZE)


def check_keys(connection: sqlite3.Connection, owner: bytes, epoch: bytes) -> None:
    """Check the keys of an owner's reservations."""
    for (found,) in connection.execute(_FIRST_OWNER):
        packed(found, "reservations: owner")
    for (found,) in connection.execute(_FIRST_EPOCH, (owner,)):
        packed(found, "reservations: epoch", _SORTABLE_SIZE)
    for (first,) in connection.execute(_FIRST_IDS, (owner, epoch)):
        number(first, "reservations: first", 0, 0)
