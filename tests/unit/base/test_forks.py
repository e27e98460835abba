"""Forks: locks are held around a fork, and each object learns in the child whether its state is whole."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rln.base import forks
from rln.errors import StoreUnavailable

ROOT = Path(__file__).resolve().parents[3]


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
    with pytest.raises(StoreUnavailable, match="^log: this process was forked outside Python; fork with"):
        forks.refuse_unnoticed("log")


def test_one_slow_thread_does_not_tear_the_objects_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "FORK_WAIT", 0.05)
    monkeypatch.setattr(forks, "_MOMENT", 0.5)
    brief, slow, held = threading.Lock(), threading.Lock(), threading.Event()
    owner, other = _Owner(brief), _Owner(slow)

    def use() -> None:
        with brief:
            held.set()
            time.sleep(0.2)

    thread = threading.Thread(target=use)
    thread.start()
    held.wait()
    with slow:
        assert in_child(lambda: f"{owner.log[-1]} {other.log[-1]}") == "whole torn"
    thread.join()


def test_an_object_that_is_made_during_a_fork_is_called_in_the_child() -> None:
    made: list[_Owner] = []

    class Making(_Owner):
        def _fork_locks(self) -> Sequence[forks.Lock]:
            made.append(_Owner(threading.Lock()))
            return ()

    making = Making()
    assert in_child(lambda: made[0].log[-1]) == "whole"
    assert making.log == []


def test_a_fork_waits_for_what_another_thread_makes_while_it_gathers_locks() -> None:
    """A thread made a connection to SQLite meanwhile, and held SQLite's own lock at the fork. The child hung
    when it closed another connection.
    """
    in_use, entered, made = threading.Lock(), threading.Event(), []

    class Maker(_Owner):
        def _fork_locks(self) -> Sequence[forks.Lock]:
            if not made:
                thread.start()
                assert entered.wait(10)
            return super()._fork_locks()

    def make() -> None:
        with in_use:
            made.append(_Owner(in_use))
            entered.set()
            time.sleep(0.2)

    thread = threading.Thread(target=make)
    maker = Maker()
    assert in_child(lambda: " ".join(made[0].log)) == "locks whole"
    thread.join()
    assert maker.log == ["locks"] and not in_use.locked()


def test_a_thread_that_makes_an_object_with_a_lock_held_does_not_wait_for_a_fork() -> None:
    lock, forking, made = threading.Lock(), threading.Event(), list[_Owner]()
    owner = _Owner(lock)

    class Last(_Owner):
        def _fork_locks(self) -> Sequence[forks.Lock]:
            forking.set()
            return ()

    def make() -> None:
        with lock:
            held.set()
            forking.wait()
            made.append(_Owner())

    held, last = threading.Event(), Last()
    thread = threading.Thread(target=make)
    thread.start()
    held.wait()
    assert in_child(lambda: owner.log[-1]) == "whole"
    thread.join()
    assert last.log == []


NESTED = """
import os, threading
from rln.base import forks

class Owner:
    def __init__(self, lock, hook=lambda: None):
        self.lock, self.hook, self.log = lock, hook, []
        forks.register(self)
    def _fork_locks(self):
        self.hook()
        return (self.lock,)
    def _after_fork(self, torn):
        self.log.append("torn" if torn else "whole")

def in_child(report):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, report().encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reader, 100).decode()

def hook():
    if not answers:
        answers.append("")
        answers[0] = in_child(lambda: f"{owner.log} {lock.locked()}")
        answers.append(lock.locked())

answers, lock = [], threading.Lock()
forking, owner = Owner(threading.Lock(), hook), Owner(lock)
print(in_child(lambda: f"{owner.log} {forking.log}"), answers, lock.locked())
print(in_child(lambda: str(owner.log)))
"""


def test_a_fork_by_a_hook_of_another_fork_leaves_the_locks_of_that_fork_alone() -> None:
    """In a process of its own: `concurrent.futures` has a hook that cannot run within itself."""
    run = subprocess.run([sys.executable, "-c", NESTED], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert run.stderr == ""
    assert run.stdout == "['whole'] ['whole'] [\"['whole'] False\", True] False\n['whole']\n"


def test_an_error_of_one_object_does_not_leave_the_others_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing(_Owner):
        def _after_fork(self, torn: bool) -> None:
            raise RuntimeError("on purpose")

    errors = list[str]()
    monkeypatch.setattr(sys, "unraisablehook", lambda found: errors.append(str(found.exc_value)))
    owners = [_Owner(), Failing(), _Owner()]
    answer = in_child(lambda: " ".join([*(owner.log[-1] for owner in owners), *errors]))
    assert answer == "whole locks whole on purpose"


def test_a_fork_does_not_wait_for_ever_for_a_fork_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "FORK_WAIT", 0.05)
    began, ending = threading.Event(), threading.Event()
    lock = threading.Lock()
    owner = _Owner(lock)

    def begin() -> None:
        forks._before_fork()
        began.set()
        ending.wait()
        forks._after_fork_in_parent()

    thread = threading.Thread(target=begin)
    thread.start()
    began.wait()
    assert in_child(lambda: owner.log[-1]) == "torn"
    ending.set()
    thread.join()
    assert in_child(lambda: owner.log[-1]) == "whole"


def test_a_copy_watch_tells_a_child_and_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = forks.CopyWatch()
    assert not watch.is_copy
    assert in_child(lambda: f"{watch.is_copy} {forks.CopyWatch().is_copy}") == "True False"
    assert in_child(lambda: in_child(lambda: str(watch.is_copy))) == "True"
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert watch.is_copy
