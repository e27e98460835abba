"""Damage to the rows of an SQLite file, as another program or a bad disk may leave it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

R: Final = 21888242871839275222246405745257275088548364400416034343698204186575808495617

BAD_NUMBERS: Final[dict[str, object]] = {
    "text": "many",
    "text that is not UTF-8": b"\xff\xfe",
    "bytes": b"\x01",
    "NULL": None,
    "a fraction": 1.5,
    "negative": -2,
    "most negative": -(1 << 63),
    "huge": (1 << 63) - 1,
}
BAD_ELEMENTS: Final[dict[str, object]] = {
    "text": "five",
    "text of its length": "5" * 32,
    "text that is not UTF-8": b"\xff\xfe",
    "NULL": None,
    "a number": 5,
    "nothing": b"",
    "short": b"\x05" * 31,
    "long": b"\x05" * 33,
    "r": R.to_bytes(32, "little"),
    "all ones": b"\xff" * 32,
    "0": bytes(32),
}


def damage(path: Path, statement: str, what: str, value: object) -> bool:
    """Write a value into rows, whatever the tables say about it; return whether any row has changed.

    Args:
        path: path of the file.
        statement: an UPDATE, or another statement, with one parameter for the value.
        what: name of the value; "text that is not UTF-8" stores bytes as text.
        value: the value.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')")
        connection.execute("PRAGMA writable_schema=RESET")
        # Open connections must read the changed tables, or they rely on what the tables said before.
        version = connection.execute("PRAGMA schema_version").fetchone()[0]
        connection.execute(f"PRAGMA schema_version={version + 1}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        if what == "text that is not UTF-8":
            statement = statement.replace("?", "CAST(? AS TEXT)")
        try:
            return connection.execute(statement, (value,)).rowcount > 0
        except sqlite3.Error:
            return False  # a key cannot hold every value
