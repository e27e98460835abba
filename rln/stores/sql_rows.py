"""Rows of tables, above all of a member registry, decoded and checked column by column.

A row that no change can have written is a `ForeignRow`: another program wrote it, or it is damaged. The error
names the table and the key of the row; the store adds its own name.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise
from typing import Any, Final

from rln.base import scalar
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS, MAX_STORED
from rln.errors import IntegrityAlarm
from rln.group.events import Change, Events, Head, Registration, Slashing

Row = tuple[Any, ...]
"""One row of a statement's result."""

_LONGEST_WAIT: Final = 86_400_000
"""Milliseconds from a slashing to the removal of its leaf, at most; an interval is an hour or less."""
_ZERO: Final = bytes(scalar.SIZE)
_ORDER: Final = scalar.ORDER.to_bytes(scalar.SIZE, "big")
_CHANGES: Final = frozenset(map(int, Change))


class ForeignRow(IntegrityAlarm):
    """A row that no program of this library can have written. The message names its table and its key."""


@contextmanager
def naming(store: str) -> Iterator[None]:
    """Add the name of the store to the alarm about a row.

    Raises:
        IntegrityAlarm: instead of `ForeignRow`.
    """
    try:
        yield
    except ForeignRow as error:
        raise alarm(store, error) from error


def alarm(store: str, error: ForeignRow) -> IntegrityAlarm:
    """Return the alarm about a row of a store."""
    return IntegrityAlarm(
        f"{store}: {error}; stop the programs that use it, and find out what changed the row"
    )


def number(value: Any, name: str, low: int, high: int = MAX_STORED) -> int:
    """Return a number of a row if it is an integer from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        got = value if type(value) is int else "NULL" if value is None else type(value).__name__
        raise ForeignRow(f"{name}: expected an integer from {low} to {high}, got {got}")
    return value


def field_element(data: Any, name: str, low: int = 1) -> int:
    """Decode a field element in 32 bytes, by default one other than 0."""
    value = int.from_bytes(packed(data, name, scalar.SIZE), "little")
    if not low <= value < scalar.ORDER:
        wanted = "a field element" if low == 0 else "a field element other than 0"
        raise ForeignRow(f"{name}: expected {wanted}, got {'0' if value == 0 else 'a larger number'}")
    return value


def packed(data: Any, name: str, size: int | None = None) -> bytes:
    """Return bytes of a row if they are bytes of this size; None is any size."""
    if not isinstance(data, bytes) or size not in (None, len(data)):
        got = "NULL" if data is None else type(data).__name__
        got = f"{len(data)} bytes" if isinstance(data, bytes) else got
        raise ForeignRow(f"{name}: expected {'' if size is None else f'{size} '}bytes, got {got}")
    return data


def check_numbers(rows: Sequence[Row], first: int, what: str) -> None:
    """Check that the numbers of rows, their first column, are consecutive from `first`."""
    if rows and (rows[0][0], rows[-1][0]) != (first, first + len(rows) - 1):
        raise ForeignRow(
            f"rln_{what}: expected {what}s {first} to {first + len(rows) - 1}, "
            f"got {rows[0][0]} to {rows[-1][0]}"
        )


def head_of(rows: Sequence[Row], depth: int) -> Head:
    """Decode the newest row of `rln_step`, with all its columns."""
    if not rows:
        raise ForeignRow("rln_step: expected step 0 or a later one, got no row")
    step, root, at, events = step_of(rows[0][:4])
    next_index, members, slashed_at = rows[0][4:]
    name = f"rln_step {step}"
    next_index = number(next_index, f"{name}: next_index", 0, min(events, 1 << depth))
    # Somebody registers, leaves, and is slashed afterwards: three events, and never more.
    number(events, f"{name}: events", 0, 3 * next_index)
    return Head(
        step,
        root,
        at,
        events,
        next_index,
        number(members, f"{name}: members", 0, next_index),
        number(slashed_at, f"{name}: slashed_at", 0, at),
    )


def step_of(row: Row) -> tuple[int, int, int, int]:
    """Decode number, root, time and last event of a row of `rln_step`."""
    step, root, at, events = row
    name = f"rln_step {step}"
    return (
        number(step, f"{name}: number", 0),
        field_element(root, f"{name}: root"),
        number(at, f"{name}: at", 0),
        number(events, f"{name}: events", 0),
    )


def root_of(row: Row) -> tuple[int, int, int]:
    """Decode number, root and time of a row of `rln_step`."""
    return step_of((*row, 0))[:3]


def check_times(rows: Sequence[tuple[int, int, int]]) -> None:
    """Check that no step, given by number, root and time, is older than the one before."""
    for (_, _, before), (step, _, at) in pairwise(rows):
        number(at, f"rln_step {step}: at", before)


def check_ends(rows: Sequence[tuple[int, int, int, int]], before: int, depth: int) -> None:
    """Check the number of the last event of each step, given by number, root, time and this one."""
    for step, _, _, last in rows:
        # A member registers, leaves and is slashed: three events at most.
        number(last, f"rln_step {step}: events", before, 3 << depth)
        before = last


def registration_of(row: Row, depth: int, limit_bits: int) -> Registration:
    """Decode a row of `rln_member`, with the number of the newest step as the last column."""
    index, commitment, limit, joined, left, last = row
    name = f"rln_member {index}"
    joined = number(joined, f"{name}: joined", 1, number(last, "rln_step: newest number", 0))
    if number(left, f"{name}: gone", 0, last) and left <= joined:
        raise ForeignRow(f"{name}: gone: expected 0 or a step after {joined}, got {left}")
    return Registration(
        number(index, f"{name}: place", 0, (1 << depth) - 1),
        field_element(commitment, f"{name}: commitment"),
        number(limit, f"{name}: quota", 1, 1 << limit_bits),
        joined,
        left or None,
    )


def slashings_of(rows: Sequence[Row], depth: int, limit_bits: int) -> Iterator[Slashing]:
    """Group the rows of each slashing, with the number of the newest step as the last column.

    There is one row for each registration of its commitment. If there is none, the columns of the
    registration are NULL, and the step must be -1.
    """
    for (commitment, noted, due, step), registrations in groupby(rows, key=lambda row: row[:4]):
        shown = commitment.hex() if isinstance(commitment, bytes) else type(commitment).__name__
        name = f"rln_slashing {shown}"
        stayed = []
        for row in registrations:
            number(step, f"{name}: step", -1, number(row[-1], "rln_step: newest number", 0))
            if row[4] is not None:
                stayed.append(registration_of(row[4:], depth, limit_bits))
        if (step < 0) != (not stayed):
            raise ForeignRow(f"{name}: step: expected -1 if nobody registered it, got {step}")
        number(noted, f"{name}: noted", 0)
        yield Slashing(
            field_element(commitment, f"{name}: commitment"),
            noted,
            number(due, f"{name}: due", 0, noted + _LONGEST_WAIT),
            None if step <= 0 else step,
            tuple(stayed),
        )


def check_event_rows(rows: Sequence[Row], depth: int) -> None:
    """Check number, change and place of events."""
    for event, change, place in rows:
        if type(change) is not int or change not in _CHANGES:
            number(change, f"rln_event {event}: change", min(_CHANGES), max(_CHANGES))
        if type(place) is not int or not 0 <= place < 1 << depth:
            number(place, f"rln_event {event}: place", 0, (1 << depth) - 1)


def events_of(
    first: int, rows: Sequence[Row], depth: int = MAX_DEPTH, limit_bits: int = MAX_LIMIT_BITS
) -> Events:
    """Put the rows of events, each with its member, into columns."""
    try:
        _, changes, places, commitments, limits = zip(*rows, strict=True) if rows else ((),) * 5
        events = Events(first, bytes(changes), array("Q", places), b"".join(commitments), array("Q", limits))
        # Reversed bytes have the order of the numbers: a million of them are compared in a tenth of a second.
        numbers = [commitment[::-1] for commitment in commitments]
        sound = not rows or (
            set(changes) <= _CHANGES
            and max(places) < 1 << depth
            and 0 < min(limits)
            and max(limits) <= 1 << limit_bits
            and set(map(len, numbers)) == {scalar.SIZE}
            and _ZERO < min(numbers)
            and max(numbers) < _ORDER
        )
    except (TypeError, ValueError, OverflowError):
        sound = False
    if not sound:
        for row in rows:
            _check_event(row, depth, limit_bits)
        raise ForeignRow(f"rln_event {first}: expected events of one form, got others")
    return events


def _check_event(row: Row, depth: int, limit_bits: int) -> None:
    event, change, place, commitment, limit = row
    number(change, f"rln_event {event}: change", min(_CHANGES), max(_CHANGES))
    number(place, f"rln_event {event}: place", 0, (1 << depth) - 1)
    field_element(commitment, f"rln_member {place}: commitment")
    number(limit, f"rln_member {place}: quota", 1, 1 << limit_bits)
