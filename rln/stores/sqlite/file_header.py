"""File header: which program and which store an SQLite file belongs to, found out without changing the file.

The kind is in the file's header: an application id and a schema version. It is read through a connection
that SQLite calls immutable: that takes no lock, replays no journal and makes no `-wal` or `-shm` file. It is
SQLite that reads the file: if this module opened the file and closed it again, the system would drop every
lock that this process holds on it.

A file that was just created has its kind in the WAL only. So if the header shows no kind and no tables, the
first page is looked for in the WAL.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from rln.base.file_kind import STORE_IDS, FileKind, sniff, store_kind
from rln.stores.sqlite.connection_slot import reading

_ENOUGH: Final = 1 << 16
"""Bytes at the start of a file that tell its kind."""

_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_TREE_START: Final = 100
"""Where the tree of the table of tables starts in the first page."""

_TABLES: Final = "SELECT count(*) FROM sqlite_schema"


def header(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the application id and the schema version of a file."""
    return (
        connection.execute("PRAGMA application_id").fetchone()[0],
        connection.execute("PRAGMA user_version").fetchone()[0],
    )


def reason_to_refuse(path: Path, kind: FileKind, schema_version: int, *, empty: bool = True) -> str | None:
    """Return why a file is not one of this kind and version; None: it is one.

    Nothing is changed, and no file is made beside it.

    Args:
        path: path of an existing file.
        kind: the expected kind.
        schema_version: the expected version.
        empty: an empty file will do, too.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    try:
        found, tables = _look(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        with path.open("rb") as file:  # no database, so nobody has SQLite's locks on it
            got = sniff(file.read(_ENOUGH))
        is_what = "the file is not a database" + ("" if got is FileKind.UNKNOWN else f", but {got.value}")
        return f"{is_what}; expected {kind.value}; check the path"
    if found == (0, 0) and not tables:
        return None if empty else f"expected {kind.value}, got an empty file; check the path"
    return wrong_header(found, kind, schema_version)


def wrong_header(found: tuple[int, int], kind: FileKind, schema_version: int) -> str | None:
    """Return why a header is not that of this kind and version; None: it is."""
    if found[0] == 0:
        return (
            "this file belongs to another program; expected a file of this library or an empty one, for "
            f"{kind.value}; check the path"
        )
    if found[0] != STORE_IDS[kind]:
        return f"this file is {store_kind(found[0]).value}, expected {kind.value}; check the path"
    if found[1] != schema_version:
        return (
            f"expected {kind.value} with schema version {schema_version}, got {found[1]}; use the "
            "version of this library that wrote the file"
        )
    return None


def _look(path: Path) -> tuple[tuple[int, int], int]:
    """Return the header and the number of tables of a file, from its WAL if the file does not show them."""
    with reading(path, "mode=ro&immutable=1") as connection:
        try:
            found, tables = header(connection), connection.execute(_TABLES).fetchone()[0]
        except sqlite3.DatabaseError as error:
            # While the WAL is written to the file, and after a crash then, the file alone is not whole.
            if error.sqlite_errorcode != sqlite3.SQLITE_CORRUPT:
                raise
            page = _first_page_in_wal(path)
            if page is None:
                raise
        else:
            page = _first_page_in_wal(path) if found == (0, 0) and not tables else None
    return (found, tables) if page is None else _read_first_page(page)


def _first_page_in_wal(path: Path) -> bytes | None:
    """Return the newest committed form of the file's first page in its WAL, or None.

    Source: SQLite, file format, section 4.1.
    """
    try:
        with path.with_name(path.name + "-wal").open("rb") as wal:
            start = wal.read(_WAL_HEADER)
            if len(start) < _WAL_HEADER:
                return None
            size, salts = int.from_bytes(start[8:12], "big"), start[16:24]
            committed, newest = None, None
            while len(frame := wal.read(_FRAME_HEADER)) == _FRAME_HEADER and frame[8:16] == salts:
                page = wal.read(size)
                if frame[:4] == b"\0\0\0\1" and len(page) == size:
                    newest = page
                if frame[4:8] != bytes(4):  # the last one of a commit
                    committed = newest
            return committed
    except FileNotFoundError:
        return None


def _read_first_page(page: bytes) -> tuple[tuple[int, int], int]:
    """Return the header in a first page, and the number of entries in the root of the table of tables."""
    entries = int.from_bytes(page[_TREE_START + 3 : _TREE_START + 5], "big")
    return (int.from_bytes(page[68:72], "big"), int.from_bytes(page[60:64], "big")), entries
