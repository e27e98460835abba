"""Patience: threads that wait for one connection, and what a wait in vain means for the others."""

from __future__ import annotations

import threading
import time

import pytest

from rln.errors import StoreUnavailable
from rln.stores.patience import Patience

TIMEOUT = 0.4
LONG = 60.0


def use(patience: Patience, lock: threading.RLock, timeout: float = TIMEOUT) -> float:
    """Return for how long the holder may wait, in seconds from now."""
    with patience.hold(lock, timeout, "store") as deadline:
        return deadline - time.monotonic()


def test_a_free_connection_is_given_with_the_whole_timeout() -> None:
    assert LONG - 10 < use(Patience(), threading.RLock(), LONG) <= LONG


def test_a_connection_in_use_is_waited_for_until_the_callers_deadline() -> None:
    patience, lock = Patience(), threading.RLock()
    failures: list[StoreUnavailable] = []

    def wait() -> None:
        try:
            use(patience, lock)
        except StoreUnavailable as error:
            failures.append(error)

    with patience.hold(lock, TIMEOUT, "store"):
        threads = [threading.Thread(target=wait) for _ in range(20)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert TIMEOUT <= time.monotonic() - begun < 10 * TIMEOUT, "in turn it would be twenty times as long"
    assert len(failures) == 20
    assert "store: expected a free connection within 0.4 seconds" in str(failures[0])
    assert use(patience, lock, LONG) > LONG - 10, "it has worked, so all may wait again"


def test_after_a_wait_in_vain_a_call_goes_on_if_all_is_free_and_does_not_wait() -> None:
    patience, lock = Patience(), threading.RLock()
    patience.give_up(LONG)
    assert use(patience, lock, LONG) <= 0
    assert use(patience, lock, LONG) > LONG - 10, "the first one worked"
    patience.give_up(LONG)
    lock.acquire()
    thread = threading.Thread(target=pytest.raises, args=(StoreUnavailable, use, patience, lock, LONG))
    thread.start()
    thread.join(LONG / 2)
    assert not thread.is_alive()


def test_a_failure_lets_nobody_wait_again_and_makes_the_pause_no_longer() -> None:
    patience, lock = Patience(), threading.RLock()
    patience.give_up(TIMEOUT)

    def fail() -> None:
        with patience.hold(lock, TIMEOUT, "store") as deadline:
            raise StoreUnavailable(str(deadline <= time.monotonic()))

    begun, answers = time.monotonic(), []
    while not answers or answers[-1] == "True":
        with pytest.raises(StoreUnavailable) as failed:
            fail()
        answers.append(str(failed.value))
        assert time.monotonic() - begun < LONG
    assert answers.count("False") == 1


def test_a_silent_server_is_not_asked_again_for_a_while() -> None:
    patience, lock = Patience(), threading.RLock()
    patience.refuse(StoreUnavailable("no answer"), TIMEOUT)
    with pytest.raises(StoreUnavailable, match="^no answer$"):
        use(patience, lock)
    time.sleep(TIMEOUT / 4)
    assert use(patience, lock) > 0


def test_an_error_that_is_not_the_stores_lets_all_wait_again() -> None:
    patience, lock = Patience(), threading.RLock()
    patience.give_up(LONG)
    with pytest.raises(KeyError), patience.hold(lock, LONG, "store"):
        raise KeyError
    assert use(patience, lock, LONG) > LONG - 10
