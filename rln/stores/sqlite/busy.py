"""Busy: waiting for the lock of an SQLite file that another connection has."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Final

_RETRY_SECONDS: Final = (0.0002, 0.002)
"""Least and greatest pause in seconds between two attempts. SQLite itself waits longer each time, up to a
tenth of a second, so the process that has waited longest would get in last.
"""


def execute_when_free(
    connection: sqlite3.Connection, statement: str, values: tuple[object, ...], deadline: float
) -> sqlite3.Cursor:
    """Execute the first statement of a transaction as soon as no other process has the lock that it needs.

    Args:
        connection: its `busy_timeout` is 0.
        statement: an SQL statement.
        values: its values.
        deadline: the time of the last attempt, by the monotonic clock; there is one attempt at least.
    """
    while True:
        try:
            return connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(*_RETRY_SECONDS))


def is_busy(error: Exception) -> bool:
    """Tell whether another connection has the lock that a statement needs."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
