"""Events in SQL: pages of `rln_event`, with the members that they are about, read and written.

No statement is about more rows than a page has, and each finds its rows by their keys, also while the
database has no statistics of the tables. So a statement takes the same time at the end of a step of millions
of members as at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import add
from typing import Final

from rln.base import scalar
from rln.errors import ParameterError
from rln.group.events import Change, Events
from rln.group.registry_rules import already_registered, already_slashed, check_new_indices
from rln.stores.sql_rows import ForeignRow, Row, check_event_rows, check_numbers, events_of
from rln.stores.sql_transaction import SqlTransaction

_EVENT_COLUMNS: Final = ("number", "change", "place")
_MEMBER_COLUMNS: Final = ("place", "commitment", "quota", "joined", "gone")

# Events and members are read in ranges of their keys. For a join of the two, PostgreSQL may read all members.
_EVENTS: Final = (
    "SELECT number, change, place FROM rln_event WHERE number > ? AND number <= ? ORDER BY number"
)
_MEMBERS: Final = (
    "SELECT place, commitment, quota FROM rln_member WHERE place >= ? AND place <= ? ORDER BY place"
)
# A subquery for each column makes every database look up each row by its key.
_LEAVERS: Final = (
    "SELECT e.number, (SELECT m.commitment FROM rln_member m WHERE m.place = e.place),"
    " (SELECT m.quota FROM rln_member m WHERE m.place = e.place)"
    f" FROM rln_event e WHERE e.number > ? AND e.number <= ? AND e.change <> {Change.REGISTERED:d}"
)
_SLASHED_JOINERS: Final = (
    "SELECT count(*) FROM rln_member m WHERE m.place >= ? AND m.place <= ?"
    " AND (SELECT s.noted FROM rln_slashing s WHERE s.commitment = m.commitment) IS NOT NULL"
)


def read_page(transaction: SqlTransaction, number: int, most: int, depth: int, limit_bits: int) -> Events:
    """Return at most so many events that follow an event.

    Raises:
        ForeignRow: a row is missing, or no change can have written it.
    """
    rows = transaction.rows(_EVENTS, number, number + most)
    check_numbers(rows, number + 1, "event")
    check_event_rows(rows, depth)
    return events_of(number + 1, [*map(add, rows, _members_of(transaction, rows))], depth, limit_bits)


def write_page(transaction: SqlTransaction, step: int, page: Events, removals: int) -> None:
    """Insert the events of a page, and the members that it registers.

    Args:
        transaction: an exclusive one.
        step: number of the step.
        page: consecutive indices, removals first.
        removals: number of events before the registrations.

    Raises:
        AlreadyAMember: a commitment to register is registered already, or was slashed.
    """
    # A conflict here is one of event numbers; only a change from outside can cause it, so it stays an error
    # of the database.
    numbers = range(page.first, page.first + len(page))
    transaction.copy("rln_event", _EVENT_COLUMNS, zip(numbers, page.changes, page.indices, strict=True))
    joined = page.part(removals, len(page)) if removals else page
    if not joined:
        return
    packed, size = joined.commitments, scalar.SIZE
    commitments = (packed[i : i + size] for i in range(0, len(packed), size))
    rows = zip(joined.indices, commitments, joined.limits, repeat(step), repeat(0), strict=False)
    try:
        transaction.copy("rln_member", _MEMBER_COLUMNS, rows)
    except transaction.duplicate_error:
        # The database's error adds nothing, and names the commitment.
        raise already_registered() from None
    if transaction.rows(_SLASHED_JOINERS, joined.indices[0], joined.indices[-1])[0][0]:
        raise already_slashed()


def _members_of(transaction: SqlTransaction, events: Sequence[Row]) -> Iterator[Row]:
    """Yield commitment and limit of the member of each event of a page."""
    joined = [place for _, change, place in events if change == Change.REGISTERED]
    members, left = iter(list[Row]()), dict[int, Row]()
    if joined:
        try:  # the range has no more rows than the page
            check_new_indices(joined, joined[0], "event")
        except ParameterError as error:
            raise ForeignRow(f"rln_event, in a page from {events[0][0]} on: place: {error}") from error
        members = iter(transaction.rows(_MEMBERS, joined[0], joined[-1]))
    if len(joined) < len(events):
        rows = transaction.rows(_LEAVERS, events[0][0] - 1, events[-1][0])
        left = {number: (commitment, limit) for number, commitment, limit in rows}
    for number, change, place in events:
        if change != Change.REGISTERED:
            yield left[number]
            continue
        found, *member = next(members, (None,))
        if found != place:
            raise ForeignRow(f"rln_event {number}: expected a row of rln_member for place {place}, got none")
        yield tuple(member)
