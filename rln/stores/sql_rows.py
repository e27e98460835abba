"""Rows of a member registry, decoded. A row that no change can have written raises `IntegrityAlarm`."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rln.base import scalar
from rln.errors import IntegrityAlarm
from rln.group.events import Events, Registration, Slashing

Row = tuple[Any, ...]
"""One row of a statement's result."""


def check_numbers(rows: Sequence[Row], first: int, what: str) -> None:
    """Check that the numbers of rows, their first column, are consecutive from `first`."""
    if rows and (rows[0][0], rows[-1][0]) != (first, first + len(rows) - 1):
        raise IntegrityAlarm(
            f"registry: expected {what}s {first} to {first + len(rows) - 1}, "
            f"got {rows[0][0]} to {rows[-1][0]}"
        )


def field_element(data: Any, name: str) -> int:
    """Decode a field element of 32 bytes."""
    try:
        return scalar.decode(bytes(data), name)
    except (TypeError, ValueError) as error:
        raise IntegrityAlarm(f"registry: {name}: expected a field element in 32 bytes: {error}") from error


def registration_of(row: Row) -> Registration:
    """Decode a row of `rln_member`."""
    index, commitment, limit, joined, left = row
    return Registration(index, field_element(commitment, "commitment"), limit, joined, left or None)


def slashings_of(rows: Sequence[Row]) -> Iterator[Slashing]:
    """Group the rows of each slashing; there is one row for each registration of its commitment."""
    for (commitment, noted, due, step), registrations in groupby(rows, key=lambda row: row[:4]):
        stayed = tuple(registration_of(row[4:]) for row in registrations)
        yield Slashing(field_element(commitment, "commitment"), noted, due, step or None, stayed)


def events_of(first: int, rows: Sequence[Row]) -> Events:
    """Put the rows of events, each with its member, into columns."""
    return Events(
        first,
        bytes([row[1] for row in rows]),
        array("Q", [row[2] for row in rows]),
        b"".join([row[3] for row in rows]),
        array("Q", [row[4] for row in rows]),
    )
