"""Forks: what happens to objects with locks, threads, connections or counters when the process forks.

A forked child has a copy of the parent's memory, but only the thread that forked. So a lock that another
thread held is locked for ever, what that thread was changing may be half done, and a connection or a counter
is used by two processes. Each class with such state implements `ForkAware` and registers its objects:

1. Before the fork, the locks that `_fork_locks` returns are taken, for at most FORK_WAIT seconds in all.
   While they are held, no other thread changes the state that they guard.
2. In the parent, they are released.
3. In the child, `_after_fork` is called. It replaces locks, forgets threads and connections, and decides what
   may still be used. With `torn`, a lock could not be taken: the state may be half changed, so the object
   must make it anew or refuse every call.

A program in another language may fork without Python's knowledge, and call Python's hook in the child only.
Then a lock that is locked in the child counts as one that could not be taken.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Any, Final, Protocol

FORK_WAIT: Final = 1.0
"""Seconds that a fork waits for other threads, at most."""


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


_numbers: Final = itertools.count()
_owners: Final[weakref.WeakValueDictionary[int, Any]] = weakref.WeakValueDictionary()
_forking = threading.RLock()
_process = os.getpid()
_held: list[tuple[ForkAware, list[Lock], bool]] = []


def register(owner: ForkAware) -> None:
    """Call the methods of an object at each fork, for as long as the object exists.

    Register an object after those that it uses: forks take the locks of later objects first, as calls do.
    """
    with _forking:
        _owners[next(_numbers)] = owner


def unnoticed() -> bool:
    """Tell whether this process was forked and no hook has run, by a program in another language.

    An object that a fork makes unsafe must then refuse every call.
    """
    return os.getpid() != _process


def _take(wait: float) -> None:
    """Take the locks of all objects, within a number of seconds, and record which could not be taken."""
    deadline = time.monotonic() + wait
    for number in sorted(_owners.keys(), reverse=True):
        owner = _owners.get(number)
        if owner is None:
            continue
        taken: list[Lock] = []
        torn = False
        for lock in owner._fork_locks():
            if lock.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
                taken.append(lock)
            else:
                torn = True
        _held.append((owner, taken, torn))


def _release() -> None:
    while _held:
        for lock in reversed(_held.pop()[1]):
            lock.release()


def _before_fork() -> None:
    _forking.acquire()
    if not _held:  # an object may fork while the locks are taken for another fork
        _take(FORK_WAIT)


def _after_fork_in_parent() -> None:
    _release()
    _forking.release()


def _after_fork_in_child() -> None:
    global _forking, _process
    _process = os.getpid()
    _forking = threading.RLock()
    if not _held:
        _take(0.0)
    held = [(owner, torn) for owner, _, torn in reversed(_held)]
    _release()
    for owner, torn in held:
        owner._after_fork(torn)


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
