"""RootTracker: the root history of a registry, and its pending slashings."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from typing import Final

from rln.base import forks
from rln.base.arguments import unix_time
from rln.base.torn_lock import StateLock, in_child
from rln.errors import IntegrityAlarm
from rln.group.events import RootChanges, Slashing
from rln.group.ports import RegistryReader
from rln.group.root_steps import KEEP_SECONDS
from rln.group.root_window import RootHistory
from rln.group.window_size import WindowSize

_FOREVER: Final = 1 << 63


class RootTracker:
    """The root history of a registry, and its pending slashings.

    Any number of threads may use it at once. Its lock is held for short times only, never while the registry
    is read. What an older reading says about pending slashings does not replace what a newer one has said.
    After a fork the child goes on with whole state; if the fork could not wait for another thread, every
    reading in the child raises `StoreUnavailable`.

    Args:
        reader: reader of the registry.
        size: how long a replaced root stays acceptable.

    Raises:
        StoreUnavailable: the registry cannot be read.
    """

    def __init__(self, reader: RegistryReader, size: WindowSize) -> None:
        self._lock: StateLock = threading.Lock()
        self._size = size
        self._begun = 0  # number of readings begun
        self._pending_from = 0  # number of the reading that `pending` comes from
        self._newest = (-1, 0)  # the newest step that is known, with its root
        self._removed: int | None = None
        self.pending: tuple[Slashing, ...] = ()
        first, forgotten = _oldest(reader, size)
        changes = reader.root_changes_after(first - 1)
        self.first_step = first
        self.history = RootHistory([changes.roots[0][1]], size, first=first)
        self._restore(self._begin()[0], changes, changes.roots[-1][0], forgotten)
        forks.register(self)

    def follow(self, reader: RegistryReader) -> None:
        """Read what is new in the registry: add its roots, retire others, and note pending slashings.

        Raises:
            IntegrityAlarm: the registry has lost steps, or is another one.
            StoreUnavailable: the registry cannot be read.
        """
        self._observe(reader, ready=True)

    def look(self, reader: RegistryReader) -> None:
        """Do as `follow`, but announce the new roots only: `confirm` makes them acceptable.

        Raises:
            IntegrityAlarm, StoreUnavailable: as for `follow`.
        """
        self._observe(reader, ready=False)

    def add(self, roots: Sequence[tuple[int, int, int]], slashings: Sequence[Slashing]) -> None:
        """Add the roots of the next steps with their slashings, and replace the pending slashings."""
        reading, _ = self._begin()
        self._note(reading, RootChanges(tuple(roots), tuple(slashings)), ready=True)

    def confirm(self, step: int, root: int) -> None:
        """Make the announced roots up to a step acceptable.

        Raises:
            IntegrityAlarm: the step was announced with another root.
        """
        self.history.confirm(step, root)

    def rebuild(self, reader: RegistryReader) -> None:
        """Read all roots of the window again, after the clock has gone back.

        Roots that are acceptable again are those of the registry, as after a start.

        Raises:
            IntegrityAlarm, StoreUnavailable: as for `follow`.
        """
        reading, (step, root) = self._begin()
        ready = self.history.step
        first, forgotten = _oldest(reader, self._size)
        changes = reader.root_changes_after(min(first, ready) - 1)
        if (step, root) not in [row[:2] for row in changes.roots]:
            raise _lost(step)
        self._restore(reading, changes, ready, forgotten)

    def pop_removal_time(self) -> int | None:
        """Return the time of the newest step with a slashed member's removal, or None.

        Only steps that were added since the last call of this method count.
        """
        with self._lock:
            removed, self._removed = self._removed, None
            return removed

    def is_due(self, now: int | None) -> bool:
        """Tell whether the leaf of a slashed member must be removed by now.

        Args:
            now: unix time in milliseconds; None without a clock, when every removal is due.
        """
        return any(now is None or slashing.is_due(now) for slashing in self.pending)

    def is_overdue(self, now: int | None) -> bool:
        """Tell whether the newest root contains a leaf that must be removed by now, in milliseconds."""
        return any(
            registration.removed_in is None
            for slashing in self._due(now)
            for registration in slashing.registrations
        )

    def retire_due(self, now: int | None) -> None:
        """Retire the roots with a leaf that must be removed by now, even if the next root is missing."""
        due = self._due(now)
        if due:
            self.history.retire(retired_steps(due))

    def _due(self, now: int | None) -> list[Slashing]:
        return [slashing for slashing in self.pending if now is None or slashing.is_due(now)]

    def _begin(self) -> tuple[int, tuple[int, int]]:
        """Return the number of a new reading, and the newest step that is known with its root."""
        with self._lock:
            self._begun += 1
            return self._begun, self._newest

    def _observe(self, reader: RegistryReader, *, ready: bool) -> None:
        reading, newest = self._begin()
        self._note(reading, changes_after(reader, *newest), ready=ready)

    def _note(self, reading: int, changes: RootChanges, *, ready: bool) -> None:
        with self._lock:
            roots = [(step, root, at / 1000) for step, root, at in changes.roots]
            last = changes.roots[-1][0] if changes.roots and ready else None
            self.history.announce(roots, retired_steps(_done(changes)), last)
            self._advance(reading, changes)

    def _restore(self, reading: int, changes: RootChanges, ready: int, forgotten: float) -> None:
        with self._lock:
            roots = [(step, root, at / 1000) for step, root, at in changes.roots]
            self.history.restore(roots, retired_steps(_done(changes)), ready, forgotten)
            self._advance(reading, changes)

    def _advance(self, reading: int, changes: RootChanges) -> None:
        """Note the newest step, its time if it removed a slashed member, and the pending slashings."""
        before, _ = self._newest
        removing = {slashing.step for slashing in _done(changes)}
        for step, root, at in changes.roots:
            if step > before:
                self._newest = (step, root)
                self._removed = at if step in removing else self._removed
        if reading > self._pending_from:
            self._pending_from = reading
            self.pending = tuple(slashing for slashing in changes.slashings if slashing.step is None)

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._lock = in_child(torn, "roots", "make a new RegistryRoots or Group")


def changes_after(reader: RegistryReader, number: int, root: int) -> RootChanges:
    """Return the roots and slashings of a registry after a known step.

    Raises:
        IntegrityAlarm: the registry does not have this step, or has it with another root: it was restored
            from a backup, or replaced.
        StoreUnavailable: the registry cannot be read.
    """
    changes = reader.root_changes_after(number - 1)
    if not changes.roots or changes.roots[0][:2] != (number, root):
        raise _lost(number)
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


def _done(changes: RootChanges) -> list[Slashing]:
    return [slashing for slashing in changes.slashings if slashing.step is not None]


def _lost(step: int) -> IntegrityAlarm:
    return IntegrityAlarm(
        f"registry: step {step} is missing or its root has changed: the registry was restored or "
        "replaced; stop its users and investigate"
    )


def _oldest(reader: RegistryReader, size: WindowSize) -> tuple[int, float]:
    """Return the oldest step whose root the window may hold, and a time: no root replaced later is missing.

    The window is a little longer here, so that a clock that goes back a little needs nothing else.
    """
    first, forgotten = 0, -math.inf
    if size.count is not None:
        first = max(first, reader.head().number - size.count + 1)
    if size.seconds is not None and size.now is not None:
        since = unix_time(size.now(), "now") - size.seconds - KEEP_SECONDS
        # The root that was current just before that moment was replaced after it.
        found = reader.step_at(max(0, int(since * 1000) - 1))
        first, forgotten = max(first, found), since if found else forgotten
    return first, forgotten
