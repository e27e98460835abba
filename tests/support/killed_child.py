"""A child: one thing done in a forked process of its own."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

PATIENCE = 60
"""Seconds after which a child ends itself, whatever becomes of the test."""


def exit_code(work: Callable[[], object]) -> int:
    """How the child ended: 0, 1 after an exception, which it prints, or minus the signal that killed it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(PATIENCE)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may go on as a second run of the tests
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(work: Callable[[], object]) -> bool:
    """Tell whether the child was killed by SIGKILL; it may end well, but not in another way."""
    code = exit_code(work)
    assert code in (0, -signal.SIGKILL), f"the child ended with {code}"
    return code != 0
