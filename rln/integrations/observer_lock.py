"""ObserverLock: a lock around another library, whose own locks a fork does not know.

Streams, `logging` handlers and `prometheus_client` have locks. If one of them is locked while the process
forks, it stays locked in the child, and whatever uses it there waits for ever. So an observer uses them only
while it holds its own lock, and a fork waits until that is free.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType

from rln.base import forks
from rln.errors import StoreUnavailable


class ObserverLock:
    """A lock for a `with` block, in which a thread uses another library.

    In a forked child it is free. If a fork has waited in vain, or was not noticed (`rln.base.forks`), the
    block is not entered, and `StoreUnavailable` is raised.

    Args:
        name: of the observer, in messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.RLock()  # reentrant: a handler of log lines may call the observer
        self._torn = False
        forks.register(self)

    def __enter__(self) -> None:
        forks.refuse_unnoticed(self._name)
        if self._torn:
            raise StoreUnavailable(
                f"{self._name}: this process was forked while another thread used them; start a new process"
            )
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._torn = self._torn or torn
