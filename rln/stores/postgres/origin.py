"""Origin of a registry in PostgreSQL: the server, its history and the tables, by which a restore is noticed.

If a server comes back from a backup, the registry lacks what was slashed since. Four things show it:

    system     the identifier of the database cluster, which another server does not have
    timeline   a number that grows when a server was recovered to a point in time, or a standby was promoted
    tables     the object ids of the tables, which are new after a dump was restored
    writer     the transaction that wrote the row of `rln_registry` (xmin); a row that is restored into an
               existing table is written by another transaction

They are recorded in that row when the registry is created, and compared in each transaction, because behind a
pooler each transaction may be on another server. A copy of the server's files that is put back has the same
four: this is not noticed.

A standby may be behind in its timeline, because it repeats the primary's history later.

The system identifier, and the timeline of a standby, come from functions that an administrator can forbid
(`pg_control_system`, `pg_control_checkpoint`, `pg_control_recovery`). Then they are not recorded, and a
warning says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rln.stores.sql_rows import ForeignRow, Row
from rln.stores.sql_tables import TABLE_NAMES

PERMITTED: Final = "SELECT " + " AND ".join(
    f"pg_catalog.has_function_privilege('pg_catalog.{name}()', 'execute')"
    for name in ("pg_control_system", "pg_control_checkpoint", "pg_control_recovery")
)
"""Asks whether the functions may be called. A statement that names one fails even if it does not call it."""

COLUMNS: Final = (
    "SELECT c.relname, a.attname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a"
    " ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    f" WHERE c.relname IN ({', '.join(repr(name) for name in TABLE_NAMES)})"
    " AND pg_catalog.pg_table_is_visible(c.oid)"
)
"""Asks for the tables and their columns."""

_UNKNOWN: Final = "-"
_SYSTEM: Final = "(SELECT system_identifier::text FROM pg_catalog.pg_control_system())"
_REPLAYED: Final = (
    "greatest((SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),"
    " (SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()))"
)
_TABLES: Final = (
    "(SELECT string_agg(c.oid::text, ',' ORDER BY c.relname) FROM pg_catalog.pg_class c"
    f" WHERE c.relname IN ({', '.join(repr(name) for name in TABLE_NAMES)})"
    " AND pg_catalog.pg_table_is_visible(c.oid))"
)


def origin_statement(permitted: bool) -> str:
    """Return the statement that asks for the recorded origin, and for the server as it is now.

    Args:
        permitted: the answer to `PERMITTED`.
    """
    system = _SYSTEM if permitted else f"'{_UNKNOWN}'"
    # The first eight digits of a WAL file's name are the timeline that the server writes now.
    timeline = (
        f"CASE WHEN pg_catalog.pg_is_in_recovery() THEN {_REPLAYED if permitted else '0'}"
        " ELSE ('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))"
        "::bit(32)::int END"
    )
    return (
        f"SELECT r.origin, pg_catalog.pg_is_in_recovery(), {system}, {timeline}, {_TABLES}, r.xmin::text"
        " FROM rln_registry r"
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a registry is.

    Attributes:
        system: system identifier of the server; "-" if it is not known.
        timeline: of the server, 1 or more; 0 if it is not known.
        tables: object ids of the tables.
        writer: the transaction that wrote the row of `rln_registry`.
    """

    system: str
    timeline: int
    tables: str
    writer: str

    def encode(self) -> str:
        """Encode the origin for the database."""
        return f"{self.system} {self.timeline} {self.tables} {self.writer}"

    @classmethod
    def decode(cls, text: str) -> Origin:
        """Decode an origin.

        Raises:
            ForeignRow: the text is not an origin.
        """
        parts = text.split(" ") if isinstance(text, str) else ()
        if len(parts) != 4 or not (parts[1].isascii() and parts[1].isdigit()):
            raise ForeignRow("rln_registry: origin: expected a server, a timeline, tables and a transaction")
        return cls(parts[0], int(parts[1]), parts[2], parts[3])

    @classmethod
    def found(cls, row: Row) -> Origin:
        """Return where the registry is now, from the result of `origin_statement`."""
        _, _, system, timeline, tables, writer = row
        return cls(system, timeline, tables, writer)

    @property
    def is_complete(self) -> bool:
        """Whether the server has told its identifier."""
        return self.system != _UNKNOWN


def reason_for_doubt(row: Row) -> str | None:
    """Return why the registry may be a restored copy; None: it is where it was created.

    Args:
        row: result of `origin_statement`.

    Raises:
        ForeignRow: the recorded origin is not one.
    """
    recorded, found = Origin.decode(row[0]), Origin.found(row)
    is_standby = bool(row[1])
    if recorded.is_complete and not found.is_complete:
        return "the server no longer tells its identifier; permit pg_control_system and its like again"
    if recorded.is_complete and recorded.system != found.system:
        return "it is on another server, with another system identifier"
    if found.timeline > recorded.timeline or (found.timeline < recorded.timeline and not is_standby):
        return (
            f"the server is on timeline {found.timeline}, expected {recorded.timeline}: it was recovered to "
            "a point in time, or a standby was promoted"
        )
    if recorded.tables != found.tables:
        return "its tables were made again, as when a dump is restored"
    if recorded.writer != found.writer:
        return "its rows were written again, as when the data of a dump is restored"
    return None
