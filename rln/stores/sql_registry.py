"""The SQL of a member registry, the same for every database.

    rln_registry   one row: depth and limit bits of the registry
    rln_step       number, root, time, and the head of the registry after it (see `rln.group.events.Head`)
    rln_event      what happened at which index, in the order of numbers; rows are added and never changed
    rln_member     index, commitment, limit, first step, and first step without the leaf (0: it is there)
    rln_slashing   commitment, time of the slashing, time by which a step must remove the leaf, and number of
                   the step that removed it (0: not removed yet)

A row in `rln_slashing` with step 0 is written before the leaf is removed, so that after a crash the next
process finds it. A commitment cannot have two leaves: (commitment, gone) is unique.

Field elements are 32 little-endian bytes; other numbers are integers of 64 bits. `?` marks a parameter of an
SQL statement.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from rln.base import scalar
from rln.base.arguments import whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import IntegrityAlarm, ParameterError
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
from rln.group.registry_rules import (
    NextHead,
    first_step,
    no_such_member,
)
from rln.stores.sql_events import read_page, write_page
from rln.stores.sql_rows import check_numbers, field_element, registration_of, slashings_of
from rln.stores.sql_transaction import SqlTransaction

TABLES: Final = (
    "CREATE TABLE rln_registry (one {number} PRIMARY KEY CHECK (one = 1), depth BIGINT NOT NULL,"
    " limit_bits BIGINT NOT NULL)",
    "CREATE TABLE rln_step (number {number} PRIMARY KEY, root {bytes} NOT NULL, at BIGINT NOT NULL,"
    " events BIGINT NOT NULL, next_index BIGINT NOT NULL, members BIGINT NOT NULL,"
    " slashed_at BIGINT NOT NULL)",
    "CREATE TABLE rln_event (number {number} PRIMARY KEY, change BIGINT NOT NULL, place BIGINT NOT NULL)",
    "CREATE TABLE rln_member (place {number} PRIMARY KEY, commitment {bytes} NOT NULL, quota BIGINT NOT NULL,"
    " joined BIGINT NOT NULL, gone BIGINT NOT NULL)",
    "CREATE UNIQUE INDEX rln_member_commitment ON rln_member (commitment, gone)",
    "CREATE TABLE rln_slashing (commitment {bytes} PRIMARY KEY, noted BIGINT NOT NULL, due BIGINT NOT NULL,"
    " step BIGINT NOT NULL)",
    "CREATE INDEX rln_slashing_step ON rln_slashing (step)",
)
"""Templates: each database fills in its types of an integer key and of bytes."""

_INSERT_REGISTRY: Final = "INSERT INTO rln_registry (one, depth, limit_bits) VALUES (1, ?, ?)"
_INSERT_STEP: Final = (
    "INSERT INTO rln_step (number, root, at, events, next_index, members, slashed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_SLASHING: Final = "INSERT INTO rln_slashing (commitment, noted, due, step) VALUES (?, ?, ?, 0)"
_REMOVE_MEMBER: Final = "UPDATE rln_member SET gone = ? WHERE place = ? AND commitment = ? AND gone = 0"
_COMPLETE_SLASHING: Final = "UPDATE rln_slashing SET step = ? WHERE commitment = ? AND step = 0"

REGISTRY: Final = "SELECT depth, limit_bits FROM rln_registry"
_HEAD: Final = (
    "SELECT number, root, at, events, next_index, members, slashed_at FROM rln_step"
    " ORDER BY number DESC LIMIT 1"
)
_STEPS: Final = "SELECT number, root, at, events FROM rln_step WHERE number >= ? ORDER BY number LIMIT ?"
_STEP_AT: Final = "SELECT max(number) FROM rln_step WHERE at <= ?"
_ROOTS: Final = "SELECT number, root, at FROM rln_step WHERE number > ? ORDER BY number"
_REGISTRATIONS: Final = (
    "SELECT place, commitment, quota, joined, gone FROM rln_member WHERE commitment = ? ORDER BY place"
)
_REGISTRATION_AT: Final = "SELECT place, commitment, quota, joined, gone FROM rln_member WHERE place = ?"
# CROSS JOIN makes SQLite read the tables in this order, so it never walks all members.
_SLASHED: Final = (
    "SELECT s.commitment, s.noted, s.due, s.step, m.place, m.commitment, m.quota, m.joined, m.gone"
    " FROM rln_slashing s CROSS JOIN rln_member m WHERE m.commitment = s.commitment"
)
_SLASHING: Final = f"{_SLASHED} AND s.commitment = ? ORDER BY m.place"
_SLASHINGS: Final = f"{_SLASHED} AND (s.step = 0 OR s.step > ?) ORDER BY s.noted, s.commitment, m.place"
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
        number, root, *rest = self._transaction.rows(_HEAD)[0]
        return Head(number, field_element(root, "root"), *rest)

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        """Return steps that follow a step."""
        # The step before the first one says which number the first event has.
        rows = self._transaction.rows(_STEPS, max(0, number), min(most, PAGE_STEPS) + (number >= 0))
        check_numbers(rows, max(0, number), "step")
        done = rows.pop(0)[3] if rows and number >= 0 else 0
        steps = []
        for step, root, at, end in rows:
            try:
                steps.append(Step(step, field_element(root, "root"), at, done + 1, end - done))
            except (TypeError, ValueError, OverflowError) as error:
                raise IntegrityAlarm(f"registry: step {step} has invalid data: {error}") from error
            done = end
        return steps

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        """Return events that follow an event."""
        return read_page(self._transaction, number, min(most, PAGE_EVENTS))

    def step_at(self, at: int) -> int:
        """Return the number of the newest step made at or before a unix time in milliseconds."""
        return int(self._transaction.rows(_STEP_AT, at)[0][0] or 0)

    def root_changes_after(self, after: int) -> RootChanges:
        """Return the roots and slashings that follow a step."""
        roots = self._transaction.rows(_ROOTS, after)
        check_numbers(roots, after + 1, "step")
        slashings = self._transaction.rows(_SLASHINGS, max(0, after))
        return RootChanges(
            tuple((number, field_element(root, "root"), at) for number, root, at in roots),
            tuple(slashings_of(slashings)),
        )

    def registrations(self, commitment: int) -> list[Registration]:
        """Return the registrations of a commitment."""
        return list(
            map(
                registration_of,
                self._transaction.rows(_REGISTRATIONS, scalar.encode(commitment, "commitment")),
            )
        )

    def registration_at(self, index: int) -> Registration | None:
        """Return the registration at an index."""
        rows = self._transaction.rows(_REGISTRATION_AT, index)
        return registration_of(rows[0]) if rows else None

    def slashing(self, commitment: int) -> Slashing | None:
        """Return the slashing of a commitment, or None."""
        rows = self._transaction.rows(_SLASHING, scalar.encode(commitment, "commitment"))
        return next(slashings_of(rows), None)

    def count(self) -> int:
        """Return the number of members."""
        return self.head().members - int(self._transaction.rows(_PENDING_MEMBERS)[0][0])


class SqlChange(SqlReader, RegistryChange):
    """The questions and changes within one exclusive transaction."""

    def append(self, step: Step, pages: Iterable[Events]) -> None:
        """Append the next step."""
        check, removed = NextHead(self.head(), step, self._depth, self._limit_bits), 0
        for page in pages:
            removals = check.add(page)
            removed += sum(self._remove(step.number, page, place) for place in range(removals))
            write_page(self._transaction, step.number, page, removals)
        self._write(check.head(removed))

    def note_slashing(self, commitment: int, noted: int, due: int) -> None:
        """Note that a commitment is slashed."""
        if not self.registrations(commitment) or self.slashing(commitment) is not None:
            raise ParameterError("commitment: never registered, or slashed already")
        self._transaction.run(_INSERT_SLASHING, scalar.encode(commitment), noted, due)

    def create(self) -> None:
        """Write the rows of an empty registry."""
        first = first_step(self._depth)
        self._transaction.run(_INSERT_REGISTRY, self._depth, self._limit_bits)
        self._write(Head(0, first.root, first.at, 0, 0, 0))

    def check(self, name: str) -> None:
        """Check that the tables have this depth and limit.

        Raises:
            ParameterError: they have another depth or limit.
        """
        found = self._transaction.rows(REGISTRY)
        if found != [(self._depth, self._limit_bits)]:
            depth, limit_bits = found[0] if found else (None, None)
            raise ParameterError(
                f"{name}: expected a registry of depth {self._depth} and limit_bits {self._limit_bits}, "
                f"got {depth} and {limit_bits}"
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

    def count(self) -> int:
        """Return the number of members."""
        with self._reader() as reader:
            return reader.count()

    @contextmanager
    def change(self) -> Iterator[RegistryChange]:
        """Begin an exclusive change."""
        with self._changing() as transaction:
            yield SqlChange(transaction, self._depth, self._limit_bits)

    @contextmanager
    def _reader(self) -> Iterator[SqlReader]:
        with self._reading() as transaction:
            yield SqlReader(transaction, self._depth, self._limit_bits)
