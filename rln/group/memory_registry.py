"""MemoryRegistry: the members of a group, kept in memory."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rln.base import scalar
from rln.base.arguments import whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import StoreUnavailable
from rln.group.events import Change, Events, Head, Registration, RootChanges, Slashing, Step
from rln.group.ports import MemberRegistry, RegistryChange
from rln.group.registry_rules import (
    PAGE_EVENTS,
    already_registered,
    already_slashed,
    first_step,
    next_head,
    no_such_member,
    slashed_before,
)


class MemoryRegistry(MemberRegistry):
    """A registry that lasts as long as the process.

    Args:
        depth: levels of the membership tree, 1 to 32.
        limit_bits: limits are 1 to 2^limit_bits, 1 to 16.

    Raises:
        ParameterError: an argument outside its range.
    """

    def __init__(self, depth: int, limit_bits: int = 16) -> None:
        self._depth = whole(depth, "depth", 1, MAX_DEPTH)
        self._limit_bits = whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
        first = first_step(depth)
        self._steps = [first]
        self._heads = [Head(0, first.root, first.at, 0, 0, 0)]
        self._commitments: list[int] = []
        self._limits = array("Q")
        self._registered_in = array("Q")
        self._removed_in = array("Q")  # 0 while the leaf is in the tree
        self._newest: dict[int, int] = {}
        self._earlier: dict[int, list[int]] = {}
        self._slashed: dict[int, tuple[int, int, int]] = {}  # noted, due, step or 0
        self._slashed_in: dict[int, list[int]] = {}
        self._pending: dict[int, None] = {}
        self._unregistered: dict[int, None] = {}  # slashed, never registered
        self._closed = False
        self._writing = threading.Lock()
        self._state = threading.RLock()

    def __repr__(self) -> str:
        return f"MemoryRegistry(depth {self._depth})"

    @property
    def depth(self) -> int:
        """Levels of the membership tree."""
        return self._depth

    @property
    def limit_bits(self) -> int:
        """Limits are 1 to 2^limit_bits."""
        return self._limit_bits

    def head(self) -> Head:
        """Return the state of the registry; here and below as `RegistryReader` says."""
        with self._open():
            return self._heads[-1]

    def steps_after(self, number: int, most: int = 4096) -> list[Step]:
        """Return the steps that follow a step."""
        found: list[Step] = []
        with self._open():
            events = 0
            for step in self._steps[number + 1 : number + 1 + most]:
                found.append(step)
                events += len(step.events)
                if events >= PAGE_EVENTS:
                    break
        return found

    def step_at(self, at: int) -> int:
        """Return the number of the newest step up to a time."""
        with self._open():
            return max(0, bisect_right(self._heads, at, key=lambda head: head.at) - 1)

    def root_changes_after(self, after: int) -> RootChanges:
        """Return the roots and slashings that follow a step."""
        with self._open():
            new = self._steps[after + 1 :]
            slashed = [commitment for step in new for commitment in self._slashed_in.get(step.number, ())]
            return RootChanges(
                tuple((step.number, step.root, step.at) for step in new),
                tuple(self._slashing(commitment) for commitment in (*slashed, *self._pending)),
            )

    def registrations(self, commitment: int) -> list[Registration]:
        """Return the registrations of a commitment."""
        scalar.check(commitment, "commitment")
        with self._open():
            if commitment not in self._newest:
                return []
            indices = [*self._earlier.get(commitment, ()), self._newest[commitment]]
            return [self._registration(index) for index in indices]

    def registration_at(self, index: int) -> Registration | None:
        """Return the registration that got an index."""
        with self._open():
            return self._registration(index) if 0 <= index < len(self._commitments) else None

    def slashing(self, commitment: int) -> Slashing | None:
        """Return the slashing of a commitment."""
        scalar.check(commitment, "commitment")
        with self._open():
            return self._slashing(commitment) if commitment in self._slashed else None

    def unregistered_slashings(self) -> list[Slashing]:
        """Return the slashings of commitments that were never registered here."""
        with self._open():
            return [self._slashing(commitment) for commitment in self._unregistered]

    def count(self) -> int:
        """Return the number of members."""
        with self._open():
            pending = sum(self._removed_in[self._newest[commitment]] == 0 for commitment in self._pending)
            return self._heads[-1].members - pending

    @contextmanager
    def change(self) -> Iterator[RegistryChange]:
        """Begin an exclusive change."""
        with self._writing:
            with self._open():
                pass
            change = _MemoryChange(self)
            try:
                yield change
            except BaseException:
                change.undo()
                raise
            finally:
                change.release()

    def close(self) -> None:
        """Refuse every later call."""
        self._closed = True

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._state:
            if self._closed:
                raise StoreUnavailable("members: used after it was closed")
            yield

    def _registration(self, index: int) -> Registration:
        return Registration(
            index,
            self._commitments[index],
            self._limits[index],
            self._registered_in[index],
            self._removed_in[index] or None,
        )

    def _slashing(self, commitment: int) -> Slashing:
        noted, due, step = self._slashed[commitment]
        return Slashing(commitment, noted, due, step or None, tuple(self.registrations(commitment)))


class _MemoryChange(RegistryChange):
    """A change that writes at once and can undo it; from its first write on, other threads cannot read."""

    def __init__(self, registry: MemoryRegistry) -> None:
        self._registry = registry
        self._undo: list[Callable[[], object]] = []
        self._locked = False

    @property
    def depth(self) -> int:
        return self._registry.depth

    @property
    def limit_bits(self) -> int:
        return self._registry.limit_bits

    def head(self) -> Head:
        return self._registry.head()

    def steps_after(self, number: int, most: int = 4096) -> list[Step]:
        return self._registry.steps_after(number, most)

    def step_at(self, at: int) -> int:
        return self._registry.step_at(at)

    def root_changes_after(self, after: int) -> RootChanges:
        return self._registry.root_changes_after(after)

    def registrations(self, commitment: int) -> list[Registration]:
        return self._registry.registrations(commitment)

    def registration_at(self, index: int) -> Registration | None:
        return self._registry.registration_at(index)

    def slashing(self, commitment: int) -> Slashing | None:
        return self._registry.slashing(commitment)

    def unregistered_slashings(self) -> list[Slashing]:
        return self._registry.unregistered_slashings()

    def append(self, step: Step) -> None:
        registry, events = self._begin(), step.columns
        removals, before = events.removal_count, len(registry._commitments)
        removed_leaves = sum(self._remove(step.number, events, position) for position in range(removals))
        head = next_head(registry._heads[-1], step, removed_leaves, registry._depth, registry._limit_bits)
        self._undo.append(lambda: self._forget_after(before))
        for position in range(removals, len(events)):
            self._register(step.number, events, position)
        registry._steps.append(step)
        registry._heads.append(head)
        self._undo += [registry._steps.pop, registry._heads.pop]

    def note_slashing(self, commitment: int, noted: int, due: int) -> None:
        registry = self._begin()
        if commitment in registry._slashed:
            raise slashed_before()
        registry._slashed[commitment] = (noted, due, 0)
        waiting = registry._pending if commitment in registry._newest else registry._unregistered
        waiting[commitment] = None
        self._undo.append(lambda: (registry._slashed.pop(commitment), waiting.pop(commitment)))

    def undo(self) -> None:
        """Undo all writes, newest first."""
        while self._undo:
            self._undo.pop()()

    def release(self) -> None:
        """Let other threads read again."""
        if self._locked:
            self._registry._state.release()
            self._locked = False

    def _begin(self) -> MemoryRegistry:
        if not self._locked:
            self._registry._state.acquire()
            self._locked = True
        return self._registry

    def _remove(self, number: int, events: Events, position: int) -> bool:
        registry, event = self._registry, events[position]
        known = registry._newest.get(event.commitment) == event.index
        is_registered = known and registry._removed_in[event.index] == 0
        if event.change is Change.SLASHED:
            if not known or event.commitment not in registry._pending:
                raise no_such_member(event.number)
            noted, due, _ = registry._slashed[event.commitment]
            registry._slashed[event.commitment] = (noted, due, number)
            del registry._pending[event.commitment]
            registry._slashed_in.setdefault(number, []).append(event.commitment)
            self._undo.append(registry._slashed_in[number].pop)
            self._undo.append(lambda: registry._pending.__setitem__(event.commitment, None))
            self._undo.append(lambda: registry._slashed.__setitem__(event.commitment, (noted, due, 0)))
        elif not is_registered or event.commitment in registry._slashed:
            raise no_such_member(event.number)
        if is_registered:
            registry._removed_in[event.index] = number
            self._undo.append(lambda: registry._removed_in.__setitem__(event.index, 0))
        return is_registered

    def _register(self, number: int, events: Events, position: int) -> None:
        registry = self._registry
        commitment = int.from_bytes(events.commitment(position), "little")
        before = registry._newest.get(commitment)
        if commitment in registry._slashed:
            raise already_slashed()
        if before is not None and registry._removed_in[before] == 0:
            raise already_registered()
        registry._commitments.append(commitment)
        registry._limits.append(events.limits[position])
        registry._registered_in.append(number)
        registry._removed_in.append(0)
        registry._newest[commitment] = events.indices[position]
        if before is not None:
            registry._earlier.setdefault(commitment, []).append(before)

    def _forget_after(self, count: int) -> None:
        """Forget all registrations after the first `count`."""
        registry = self._registry
        while len(registry._commitments) > count:
            commitment = registry._commitments.pop()
            for column in (registry._limits, registry._registered_in, registry._removed_in):
                column.pop()
            if registry._earlier.get(commitment):
                registry._newest[commitment] = registry._earlier[commitment].pop()
            else:
                del registry._newest[commitment]
