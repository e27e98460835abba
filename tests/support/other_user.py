"""Work in a forked process of another user, or with mounts of its own, as only root can start it.

The work must not import a module for the first time: another user may not read the folder of the modules.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.conftest import lacking
from tests.support.killed_child import exit_code

NOBODY = 65534
_NEW_MOUNTS = 0x20000


def as_nobody(work: Callable[[], object]) -> int:
    """Run the work as another user; skip the test where that is not possible. Return the exit status."""
    if os.geteuid() != 0:
        lacking("root", "only root can become another user")

    def changed() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        work()

    return exit_code(changed)


def in_private_mounts(work: Callable[[], object]) -> int:
    """Run the work where it may mount; the mounts end with it. Skip the test where that is not possible.

    Returns:
        The exit status.
    """
    if os.geteuid() != 0 or exit_code(_make_private) != 0:
        lacking("mounts", "mounting needs root with CAP_SYS_ADMIN")

    def mounted() -> None:
        _make_private()
        work()

    return exit_code(mounted)


def mount(*arguments: str | Path) -> None:
    """Call `mount`."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def _make_private() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount("--make-rprivate", "/")
