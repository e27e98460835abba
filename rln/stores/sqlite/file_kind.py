"""File kind: which program and which store an SQLite file belongs to, found out without changing the file.

The kind is in the file's header: an application id and a schema version. It is read through a connection
that SQLite calls immutable: that takes no lock, replays no journal and makes no `-wal` or `-shm` file. It is
SQLite that reads the file: if this module opened the file and closed it again, the system would drop every
lock that this process holds on it.

A file that was just created has its kind in the WAL only. So if the header shows no kind, no tables and a WAL
is there, copies of both are read in a directory of their own.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

NULLIFIER_LOG: Final = 0x726C6E6C  # "rlnl"
MEMBER_REGISTRY: Final = 0x726C6E67  # "rlng"
MESSAGE_IDS: Final = 0x524C4E69  # "RLNi"

_KINDS: Final = {
    NULLIFIER_LOG: "a nullifier log",
    MEMBER_REGISTRY: "a member registry",
    MESSAGE_IDS: "a file of message ids",
}
_OTHER_FILES: Final = {
    b"rln-bul\n": "a mirror or a bulletin",
    b"rln-tree": "a snapshot",
    b"rln audi": "an audit file",
    b"rln-slas": "a list of slashed members",
}
"""Files of this library that are not SQLite's, by their first eight bytes."""

_TABLES: Final = "SELECT count(*) FROM sqlite_schema"


def header(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the application id and the schema version of a file."""
    return (
        connection.execute("PRAGMA application_id").fetchone()[0],
        connection.execute("PRAGMA user_version").fetchone()[0],
    )


def reason_to_refuse(
    path: Path, application_id: int, schema_version: int, *, empty: bool = True
) -> str | None:
    """Return why a file is not one of this kind and version; None: it is one.

    Nothing is changed, and no file is made beside it.

    Args:
        path: path of an existing file.
        application_id: the expected kind.
        schema_version: the expected version.
        empty: an empty file will do, too.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    try:
        with closing(_open_unchanged(path)) as connection:
            found, tables = header(connection), connection.execute(_TABLES).fetchone()[0]
            wal = path.with_name(path.name + "-wal")
            if found == (0, 0) and not tables and wal.exists() and path.stat().st_size:
                found, tables = _look_into_wal(connection.serialize(), wal)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        with path.open("rb") as file:  # no database, so nobody has SQLite's locks on it
            kind = _OTHER_FILES.get(file.read(8))
        is_what = "the file is not a database" + ("" if kind is None else f", but {kind}")
        return f"{is_what}; expected {_kind(application_id)}; check the path"
    if found == (0, 0) and not tables:
        return None if empty else f"expected {_kind(application_id)}, got an empty file; check the path"
    return wrong_header(found, application_id, schema_version)


def wrong_header(found: tuple[int, int], application_id: int, schema_version: int) -> str | None:
    """Return why a header is not that of this kind and version; None: it is."""
    if found[0] == 0:
        return (
            "this file belongs to another program; expected a file of this library or an empty one, for "
            f"{_kind(application_id)}; check the path"
        )
    if found[0] != application_id:
        return f"this file is {_kind(found[0])}, expected {_kind(application_id)}; check the path"
    if found[1] != schema_version:
        return (
            f"expected {_kind(application_id)} with schema version {schema_version}, got {found[1]}; use the "
            "version of this library that wrote the file"
        )
    return None


def _kind(application_id: int) -> str:
    return _KINDS.get(application_id, f"an SQLite file with application id {application_id}")


def _open_unchanged(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _look_into_wal(main: bytes, wal: Path) -> tuple[tuple[int, int], int]:
    """Return the header and the number of tables of a file with what its WAL adds, from copies of both."""
    with tempfile.TemporaryDirectory(prefix="rln") as folder:
        copy = Path(folder) / "copy"
        copy.write_bytes(main)
        try:
            copy.with_name("copy-wal").write_bytes(wal.read_bytes())
        except FileNotFoundError:
            pass  # its owner has just written it to the file; the check under SQLite's locks follows
        with closing(sqlite3.connect(copy)) as connection:
            return header(connection), connection.execute(_TABLES).fetchone()[0]
