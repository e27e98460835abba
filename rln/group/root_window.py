"""Root windows: the recent roots that a verifier accepts.

A member proves for a root while others register and change it, so a verifier accepts the current root and the
roots that were replaced a short while ago. `RootHistory` is for the owner: a group, or a program that follows
a contract, pushes roots into it. `RootWindow` is for the verifier: a live, read-only view. If all roots
are retired, reading either of them raises `StoreUnavailable` until there is a new root.

Both may be used from several threads; a push is one atomic step.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from rln.base import forks
from rln.base.arguments import (
    instance,
    instances,
    iterable,
    nonzero,
    pairs,
    real,
    sequence,
    unix_time,
    whole,
)
from rln.base.bounds import MAX_STORED
from rln.base.injected import callback
from rln.base.torn_lock import StateLock, in_child
from rln.errors import ParameterError, StoreUnavailable
from rln.group.root_source import checked_roots
from rln.group.root_steps import Bounds, RootSteps
from rln.group.window_size import WindowSize


class RootHistory:
    """The roots of a tree, oldest first, for the object that adds new ones.

    Threads may use it at once: its lock is held for a few dictionary operations, never while the clock is
    read. Retiring steps and asking for a root take a search among the retired ranges, however many roots
    there are. A forked child has its own copy, which the pushes of the parent do not reach; if the fork could
    not wait until another thread had finished, every call in the child raises `StoreUnavailable`. There is
    nothing to close.

    If the clock goes ahead, roots leave the window early, and those that are forgotten do not come back. If
    it goes back, a root stays acceptable for at most `seconds` longer. (`Group` and `RegistryRoots` read
    forgotten roots again from their registry.)

    Args:
        roots: oldest first, at least one; the last is the current one. Each is one step. They are read once,
            so an iterator will do.
        size: how long a replaced root stays acceptable.
        first: number of the first of these steps.

    Raises:
        ParameterError: there is no root, or a root is 0, which no tree of hashes has; text, bytes, a mapping.
        FieldRangeError: a root is not a field element.
    """

    def __init__(self, roots: Iterable[int], size: WindowSize, first: int = 0) -> None:
        instance(size, WindowSize, "size")
        self._size = size
        self._lock: StateLock = threading.Lock()
        checked = checked_roots(roots)
        now, first = self._now(), whole(first, "first", 0, MAX_STORED)
        self._steps = RootSteps(Bounds(size.count, size.seconds), first)
        for root in checked:
            self._steps.add(root, now)
        self._ready = self._steps.newest  # the newest step whose root is acceptable
        forks.register(self)

    @property
    def step(self) -> int:
        """The number of the current root, counted from 0."""
        return self._ready

    @property
    def known(self) -> int:
        """The number of the newest step, whose root may be announced only."""
        return self._steps.newest

    @property
    def size(self) -> WindowSize:
        """How long a replaced root stays acceptable."""
        return self._size

    @property
    def window(self) -> RootWindow:
        """The live view for verifiers."""
        return RootWindow(self)

    # ---- adding

    def push(self, root: int, retired: Sequence[range] = ()) -> int:
        """Make a root the current one and return its step.

        Args:
            root: a field element other than 0.
            retired: steps whose roots stop being acceptable.

        Raises:
            ParameterError: the root is 0.
            FieldRangeError: not a field element.
            Exception: any error of the window's clock; then nothing has changed.
        """
        nonzero(root, "root")
        _check_retired(retired)
        now = self._now()
        with self._lock:
            self._steps.read_at(now, self._ready)
            self._steps.retire(retired)
            self._steps.add(root, now)
            self._ready = self._steps.newest
            self._steps.forget(now, self._ready)
            return self._ready

    def extend(self, roots: Iterable[tuple[int, float]], retired: Sequence[range] = ()) -> None:
        """Push several roots, oldest first, and retire others, as one atomic step.

        This reads no clock, and cannot fail half-way.

        Args:
            roots: each with the time at which it became the current one, in seconds of the window's `now`.
            retired: steps whose roots stop being acceptable; new steps may be among them.

        Raises:
            ParameterError: a root is 0.
            FieldRangeError: not a field element.
        """
        listed = list(iterable(roots, "roots"))
        pairs(listed, 2, "roots")
        checked = [(nonzero(root, "root"), real(at, "at")) for root, at in listed]
        _check_retired(retired)
        with self._lock:
            for root, at in checked:
                self._steps.add(root, at)
            self._ready = self._steps.newest
            self._retire_read(retired)

    def announce(
        self,
        roots: Sequence[tuple[int, int, float]],
        retired: Sequence[range] = (),
        ready: int | None = None,
    ) -> None:
        """Add roots that are not acceptable before `confirm`, and retire others, as one atomic step.

        From then on the roots before them count as replaced.

        Args:
            roots: step, root and time of each, oldest first; those that are known already do not count.
            retired: steps whose roots stop being acceptable; announced steps may be among them.
            ready: the step up to which roots are acceptable afterwards; None leaves it as it is.

        Raises:
            IntegrityAlarm: a step is known with another root.
        """
        _check_steps(roots)
        _check_retired(retired)
        if ready is not None:
            whole(ready, "ready", -1, MAX_STORED)
        with self._lock:
            for step, root, at in roots:
                if step > self._steps.newest:
                    self._steps.add(root, at)
                else:
                    self._steps.compare(step, root)
            self._ready = self._ready if ready is None else max(self._ready, ready)
            self._retire_read(retired)

    def confirm(self, step: int, root: int) -> None:
        """Make the announced roots up to a step acceptable.

        Raises:
            IntegrityAlarm: the step was announced with another root.
        """
        whole(step, "step", 0, MAX_STORED)
        nonzero(root, "root")
        with self._lock:
            self._steps.compare(step, root)
            self._ready = max(self._ready, step)

    def retire(self, steps: Sequence[range]) -> None:
        """Retire the roots of some steps, of those that are known now."""
        _check_retired(steps)
        with self._lock:
            self._steps.retire(steps)

    def restore(
        self,
        roots: Sequence[tuple[int, int, float]],
        retired: Sequence[range],
        ready: int,
        forgotten: float,
    ) -> None:
        """Replace all roots, as one atomic step. What is retired stays retired, and newer steps stay.

        Args:
            roots: step, root and time of each, at least one, oldest first.
            retired: steps whose roots are not acceptable.
            ready: the step up to which roots are acceptable, at least.
            forgotten: no root is missing that was replaced after this time.

        Raises:
            IntegrityAlarm: a step was known with another root.
        """
        # Outside the lock: this may take a while.
        _check_steps(roots)
        if not roots:
            raise ParameterError("roots: expected at least one, got none")
        _check_retired(retired)
        whole(ready, "ready", 0, MAX_STORED)
        if forgotten != -math.inf:
            real(forgotten, "at")
        restored = RootSteps(Bounds(self._size.count, self._size.seconds), roots[0][0], forgotten)
        for step, root, at in roots:
            self._steps.compare(step, root)
            restored.add(root, at)
        with self._lock:
            restored.continue_from(self._steps)
            self._steps = restored
            self._ready = max(self._ready, ready)
            self._retire_read(retired)

    # ---- asking

    def acceptable(self) -> list[int]:
        """Return the acceptable roots, newest first, each once.

        Raises:
            StoreUnavailable: all roots are retired or replaced, and the next one is not there yet.
        """
        now = self._now()
        with self._lock:
            self._steps.read_at(now, self._ready)
            first, roots, retired = self._steps.young(now, self._ready)
        for steps in reversed(retired):  # outside the lock: this may take a while
            del roots[max(steps.start - first, 0) : max(steps.stop - first, 0)]
        if not roots:
            raise _none_left()
        return list(dict.fromkeys(reversed(roots)))

    def current(self) -> int:
        """Return the newest acceptable root.

        Raises:
            StoreUnavailable: as for `acceptable`.
        """
        now = self._now()
        with self._lock:
            return self._steps.root(self._newest(now))

    def accepts(self, root: object) -> bool:
        """Tell whether a root is acceptable now.

        Raises:
            StoreUnavailable: as for `acceptable`.
        """
        now = self._now()
        with self._lock:
            self._newest(now)
            return type(root) is int and self._steps.accepts(root, now, self._ready)

    def lacks_roots(self) -> bool:
        """Tell whether the clock has gone back so far that a forgotten root is acceptable again."""
        forgotten = self._steps.forgotten
        if self._size.seconds is None or forgotten == -math.inf:
            return False
        return self._now() - forgotten <= self._size.seconds

    def _newest(self, now: float) -> int:
        """Return the newest acceptable step; `_lock` is held."""
        self._steps.read_at(now, self._ready)
        step = self._steps.newest_at(now, self._ready)
        if step is None:
            raise _none_left()
        return step

    def _retire_read(self, retired: Sequence[range]) -> None:
        """Retire steps after roots were added whose times may come from the clock of another machine."""
        self._steps.retire(retired)
        self._steps.forget(-math.inf, self._ready)  # by count alone

    def _now(self) -> float:
        """Return the time; call this without `_lock`, because the clock is not ours."""
        if self._size.seconds is None or self._size.now is None:
            return 0.0
        return unix_time(self._size.now(), "now")

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._lock = in_child(torn, "roots", "make a new RootHistory, RegistryRoots or Group")


class RootWindow:
    """A live view of the acceptable roots, for a verifier.

    It supports `root in window`, `len(window)`, and iteration, newest first.

    Args:
        history: history of the roots.
        follow: is called before each answer, to add roots that were made elsewhere; an error that it raises
            is passed on.
    """

    __slots__ = ("_follow", "_history")

    def __init__(self, history: RootHistory, follow: Callable[[], None] | None = None) -> None:
        instance(history, RootHistory, "history")
        if follow is not None:
            callback(follow, "follow")
        self._history = history
        self._follow = follow

    @property
    def current(self) -> int:
        """The newest root."""
        if self._follow is not None:
            self._follow()
        return self._history.current()

    def __contains__(self, root: object) -> bool:
        if self._follow is not None:
            self._follow()
        return self._history.accepts(root)

    def __iter__(self) -> Iterator[int]:
        return iter(self._acceptable())

    def __len__(self) -> int:
        return len(self._acceptable())

    def __bool__(self) -> bool:
        """Return True, without a look at the roots: a window is there."""
        return True

    def __repr__(self) -> str:
        return f"RootWindow({len(self._history.acceptable())} roots)"

    def _acceptable(self) -> list[int]:
        if self._follow is not None:
            self._follow()
        return self._history.acceptable()


def _none_left() -> StoreUnavailable:
    return StoreUnavailable(
        "roots: all that are known are retired or replaced, and the next one is not there yet; try again"
    )


def _check_steps(roots: Sequence[tuple[int, int, float]]) -> None:
    """Check step, root and time of each."""
    pairs(sequence(roots, "roots"), 3, "roots")
    for step, root, at in roots:
        whole(step, "step", 0, MAX_STORED)
        nonzero(root, "root")
        real(at, "at")


def _check_retired(retired: Sequence[range]) -> None:
    instances(sequence(retired, "retired"), range, "retired")
