"""Ring: the roots of a registry that are acceptable, without a tree.

A verifier needs no more of a group than this: the newest roots, when each was replaced, and which of them
contain the leaf of somebody whose secret is public. All of it stands in the registry, so the ring is the same
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
    """The root history of a registry, and the slashings whose step is to be made.

    Args:
        reader: of the registry.
        size: how long a replaced root stays acceptable.

    Raises:
        StoreUnavailable: the registry cannot be asked.
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
        """Take in what is new.

        Raises:
            IntegrityAlarm: the registry is behind what it was, or another one.
            StoreUnavailable: the registry cannot be asked.
        """
        changes = changes_after(reader, self.history.step, self._newest)
        self.add(changes.roots, changes.slashings)

    def add(self, roots: Sequence[tuple[int, int, int]], slashings: Sequence[Slashing]) -> None:
        """Add the roots of the next steps, and the slashings that belong to them or are pending."""
        done = [slashing for slashing in slashings if slashing.step is not None]
        steps = {slashing.step for slashing in done}
        for number, root, at in roots:
            self._newest = root
            if number in steps:
                self._removed = at
        self.history.extend([(root, at / 1000) for _, root, at in roots], retired_steps(done))
        self.pending = tuple(slashing for slashing in slashings if slashing.step is None)

    def pop_removal_time(self) -> int | None:
        """Return the time of the newest step with a removal that was taken in since this was asked last."""
        removed, self._removed = self._removed, None
        return removed

    def is_due(self, now: int | None) -> bool:
        """Tell whether a slashed member's leaf must be gone by now.

        Args:
            now: unix time in milliseconds; None where nobody knows, and then everything is due.
        """
        return any(now is None or slashing.is_due(now) for slashing in self.pending)

    def is_overdue(self, now: int) -> bool:
        """Tell whether the newest root contains a leaf that must be gone by now, in milliseconds."""
        due = [slashing for slashing in self.pending if slashing.is_due(now)]
        return any(
            registration.removed_in is None for slashing in due for registration in slashing.registrations
        )

    def retire_due(self, now: int) -> None:
        """Retire the roots with a leaf that must be gone by now, whether the new root is there or not."""
        due = [slashing for slashing in self.pending if slashing.is_due(now)]
        if due:
            self.history.extend((), retired_steps(due))


class RegistryRoots:
    """A `RootSource` for a process that verifies and does nothing else.

    It looks into the registry at most each 0.1 seconds, so what is slashed elsewhere counts here so much
    later. It makes no roots itself: while the newest root has a leaf that must be gone by now, asking is an
    error, until a group has made the step. Judged by the older roots alone, everybody's proofs would be for
    unknown ones.

    Args:
        registry: of the group.
        window: how long a replaced root stays acceptable.
        now: unix time in seconds, the `now` of an `EpochClock`.

    Raises:
        StoreUnavailable: here and when asked, the registry cannot be asked; when asked, a removal is overdue.
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
            # What is overdue may have been done since: it is looked for each time.
            if not self._freshness.is_fresh(now) or self._tracker.is_due(int(now * 1000)):
                self._tracker.follow(self._registry)
                self._freshness.renew(now)
            self._tracker.retire_due(int(now * 1000))
            if self._tracker.is_overdue(int(now * 1000)):
                raise StoreUnavailable("roots: a removal is overdue, and no group has made its step yet")


def changes_after(reader: RegistryReader, number: int, root: int) -> RootChanges:
    """Return the tail of a registry after a step that is known.

    Raises:
        IntegrityAlarm: the registry has no such step, or with another root: it was restored, or exchanged.
        StoreUnavailable: the registry cannot be asked.
    """
    changes = reader.root_changes_after(number - 1)
    if not changes.roots or changes.roots[0][:2] != (number, root):
        raise IntegrityAlarm(f"registry: step {number} is not there any more, or was exchanged")
    return RootChanges(
        changes.roots[1:], tuple(slashing for slashing in changes.slashings if slashing.step != number)
    )


def retired_steps(slashings: Iterable[Slashing]) -> list[range]:
    """Return the steps whose roots contain a leaf of somebody slashed."""
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
        # The root of the step before that moment is the one that was replaced after it.
        first = max(first, reader.step_at(max(0, int((size.now() - size.seconds) * 1000) - 1)))
    return first
