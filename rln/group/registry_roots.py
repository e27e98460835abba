"""RegistryRoots: the acceptable roots of a registry, without a tree.

A verifier needs only these facts about a group: the newest roots, when each was replaced, and which of them
contain the leaf of a slashed member. All of them are in the registry, so the acceptable roots are the same
after a restart, and in every process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.group.events import RootChanges, Slashing
from rln.group.freshness import Freshness
from rln.group.ports import MemberRegistry, RegistryReader
from rln.group.root_window import RootHistory, RootWindow, WindowSize

_FOREVER: Final = 1 << 63


class RootTracker:
    """The root history of a registry, and its pending slashings.

    Args:
        reader: reader of the registry.
        size: how long a replaced root stays acceptable.

    Raises:
        StoreUnavailable: the registry cannot be read.
    """

    def __init__(self, reader: RegistryReader, size: WindowSize) -> None:
        first = _oldest(reader, size)
        changes = reader.root_changes_after(first - 1)
        self.first_step = first
        self._newest = changes.roots[0][1]
        self.history = RootHistory([changes.roots[0][1]], size, first=first)
        self.pending: tuple[Slashing, ...] = ()
        self._removed: int | None = None
        self.add(changes.roots[1:], changes.slashings)

    def follow(self, reader: RegistryReader) -> None:
        """Add the steps and slashings that are new in the registry.

        Raises:
            IntegrityAlarm: the registry has lost steps, or is another one.
            StoreUnavailable: the registry cannot be read.
        """
        changes = changes_after(reader, self.history.step, self._newest)
        self.add(changes.roots, changes.slashings)

    def add(self, roots: Sequence[tuple[int, int, int]], slashings: Sequence[Slashing]) -> None:
        """Add the roots of the next steps with their slashings, and replace the pending slashings."""
        done = [slashing for slashing in slashings if slashing.step is not None]
        steps = {slashing.step for slashing in done}
        for number, root, at in roots:
            self._newest = root
            if number in steps:
                self._removed = at
        self.history.extend([(root, at / 1000) for _, root, at in roots], retired_steps(done))
        self.pending = tuple(slashing for slashing in slashings if slashing.step is None)

    def pop_removal_time(self) -> int | None:
        """Return the time of the newest step with a slashed member's removal, or None.

        Only steps that were added since the last call of this method count.
        """
        removed, self._removed = self._removed, None
        return removed

    def is_due(self, now: int | None) -> bool:
        """Tell whether the leaf of a slashed member must be removed by now.

        Args:
            now: unix time in milliseconds; None without a clock, when every removal is due.
        """
        return any(now is None or slashing.is_due(now) for slashing in self.pending)

    def is_overdue(self, now: int) -> bool:
        """Tell whether the newest root contains a leaf that must be removed by now, in milliseconds."""
        due = [slashing for slashing in self.pending if slashing.is_due(now)]
        return any(
            registration.removed_in is None for slashing in due for registration in slashing.registrations
        )

    def retire_due(self, now: int) -> None:
        """Retire the roots with a leaf that must be removed by now, even if the next root is missing."""
        due = [slashing for slashing in self.pending if slashing.is_due(now)]
        if due:
            self.history.extend((), retired_steps(due))


class RegistryRoots:
    """A `RootSource` for a process that only verifies.

    It reads the registry at most every 0.1 seconds, so a slashing in another process takes effect here up to
    0.1 seconds later. It makes no steps: while the newest root contains a leaf that must be removed by now,
    reading the roots raises `StoreUnavailable`, until a group has made the step. With the older roots alone,
    current proofs would be refused because their root is unknown.

    Args:
        registry: registry of the group.
        window: how long a replaced root stays acceptable.
        now: unix time in seconds, the `now` of an `EpochClock`.

    Raises:
        StoreUnavailable: the registry cannot be read. Reading the roots raises it for
            the same reason, and while a removal is overdue.
    """

    def __init__(self, registry: MemberRegistry, window: WindowSize, now: Callable[[], float]) -> None:
        self._registry = registry
        self._now = now
        self._lock = threading.Lock()
        self._freshness = Freshness(now())
        self._tracker = RootTracker(registry, window)
        self._window = RootWindow(self._tracker.history, self._follow)

    def __contains__(self, root: object) -> bool:
        return root in self._window

    def __iter__(self) -> Iterator[int]:
        return iter(self._window)

    def __len__(self) -> int:
        return len(self._window)

    def __repr__(self) -> str:
        return f"RegistryRoots({self._registry!r})"

    def _follow(self) -> None:
        now = self._now()
        with self._lock:
            # A group may have made a due removal meanwhile: look for it each time.
            if not self._freshness.is_fresh(now) or self._tracker.is_due(int(now * 1000)):
                self._tracker.follow(self._registry)
                self._freshness.renew(now)
            self._tracker.retire_due(int(now * 1000))
            if self._tracker.is_overdue(int(now * 1000)):
                raise StoreUnavailable(
                    "roots: the removal of a slashed member is overdue; open a group on this registry in a "
                    "process, and call its `follow`"
                )


def changes_after(reader: RegistryReader, number: int, root: int) -> RootChanges:
    """Return the roots and slashings of a registry after a known step.

    Raises:
        IntegrityAlarm: the registry does not have this step, or has it with another root: it was restored
            from a backup, or replaced.
        StoreUnavailable: the registry cannot be read.
    """
    changes = reader.root_changes_after(number - 1)
    if not changes.roots or changes.roots[0][:2] != (number, root):
        raise IntegrityAlarm(
            f"registry: step {number} is missing or its root has changed: the registry was restored or "
            "replaced; stop its users and investigate"
        )
    return RootChanges(
        changes.roots[1:], tuple(slashing for slashing in changes.slashings if slashing.step != number)
    )


def retired_steps(slashings: Iterable[Slashing]) -> list[range]:
    """Return the steps whose roots contain the leaf of a slashed member."""
    return [
        range(
            registration.registered_in,
            _FOREVER if registration.removed_in is None else registration.removed_in,
        )
        for slashing in slashings
        for registration in slashing.registrations
    ]


def _oldest(reader: RegistryReader, size: WindowSize) -> int:
    """Return the oldest step whose root the window may hold."""
    first = 0
    if size.count is not None:
        first = max(first, reader.head().number - size.count + 1)
    if size.seconds is not None and size.now is not None:
        # The root that was current just before that moment was replaced after it.
        first = max(first, reader.step_at(max(0, int((size.now() - size.seconds) * 1000) - 1)))
    return first
