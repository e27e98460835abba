"""Thread pools: one for each number of threads in each process."""

import os
import signal
import threading

import pytest

from rln import errors
from rln.lowlevel import hashes, threads
from rln.lowlevel._call import ffi

PACKED = b"".join(i.to_bytes(32, "little") for i in range(1000))


def test_one_thread_needs_no_pool() -> None:
    assert threads.pool(1) == ffi.NULL


def test_pools_are_kept() -> None:
    assert threads.pool(2) == threads.pool(2) != threads.pool(3)


def test_none_is_one_thread_for_each_processor() -> None:
    n = threads.available()
    assert 1 <= n <= 256
    assert threads.pool(None) == threads.pool(n)


@pytest.mark.parametrize("n", [0, -1, 257])
def test_refuses_numbers_outside_the_range(n: int) -> None:
    with pytest.raises(errors.ParameterError, match=rf"^threads: expected 1 to 256, got {n}$"):
        threads.pool(n)


def test_results_do_not_depend_on_threads() -> None:
    assert hashes.poseidon_many(PACKED, 2, threads=3) == hashes.poseidon_many(PACKED, 2)


def test_callers_that_share_a_pool_do_not_disturb_each_other() -> None:
    expected = hashes.poseidon_many(PACKED, 2)
    results: list[bytes] = []
    workers = [
        threading.Thread(target=lambda: results.append(hashes.poseidon_many(PACKED, 2, threads=2)))
        for _ in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [expected] * 6


def test_forked_child_makes_its_own_pool() -> None:
    expected = hashes.poseidon_many(PACKED, 2, threads=2)
    child = os.fork()
    if child == 0:
        forgotten = not threads._pools.made
        good = hashes.poseidon_many(PACKED, 2, threads=2) == expected
        os._exit(0 if forgotten and good and threads._pools.made else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_does_not_wait_for_a_thread_of_its_parent_that_made_a_pool() -> None:
    with threads._pools._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            os._exit(0 if threads.pool(2) != ffi.NULL else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_fork_that_was_not_noticed_leaves_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with threads._pools._lock:
        assert threads.pool(2) == ffi.NULL
