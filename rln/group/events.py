"""Step: one atomic change of a group: what happened, and the one new root that it made.

The steps of a registry are numbered from 0 without gaps. Step 0 is the empty tree, and has no events and no
time. The events of all steps together are numbered from 1 without gaps. Who has applied every step up to n
asks for the steps after n, and can check each one: the events give the root.
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, overload

from rln.base import scalar
from rln.base.arguments import nonzero, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import ParameterError
from rln.protocol.membership import PackedMembers

_LAST: Final = (1 << 63) - 1
"""Bound of what counts up: what databases call a big integer."""

CLOCK_TOLERANCE: Final = 1000
"""Milliseconds that the clocks of two machines may differ by without a removal being hurried."""


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
        change: a member registered, at an index that was never used before; was removed; or was slashed: his
            leaf is 0 from this step on, and no root that contained one of his leaves is acceptable.
        index: of the leaf. That of the newest leaf, for a slashed member who had left before.
        commitment: identity commitment, a field element other than 0.
        limit: messages in an epoch that the leaf was made with, 1 to 65,536.

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
        whole(self.number, "event", 1, _LAST)
        if type(self.change) is not Change:
            raise ParameterError(f"change: expected Change, got {type(self.change).__name__}")
        whole(self.index, "index", 0, (1 << MAX_DEPTH) - 1)
        nonzero(self.commitment, "commitment")
        whole(self.limit, "limit", 1, 1 << MAX_LIMIT_BITS)


@dataclass(frozen=True, slots=True, eq=False)
class Events(Sequence[Event]):
    """Events with consecutive numbers, in columns: a million of them are four objects, not a million.

    Attributes:
        first: number of the first.
        changes: one byte each, the value of its `Change`.
        indices: one each.
        commitments: 32 little-endian bytes each.
        limits: one each.
    """

    first: int
    changes: bytes
    indices: Sequence[int]
    commitments: bytes = field(repr=False)
    limits: Sequence[int]

    def __post_init__(self) -> None:
        whole(self.first, "event", 1, _LAST)
        count = len(self.changes)
        if not count == len(self.indices) == len(self.limits) == len(self.commitments) / scalar.SIZE:
            raise ParameterError("events: expected as many of each column")

    @classmethod
    def of(cls, events: Iterable[Event]) -> Events:
        """Put events into columns.

        Raises:
            ParameterError: their numbers are not consecutive.
        """
        if isinstance(events, cls):
            return events
        listed = list(events)
        first = listed[0].number if listed else 1
        if [event.number for event in listed] != list(range(first, first + len(listed))):
            raise ParameterError("events: expected consecutive numbers")
        return cls(
            first,
            bytes(event.change for event in listed),
            array("Q", [event.index for event in listed]),
            scalar.encode_many([event.commitment for event in listed], "commitment"),
            array("Q", [event.limit for event in listed]),
        )

    @property
    def removal_count(self) -> int:
        """How many come before the registrations, which in a step stand last.

        Raises:
            ParameterError: they do not.
        """
        registered = bytes([Change.REGISTERED])
        count = len(self) - self.changes.count(registered)
        if registered in self.changes[:count]:
            raise ParameterError("step: expected registrations behind all other events")
        return count

    @property
    def registered(self) -> PackedMembers:
        """The members that a step registers.

        Raises:
            ParameterError: as for `removal_count`.
        """
        first = self.removal_count
        return PackedMembers(self.commitments[first * scalar.SIZE :], self.limits[first:])

    def commitment(self, place: int) -> bytes:
        """The encoded commitment of one of them, counted from 0."""
        return self.commitments[place * scalar.SIZE : (place + 1) * scalar.SIZE]

    def __len__(self) -> int:
        return len(self.changes)

    @overload
    def __getitem__(self, place: int) -> Event: ...
    @overload
    def __getitem__(self, place: slice) -> list[Event]: ...
    def __getitem__(self, place: int | slice) -> Event | list[Event]:
        if isinstance(place, slice):
            return [self._event(i) for i in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError("events: no such place")
        return self._event(place % len(self))

    def __iter__(self) -> Iterator[Event]:
        return map(self._event, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((self.first, self.changes, self.commitments))

    def _event(self, place: int) -> Event:
        return Event(
            self.first + place,
            Change(self.changes[place]),
            self.indices[place],
            int.from_bytes(self.commitment(place), "little"),
            self.limits[place],
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a group.

    Args:
        number: 0 or more; the step before it has the number before.
        root: of the tree after it, a field element other than 0.
        at: unix time in milliseconds, never less than that of the step before.
        events: what happened, in order; those of one step have consecutive numbers.

    Raises:
        ParameterError: a number outside its range.
        FieldRangeError: the root is not a field element.
    """

    number: int
    root: int
    at: int
    events: Sequence[Event] = ()

    def __post_init__(self) -> None:
        whole(self.number, "step", 0, _LAST)
        nonzero(self.root, "root")
        whole(self.at, "at", 0, _LAST)
        object.__setattr__(self, "events", Events.of(self.events))

    @property
    def columns(self) -> Events:
        """The events, in columns."""
        return Events.of(self.events)


@dataclass(frozen=True, slots=True)
class Head:
    """How a registry stands after its newest step.

    Attributes:
        number, root, at: of the newest step.
        events: number of the newest event, 0 when there is none.
        next_index: the index that the next member gets; equals the number of registrations so far.
        members: leaves in the tree. A slashed member's counts until the step that takes it out.
        slashed_at: `at` of the newest step that took out a slashed member, 0 when there is none.
    """

    number: int
    root: int
    at: int
    events: int
    next_index: int
    members: int
    slashed_at: int = 0


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration of a commitment, from its first step to its last.

    Attributes:
        index, commitment, limit: as registered.
        registered_in: the step from which on roots contain the leaf.
        removed_in: the first step after it whose root does not; None while they do.
    """

    index: int
    commitment: int
    limit: int
    registered_in: int
    removed_in: int | None = None


@dataclass(frozen=True, slots=True)
class Slashing:
    """A commitment whose secret is public.

    Attributes:
        commitment: of the secret.
        noted: unix time in milliseconds at which it was slashed.
        due: when the step that takes his leaf out must be made at the latest.
        step: its number; None while it is to be made.
        stays: his registrations, oldest first.
    """

    commitment: int
    noted: int
    due: int
    step: int | None
    registrations: tuple[Registration, ...]

    def is_due(self, now: int) -> bool:
        """Tell whether the step must be made by now; a clock that has gone far back brings no delay."""
        return not self.noted - CLOCK_TOLERANCE <= now < self.due

    def settled(self, step: int) -> Slashing:
        """Return it as it is once a step has taken out the leaf."""
        registrations = [
            replace(registration, removed_in=step) if registration.removed_in is None else registration
            for registration in self.registrations
        ]
        return replace(self, step=step, registrations=tuple(registrations))


@dataclass(frozen=True, slots=True)
class RootChanges:
    """What a window of roots must know of a registry, all from one moment.

    Attributes:
        roots: number, root and `at` of the steps that were asked for, oldest first.
        slashings: those of these steps, and all whose step is to be made.
    """

    roots: tuple[tuple[int, int, int], ...]
    slashings: tuple[Slashing, ...]
