"""Long calls into C that report their progress, which C counts from 0 to 1000."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rln.lowlevel._call import CData, lib

_POLL_SECONDS = 0.05


def run_with_progress(run: Callable[[], int], done: CData, progress: Callable[[float], None] | None) -> int:
    """Run a call and return its status; with `progress`, run it in another thread and report from this one.

    Args:
        run: the call.
        done: the counter that C updates.
        progress: called with the part done, 0.0 to 1.0, from this thread.
    """
    if progress is None:
        return run()
    status: list[int] = []
    worker = threading.Thread(target=lambda: status.append(run()), name="rln-progress")
    worker.start()
    try:
        while worker.is_alive():
            progress(done[0] / 1000)
            worker.join(_POLL_SECONDS)
    finally:
        worker.join()
    if status and status[0] == lib.RLN_OK:
        progress(1.0)
    return status[0] if status else int(lib.RLN_ERR_INTERNAL)
