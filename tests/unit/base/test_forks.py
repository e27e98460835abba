"""Forks: locks are held around a fork, and each object learns in the child whether its state is whole."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Sequence

import pytest

from rln.base import forks


class _Owner:
    def __init__(self, *locks: forks.Lock) -> None:
        self.locks = locks
        self.log: list[str] = []
        forks.register(self)

    def _fork_locks(self) -> Sequence[forks.Lock]:
        self.log.append("locks")
        return self.locks

    def _after_fork(self, torn: bool) -> None:
        self.log.append("torn" if torn else "whole")


def in_child(report: Callable[[], str]) -> str:
    """Fork, and return what `report` returns in the child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writer, report().encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        answer = answers.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    return answer


def test_a_child_gets_whole_state_and_the_parent_its_locks_back() -> None:
    lock = threading.Lock()
    owner = _Owner(lock)
    assert in_child(lambda: " ".join([*owner.log, str(lock.locked())])) == "locks whole False"
    assert owner.log == ["locks"]
    assert not lock.locked()


def test_a_lock_that_another_thread_holds_makes_the_state_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "FORK_WAIT", 0.05)
    lock, free = threading.Lock(), threading.Lock()
    owner, other = _Owner(lock), _Owner(free)
    with lock:
        assert in_child(lambda: f"{owner.log[-1]} {other.log[-1]}") == "torn whole"
    assert not free.locked()


def test_a_fork_waits_until_another_thread_has_finished_its_change() -> None:
    lock, changing, state = threading.Lock(), threading.Event(), [0, 0]
    owner = _Owner(lock)

    def change() -> None:
        for number in range(1, 10):
            with lock:
                state[0] = number
                changing.set()
                threading.Event().wait(0.01)
                state[1] = number

    thread = threading.Thread(target=change)
    thread.start()
    changing.wait()
    first, second, log = in_child(lambda: f"{state[0]} {state[1]} {owner.log[-1]}").split()
    thread.join()
    assert (first, log) == (second, "whole")


def test_a_thread_may_fork_while_it_holds_a_reentrant_lock() -> None:
    lock = threading.RLock()
    owner = _Owner(lock)
    with lock:
        assert in_child(lambda: owner.log[-1]) == "whole"


def test_locks_of_later_objects_are_taken_first() -> None:
    order: list[str] = []

    class Named(_Owner):
        def _fork_locks(self) -> Sequence[forks.Lock]:
            order.append(self.log[0])
            return ()

    inner, outer = Named(), Named()
    inner.log, outer.log = ["inner"], ["outer"]
    in_child(lambda: "")
    assert order == ["outer", "inner"]


def test_a_program_that_runs_only_the_hook_of_the_child_tears_what_is_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, free = threading.Lock(), threading.Lock()
    torn, whole = _Owner(held), _Owner(free)
    monkeypatch.setattr(forks, "_forking", threading.RLock())
    with held:
        forks._after_fork_in_child()
    assert (torn.log[-1], whole.log[-1]) == ("torn", "whole")


def test_an_object_that_is_gone_is_not_called() -> None:
    owner = _Owner()
    log = owner.log
    del owner
    gc.collect()
    in_child(lambda: "")
    assert log == []


def test_a_fork_without_hooks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not forks.unnoticed()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert forks.unnoticed()
