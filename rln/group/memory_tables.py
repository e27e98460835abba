"""MemoryTables: the columns of a registry in memory, and what they held after one of its changes.

A change only adds what readers do not look at yet: rows behind the newest published step, and numbers of
steps that are not published. So readers need no lock, and a change is published in one assignment.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass

from rln.base import scalar
from rln.group.events import (
    PAGE_EVENTS,
    PAGE_STEPS,
    Events,
    Head,
    Registration,
    RootChanges,
    Slashing,
    Step,
)
from rln.group.ports import RegistryReader
from rln.group.registry_questions import check_asked, check_index, check_page, check_step, check_time
from rln.group.registry_rules import first_step


@dataclass(frozen=True, slots=True)
class Noted:
    """A noted slashing.

    Attributes:
        noted, due: as in `rln.group.events.Slashing`.
        change: number of the change that noted it.
        step: the step that removes the leaf, 0 if there is none.
    """

    noted: int
    due: int
    change: int
    step: int = 0


class MemoryTables:
    """The columns of a registry. One thread at a time may add to them; any number may read.

    Args:
        depth, limit_bits: those of the registry.
    """

    def __init__(self, depth: int, limit_bits: int) -> None:
        first = first_step(depth)
        self.depth = depth
        self.limit_bits = limit_bits
        self.steps = [first]
        self.heads = [Head(0, first.root, first.at, 0, 0, 0)]
        # By number of the event, from 1.
        self.event_changes = bytearray()
        self.event_places = array("Q")
        # By index.
        self.commitments: list[int] = []
        self.limits = array("Q")
        self.registered_in = array("Q")
        self.removed_in = array("Q")  # 0 while no step has removed the leaf
        # By commitment. The indices are one value, so that a reader never sees a part of them.
        self.indices: dict[int, int | tuple[int, ...]] = {}
        self.slashed: dict[int, Noted] = {}
        self.slashed_in: dict[int, list[int]] = {}  # by step

    def indices_of(self, commitment: int) -> tuple[int, ...]:
        """Return the indices of a commitment, oldest first, also those that are not published."""
        found = self.indices.get(commitment, ())
        return found if isinstance(found, tuple) else (found,)


@dataclass(frozen=True, slots=True)
class State:
    """What is in the tables after a change.

    Attributes:
        change: number of the change.
        step: number of the newest step.
        pending: commitments whose slashing is noted, and whose leaf no step has removed.
        unregistered: commitments whose slashing is noted, and that were never registered.
    """

    change: int
    step: int
    pending: tuple[int, ...]
    unregistered: tuple[int, ...]


class MemoryReader(RegistryReader):
    """A registry in memory, as of one of its changes.

    Args:
        tables: columns of the registry.
        state: what is in them after the change.
    """

    def __init__(self, tables: MemoryTables, state: State) -> None:
        self._tables = tables
        self._state = state

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
        return self._tables.heads[self._state.step]

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        """Return steps that follow a step."""
        check_page(number, most, lowest=-1)
        stop = min(number + min(most, PAGE_STEPS), self._state.step) + 1
        return self._tables.steps[number + 1 : stop]

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        """Return events that follow an event."""
        check_page(number, most)
        tables = self._tables
        stop = min(number + min(most, PAGE_EVENTS), self.head().events)
        places = tables.event_places[number:stop]
        return Events(
            number + 1,
            bytes(tables.event_changes[number:stop]),
            places,
            scalar.encode_many([tables.commitments[place] for place in places]),
            array("Q", [tables.limits[place] for place in places]),
        )

    def step_at(self, at: int) -> int:
        """Return the number of the newest step up to a time."""
        check_time(at)
        heads = self._tables.heads
        return max(0, bisect_right(heads, at, hi=self._state.step + 1, key=lambda head: head.at) - 1)

    def root_changes_after(self, after: int) -> RootChanges:
        """Return the roots and slashings that follow a step."""
        check_step(after)
        tables = self._tables
        new = tables.steps[after + 1 : self._state.step + 1]
        slashed = [commitment for step in new for commitment in tables.slashed_in.get(step.number, ())]
        found = [self.slashing(commitment) for commitment in (*slashed, *self._state.pending)]
        return RootChanges(
            tuple((step.number, step.root, step.at) for step in new),
            tuple(slashing for slashing in found if slashing is not None),
        )

    def registrations(self, commitment: int) -> list[Registration]:
        """Return the registrations of a commitment."""
        scalar.check(commitment, "commitment")
        stop = self.head().next_index
        return [self._registration(index) for index in self._tables.indices_of(commitment) if index < stop]

    def registration_at(self, index: int) -> Registration | None:
        """Return the registration that got an index."""
        check_index(index)
        return self._registration(index) if 0 <= index < self.head().next_index else None

    def slashing(self, commitment: int) -> Slashing | None:
        """Return the slashing of a commitment."""
        check_asked(commitment)
        registrations = tuple(self.registrations(commitment))
        found = self._tables.slashed.get(commitment)
        if found is None or found.change > self._state.change:
            return None
        step = found.step if 0 < found.step <= self._state.step else None
        return Slashing(commitment, found.noted, found.due, step, registrations)

    def unregistered_slashings(self) -> list[Slashing]:
        """Return the slashings of commitments that were never registered here."""
        found = [self.slashing(commitment) for commitment in self._state.unregistered]
        return [slashing for slashing in found if slashing is not None]

    def count(self) -> int:
        """Return the number of members."""
        newest = [self.registrations(commitment)[-1] for commitment in self._state.pending]
        return self.head().members - sum(registration.removed_in is None for registration in newest)

    def _registration(self, index: int) -> Registration:
        tables = self._tables
        removed_in = tables.removed_in[index]
        return Registration(
            index,
            tables.commitments[index],
            tables.limits[index],
            tables.registered_in[index],
            removed_in if 0 < removed_in <= self._state.step else None,
        )
