"""Long calls: what interrupts one is raised when C has ended, because C uses memory until then."""

import signal
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

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
    begun, ended = threading.Event(), []

    def run() -> int:
        begun.set()
        time.sleep(0.3)
        ended.append(True)
        return int(lib.RLN_OK)

    def progress(part: float) -> None:
        assert begun.wait(10)
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


def _interrupted(monkeypatch: pytest.MonkeyPatch, start: Callable[..., object]) -> list[bool]:
    """Run a call during whose start a signal handler raises. Return the calls of C."""
    called: list[bool] = []
    outcome: list[BaseException] = []

    def call_c() -> int:
        called.append(True)
        return 0

    def call() -> None:
        try:
            run_with_progress(call_c, ffi.new("uint32_t *"), lambda _: None)
        except BaseException as error:  # noqa: BLE001 - it is the finding
            outcome.append(error)

    caller = threading.Thread(target=call, daemon=True)
    with monkeypatch.context() as patch:
        patch.setattr("rln.lowlevel.progress._thread", SimpleNamespace(start_new_thread=start))
        caller.start()
        caller.join(10)
    assert not caller.is_alive(), "it waits for a thread that does not exist"
    assert [type(error) for error in outcome] == [Interruption]
    return called


def test_a_signal_before_the_thread_starts_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise Interruption

    assert not _interrupted(monkeypatch, interrupt)


def test_a_thread_that_begins_after_the_caller_gave_up_calls_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[Callable[[], None]] = []

    def interrupt(work: Callable[[], None], _: tuple[()]) -> None:
        late.append(work)
        raise Interruption

    called = _interrupted(monkeypatch, interrupt)
    late[0]()
    assert not called
