"""Slasher: removes the members who exceeded their limit, in a thread of its own.

A slashing may take long: it waits for the registry, and for other changes of the group. No answer waits for
it, and no request that is cancelled loses it, because the verifier's thread hands the secret over before
anybody gets the verdict. If the process ends before the slashing is durable, nothing is lost for good: the
log keeps the member's first share, so the next message with the same id shows the secret again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from rln.base import forks
from rln.base.arguments import instance
from rln.base.injected import callback
from rln.errors import MembershipError, RlnError, StoreUnavailable
from rln.protocol.identity import IdentitySecret

LOGGER: Final = logging.getLogger("rln.http")
"""Gets what the operator must know. No line holds a secret, a nullifier, a path or an address."""

_AGAIN: Final = 1.0
"""Seconds between two attempts while the registry cannot be used."""

_REMEMBERED: Final = 1 << 12
"""Commitments that are known to be slashed, so that further messages of theirs cost nothing."""


class Slasher:
    """Slashes members, one at a time. Safe to use from several threads.

    A forked child begins with nothing to do, and with a thread of its own; what waits is the parent's. After
    `close`, further secrets are refused.

    Args:
        slash: removes the member with a secret, durably.
        log: gets what the operator must know.
    """

    def __init__(self, slash: Callable[[IdentitySecret], object], log: logging.Logger = LOGGER) -> None:
        callback(slash, "slash")
        instance(log, logging.Logger, "log")
        self._log = log
        self._slash = slash
        self._begin()
        self._closed = False
        forks.register(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: dict[int, IdentitySecret] = {}
        self._done: dict[int, None] = {}
        self._thread: threading.Thread | None = None

    def add(self, secret: IdentitySecret) -> None:
        """Slash the member with a secret soon. This waits for nothing."""
        forks.refuse_unnoticed("slasher")
        commitment = secret.commitment
        with self._changed:
            if self._closed or commitment in self._waiting or commitment in self._done:
                return
            self._waiting[commitment] = secret
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rln-slasher", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self, seconds: float = 10.0) -> None:
        """Wait until everybody is slashed, but for at most so many seconds, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and not forks.unnoticed():
            thread.join(seconds)
        for commitment in list(self._waiting):
            self._log.critical(
                "member %d exceeded the limit and is not slashed yet; the member's next message with a "
                "used id shows the secret again, and `rln log merge` finds it in audit files",
                commitment,
            )

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return
                    self._changed.wait()
                commitment, secret = next(iter(self._waiting.items()))
            try:
                self._slash(secret)
            except StoreUnavailable as error:
                self._log.error("a member who exceeded the limit cannot be slashed yet: %s", error)
                if self._closed:
                    return
                with self._changed:  # the others first
                    self._waiting[commitment] = self._waiting.pop(commitment)
                    self._changed.wait_for(lambda: self._closed, _AGAIN)
            except MembershipError as error:
                self._log.critical("a member who exceeded the limit cannot be slashed: %s", error)
                self._finish(commitment, slashed=True)  # there is nobody to slash
            except Exception as error:  # noqa: BLE001 - the thread must go on; the operator is told
                self._log.critical("a member who exceeded the limit cannot be slashed: %s", described(error))
                self._finish(commitment, slashed=False)  # the member's next message tries it again
            else:
                self._finish(commitment, slashed=True)

    def _finish(self, commitment: int, slashed: bool) -> None:
        with self._changed:
            del self._waiting[commitment]
            if slashed:
                self._done[commitment] = None
                if len(self._done) > _REMEMBERED:
                    del self._done[next(iter(self._done))]

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._begin()


def described(error: BaseException) -> str:
    """Return an error for a log line; the text of other libraries' errors may hold anything."""
    return f"{type(error).__name__}: {error}" if isinstance(error, RlnError) else type(error).__name__
