"""GroupFollower: keeps the roots and the tree of a group up to date for their readers.

A reader of roots needs little: which steps are new, and which roots are retired. It reads this list itself,
at most every 0.1 seconds, and retirements take effect at once, whoever is busy with the tree. A new root
becomes acceptable when the tree of its step was computed, which may take long. So a reader computes it only
if it is little work; otherwise a thread does, and readers go on with the older roots that are not retired.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Final

from rln.base import forks
from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.group.freshness import Rereading
from rln.group.ports import MemberRegistry
from rln.group.replica import Replica
from rln.group.step_writer import StepWriter

SMALL_STEPS: Final = 32
SMALL_EVENTS: Final = 256
"""Steps and events that a reader of roots follows itself."""

PIECE_STEPS: Final = 256
"""Steps that the thread follows before it lets others change the group."""

WAITS: Final = (0.09, 0.01)
"""Seconds that a reader of roots waits for a removal: until the thread, which may be busy with something else
and must wait for the changes of others, has begun with it, and once more for the next attempt.
"""


class _Attempt:
    """One attempt of the thread to follow, and to remove slashed members.

    Attributes:
        begun: it does not wait for others any more.
        ended: it is over.
    """

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()


class GroupFollower:
    """Follows a registry for the readers of a group.

    Any number of threads may use it. Readers of roots take no lock that is held during I/O, hashing or a call
    of somebody else's code, except that one of them at a time reads the list of new steps and retirements
    (see `rln.group.freshness`). The thread is a daemon that starts when there is much to follow or a slashed
    member to remove, and ends when it has done that, when it fails, for example because the registry was
    closed, or when the group is garbage. A forked child has no thread, and starts one when it needs it.

    Args:
        replica: the tree and the roots of this process.
        writer: writer of the steps.
        registry: the registry that both follow.
        now: unix time in seconds, or None.
        is_private: whether only this group uses the registry, so that there is nothing to read.

    Attributes:
        writing: held by the thread that follows or changes the group, which may take long.
        is_private: as above; may be set to False.
    """

    def __init__(
        self,
        replica: Replica,
        writer: StepWriter,
        registry: MemberRegistry,
        *,
        now: Callable[[], float] | None,
        is_private: bool,
    ) -> None:
        self.writing = threading.Lock()
        self.is_private = is_private
        self._replica = replica
        self._writer = writer
        self._registry = registry
        self._now = now
        self._rereading = Rereading()
        self._restart()
        forks.register(self)

    def _restart(self) -> None:
        """Begin without a thread."""
        self._starting = threading.Lock()  # guards what follows, for a few assignments
        self._runs = False
        self._next: _Attempt | None = None
        self._failure: Exception | None = None

    def follow_roots(self) -> None:
        """Bring the roots up to date, without waiting for the changes of others for more than 0.1 seconds.

        Raises:
            IntegrityAlarm: the registry's events do not give its roots.
            StoreUnavailable: the registry cannot be read, or the removal of a slashed member is due, and
                waits for another change.
        """
        now = self._read()
        if self._writer.is_removal_due(now):
            self._replica.tracker.retire_due(now)
            self._await_removal()
        elif self._replica.lag and not self._follow_little():
            self._wake()

    def follow_tree(self) -> None:
        """Bring the tree and the roots up to date; this waits for changes and for the thread.

        Raises:
            IntegrityAlarm: the registry's events do not give its roots.
            StoreUnavailable: the registry cannot be read or changed.
        """
        now = self._read()
        if self._replica.lag or self._writer.is_removal_due(now):
            with self.writing:
                self.follow()

    def follow(self) -> None:
        """Apply all steps and remove the slashed members whose removal is due; `writing` is held."""
        self._writer.catch_up(self._registry)
        self._remove_due()

    def _read(self) -> int | None:
        """Read the list of new steps and retirements if it is time to; return the time in milliseconds."""
        now = None if self._now is None else self._now()
        again = self._replica.tracker.history.lacks_roots()
        if again or not self.is_private:
            self._rereading.ensure(now, self._look, again=again)
        return None if now is None else int(now * 1000)

    def _look(self) -> None:
        tracker = self._replica.tracker
        self._replica.refuse_torn()
        if tracker.history.lacks_roots():
            tracker.rebuild(self._registry)
        tracker.look(self._registry)
        self._writer.observe_removals()

    def _follow_little(self) -> bool:
        """Follow if that is little work; return False if it is much.

        If another thread is about to change the group, that thread follows first.
        """
        if not self.writing.acquire(blocking=False):
            return True
        writing = self.writing  # a fork meanwhile gives the child another one
        try:
            last = self._replica.tracker.history.known
            if self._replica.lag > SMALL_STEPS:
                return False
            if self._registry.head().events - self._replica.events > SMALL_EVENTS:
                return False
            self._replica.catch_up(self._registry, last)
            return True
        finally:
            writing.release()

    def _await_removal(self) -> None:
        """Have the thread make the removal that is due, and wait for it unless it waits for others."""
        for seconds in WAITS:
            attempt = self._wake()
            if attempt.begun.wait(seconds):
                attempt.ended.wait()
            self._raise_failure()
            if not self._writer.is_removal_due(self._writer.now()):
                return
        if self._replica.tracker.is_overdue(self._writer.now()):
            raise StoreUnavailable(
                "roots: the removal of a slashed member is due, and another change must end first; try again"
            )

    def _wake(self) -> _Attempt:
        """Ask the thread for an attempt, and start it unless it runs.

        Raises:
            Exception: the error of the last attempt, if it failed; the next one is made nevertheless.
        """
        with self._starting:
            attempt = self._next = self._next or _Attempt()
            if not self._runs:
                thread = threading.Thread(
                    target=_run, args=(weakref.ref(self),), name="rln-group", daemon=True
                )
                thread.start()
                self._runs = True
        self._raise_failure()
        return attempt

    def _raise_failure(self) -> None:
        failure = self._failure
        if failure is not None:
            if not isinstance(failure, IntegrityAlarm):  # which stays until an attempt succeeds
                self._failure = None
            raise failure

    def attempt(self) -> bool:
        """Make an attempt if a reader has asked for one, or something is left; only the thread calls this."""
        with self._starting:
            attempt, self._next = self._next, None
            self._runs = attempt is not None
        if attempt is None:
            return False
        try:
            more = self._follow_piece(attempt)
            self._failure = None
        except Exception as error:  # noqa: BLE001 - it reaches the readers
            self._failure, more = error, False
        attempt.begun.set()
        attempt.ended.set()
        if more:
            with self._starting:
                self._next = self._next or _Attempt()
        return True

    def _follow_piece(self, attempt: _Attempt) -> bool:
        """Follow some steps, or remove slashed members; return whether steps are left."""
        with self.writing:
            last = min(self._replica.tracker.history.known, self._replica.step + PIECE_STEPS)
            self._replica.catch_up(self._registry, last)
            if self._replica.lag:
                return True
            self._remove_due(attempt.begun.set)
        return False

    def _remove_due(self, begun: Callable[[], None] = lambda: None) -> None:
        """Remove the slashed members whose removal is due; `writing` is held.

        Args:
            begun: is called when the changes of others have ended.
        """
        if not self._writer.is_removal_due(self._writer.now()):
            return
        with self._registry.change() as change:
            self._writer.catch_up(change)
            begun()
            # Another process may have removed them meanwhile.
            due = self._writer.is_removal_due(self._writer.now())
            written = self._writer.remove_slashed(change) if due else None
        if written is not None:
            self._writer.apply(written)

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()  # `writing` may be held for long, and what it guards is published under other locks

    def _after_fork(self, torn: bool) -> None:
        self.writing = threading.Lock()
        self.is_private = False  # the registry says whether it is usable here
        self._restart()


def _run(follower: weakref.ref[GroupFollower]) -> None:
    """Attempt until there is nothing to do; between attempts the group may become garbage."""
    while (found := follower()) is not None and found.attempt():
        del found
