"""Background: one thread that does a piece of work again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from rln.base import forks
from rln.base.arguments import is_real, shown, text
from rln.base.injected import callback
from rln.errors import IntegrityAlarm, ParameterError, RlnError

_log = logging.getLogger("rln.registrar")


class Background:
    """A thread that calls a function every few seconds, and at once when it is woken.

    An error is logged by its kind, and the function is called again later. After an `IntegrityAlarm` it is
    too, because the operator may have put things right; it changes nothing before. Any thread may call the
    methods. A forked child has no thread, and `start` is refused there. `close` waits for the call that runs.

    Args:
        work: the function.
        seconds: between the end of a call and the next one, 0.01 to 3,600.
        name: of the thread, and in log lines.
    """

    def __init__(self, work: Callable[[], object], seconds: float, name: str) -> None:
        callback(work, "work")
        self._work = work
        if not is_real(seconds) or not 0.01 <= seconds <= 3600:
            raise ParameterError(f"seconds: expected 0.01 to 3600, got {shown(seconds)}")
        self._seconds = seconds
        self._name = text(name, "name")
        self._woken = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._is_child = False
        self.failure: Exception | None = None
        """The error of the last call; None: it did its work, or there was none yet."""
        forks.register(self)

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self._is_child or self._closed:
            raise ParameterError(f"{self._name}: expected an open one in the process that made it")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Call the function soon."""
        self._woken.set()

    def close(self) -> None:
        """End the thread after the call that runs; a second call does nothing."""
        self._closed = True
        self._woken.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._woken.clear()
            try:
                self._work()
                self.failure = None
            except Exception as error:  # noqa: BLE001 - the thread must go on, and the log says what failed
                self._report(error)
                self.failure = error
            self._woken.wait(self._seconds)

    def _report(self, error: Exception) -> None:
        """Log an error once, not once a second while it lasts."""
        if type(self.failure) is type(error) and str(self.failure) == str(error):
            return
        # Other errors may hold anything; those of this library name no account and no key.
        detail = str(error) if isinstance(error, RlnError) else ""
        level = logging.CRITICAL if isinstance(error, IntegrityAlarm) else logging.ERROR
        _log.log(level, "%s: %s: %s", self._name, type(error).__name__, detail)

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()

    def _after_fork(self, torn: bool) -> None:
        self._is_child = True
        self._thread = None
        self._woken = threading.Event()
