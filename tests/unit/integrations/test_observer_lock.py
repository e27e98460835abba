"""The lock of observers: reentrant, free in a child, and refused there if another thread held it too long."""

import threading

import pytest

from rln.base import forks
from rln.errors import StoreUnavailable
from rln.integrations.observer_lock import ObserverLock
from tests.support.killed_child import exit_code


def test_a_handler_may_call_the_observer_again():
    lock = ObserverLock("lines")
    with lock, lock:
        pass


def test_a_child_enters_it():
    lock = ObserverLock("lines")

    def enter() -> None:
        with lock:
            pass

    assert exit_code(enter) == 0


def test_a_child_refuses_what_a_thread_of_its_parent_was_using(monkeypatch):
    monkeypatch.setattr(forks, "FORK_WAIT", 0.05)
    lock, entered, leave = ObserverLock("lines"), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            entered.set()
            leave.wait(60)

    def refused() -> None:
        with pytest.raises(StoreUnavailable, match="^lines: this process was forked while another thread"):
            with lock:
                pass

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(60)
    assert exit_code(refused) == 0
    leave.set()
    thread.join()
    assert exit_code(refused) == 1, "a later child finds the lock free"
