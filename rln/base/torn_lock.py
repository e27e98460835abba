"""TornLock: what a short lock becomes in a forked child if what it guards may be half changed.

The lock of an object that is `rln.base.forks.ForkAware` is replaced in the child. If the object cannot make
its state anew, it puts a `TornLock` there: each use of the state then raises, and none hangs.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import NoReturn, Protocol

from rln.base import forks
from rln.errors import StoreUnavailable


class StateLock(forks.Lock, Protocol):
    """A lock that a `with` statement takes: a `threading.Lock`, or a `TornLock`."""

    def __enter__(self) -> bool:
        """Take the lock."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""


class TornLock:
    """A lock that nobody can take.

    It has no state that changes: threads and further forks share it safely.

    Args:
        what: what was half changed, as messages name it.
        instead: what to do instead of using it.
    """

    def __init__(self, what: str, instead: str) -> None:
        self._message = f"{what}: another thread changed them while this process was forked; {instead}"

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Return False: a further fork finds the state torn, too."""
        return False

    def release(self) -> None:
        """Do nothing: nobody holds the lock."""

    def refuse(self) -> NoReturn:
        """Raise the error of every use.

        Raises:
            StoreUnavailable: always.
        """
        raise StoreUnavailable(self._message)

    def __enter__(self) -> bool:
        self.refuse()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def in_child(torn: bool, what: str, instead: str) -> StateLock:
    """Return the lock of an object in a forked child: a new one, or a `TornLock` if its state is torn."""
    return TornLock(what, instead) if torn else threading.Lock()
