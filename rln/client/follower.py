"""Follower: a thread that looks at a provider again and again, at times that nobody can foresee.

The times depend on nothing that a member does. So a look does not tell which request came from whom.
"""

from __future__ import annotations

import random
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final

from rln.base import forks
from rln.base.arguments import real
from rln.errors import ParameterError

JITTER: Final = 0.25
"""Part of an interval by which it is shorter or longer."""

STOP_WAIT: Final = 1.0
"""Seconds that `stop` waits for a look under way. The thread ends after it, however late."""


class _Pace:
    """Seconds between two calls. A thread shares it with its follower, and keeps neither alive by it."""

    def __init__(self, interval: float) -> None:
        self.interval = interval


class Follower:
    """Calls a method of an object again and again, until the object or the process ends.

    Safe to use from several threads. A forked child has no thread until its own first `start`.

    Args:
        look: a bound method; it raises nothing. The thread does not keep its object alive.
        interval: seconds between two calls, on average, above 0.
    """

    def __init__(self, look: Callable[[], None], interval: float) -> None:
        self._pace = _Pace(_checked(interval))
        if not hasattr(look, "__self__"):
            raise ParameterError(f"look: expected a bound method, got {type(look).__name__}")
        self._look: weakref.WeakMethod[Callable[[], Any]] = weakref.WeakMethod(look)
        self._stopped = False
        self._reset()
        forks.register(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread if there is none; it looks at once.

        Raises:
            StoreUnavailable: the process was forked by a program in another language.
        """
        forks.refuse_unnoticed("follower")
        with self._lock:
            if self._stopped or self._thread is not None:
                return
            target = (self._look, self._pace, self._ending)
            thread = threading.Thread(target=_run, args=target, name="rln-follower", daemon=True)
            thread.start()
            self._thread = thread

    def change_interval(self, interval: float) -> None:
        """Call in other intervals from now on; the pause under way keeps its length.

        Args:
            interval: seconds between two calls, on average, above 0.
        """
        self._pace.interval = _checked(interval)

    def stop(self) -> None:
        """Let the thread end; a second call does nothing."""
        self._stopped = True
        if forks.unnoticed():
            return  # the thread is the parent's
        with self._lock:
            thread = self._thread
        self._ending.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_WAIT)

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._reset()


def _checked(interval: float) -> float:
    if real(interval, "interval") <= 0:
        raise ParameterError(f"interval: expected seconds above 0, got {interval}")
    return interval


def _run(look_of: weakref.WeakMethod[Callable[[], Any]], pace: _Pace, ending: threading.Event) -> None:
    draw = random.SystemRandom()
    while True:
        look = look_of()
        if look is None or ending.is_set():
            return
        look()
        del look
        if ending.wait(pace.interval * draw.uniform(1 - JITTER, 1 + JITTER)):
            return
