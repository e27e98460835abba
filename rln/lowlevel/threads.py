"""Pools of threads, made on first use and kept until the process ends.

A pool belongs to the process that made it: after a fork, the child makes its own. While a pool works for one
caller, other callers do not wait for it: they compute on their own thread alone.
"""

from __future__ import annotations

import os
import threading

from rln.base.arguments import whole
from rln.lowlevel import _call
from rln.lowlevel._call import CData, ffi, lib

LIMIT = 256
"""Most threads of a pool."""

_pools: dict[int, _call.Handle] = {}
_lock = threading.Lock()


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _pools.clear()


os.register_at_fork(after_in_child=_forget)


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
    if n == 1:
        return ffi.NULL
    with _lock:
        if n not in _pools:
            slot = ffi.new("rln_pool **")
            _call.check(lib.rln_pool_new(n, slot), what="threads")
            _pools[n] = _call.Handle("pool", slot[0], lib.rln_pool_free)
        return _pools[n].pointer
