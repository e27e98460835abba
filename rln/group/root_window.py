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
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rln.base import scalar
from rln.base.arguments import whole
from rln.errors import ParameterError, StoreUnavailable


@dataclass(frozen=True, slots=True)
class WindowSize:
    """How long a replaced root stays acceptable. The current root is always acceptable.

    Use seconds if members may register in bursts: with a count alone, a burst between the making of a proof
    and its arrival makes the proof invalid. With both bounds, a root must be within both.

    Args:
        count: how many of the newest roots are acceptable, the current one included, 1 to 2^20; None is no
            bound.
        seconds: how long a root is acceptable after it was replaced, more than 0; None is no bound. Needs
            `now`.
        now: returns the time in seconds, for example the `now` of an `EpochClock`.

    Raises:
        ParameterError: neither count nor seconds is given, a number is outside its range, or seconds comes
            without `now`.
    """

    count: int | None = None
    seconds: float | None = None
    now: Callable[[], float] | None = None

    def __post_init__(self) -> None:
        if self.count is None and self.seconds is None:
            raise ParameterError("window: expected a count, seconds, or both, got neither")
        if self.count is not None:
            whole(self.count, "window count", 1, 1 << 20)
        if self.seconds is not None:
            if type(self.seconds) not in (int, float) or not math.isfinite(self.seconds) or self.seconds <= 0:
                raise ParameterError(f"window seconds: expected a number above 0, got {self.seconds!r}")
            if self.now is None:
                raise ParameterError("window: expected `now`, the clock that seconds need, got None")


@dataclass(slots=True)
class _Entry:
    step: int
    root: int
    replaced: float | None = None


class RootHistory:
    """The roots of a tree, oldest first, for the object that adds new ones.

    Args:
        roots: oldest first, at least one; the last is the current one. Each is one step.
        size: how long a replaced root stays acceptable.
        first: number of the first of these steps.

    Raises:
        ParameterError: there is no root, or a root is 0, which no tree of hashes has.
        FieldRangeError: a root is not a field element.
    """

    def __init__(self, roots: Iterable[int], size: WindowSize, first: int = 0) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._entries: deque[_Entry] = deque()
        self._values: Counter[int] = Counter()
        self._step = whole(first, "first", 0, (1 << 63) - 1) - 1
        self._latest = -math.inf
        for root in [_checked(root) for root in roots]:
            self._add(root, self._now())
            self._expire(self._latest)
        if not self._entries:
            raise ParameterError("roots: expected at least one, got none")

    @property
    def step(self) -> int:
        """The number of the current root, counted from 0."""
        return self._step

    @property
    def size(self) -> WindowSize:
        """How long a replaced root stays acceptable."""
        return self._size

    @property
    def window(self) -> RootWindow:
        """The live view for verifiers."""
        return RootWindow(self)

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
        _checked(root)
        with self._lock:
            now = self._now()
            if retired:
                self._drop(lambda entry: any(entry.step in steps for steps in retired))
            self._add(root, now)
            self._expire(now)
            return self._step

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
        checked = [(_checked(root), at) for root, at in roots]
        with self._lock:
            for root, at in checked:
                self._add(root, at)
                self._expire(-math.inf)  # by count alone: `at` may come from the clock of another machine
            if retired:
                self._drop(lambda entry: any(entry.step in steps for steps in retired))

    def acceptable(self) -> list[int]:
        """Return the acceptable roots, newest first, each once.

        Raises:
            StoreUnavailable: all roots are retired, and the next one is not there yet.
        """
        with self._lock:
            self._expire(self._now())
            if not self._entries:
                raise StoreUnavailable("roots: all are retired, and the next one is not there yet; try again")
            return list(dict.fromkeys(entry.root for entry in reversed(self._entries)))

    def accepts(self, root: object) -> bool:
        """Tell whether a root is acceptable now."""
        with self._lock:
            self._expire(self._now())
            return type(root) is int and root in self._values

    def _add(self, root: int, now: float) -> None:
        if self._entries and self._entries[-1].step == self._step:
            self._entries[-1].replaced = now
        self._step += 1
        self._entries.append(_Entry(self._step, root))
        self._values[root] += 1

    def _expire(self, now: float) -> None:
        """Drop the entries outside the window; they are in the order of their steps and their replacement.

        If a root was replaced at a time in the future, a clock was wrong. The time is changed to now;
        otherwise the root would stay acceptable for too long.
        """
        newest = islice(reversed(self._entries), 2)  # at least one of the two was replaced
        timed = self._size.seconds is not None and now > -math.inf
        if timed and any((entry.replaced or now) > now for entry in newest):
            for entry in self._entries:
                if entry.replaced is not None:
                    entry.replaced = min(entry.replaced, now)
        while self._entries and self._entries[0].step != self._step and self._is_old(self._entries[0], now):
            self._forget(self._entries.popleft())

    def _is_old(self, entry: _Entry, now: float) -> bool:
        if self._size.count is not None and entry.step <= self._step - self._size.count:
            return True
        if self._size.seconds is not None and entry.replaced is not None:
            return now - entry.replaced > self._size.seconds
        return False

    def _drop(self, unwanted: Callable[[_Entry], bool]) -> None:
        for entry in [entry for entry in self._entries if unwanted(entry)]:
            self._entries.remove(entry)
            self._forget(entry)

    def _forget(self, entry: _Entry) -> None:
        self._values[entry.root] -= 1
        if not self._values[entry.root]:
            del self._values[entry.root]

    def _now(self) -> float:
        """Return the latest time read: a clock that goes back must not make a root acceptable for longer."""
        if self._size.seconds is None or self._size.now is None:
            return 0.0
        self._latest = max(self._latest, self._size.now())
        return self._latest


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
        self._history = history
        self._follow = follow

    @property
    def current(self) -> int:
        """The newest root."""
        return self._acceptable()[0]

    def __contains__(self, root: object) -> bool:
        if self._follow is not None:
            self._follow()
        return self._history.accepts(root)

    def __iter__(self) -> Iterator[int]:
        return iter(self._acceptable())

    def __len__(self) -> int:
        return len(self._acceptable())

    def __repr__(self) -> str:
        return f"RootWindow({len(self._history.acceptable())} roots)"

    def _acceptable(self) -> list[int]:
        if self._follow is not None:
            self._follow()
        return self._history.acceptable()


def _checked(root: int) -> int:
    if scalar.check(root, "root") == 0:
        raise ParameterError("root: expected a field element other than 0, got 0")
    return root
