"""TokenQueue: prepares tokens for a member's next proofs in a background thread.

Each token has a message id that is reserved once. At any time, either the queue has the id or the caller that
took it. So no id is given out twice. Callers can use every id in the queue until the epoch ends, and
`RateLimitReached` is raised only when neither the queue nor the allocator has an id left. A token is made for
one path; when the path changes, its id gets a new token. Ids still in the queue when the epoch ends are lost
with their tokens, as after a crash.

Callers never wait for a token. If none is ready, a caller takes an id and makes a proof without a token. The
thread may be making a token for this id; it then wipes that token.

The thread belongs to one process. After a fork, the child's queue is empty, because the ids belong to the
parent, and the child starts its own thread. A fork waits, as `rln.base.forks` says, while the thread calls
the allocator, the clock or the source of paths. Otherwise the child would inherit their locks in the locked
state and wait forever.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Sequence
from typing import Final

from rln.base import forks
from rln.base.arguments import whole
from rln.base.bounds import MAX_LIMIT_BITS
from rln.errors import ParameterError, RateLimitReached
from rln.merkle.proof import MerkleProof
from rln.protocol.epoch import Clock, Epoch
from rln.proving.id_answers import WrongAnswer, current_epoch, reserve_ids
from rln.proving.ports import MessageIdAllocator
from rln.proving.proof_builder import ProofBuilder, SlotToken

POLL: Final = 1.0
"""Seconds after which an idle thread checks for a new epoch or path."""

STOP_WAIT: Final = 5.0
"""Seconds that `stop` waits for the thread. A source of paths or a clock may block the thread forever."""


class TokenQueue:
    """A member's reserved message ids in the current epoch, and the tokens that are ready for them.

    Safe to use from several threads. A forked child's queue is empty, and has a thread of its own. If the
    fork was not noticed (`rln.base.forks.unnoticed`), the child takes every id from the allocator.

    Args:
        size: number of tokens to keep ready.
        builder: makes them.
        ids: gives out message ids; also called from the background thread.
        clock: gives the current epoch; also called from the background thread.
    """

    def __init__(self, size: int, builder: ProofBuilder, ids: MessageIdAllocator, clock: Clock) -> None:
        self._size = whole(size, "tokens", 1, 1 << MAX_LIMIT_BITS)
        self._builder = builder
        self._ids = ids
        self._clock = clock
        self._stopped = self._closed = False
        self._reset()
        _queues.add(self)
        forks.register(self)

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
        """Number of tokens, for any path."""
        return sum(token is not None for token in list(self._slots.values()))

    def take(self, epoch: Epoch, path: MerkleProof) -> SlotToken | int:
        """Take a token for this epoch and path, or else a message id. Only the caller may use it.

        Raises:
            RateLimitReached: no message id is left in this epoch.
            StoreUnavailable: the allocator cannot be sure of its records.
            ParameterError: the queue is closed.
        """
        if self._closed:
            raise ParameterError("prover: used after it was closed")
        if forks.unnoticed():
            return self._reserve(epoch)
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
            token.close()  # it is for another path
            token = None
        return taken if token is None else token

    def work(self) -> None:
        """Start the thread if there is none, and wake it; the call returns at once."""
        if forks.unnoticed():
            return
        with self._lock:
            if self._stopped:
                return
            if self._thread is None:
                target, arguments = _run_thread, (weakref.ref(self), self._wake)
                thread = threading.Thread(target=target, args=arguments, name="rln-tokens", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the system starts no more threads: proofs are made without tokens
                    return
                self._thread = thread
        self._wake.set()

    def stop(self) -> None:
        """Wipe the tokens, and wait for the thread to end after its current token; the ids stay.

        The thread itself wipes its current token, however late.
        """
        self._stopped = True
        if forks.unnoticed():
            return  # the thread is the parent's, and so are the tokens, which the system has wiped here
        with self._lock:
            thread = self._thread
            for slot in self._slots:
                self._set_token(slot, None)
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_WAIT)

    def close(self) -> None:
        """Stop, and refuse to give out tokens and ids."""
        self._closed = True
        self.stop()

    # ---- around a fork

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return self._query_lock, self._lock

    def _after_fork(self, torn: bool) -> None:
        self._reset()

    # ---- called from the thread

    def _make_token(self) -> bool:
        """Make one missing token; return False if none is missing."""
        with self._query_lock:
            epoch, path = current_epoch(self._clock), self._builder.path()
            with self._lock:
                slots = self._slots_to_fill(epoch)
                wanted = None if slots is None else self._next_id(epoch, path)
        if slots is None or wanted is None:
            return False
        token = self._builder.token(wanted, path, epoch)
        with self._lock:
            # Meanwhile a caller may have taken the id, the epoch may have ended, or the queue may be closed.
            if self._slots is slots and wanted in slots and not self._stopped:
                self._set_token(wanted, token)
                return True
        token.close()
        return True

    # ---- called with the lock held

    def _slots_to_fill(self, epoch: Epoch) -> dict[int, SlotToken | None] | None:
        """Return the ids that the thread makes tokens for, or None if there is no work in this epoch."""
        self._enter_epoch(epoch)
        return None if self._stopped or self._epoch != epoch else self._slots

    def _next_id(self, epoch: Epoch, path: MerkleProof) -> int | None:
        """Return an id that has no token for this path, reserving one if necessary; None if there is none."""
        wanted = next((slot for slot, token in self._slots.items() if not _is_for(token, path)), None)
        if wanted is None and len(self._slots) < self._size and not self._exhausted:
            try:
                wanted = self._reserve(epoch)
            except RateLimitReached:
                self._exhausted = True
            except WrongAnswer:  # each further question could spend another id
                self._exhausted = True
                raise
            else:
                self._slots[wanted] = None
        return wanted

    def _enter_epoch(self, epoch: Epoch) -> None:
        """If a new epoch has begun, wipe the tokens of the last one and forget its ids."""
        if self._epoch is None or epoch.index > self._epoch.index:
            for slot in self._slots:
                self._set_token(slot, None)
            self._epoch, self._slots, self._exhausted = epoch, {}, False

    def _set_token(self, slot: int, token: SlotToken | None) -> None:
        """Replace the token of an id, and wipe the one that was there."""
        before, self._slots[slot] = self._slots[slot], token
        if before is not None:
            before.close()

    def _reserve(self, epoch: Epoch) -> int:
        return reserve_ids(self._ids, self._builder.membership, epoch)[0]


def _is_for(token: SlotToken | None, path: MerkleProof) -> bool:
    return token is not None and token.path == path


def _run_thread(queue_of: weakref.ref[TokenQueue], wake: threading.Event) -> None:
    """Make tokens until the queue is stopped or nothing else refers to it."""
    while True:
        queue = queue_of()
        if queue is None or queue._stopped:
            return
        wake.clear()
        try:
            busy = queue._make_token()
        except Exception:  # noqa: BLE001 - the next call of `prove` fails in the same way, and reports it
            busy = False
        del queue
        if not busy:
            wake.wait(POLL)


# Used at the end of the process.
_queues: weakref.WeakSet[TokenQueue] = weakref.WeakSet()


def _stop_all() -> None:
    for queue in list(_queues):
        queue.stop()


atexit.register(_stop_all)
