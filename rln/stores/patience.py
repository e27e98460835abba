"""Patience: how long the threads of a process wait for a connection that one of them uses at a time.

A server that hangs answers nobody. If each thread waited for it in turn, the eighth would wait eight times as
long as the first. So a thread waits until its own deadline. After a wait in vain, nobody waits for a quarter
of the timeout: a call that finds everything free goes on, any other call gets an error at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rln.base.forks import Lock
from rln.errors import StoreUnavailable

_PART: Final = 0.25
"""Part of the timeout for which nobody waits again after a wait in vain."""


class Patience:
    """The memory of a wait in vain. Safe to use from several threads; `hold` blocks, so not in an event loop.

    A fork copies it without harm: at worst a child does not wait for as long as its parent would not.
    """

    def __init__(self) -> None:
        self._over_until = 0.0
        self._refusal: str | None = None

    @contextmanager
    def hold(self, lock: Lock, timeout: float, name: str) -> Iterator[float]:
        """Hold the lock of a connection in the block. If the connection works in it, all may wait again.

        Args:
            lock: is held while the connection is used.
            timeout: seconds to wait for the lock, and for whatever the block must wait for at its beginning.
            name: names the store in messages.

        Returns:
            The end of the wait, by the monotonic clock: `timeout` seconds after the call, or the call itself.

        Raises:
            StoreUnavailable: another thread uses the connection for too long, or the server was silent.
        """
        called = time.monotonic()
        patient = self._may_wait()
        if not lock.acquire(timeout=timeout if patient else 0):
            if patient:
                self.give_up(timeout)
            raise StoreUnavailable(
                f"{name}: expected a free connection within {timeout:g} seconds, but another thread of this "
                "process still uses it; nothing was changed, try later"
            )
        try:
            deadline = called + timeout if self._may_wait() else called
            try:
                yield deadline
            except StoreUnavailable:
                raise
            except BaseException:
                self._over_until = 0.0
                raise
            self._over_until = 0.0
        finally:
            lock.release()

    def give_up(self, timeout: float) -> None:
        """Let nobody wait for a while, because a thread has waited in vain for another one or a process."""
        self._refusal = None
        self._over_until = time.monotonic() + timeout * _PART

    def refuse(self, error: StoreUnavailable, timeout: float) -> None:
        """Let every call fail with this error for a while, because the server has not answered."""
        self._refusal = str(error)
        self._over_until = time.monotonic() + timeout * _PART

    def _may_wait(self) -> bool:
        """Tell whether a call may wait now.

        Raises:
            StoreUnavailable: the server did not answer a moment ago.
        """
        over, refusal = time.monotonic() < self._over_until, self._refusal
        if over and refusal is not None:
            raise StoreUnavailable(refusal)
        return not over
