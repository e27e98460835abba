"""SoleUser: one process at a time uses a file, from opening to closing, also if it is killed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from rln.base import forks
from rln.errors import StoreUnavailable
from rln.stores.file_checks import check_local_file_system, ensure_private_file


class SoleUser:
    """The lock of a file, held by this process until `close`. A forked child has no share in it.

    The lock is on a file `NAME-lock` beside it. The system releases it when the process ends.

    Args:
        path: path of the file.
        name: of the store in messages.

    Raises:
        StoreUnavailable: another process has the lock, or its file cannot be used.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._store = f"{name}: {path}"
        self._is_child = False
        lock = path.with_name(f"{path.name}-lock")
        check_local_file_system(lock, name)
        ensure_private_file(lock, name)
        try:
            self._descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StoreUnavailable(f"{name}: {lock}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise StoreUnavailable(
                f"{self._store}: another registrar uses this file; stop it first, also for --check; run one "
                "process, with one worker"
            ) from error
        forks.register(self)

    def check(self) -> None:
        """Refuse a child that was forked from the process that has the lock.

        Raises:
            StoreUnavailable: this process is such a child.
        """
        forks.refuse_unnoticed(self._store)
        if self._is_child:
            raise StoreUnavailable(f"{self._store}: one process uses it, and this one was forked from it")

    def close(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()

    def _after_fork(self, torn: bool) -> None:
        self._is_child = True
        self.close()  # the parent keeps the lock: it belongs to both descriptors, and ends with the last one
