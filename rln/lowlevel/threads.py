"""Pools of threads, made on first use and kept until the process ends.

A pool belongs to the process that made it: after a fork, the child makes its own. If the fork was not noticed
(`rln.base.forks.unnoticed`), it computes without a pool. While a pool works for one caller, other callers do
not wait for it: they compute on their own thread alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Final

from rln.base import forks
from rln.base.arguments import MAX_THREADS, whole
from rln.lowlevel import _call
from rln.lowlevel._call import CData, ffi, lib

LIMIT = MAX_THREADS
"""Most threads of a pool."""


class _Pools:
    """The pools of this process, one for each number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.made: dict[int, _call.Handle] = {}
        forks.register(self)

    def get(self, threads: int) -> CData:
        with self._lock:
            if threads not in self.made:
                slot = ffi.new("rln_pool **")
                _call.check(lib.rln_pool_new(threads, slot), what="threads")
                self.made[threads] = _call.Handle("pool", slot[0], lib.rln_pool_free)
            return self.made[threads].pointer

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()  # the child keeps nothing that the lock guards

    def _after_fork(self, torn: bool) -> None:
        self._lock = threading.Lock()
        self.made = {}


_pools: Final = _Pools()


def available() -> int:
    """Count the processors that this process may use, 1..256."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), LIMIT)
    return min(os.cpu_count() or 1, LIMIT)


def pool(threads: int | None = None) -> CData:
    """Return the pool with this number of threads.

    Args:
        threads: 1..256, the calling thread included; None is one for each processor. For 1 the pool is NULL.

    Raises:
        ParameterError: threads is outside its range.
        NativeError: the system starts no more threads.
    """
    if threads == 1 and type(threads) is int:
        return ffi.NULL
    n = available() if threads is None else whole(threads, "threads", 1, LIMIT)
    return ffi.NULL if n == 1 or forks.unnoticed() else _pools.get(n)
