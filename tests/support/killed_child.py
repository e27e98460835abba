"""One piece of work in a forked process of its own, which may be killed."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

PATIENCE = 60
"""Seconds after which a child ends itself, even if the test has stopped waiting."""


def exit_code(work: Callable[[], object]) -> int:
    """Run the work in a child.

    Returns:
        0, or 1 after an exception, which the child prints, or minus the number of the signal that killed it.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(PATIENCE)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - the child must not continue as a second run of the tests
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(work: Callable[[], object]) -> bool:
    """Return whether SIGKILL ended the child. A child that ends in another way must end with status 0."""
    code = exit_code(work)
    assert code in (0, -signal.SIGKILL), f"the child ended with {code}"
    return code != 0
