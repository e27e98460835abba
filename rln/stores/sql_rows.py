"""Member rows: what stands in the tables of a member registry, as what it means.

A row that nobody can have written is an alarm.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rln.base import scalar
from rln.errors import IntegrityAlarm
from rln.group.events import Events, Registration, Slashing

Row = tuple[Any, ...]
"""What a statement returns of one row."""


def check_numbers(rows: Sequence[Row], first: int, what: str) -> None:
    """Refuse rows whose numbers, which stand first, do not follow each other."""
    if rows and (rows[0][0], rows[-1][0]) != (first, first + len(rows) - 1):
        raise IntegrityAlarm(f"registry: {what}s from {first} on: one is missing")


def field_element(data: Any, name: str) -> int:
    """Read a number in 32 bytes."""
    try:
        return scalar.decode(bytes(data), name)
    except (TypeError, ValueError) as error:
        raise IntegrityAlarm(f"registry: expected a field element as {name}, got something else") from error


def registration_of(row: Row) -> Registration:
    """Read a row of `rln_member`."""
    index, commitment, limit, joined, left = row
    return Registration(index, field_element(commitment, "commitment"), limit, joined, left or None)


def slashings_of(rows: Sequence[Row]) -> Iterator[Slashing]:
    """Put the rows of each slashing, one for a stay, together."""
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
