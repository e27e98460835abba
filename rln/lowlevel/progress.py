"""Long calls into C that report their progress, which C counts from 0 to 1000."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable

from rln.errors import NativeError
from rln.lowlevel._call import CData, lib

_POLL_SECONDS = 0.05


def run_with_progress(run: Callable[[], int], done: CData, progress: Callable[[float], None] | None) -> int:
    """Run a call and return its status; with `progress`, run it in another thread and report from this one.

    An exception here, of `progress` or of a signal handler, is raised when the call has ended, because C uses
    the memory of the caller until then. A call that has not begun is not made then.

    Args:
        run: the call.
        done: the counter that C updates.
        progress: called with the part done, 0.0 to 1.0, from this thread.

    Raises:
        NativeError: no thread can be started.
    """
    if progress is None:
        return run()
    status: list[int] = []
    ended = threading.Event()
    first: dict[str, str] = {}  # who was first: the thread, which then calls C, or a caller that gave up

    def work() -> None:
        if first.setdefault("", "thread") != "thread":
            return
        try:
            status.append(run())
        finally:
            ended.set()

    try:
        # Not threading.Thread: if a signal handler raises during its `join`, it takes a thread that still
        # runs for one that has ended.
        _start(work)
        while not ended.is_set():
            progress(done[0] / 1000)
            ended.wait(_POLL_SECONDS)
    finally:
        _wait_through(ended, first)
    if status and status[0] == lib.RLN_OK:
        progress(1.0)
    return status[0] if status else int(lib.RLN_ERR_INTERNAL)


def _start(work: Callable[[], None]) -> None:
    try:
        _thread.start_new_thread(work, ())
    except RuntimeError as error:
        raise NativeError("cannot start a thread") from error


def _wait_through(ended: threading.Event, first: dict[str, str]) -> None:
    """Wait, also if signal handlers raise exceptions; the first one is already on its way to the caller.

    A thread that has not begun, or that was never started, does nothing any more and is not waited for.
    """
    while not ended.is_set():
        try:
            if first.setdefault("", "caller") == "caller":  # the same answer after an interruption
                return
            ended.wait()
        except BaseException:  # noqa: BLE001  memory that C uses must not be freed
            continue
