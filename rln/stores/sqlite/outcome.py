"""Outcome: what became of the changes of a transaction that failed, as notes at SQLite's errors.

Before the commit begins, nothing is changed: SQLite takes back what was not committed. When the commit itself
fails, for example because the disk fails at a sync, the changes may be in the file all the same. A note at
the error then says so, and how to find out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rln.stores.refusals import NOTHING_CHANGED

UNKNOWN: Final = "the change may have happened or not: read the file before you repeat it"
_REFUSED: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT)
"""Codes of errors after which a single statement has certainly changed nothing."""


def commit(connection: sqlite3.Connection, if_unknown: str) -> None:
    """Commit, and note at an error that its outcome is unknown."""
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        error.add_note(if_unknown)
        raise


def roll_back(connection: sqlite3.Connection, because: BaseException) -> None:
    """Roll back after an error, if a transaction is open; another error gets the notes of the first."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        for note in getattr(because, "__notes__", ()):
            error.add_note(note)
        raise


@contextmanager
def alone(if_unknown: str) -> Iterator[None]:
    """Run a statement that is its own transaction, and note at an error if its outcome is unknown."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _REFUSED:
            error.add_note(if_unknown)
        raise


def outcome_of(error: Exception) -> str:
    """Return what became of the changes of a transaction that ended with an error."""
    return "; ".join(getattr(error, "__notes__", (NOTHING_CHANGED,)))
