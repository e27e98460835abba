"""SqlRegistry: what a member registry is asked and how it is changed, in SQL, the same for every database.

The tables are in `rln.stores.sql_tables`. `?` marks a parameter of an SQL statement.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from rln.base import scalar
from rln.base.arguments import instance, iterable, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import ParameterError
from rln.group.events import (
    PAGE_EVENTS,
    PAGE_STEPS,
    Change,
    Events,
    Head,
    Registration,
    RootChanges,
    Slashing,
    Step,
)
from rln.group.ports import MemberRegistry, RegistryChange, RegistryReader
from rln.group.registry_questions import check_index, check_noted, check_page, check_step, check_time
from rln.group.registry_rules import (
    NextHead,
    first_step,
    no_such_member,
    slashed_before,
)
from rln.stores.sql_events import read_page, write_page
from rln.stores.sql_rows import (
    ForeignRow,
    check_ends,
    check_numbers,
    check_times,
    head_of,
    naming,
    number,
    registration_of,
    root_of,
    slashings_of,
    step_of,
)
from rln.stores.sql_tables import FORM, INSERT_REGISTRY, NEVER_REGISTERED, REGISTRY, RegistryRow
from rln.stores.sql_transaction import SqlTransaction

_INSERT_STEP: Final = (
    "INSERT INTO rln_step (number, root, at, events, next_index, members, slashed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_SLASHING: Final = "INSERT INTO rln_slashing (commitment, noted, due, step) VALUES (?, ?, ?, ?)"
_REMOVE_MEMBER: Final = "UPDATE rln_member SET gone = ? WHERE place = ? AND commitment = ? AND gone = 0"
_COMPLETE_SLASHING: Final = "UPDATE rln_slashing SET step = ? WHERE commitment = ? AND step = 0"

_HEAD: Final = (
    "SELECT number, root, at, events, next_index, members, slashed_at FROM rln_step"
    " ORDER BY number DESC LIMIT 1"
)
_STEPS: Final = "SELECT number, root, at, events FROM rln_step WHERE number >= ? ORDER BY number LIMIT ?"
_STEP_AT: Final = "SELECT max(number) FROM rln_step WHERE at <= ?"
_ROOTS: Final = "SELECT number, root, at FROM rln_step WHERE number > ? ORDER BY number"
_NEWEST: Final = "(SELECT max(number) FROM rln_step)"
_MEMBER: Final = f"place, commitment, quota, joined, gone, {_NEWEST} FROM rln_member"
_REGISTRATIONS: Final = f"SELECT {_MEMBER} WHERE commitment = ? ORDER BY place"
_REGISTRATION_AT: Final = f"SELECT {_MEMBER} WHERE place = ?"
# LEFT and CROSS JOIN make SQLite read the tables in this order, so it never walks all members.
_SLASHED: Final = (
    "SELECT s.commitment, s.noted, s.due, s.step, m.place, m.commitment, m.quota, m.joined, m.gone,"
    f" {_NEWEST} FROM rln_slashing s LEFT JOIN rln_member m ON m.commitment = s.commitment"
)
_SLASHING: Final = f"{_SLASHED} WHERE s.commitment = ? ORDER BY m.place"
# Steps that no change writes are read too, so that they do not hide a slashing; the tables refuse NULL.
_SLASHINGS: Final = (
    f"{_SLASHED} WHERE s.step = 0 OR s.step > ? OR s.step < {NEVER_REGISTERED}"
    " ORDER BY s.noted, s.commitment, m.place"
)
_UNREGISTERED: Final = f"{_SLASHED} WHERE s.step = {NEVER_REGISTERED} ORDER BY s.noted, s.commitment"
_PENDING_MEMBERS: Final = (
    "SELECT count(*) FROM rln_slashing s CROSS JOIN rln_member m"
    " WHERE s.step = 0 AND m.commitment = s.commitment AND m.gone = 0"
)


class SqlReader(RegistryReader):
    """Reads a registry within one transaction.

    Args:
        transaction: the transaction to read in.
        depth, limit_bits: those of the registry.
    """

    def __init__(self, transaction: SqlTransaction, depth: int, limit_bits: int) -> None:
        self._transaction = transaction
        self._depth = depth
        self._limit_bits = limit_bits

    @property
    def depth(self) -> int:
        """Levels of the membership tree."""
        return self._depth

    @property
    def limit_bits(self) -> int:
        """Limits are 1 to 2^limit_bits."""
        return self._limit_bits

    def head(self) -> Head:
        """Return the head of the registry; this and the methods below are as in `RegistryReader`."""
        return head_of(self._transaction.rows(_HEAD), self._depth)

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        """Return steps that follow a step."""
        check_page(number, most, lowest=-1)
        # The step before the first one says which number the first event has.
        rows = self._transaction.rows(_STEPS, max(0, number), min(most, PAGE_STEPS) + (number >= 0))
        check_numbers(rows, max(0, number), "step")
        rows = [step_of(row) for row in rows]
        check_times([row[:3] for row in rows])
        done = rows.pop(0)[3] if rows and number >= 0 else 0
        check_ends(rows, done, self._depth)
        steps = []
        for step, root, at, end in rows:
            steps.append(Step(step, root, at, done + 1, end - done))
            done = end
        return steps

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        """Return events that follow an event."""
        check_page(number, most)
        most = min(most, PAGE_EVENTS)
        page = read_page(self._transaction, number, most, self._depth, self._limit_bits)
        if len(page) < most and number + len(page) < (newest := self.head().events):
            raise ForeignRow(
                f"rln_event: expected events {number + 1} to {min(newest, number + most)}, got {len(page)}"
            )
        return page

    def step_at(self, at: int) -> int:
        """Return the number of the newest step made at or before a unix time in milliseconds."""
        check_time(at)
        return int(self._transaction.rows(_STEP_AT, at)[0][0] or 0)

    def root_changes_after(self, after: int) -> RootChanges:
        """Return the roots and slashings that follow a step."""
        check_step(after)
        roots = self._transaction.rows(_ROOTS, after)
        check_numbers(roots, after + 1, "step")
        slashings = self._transaction.rows(_SLASHINGS, max(0, after))
        changes = tuple(map(root_of, roots))
        check_times(changes)
        return RootChanges(
            changes,
            tuple(slashings_of(slashings, self._depth, self._limit_bits)),
        )

    def registrations(self, commitment: int) -> list[Registration]:
        """Return the registrations of a commitment."""
        rows = self._transaction.rows(_REGISTRATIONS, scalar.encode(commitment, "commitment"))
        return [registration_of(row, self._depth, self._limit_bits) for row in rows]

    def registration_at(self, index: int) -> Registration | None:
        """Return the registration at an index."""
        check_index(index)
        rows = self._transaction.rows(_REGISTRATION_AT, index)
        return registration_of(rows[0], self._depth, self._limit_bits) if rows else None

    def slashing(self, commitment: int) -> Slashing | None:
        """Return the slashing of a commitment, or None."""
        rows = self._transaction.rows(_SLASHING, scalar.encode(commitment, "commitment"))
        return next(slashings_of(rows, self._depth, self._limit_bits), None)

    def unregistered_slashings(self) -> list[Slashing]:
        """Return the slashings of commitments that were never registered here."""
        rows = self._transaction.rows(_UNREGISTERED)
        return list(slashings_of(rows, self._depth, self._limit_bits))

    def count(self) -> int:
        """Return the number of members."""
        head = self.head()
        pending = self._transaction.rows(_PENDING_MEMBERS)[0][0]
        return head.members - number(pending, "rln_slashing: pending members", 0, head.members)


class SqlChange(SqlReader, RegistryChange):
    """The questions and changes within one exclusive transaction.

    Attributes:
        noted: commitment and times of the slashings that were noted.
    """

    def __init__(self, transaction: SqlTransaction, depth: int, limit_bits: int) -> None:
        super().__init__(transaction, depth, limit_bits)
        self.noted: list[tuple[int, int, int]] = []

    def append(self, step: Step, pages: Iterable[Events]) -> None:
        """Append the next step."""
        instance(step, Step, "step")
        check, removed = NextHead(self.head(), step, self._depth, self._limit_bits), 0
        for page in iterable(pages, "pages"):
            removals = check.add(page)
            removed += sum(self._remove(step.number, page, place) for place in range(removals))
            write_page(self._transaction, step.number, page, removals)
        self._write(check.head(removed))

    def note_slashing(self, commitment: int, noted: int, due: int) -> None:
        """Note that a commitment is slashed."""
        check_noted(commitment, noted, due)
        if self.slashing(commitment) is not None:
            raise slashed_before()
        step = 0 if self.registrations(commitment) else NEVER_REGISTERED
        self._transaction.run(_INSERT_SLASHING, scalar.encode(commitment), noted, due, step)
        self.noted.append((commitment, noted, due))

    @property
    def transaction(self) -> SqlTransaction:
        """The transaction of this change."""
        return self._transaction

    def create(self, origin: str) -> None:
        """Write the rows of an empty registry."""
        first = first_step(self._depth)
        self._transaction.run(INSERT_REGISTRY, FORM, self._depth, self._limit_bits, origin)
        self._write(Head(0, first.root, first.at, 0, 0, 0))

    def check(self, name: str) -> None:
        """Check that the tables have this depth and limit.

        Raises:
            ParameterError: they have another depth or limit.
            StoreUnavailable: they have another form.
        """
        found = RegistryRow.of(self._transaction.rows(REGISTRY), name)
        if (found.depth, found.limit_bits) != (self._depth, self._limit_bits):
            raise ParameterError(
                f"{name}: expected a registry of depth {self._depth} and limit_bits {self._limit_bits}, got "
                f"one that was created with {found.depth} and {found.limit_bits}; use these, or another place"
            )

    def _write(self, head: Head) -> None:
        self._transaction.run(
            _INSERT_STEP,
            head.number,
            scalar.encode(head.root, "root"),
            head.at,
            head.events,
            head.next_index,
            head.members,
            head.slashed_at,
        )

    def _remove(self, number: int, events: Events, place: int) -> bool:
        """Remove a member and return whether the leaf was there."""
        kind, index, commitment = events.changes[place], events.indices[place], events.commitment(place)
        was_there = self._transaction.run(_REMOVE_MEMBER, number, index, commitment) == 1
        if kind == Change.SLASHED:
            rows = self._transaction.rows(_REGISTRATION_AT, index)
            known = bool(rows) and bytes(rows[0][1]) == commitment
            fits = known and self._transaction.run(_COMPLETE_SLASHING, number, commitment) == 1
        else:
            fits = was_there and not self._transaction.rows(_SLASHING, commitment)
        if not fits:
            raise no_such_member(events.first + place)
        return was_there


class SqlRegistry(MemberRegistry):
    """A registry in SQL tables. A subclass provides the transactions.

    Args:
        depth: levels of the membership tree, 1 to 32.
        limit_bits: limits are 1 to 2^limit_bits, 1 to 16.

    Raises:
        ParameterError: an argument outside its range.
    """

    def __init__(self, depth: int, limit_bits: int) -> None:
        self._depth = whole(depth, "depth", 1, MAX_DEPTH)
        self._limit_bits = whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)

    @abstractmethod
    def _reading(self) -> AbstractContextManager[SqlTransaction]:
        """Open a transaction that sees one state of all tables."""

    @abstractmethod
    def _changing(self) -> AbstractContextManager[SqlTransaction]:
        """Open a transaction that excludes every other change."""

    @property
    @abstractmethod
    def _store(self) -> str:
        """The name of the registry in messages: the kind of store, and its path or server."""

    @abstractmethod
    def _before_commit(self, change: SqlChange) -> None:
        """Do what must be done before a change is committed."""

    @property
    def depth(self) -> int:
        """Levels of the membership tree."""
        return self._depth

    @property
    def limit_bits(self) -> int:
        """Limits are 1 to 2^limit_bits."""
        return self._limit_bits

    def head(self) -> Head:
        """Return the head of the registry; this and the methods below are as in `MemberRegistry`."""
        with self._reader() as reader:
            return reader.head()

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        """Return steps that follow a step."""
        with self._reader() as reader:
            return reader.steps_after(number, most)

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        """Return events that follow an event."""
        with self._reader() as reader:
            return reader.events_after(number, most)

    def step_at(self, at: int) -> int:
        """Return the number of the newest step made at or before a unix time in milliseconds."""
        with self._reader() as reader:
            return reader.step_at(at)

    def root_changes_after(self, after: int) -> RootChanges:
        """Return the roots and slashings that follow a step."""
        with self._reader() as reader:
            return reader.root_changes_after(after)

    def registrations(self, commitment: int) -> list[Registration]:
        """Return the registrations of a commitment."""
        with self._reader() as reader:
            return reader.registrations(commitment)

    def registration_at(self, index: int) -> Registration | None:
        """Return the registration at an index."""
        with self._reader() as reader:
            return reader.registration_at(index)

    def slashing(self, commitment: int) -> Slashing | None:
        """Return the slashing of a commitment, or None."""
        with self._reader() as reader:
            return reader.slashing(commitment)

    def unregistered_slashings(self) -> list[Slashing]:
        """Return the slashings of commitments that were never registered here."""
        with self._reader() as reader:
            return reader.unregistered_slashings()

    def count(self) -> int:
        """Return the number of members."""
        with self._reader() as reader:
            return reader.count()

    @contextmanager
    def change(self) -> Iterator[RegistryChange]:
        """Begin an exclusive change."""
        with naming(self._store), self._changing() as transaction:
            change = SqlChange(transaction, self._depth, self._limit_bits)
            yield change
            self._before_commit(change)

    @contextmanager
    def _reader(self) -> Iterator[SqlReader]:
        with naming(self._store), self._reading() as transaction:
            yield SqlReader(transaction, self._depth, self._limit_bits)
