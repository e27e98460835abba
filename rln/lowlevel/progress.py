"""Long calls into C that tell how far they are: C raises a word from 0 to 1000."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rln.lowlevel._call import CData, lib

_POLL_SECONDS = 0.05


def run_beside(run: Callable[[], int], done: CData, progress: Callable[[float], None] | None) -> int:
    """Return the status of `run`; with `progress`, run it in another thread and tell this one how far it is.

    Args:
        run: the call.
        done: the word that it raises.
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
