"""Long calls: what interrupts one is raised when C has ended, because C uses memory until then."""

import signal
import time

import pytest

from rln.errors import NativeError
from rln.lowlevel._call import ffi, lib
from rln.lowlevel.progress import run_with_progress


class Interruption(Exception):
    """Raised by a signal handler, as KeyboardInterrupt is."""


def test_the_status_and_the_parts_done_arrive() -> None:
    done, seen = ffi.new("uint32_t *"), []

    def run() -> int:
        done[0] = 500
        time.sleep(0.2)
        return int(lib.RLN_OK)

    assert run_with_progress(run, done, seen.append) == lib.RLN_OK
    assert 0.5 in seen and seen[-1] == 1.0


def test_no_signal_ends_the_call_before_c_has_ended() -> None:
    """With `Thread.join`, the first signal made a running thread pass for one that had ended."""
    ended = []

    def run() -> int:
        time.sleep(1)
        ended.append(True)
        return int(lib.RLN_OK)

    def interrupt(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.1)  # several times
    try:
        with pytest.raises(Interruption):
            run_with_progress(run, ffi.new("uint32_t *"), lambda _: None)
        still_running = not ended
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not still_running


def test_an_error_of_the_caller_is_raised_when_c_has_ended() -> None:
    ended = []

    def run() -> int:
        time.sleep(0.3)
        ended.append(True)
        return int(lib.RLN_OK)

    def progress(part: float) -> None:
        raise Interruption

    with pytest.raises(Interruption):
        run_with_progress(run, ffi.new("uint32_t *"), progress)
    assert ended


def test_a_thread_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    with pytest.raises(NativeError, match="^cannot start a thread$"):
        run_with_progress(lambda: 0, ffi.new("uint32_t *"), lambda _: None)
