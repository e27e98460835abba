"""Forks: what happens to objects with locks, threads, connections or counters when the process forks.

A forked child has a copy of the parent's memory, but only the thread that forked. So a lock that another
thread held is locked for ever, what that thread was changing may be half done, and a connection or a counter
is used by two processes. Each class with such state implements `ForkAware` and registers its objects:

1. Before the fork, the locks that `_fork_locks` returns are taken, for at most FORK_WAIT seconds in all, and
   after that a moment for each. While they are held, no other thread changes the state that they guard.
2. In the parent, they are released.
3. In the child, `_after_fork` is called. It replaces locks, forgets threads and connections, and decides what
   may still be used. With `torn`, a lock could not be taken: the state may be half changed, so the object
   must make it anew or refuse every call.

A program in another language may fork without Python's knowledge, and call Python's hook in the child only.
Then a lock that is locked in the child counts as one that could not be taken. If it calls no hook at all,
`unnoticed` tells so, and every object with a lock refuses its calls.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from rln.errors import StoreUnavailable

FORK_WAIT: Final = 1.0
"""Seconds that a fork waits for other threads, at most."""

_MOMENT: Final = 0.01
"""Seconds that it waits for each lock when that time is over: one slow thread must not tear all objects."""


class Lock(Protocol):
    """A `threading.Lock` or `threading.RLock`."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; False if that took too long."""

    def release(self) -> None:
        """Release the lock."""


class ForkAware(Protocol):
    """An object with state that a fork must not copy as it is."""

    def _fork_locks(self) -> Sequence[Lock]:
        """Return the locks to hold during a fork, outer locks first.

        Each should be held only for short times: a fork waits for them.
        """

    def _after_fork(self, torn: bool) -> None:
        """Make the object right in the child, where it has only this thread; this must not raise.

        Args:
            torn: one of the locks was held by another thread, so what they guard may be half changed.
        """


@dataclass(slots=True, eq=False)
class _Held:
    """A registered object during a fork, and those of its locks that were taken."""

    owner: ForkAware
    locks: list[Lock] = field(default_factory=list)
    torn: bool = False


@dataclass(slots=True, eq=False)
class _Fork:
    """A fork that a thread has begun. It has a second one if a hook or a signal handler forks meanwhile."""

    thread: int
    held: list[_Held] = field(default_factory=list)
    excludes_others: bool = False

    def release(self) -> None:
        """Release all locks, the last one first."""
        while self.held:
            for lock in reversed(self.held.pop().locks):
                lock.release()
        if self.excludes_others:
            self.excludes_others = False
            _forking.release()


_numbers: Final = itertools.count()
_owners: Final[weakref.WeakValueDictionary[int, Any]] = weakref.WeakValueDictionary()
_forking = threading.RLock()
_under_way: Final[list[_Fork]] = []
_process = os.getpid()


def register(owner: ForkAware) -> None:
    """Call the methods of an object at each fork, for as long as the object exists.

    Register an object after those that it uses: forks take the locks of later objects first, as calls do.
    This waits for no fork, so you may hold any lock.
    """
    _owners[next(_numbers)] = owner


def unnoticed() -> bool:
    """Tell whether this process was forked and no hook has run, by a program in another language.

    An object that a fork makes unsafe must then refuse every call.
    """
    return os.getpid() != _process


def refuse_unnoticed(name: str) -> None:
    """Refuse a call if the fork of this process was not noticed; ask before you wait for a lock.

    Args:
        name: of the object, in the message.

    Raises:
        StoreUnavailable: the locks, threads and connections are those of another process.
    """
    if unnoticed():
        raise StoreUnavailable(
            f"{name}: this process was forked outside Python; fork with os.fork or multiprocessing"
        )


class CopyWatch:
    """Tells an object that belongs to one process whether it is a copy in a forked child."""

    def __init__(self) -> None:
        self._copied = False
        register(self)

    @property
    def is_copy(self) -> bool:
        """Whether the process that made this object was forked, noticed or not, and this is the child."""
        return self._copied or unnoticed()

    def _fork_locks(self) -> Sequence[Lock]:
        return ()  # the child uses nothing of the object that has this watch

    def _after_fork(self, torn: bool) -> None:
        self._copied = True


def _take(fork: _Fork, deadline: float, moment: float) -> bool:
    """Take the locks of all objects, except those that were taken; return whether there were any.

    Args:
        fork: gets them.
        deadline: by the monotonic clock, until which it waits for them.
        moment: seconds that it waits for each after that.
    """
    before = len(fork.held)
    known = {id(held.owner) for begun in _under_way for held in begun.held}
    for reference in reversed(_owners.valuerefs()):
        owner = reference()
        if owner is None or id(owner) in known:
            continue
        held = _Held(owner)
        fork.held.append(held)
        for lock in owner._fork_locks():
            if lock.acquire(timeout=max(deadline - time.monotonic(), moment)):
                held.locks.append(lock)
            else:
                held.torn = True
    return len(fork.held) > before


def _before_fork() -> None:
    fork = _Fork(threading.get_ident())
    _under_way.append(fork)
    # Another thread may fork now. If it takes too long, what it has locked counts as torn in our child.
    fork.excludes_others = _forking.acquire(timeout=2 * FORK_WAIT)
    deadline = time.monotonic() + FORK_WAIT
    # Another thread may make an object while this waits for locks, and be in SQLite with it at the fork.
    while _take(fork, deadline, _MOMENT) and time.monotonic() < deadline:
        pass


def _own_forks() -> list[_Fork]:
    return [fork for fork in _under_way if fork.thread == threading.get_ident()]


def _after_fork_in_parent() -> None:
    for fork in _own_forks()[-1:]:
        _under_way.remove(fork)
        fork.release()


def _after_fork_in_child() -> None:
    global _forking, _process
    _process = os.getpid()
    own = _own_forks()
    _under_way[:] = own
    late = _Fork(threading.get_ident())
    # What was registered during the fork; everything, if no hook ran before it.
    _take(late, time.monotonic(), 0.0)
    everything = [held for fork in (*own, late) for held in fork.held]
    for fork in (late, *reversed(own)):
        fork.release()
    _under_way[:] = own[:-1]
    _forking = threading.RLock()  # another thread of the parent may hold the old one
    with ExitStack() as calls:  # the last one first, so an object after those that it uses
        for held in everything:
            calls.callback(held.owner._after_fork, held.torn)


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
