"""MemoryRegistry: the members of a group, kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rln.base import forks
from rln.base.arguments import instance, iterable, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import StoreUnavailable
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
from rln.group.memory_tables import MemoryReader, MemoryTables, Noted, State
from rln.group.ports import MemberRegistry, RegistryChange
from rln.group.registry_questions import check_noted
from rln.group.registry_rules import (
    NextHead,
    already_registered,
    already_slashed,
    no_such_member,
    slashed_before,
)


class MemoryRegistry(MemberRegistry):
    """A registry that lasts as long as the process.

    Any number of threads may use it. One change is made at a time; readers never wait for it, and see the
    registry before it or after it. Members in memory are not shared with a forked process, so a slashing by
    the parent would not be seen there: in the child every call raises `StoreUnavailable`. After `close` every
    call raises it, too.

    Args:
        depth: levels of the membership tree, 1 to 32.
        limit_bits: limits are 1 to 2^limit_bits, 1 to 16.

    Raises:
        ParameterError: an argument outside its range.
    """

    def __init__(self, depth: int, limit_bits: int = 16) -> None:
        self._tables = MemoryTables(
            whole(depth, "depth", 1, MAX_DEPTH), whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
        )
        self._published = State(0, 0, (), ())
        self._closed = self._forked = False
        self._writing = threading.Lock()
        forks.register(self)

    def __repr__(self) -> str:
        return f"MemoryRegistry(depth {self.depth})"

    @property
    def depth(self) -> int:
        """Levels of the membership tree."""
        return self._tables.depth

    @property
    def limit_bits(self) -> int:
        """Limits are 1 to 2^limit_bits."""
        return self._tables.limit_bits

    def head(self) -> Head:
        """Return the state of the registry; here and below as `RegistryReader` says."""
        return self._reader().head()

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        """Return steps that follow a step."""
        return self._reader().steps_after(number, most)

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        """Return events that follow an event."""
        return self._reader().events_after(number, most)

    def step_at(self, at: int) -> int:
        """Return the number of the newest step up to a time."""
        return self._reader().step_at(at)

    def root_changes_after(self, after: int) -> RootChanges:
        """Return the roots and slashings that follow a step."""
        return self._reader().root_changes_after(after)

    def registrations(self, commitment: int) -> list[Registration]:
        """Return the registrations of a commitment."""
        return self._reader().registrations(commitment)

    def registration_at(self, index: int) -> Registration | None:
        """Return the registration that got an index."""
        return self._reader().registration_at(index)

    def slashing(self, commitment: int) -> Slashing | None:
        """Return the slashing of a commitment."""
        return self._reader().slashing(commitment)

    def unregistered_slashings(self) -> list[Slashing]:
        """Return the slashings of commitments that were never registered here."""
        return self._reader().unregistered_slashings()

    def count(self) -> int:
        """Return the number of members."""
        return self._reader().count()

    @contextmanager
    def change(self) -> Iterator[RegistryChange]:
        """Begin an exclusive change."""
        self._refuse_if_useless()
        with self._writing:
            self._refuse_if_useless()
            change = _MemoryChange(self._tables, self._published)
            try:
                yield change
                self._refuse_if_useless()
            except BaseException:
                change.undo(0)
                raise
            self._published = change.state

    def close(self) -> None:
        """Refuse every later call."""
        self._closed = True

    def _reader(self) -> MemoryReader:
        self._refuse_if_useless()
        return MemoryReader(self._tables, self._published)

    def _refuse_if_useless(self) -> None:
        if self._closed:
            raise StoreUnavailable("members: used after it was closed")
        if self._forked or forks.unnoticed():
            raise StoreUnavailable(
                "members: members in memory are not shared with a forked process; use sqlite or postgresql"
            )

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()  # a child refuses, whatever another thread was changing

    def _after_fork(self, torn: bool) -> None:
        self._forked = True


class _MemoryChange(MemoryReader, RegistryChange):
    """A change of the tables that readers do not see before its state is published."""

    def __init__(self, tables: MemoryTables, state: State) -> None:
        super().__init__(tables, replace(state, change=state.change + 1))
        self._undo: list[Callable[[], object]] = []

    @property
    def state(self) -> State:
        """What is in the tables after this change."""
        return self._state

    def append(self, step: Step, pages: Iterable[Events]) -> None:
        instance(step, Step, "step")
        iterable(pages, "pages")
        begun = len(self._undo)
        try:
            self._append(step, pages)
        except BaseException:
            self.undo(begun)
            raise

    def note_slashing(self, commitment: int, noted: int, due: int) -> None:
        check_noted(commitment, noted, due)
        tables = self._tables
        if commitment in tables.slashed:
            raise slashed_before()
        tables.slashed[commitment] = Noted(noted, due, self._state.change)
        self._undo.append(lambda: tables.slashed.pop(commitment))
        if tables.indices_of(commitment):
            self._set_state(pending=(*self._state.pending, commitment))
        else:
            self._set_state(unregistered=(*self._state.unregistered, commitment))

    def undo(self, begun: int) -> None:
        """Undo all writes after the first `begun`, newest first."""
        while len(self._undo) > begun:
            self._undo.pop()()

    def _append(self, step: Step, pages: Iterable[Events]) -> None:
        tables = self._tables
        check = NextHead(self.head(), step, tables.depth, tables.limit_bits)
        members, events, removed_leaves = len(tables.commitments), len(tables.event_changes), 0
        self._undo.append(lambda: self._forget_after(members, events))
        for page in pages:
            removals = check.add(page)
            removed_leaves += sum(self._remove(step.number, page, position) for position in range(removals))
            for position in range(removals, len(page)):
                self._register(step.number, page, position)
            tables.event_changes += page.changes
            tables.event_places.extend(page.indices)
        head = check.head(removed_leaves)
        tables.steps.append(step)
        tables.heads.append(head)
        self._undo += [tables.steps.pop, tables.heads.pop]
        settled = set(tables.slashed_in.get(step.number, ()))
        pending = tuple(commitment for commitment in self._state.pending if commitment not in settled)
        self._set_state(step=step.number, pending=pending)

    def _remove(self, number: int, events: Events, position: int) -> bool:
        tables, event = self._tables, events[position]
        known = tables.indices_of(event.commitment)[-1:] == (event.index,)
        is_registered = known and tables.removed_in[event.index] == 0
        slashed = tables.slashed.get(event.commitment)
        if event.change is Change.SLASHED:
            if not known or slashed is None or slashed.step:
                raise no_such_member(event.number)
            tables.slashed[event.commitment] = replace(slashed, step=number)
            self._undo.append(lambda: tables.slashed.__setitem__(event.commitment, slashed))
            tables.slashed_in.setdefault(number, []).append(event.commitment)
            self._undo.append(lambda: tables.slashed_in.pop(number, None))
        elif not is_registered or slashed is not None:
            raise no_such_member(event.number)
        if is_registered:
            tables.removed_in[event.index] = number
            self._undo.append(lambda: tables.removed_in.__setitem__(event.index, 0))
        return is_registered

    def _register(self, number: int, events: Events, position: int) -> None:
        tables = self._tables
        commitment = int.from_bytes(events.commitment(position), "little")
        before = tables.indices_of(commitment)
        if commitment in tables.slashed:
            raise already_slashed()
        if before and tables.removed_in[before[-1]] == 0:
            raise already_registered()
        tables.commitments.append(commitment)
        tables.limits.append(events.limits[position])
        tables.registered_in.append(number)
        tables.removed_in.append(0)
        index = events.indices[position]
        tables.indices[commitment] = (*before, index) if before else index

    def _forget_after(self, count: int, events: int) -> None:
        """Forget all registrations after the first `count`, and all events after the first `events`."""
        tables = self._tables
        del tables.event_changes[events:], tables.event_places[events:]
        while len(tables.commitments) > count:
            commitment = tables.commitments.pop()
            for column in (tables.limits, tables.registered_in, tables.removed_in):
                column.pop()
            if earlier := tables.indices_of(commitment)[:-1]:
                tables.indices[commitment] = earlier
            else:
                del tables.indices[commitment]

    def _set_state(self, **fields: object) -> None:
        """Change what this change sees, and restore it when it is undone."""
        before = self._state
        self._undo.append(lambda: setattr(self, "_state", before))
        self._state = replace(before, **fields)  # type: ignore[arg-type]
