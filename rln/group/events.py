"""Step: one atomic change of a group, with its events and the one new root that they give.

The steps of a registry are numbered from 0 without gaps. Step 0 is the empty tree, and has no events and no
time. The events of all steps together are numbered from 1 without gaps. A reader that has applied every step
up to n asks for the steps after n, and can check each one: its events give its root.

A step may have millions of events. So a `Step` holds only their numbers, and the events are read and written
in pages of at most PAGE_EVENTS, which may begin and end in the middle of a step.
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final, overload

from rln.base import scalar
from rln.base.arguments import instance, instances, iterable, nonzero, pairs, plain_bytes, sequence, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS, MAX_STORED
from rln.errors import ParameterError
from rln.protocol.membership import PackedMembers

PAGE_EVENTS: Final = 1 << 14
"""The most events that are read or written at once: about 0.1 seconds for a database, and 10 MB of rows."""

PAGE_STEPS: Final = 1 << 12
"""The most steps that are read at once."""

CLOCK_TOLERANCE: Final = 1000
"""Milliseconds that the clocks of two machines may differ by; beyond that, a removal is due at once."""


class Change(enum.IntEnum):
    """What happened to a member."""

    REGISTERED = 1
    REMOVED = 2
    SLASHED = 3


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one member.

    Args:
        number: 1 or more.
        change: REGISTERED: a member registered, at an index that was never used before. REMOVED: a member was
            removed. SLASHED: a member was slashed; their leaf is 0 from this step on, and no root that
            contained one of their leaves is acceptable.
        index: index of the leaf; for a slashed member who was removed before, index of their newest leaf.
        commitment: identity commitment, a field element other than 0.
        limit: user message limit of the leaf, messages in an epoch, 1 to 65,536.

    Raises:
        ParameterError: a number outside its range.
        FieldRangeError: the commitment is not a field element.
    """

    number: int
    change: Change
    index: int
    commitment: int
    limit: int

    def __post_init__(self) -> None:
        whole(self.number, "event", 1, MAX_STORED)
        if type(self.change) is not Change:
            raise ParameterError(f"change: expected Change, got {type(self.change).__name__}")
        whole(self.index, "index", 0, (1 << MAX_DEPTH) - 1)
        nonzero(self.commitment, "commitment")
        whole(self.limit, "limit", 1, 1 << MAX_LIMIT_BITS)


@dataclass(frozen=True, slots=True, eq=False)
class Events(Sequence[Event]):
    """Events with consecutive numbers, in columns: a million events are four objects, not a million.

    Attributes:
        first: number of the first event.
        changes: one byte for each event, the value of its `Change`.
        indices: the index of each event.
        commitments: 32 little-endian bytes for each event.
        limits: the limit of each event.

    Raises:
        ParameterError: the columns differ in length, or `first` is outside its range.
    """

    first: int
    changes: bytes
    indices: Sequence[int]
    commitments: bytes = field(repr=False)
    limits: Sequence[int]

    def __post_init__(self) -> None:
        whole(self.first, "event", 1, MAX_STORED)
        count = len(plain_bytes(self.changes, "changes"))
        plain_bytes(self.commitments, "commitments")
        _check_column(self.indices, "indices")
        _check_column(self.limits, "limits")
        if not count == len(self.indices) == len(self.limits) == len(self.commitments) / scalar.SIZE:
            raise ParameterError(
                f"events: expected columns of one length, got {count} changes, {len(self.indices)} indices, "
                f"{len(self.commitments)} bytes of commitments and {len(self.limits)} limits"
            )

    @classmethod
    def of(cls, events: Iterable[Event]) -> Events:
        """Put events into columns.

        Raises:
            ParameterError: the numbers of the events are not consecutive.
        """
        if isinstance(events, cls):
            return events
        listed = list(iterable(events, "events"))
        instances(listed, Event, "events")
        first = listed[0].number if listed else 1
        for number, event in enumerate(listed, first):
            if event.number != number:
                raise ParameterError(
                    f"events: expected consecutive numbers, the next {number}, got {event.number}"
                )
        return cls(
            first,
            bytes(event.change for event in listed),
            array("Q", [event.index for event in listed]),
            scalar.encode_many([event.commitment for event in listed], "commitment"),
            array("Q", [event.limit for event in listed]),
        )

    @property
    def removal_count(self) -> int:
        """The number of removals and slashings; in a step they come before all registrations.

        Raises:
            ParameterError: one of them comes after a registration.
        """
        registered = bytes([Change.REGISTERED])
        count = len(self) - self.changes.count(registered)
        if registered in self.changes[:count]:
            raise ParameterError("step: expected registrations after all other events, got one before")
        return count

    @property
    def registered(self) -> PackedMembers:
        """The members that a step registers.

        Raises:
            ParameterError: as for `removal_count`.
        """
        first = self.removal_count
        return PackedMembers(self.commitments[first * scalar.SIZE :], self.limits[first:])

    def part(self, start: int, stop: int) -> Events:
        """Return the events at the positions start .. stop, counted from 0."""
        whole(start, "start", 0, len(self))
        whole(stop, "stop", start, len(self))
        if (start, stop) == (0, len(self)):
            return self
        return Events(
            self.first + start,
            self.changes[start:stop],
            self.indices[start:stop],
            self.commitments[start * scalar.SIZE : stop * scalar.SIZE],
            self.limits[start:stop],
        )

    def positions(self, change: Change) -> Sequence[int]:
        """Return the positions, counted from 0, of the events of one kind."""
        instance(change, Change, "change")
        count = self.changes.count(change)
        if count in (0, len(self)):
            return range(count)
        return [position for position, found in enumerate(self.changes) if found == change]

    def commitment(self, position: int) -> bytes:
        """Return the packed commitment of the event at a position, counted from 0.

        Raises:
            ParameterError: there is no such position.
        """
        if type(position) is not int or not 0 <= position < len(self.changes):
            whole(position, "position", 0, len(self.changes) - 1)
        return self.commitments[position * scalar.SIZE : (position + 1) * scalar.SIZE]

    def __len__(self) -> int:
        return len(self.changes)

    @overload
    def __getitem__(self, position: int) -> Event: ...
    @overload
    def __getitem__(self, position: slice) -> list[Event]: ...
    def __getitem__(self, position: int | slice) -> Event | list[Event]:
        if isinstance(position, slice):
            return [self._event(i) for i in range(*position.indices(len(self)))]
        if not -len(self) <= position < len(self):
            raise IndexError(f"events: expected a position below {len(self)}, got {position}")
        return self._event(position % len(self))

    def __iter__(self) -> Iterator[Event]:
        return map(self._event, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((self.first, self.changes, self.commitments))

    def _event(self, position: int) -> Event:
        return Event(
            self.first + position,
            Change(self.changes[position]),
            self.indices[position],
            int.from_bytes(self.commitment(position), "little"),
            self.limits[position],
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a group, without its events.

    Args:
        number: 0 or more, one more than the number of the step before.
        root: root of the tree after the step, a field element other than 0.
        at: unix time in milliseconds, at least that of the step before.
        first: number of the first event, one more than that of the last event before the step.
        count: number of events, 0 or more.

    Raises:
        ParameterError: a number outside its range.
        FieldRangeError: the root is not a field element.
    """

    number: int
    root: int
    at: int
    first: int = 1
    count: int = 0

    def __post_init__(self) -> None:
        whole(self.number, "step", 0, MAX_STORED)
        nonzero(self.root, "root")
        whole(self.at, "at", 0, MAX_STORED)
        whole(self.first, "event", 1, MAX_STORED)
        whole(self.count, "number of events", 0, MAX_STORED)

    @property
    def last(self) -> int:
        """Number of the last event; of the last one before the step if it has none."""
        return self.first + self.count - 1


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a registry after its newest step.

    Attributes:
        number, root, at: those of the newest step.
        events: number of the newest event, 0 if there is none.
        next_index: the index that the next member gets; equals the number of registrations so far.
        members: leaves in the tree. The leaf of a slashed member counts until a step removes it.
        slashed_at: `at` of the newest step that removed a slashed member, 0 if there is none.
    """

    number: int
    root: int
    at: int
    events: int
    next_index: int
    members: int
    slashed_at: int = 0

    def __post_init__(self) -> None:
        whole(self.number, "step", 0, MAX_STORED)
        nonzero(self.root, "root")
        for name in ("at", "events", "next_index", "members", "slashed_at"):
            whole(getattr(self, name), name, 0, MAX_STORED)


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration of a commitment, from its first step to its last.

    Attributes:
        index, commitment, limit: as registered.
        registered_in: the first step whose root contains the leaf.
        removed_in: the first later step whose root does not contain the leaf; None if there is none yet.
    """

    index: int
    commitment: int
    limit: int
    registered_in: int
    removed_in: int | None = None

    def __post_init__(self) -> None:
        whole(self.index, "index", 0, (1 << MAX_DEPTH) - 1)
        nonzero(self.commitment, "commitment")
        whole(self.limit, "limit", 1, 1 << MAX_LIMIT_BITS)
        whole(self.registered_in, "registered_in", 0, MAX_STORED)
        if self.removed_in is not None:
            whole(self.removed_in, "removed_in", 0, MAX_STORED)


@dataclass(frozen=True, slots=True)
class Slashing:
    """The slashing of a commitment, whose secret is public.

    Attributes:
        commitment: commitment of the secret.
        noted: unix time in milliseconds at which it was slashed.
        due: unix time in milliseconds by which a step must remove the leaf.
        step: number of the step that removed the leaf; None while the removal is pending, and if the
            commitment was never registered here.
        registrations: registrations of the commitment, oldest first.
    """

    commitment: int
    noted: int
    due: int
    step: int | None
    registrations: tuple[Registration, ...]

    def __post_init__(self) -> None:
        nonzero(self.commitment, "commitment")
        whole(self.noted, "noted", 0, MAX_STORED)
        whole(self.due, "due", 0, MAX_STORED)
        if self.step is not None:
            whole(self.step, "step", 0, MAX_STORED)
        instance(self.registrations, tuple, "registrations")
        instances(self.registrations, Registration, "registrations")

    def is_due(self, now: int) -> bool:
        """Tell whether the leaf must be removed now. If the clock has gone far back, the answer is yes."""
        whole(now, "now", 0, MAX_STORED)
        return not self.noted - CLOCK_TOLERANCE <= now < self.due

    def settled(self, step: int) -> Slashing:
        """Return this slashing as it is after a step has removed the leaf."""
        whole(step, "step", 0, MAX_STORED)
        registrations = [
            replace(registration, removed_in=step) if registration.removed_in is None else registration
            for registration in self.registrations
        ]
        return replace(self, step=step, registrations=tuple(registrations))


@dataclass(frozen=True, slots=True)
class RootChanges:
    """What a window of roots needs from a registry, all from one moment.

    Attributes:
        roots: number, root and `at` of each requested step, oldest first.
        slashings: those whose leaf these steps removed, and all pending ones.
    """

    roots: tuple[tuple[int, int, int], ...]
    slashings: tuple[Slashing, ...]

    def __post_init__(self) -> None:
        instance(self.roots, tuple, "roots")
        if (self.roots and set(map(type, self.roots)) != {tuple}) or set(map(len, self.roots)) - {3}:
            pairs(self.roots, 3, "roots")
        _check_column(tuple(chain.from_iterable(self.roots)), "roots")
        instance(self.slashings, tuple, "slashings")
        instances(self.slashings, Slashing, "slashings")


def _check_column(values: Sequence[int], name: str) -> None:
    """Check that all values are of type `int` and can be stored, which an array and a range ensure."""
    if type(sequence(values, name)) not in (array, range) and values:
        if set(map(type, values)) != {int} or min(values) < 0 or max(values) >= scalar.ORDER:
            for value in values:
                scalar.check(value, name)
