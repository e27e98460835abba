"""TokenQueue: keeps some of a member's next proofs ready, all but their messages, in a background thread.

A message id is reserved for its token, once, and is in one place: in the queue, or with the caller who took
it. So no id goes out twice, none that the queue holds is lost to a caller of the same epoch, and the budget
is spent when queue and allocator are both empty. A token is made for one root; when the path changes, its
id gets another one. Ids that are still here when the epoch ends are lost with their tokens, as after a crash.

Nobody waits for a token: who finds none ready takes an id and makes a whole proof, also the id that the
thread is busy with, whose token is then thrown away.

The thread belongs to a process. A forked child finds the queue empty, since what was in it is its parent's,
and starts a thread of its own. A fork waits while the thread asks allocator, clock or source of paths: the
child would find their locks held for ever.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import Final

from rln.base.arguments import whole
from rln.base.bounds import MAX_LIMIT_BITS
from rln.errors import ParameterError, RateLimitReached
from rln.merkle.proof import MerkleProof
from rln.protocol.epoch import Clock, Epoch
from rln.proving.ports import MessageIdAllocator
from rln.proving.proof_builder import ProofBuilder, SlotToken

POLL: Final = 1.0
"""Seconds after which an idle thread looks for a new epoch or path."""

FORK_WAIT: Final = 0.5
"""Seconds that a fork waits for the thread."""

STOP_WAIT: Final = 5.0
"""Seconds that who ends the thread waits for it: a source of paths or a clock may hold it up for ever."""


class TokenQueue:
    """Message ids of one member in the current epoch, with tokens as far as they are ready.

    Safe to use from several threads.

    Args:
        size: tokens to keep ready.
        spender: makes them.
        ids: gives out message ids; asked from the thread, too.
        clock: which epoch it is; asked from the thread, too.
    """

    def __init__(self, size: int, builder: ProofBuilder, ids: MessageIdAllocator, clock: Clock) -> None:
        self._size = whole(size, "tokens", 1, 1 << MAX_LIMIT_BITS)
        self._builder = builder
        self._ids = ids
        self._clock = clock
        self._stopped = self._closed = False
        self._reset()
        _queues.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._query_lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._epoch: Epoch | None = None
        self._slots: dict[int, SlotToken | None] = {}
        self._exhausted = False

    @property
    def ready(self) -> int:
        """How many tokens there are, for whatever path."""
        return sum(token is not None for token in list(self._slots.values()))

    def take(self, epoch: Epoch, path: MerkleProof) -> SlotToken | int:
        """A token for this epoch and path, and otherwise a message id. It is the caller's alone from here on.

        Raises:
            RateLimitReached: no id is left in this epoch.
            StoreUnavailable: the allocator is unsure.
            ParameterError: the queue is closed.
        """
        with self._lock:
            if self._closed:
                raise ParameterError("prover: used after it was closed")
            self._enter_epoch(epoch)
            if self._epoch != epoch or not self._slots:
                return self._reserve(epoch)
            slots = self._slots
            ready = next((slot for slot, token in slots.items() if _is_for(token, path)), None)
            taken = next(iter(slots)) if ready is None else ready
            token = slots.pop(taken)
        if token is not None and ready is None:
            token.close()  # that of another path
            token = None
        return taken if token is None else token

    def work(self) -> None:
        """See to it that the thread is there and looks at once."""
        with self._lock:
            if self._stopped:
                return
            if self._thread is None:
                target, arguments = _run_thread, (weakref.ref(self), self._wake)
                thread = threading.Thread(target=target, args=arguments, name="rln-tokens", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no thread to be had: proofs are made without tokens
                    return
                self._thread = thread
        self._wake.set()

    def stop(self) -> None:
        """Wipe the tokens and end the thread, once it is through with the one it is busy with; ids stay.

        That one is wiped by the thread, however late.
        """
        with self._lock:
            self._stopped = True
            thread = self._thread
            for slot in self._slots:
                self._set_token(slot, None)
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_WAIT)

    def close(self) -> None:
        """Stop, and give nothing out any more."""
        self._closed = True
        self.stop()

    # ---- the thread's side

    def _make_token(self) -> bool:
        """Make one token that is wanted; False when none is."""
        with self._query_lock:
            epoch, path = self._clock.current(), self._builder.path()
            with self._lock:
                slots = self._slots_to_fill(epoch)
                wanted = None if slots is None else self._next_id(epoch, path)
        if slots is None or wanted is None:
            return False
        token = self._builder.token(wanted, path, epoch)
        with self._lock:
            # Meanwhile a caller may have taken the id, the epoch may be over, the queue closed.
            if self._slots is slots and wanted in slots and not self._stopped:
                self._set_token(wanted, token)
                return True
        token.close()
        return True

    # ---- under the lock

    def _slots_to_fill(self, epoch: Epoch) -> dict[int, SlotToken | None] | None:
        """What the thread is to fill; None when there is nothing of this epoch to do."""
        self._enter_epoch(epoch)
        return None if self._stopped or self._epoch != epoch else self._slots

    def _next_id(self, epoch: Epoch, path: MerkleProof) -> int | None:
        """An id that has no token for this path, reserved now if need be."""
        wanted = next((slot for slot, token in self._slots.items() if not _is_for(token, path)), None)
        if wanted is None and len(self._slots) < self._size and not self._exhausted:
            try:
                wanted = self._reserve(epoch)
            except RateLimitReached:
                self._exhausted = True
            else:
                self._slots[wanted] = None
        return wanted

    def _enter_epoch(self, epoch: Epoch) -> None:
        """Wipe the tokens of an epoch that is over."""
        if self._epoch is None or epoch.index > self._epoch.index:
            for slot in self._slots:
                self._set_token(slot, None)
            self._epoch, self._slots, self._exhausted = epoch, {}, False

    def _set_token(self, slot: int, token: SlotToken | None) -> None:
        """Put a token, or none, where another one may be, which is wiped."""
        before, self._slots[slot] = self._slots[slot], token
        if before is not None:
            before.close()

    def _reserve(self, epoch: Epoch) -> int:
        member = self._builder.membership
        return self._ids.reserve(member.commitment, epoch, member.limit)[0]


def _is_for(token: SlotToken | None, path: MerkleProof) -> bool:
    return token is not None and token.path == path


def _run_thread(queue_of: weakref.ref[TokenQueue], wake: threading.Event) -> None:
    """The thread: works for as long as somebody else holds the queue and it is open."""
    while True:
        queue = queue_of()
        if queue is None or queue._stopped:
            return
        wake.clear()
        try:
            busy = queue._make_token()
        except Exception:  # noqa: BLE001 - a caller who proves meets the same failure, and is told
            busy = False
        del queue
        if not busy:
            wake.wait(POLL)


# Iterated over in a forked child and at the end of the process.
_queues: weakref.WeakSet[TokenQueue] = weakref.WeakSet()


# The locks that this thread holds while it forks.
_forking = threading.local()


def _before_fork() -> None:
    _forking.held = []
    for queue in list(_queues):
        if queue._query_lock.acquire(timeout=FORK_WAIT):
            _forking.held.append(queue._query_lock)


def _after_fork_in_parent() -> None:
    for lock in _forking.held:
        lock.release()
    _forking.held = []


def _after_fork_in_child() -> None:
    for queue in list(_queues):
        queue._reset()


def _stop_all() -> None:
    for queue in list(_queues):
        queue.stop()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
atexit.register(_stop_all)
