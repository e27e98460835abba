"""The tables of a member registry in SQL, the same for every database.

    rln_registry   one row: form of the tables, depth and limit bits of the registry, and its origin, by which
                   a restored copy is noticed (`rln.stores.sqlite.slashed_file`, `rln.stores.postgres.origin`)
    rln_step       number, root, time, and the head of the registry after it (see `rln.group.events.Head`)
    rln_event      what happened at which index, in the order of numbers; rows are added and never changed
    rln_member     index, commitment, limit, first step, and first step without the leaf (0: it is there)
    rln_slashing   commitment, time of the slashing, time by which a step must remove the leaf, and number of
                   the step that removed it (0: not removed yet; -1: the commitment was never registered here)

A row in `rln_slashing` with step 0 is written before the leaf is removed, so that after a crash the next
process finds it. A commitment cannot have two leaves: (commitment, gone) is unique.

Field elements are 32 little-endian bytes; other numbers are integers of 64 bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import StoreUnavailable
from rln.stores.sql_rows import ForeignRow, Row, number

FORM: Final = 2
"""The form of the tables. It is raised when a table changes; tables of another form are refused."""

_LATEST_FORM: Final = 1 << 16
NEVER_REGISTERED: Final = -1
"""The step of a slashing whose commitment has no registration: it was registered in steps that were lost."""

_INTEGER: Final = "BIGINT NOT NULL"

_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "rln_registry": {
        "one": "{number} PRIMARY KEY CHECK (one = 1)",
        "form": _INTEGER,
        "depth": _INTEGER,
        "limit_bits": _INTEGER,
        "origin": "TEXT NOT NULL",
    },
    "rln_step": {
        "number": "{number} PRIMARY KEY",
        "root": "{bytes} NOT NULL",
        "at": _INTEGER,
        "events": _INTEGER,
        "next_index": _INTEGER,
        "members": _INTEGER,
        "slashed_at": _INTEGER,
    },
    "rln_event": {"number": "{number} PRIMARY KEY", "change": _INTEGER, "place": _INTEGER},
    "rln_member": {
        "place": "{number} PRIMARY KEY",
        "commitment": "{bytes} NOT NULL",
        "quota": _INTEGER,
        "joined": _INTEGER,
        "gone": _INTEGER,
    },
    "rln_slashing": {
        "commitment": "{bytes} PRIMARY KEY",
        "noted": _INTEGER,
        "due": _INTEGER,
        "step": _INTEGER,
    },
}
_INDEXES: Final = (
    "CREATE UNIQUE INDEX rln_member_commitment ON rln_member (commitment, gone)",
    "CREATE INDEX rln_slashing_step ON rln_slashing (step)",
)

TABLE_NAMES: Final = tuple(_COLUMNS)

REGISTRY: Final = "SELECT form, depth, limit_bits, origin FROM rln_registry"
INSERT_REGISTRY: Final = (
    "INSERT INTO rln_registry (one, form, depth, limit_bits, origin) VALUES (1, ?, ?, ?, ?)"
)
SET_ORIGIN: Final = "UPDATE rln_registry SET origin = ?"


def definitions(number: str, bytes_: str) -> list[str]:
    """Return the statements that create the tables.

    Args:
        number: the database's type of an integer key.
        bytes_: the database's type of bytes.
    """
    tables = (
        f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})"
        for table, columns in _COLUMNS.items()
    )
    return [statement.format(number=number, bytes=bytes_) for statement in (*tables, *_INDEXES)]


def check_columns(found: Sequence[Row], name: str) -> None:
    """Check that the tables have the columns of this form.

    Args:
        found: pairs of a table's and a column's name.
        name: name of the store in messages.

    Raises:
        StoreUnavailable: a table is missing, or has other columns.
    """
    for table, columns in _COLUMNS.items():
        got = sorted(str(column) for owner, column in found if owner == table)
        if got != sorted(columns):
            raise StoreUnavailable(
                f"{name}: table {table}: expected the columns {', '.join(sorted(columns))} of a member "
                f"registry of form {FORM}, got {', '.join(got) or 'none'}; use the version of this library "
                "that made the tables, or another database"
            )


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """The row of `rln_registry`.

    Attributes:
        depth, limit_bits: those of the registry.
        origin: what shows that the tables were restored.
    """

    depth: int
    limit_bits: int
    origin: str

    @classmethod
    def of(cls, rows: Sequence[Row], name: str) -> RegistryRow:
        """Decode the rows of `rln_registry`.

        Args:
            rows: result of `REGISTRY`.
            name: name of the store in messages.

        Raises:
            ForeignRow: there is not one row, or no program of ours wrote it.
            StoreUnavailable: the tables have another form.
        """
        if len(rows) != 1:
            raise ForeignRow(f"rln_registry: expected one row, got {len(rows)}")
        form, depth, limit_bits, origin = rows[0]
        if number(form, "rln_registry: form", 0, _LATEST_FORM) != FORM:
            raise StoreUnavailable(
                f"{name}: expected a member registry of form {FORM}, got form {form}; use the version of "
                "this library that made it"
            )
        if type(origin) is not str:
            raise ForeignRow(f"rln_registry: origin: expected text, got {type(origin).__name__}")
        return cls(
            number(depth, "rln_registry: depth", 1, MAX_DEPTH),
            number(limit_bits, "rln_registry: limit_bits", 1, MAX_LIMIT_BITS),
            origin,
        )
