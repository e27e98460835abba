"""Background: goes on after every error, says it once, and ends when it is told to."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from rln.errors import IntegrityAlarm, ParameterError, StoreUnavailable
from rln.services.background import Background

PATIENCE = 60


class Work:
    """Fails as often as it is told to, and says when it has been called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = threading.Semaphore(0)

    def __call__(self) -> None:
        self.calls.release()
        if self.errors:
            raise self.errors.pop(0)

    def wait(self, times: int) -> None:
        for _ in range(times):
            assert self.calls.acquire(timeout=PATIENCE)


def test_errors_are_logged_once_and_the_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    same = [StoreUnavailable("members: no answer") for _ in range(3)]
    work = Work(*same, ValueError("a key"), IntegrityAlarm("impossible"))
    thread = Background(work, 0.01, "a test")
    thread.start()
    thread.start()
    work.wait(7)
    thread.close()
    thread.close()
    messages = [(one.levelno, one.getMessage()) for one in caplog.records]
    assert messages == [
        (logging.ERROR, "a test: StoreUnavailable: members: no answer"),
        (logging.ERROR, "a test: ValueError: "),
        (logging.CRITICAL, "a test: IntegrityAlarm: impossible"),
    ]
    assert thread.failure is None


def test_it_is_woken_and_closes_at_once() -> None:
    work = Work()
    thread = Background(work, 3600, "a test")
    thread.start()
    work.wait(1)
    thread.wake()
    work.wait(1)
    thread.close()
    with pytest.raises(ParameterError):
        thread.start()


def test_a_child_has_no_thread() -> None:
    thread = Background(Work(), 3600, "a test")
    thread.start()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            thread.close()
            thread.start()
        except ParameterError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    thread.close()


@pytest.mark.parametrize("seconds", [0, 3601, "1", True])
def test_wrong_pauses_are_refused(seconds: float) -> None:
    with pytest.raises(ParameterError):
        Background(Work(), seconds, "a test")
