"""Rollback guard: two small files beside a database, which show when it was copied or restored.

Every change of the database also sets the times of the guard file, as `touch` does. In the same transaction
it stores the guard file's device, its inode, and the time of its inode's last change (ctime, to the
nanosecond) in the database. No program can set this time, and copying, unpacking or overwriting a file
changes it. So if the database and the guard file are restored together, even to the same inodes and with the
same modification times, the time in the database differs from that of the guard file. The same is true if one
of them is restored alone.

The intent file is written three times: before the touch it announces the change, after the touch it records
the guard file's new time, and after the commit it says that the commit is done. A process that is killed in
between leaves an intent that matches the guard file. Then the last commit may be missing, and no caller has
got its result. But if the intent file says that the commit is done and the database lacks it, the database
was restored. `rln.stores.sqlite.guard_state` decides, and says why no restored file looks like an
interrupted change.

The id of the system's boot is recorded too. If a whole disk is restored, the times of its files come back as
well, but the machine must boot from the disk. If the system has no boot id, every opening of the database
counts as a possible restart of the machine. A machine that is restored together with its memory and processes
is not detected.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from rln.base import forks
from rln.errors import StoreUnavailable
from rln.stores.file_checks import ensure_private_file
from rln.stores.machine_time import boot_id
from rln.stores.refusals import NOTHING_CHANGED
from rln.stores.sqlite.guard_state import INTENT_LENGTH, Fingerprint, GuardState, IntentRecord

TIMEOUT: Final = 10.0
"""Seconds to wait for another thread or process."""

_RETRY_SECONDS: Final = 0.001
"""Seconds between two attempts to lock."""


class RollbackGuard:
    """The guard file of one database, locked by one thread of one process at a time.

    A forked child does not hold the lock of its parent, and locks the file itself.

    Args:
        database: path of the database.
        name: name of the store in messages.
    """

    def __init__(self, database: Path, name: str) -> None:
        self._database = database
        self._path = database.with_name(database.name + "-guard")
        self._intent_path = database.with_name(database.name + "-intent")
        self._name = name
        self._private: dict[Path, tuple[int, ...]] = {}
        self._lock = threading.RLock()
        self._descriptor: int | None = None
        self._intent_descriptor: int | None = None
        self._pending_intent: IntentRecord | None = None
        self._has_committed = False
        forks.register(self)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the guard file, so that what the block inspects and commits belongs together.

        Raises:
            StoreUnavailable: another process held the lock too long, or the file does not belong to this user
                alone.
        """
        forks.refuse_unnoticed(self._name)
        deadline = time.monotonic() + TIMEOUT
        if not self._lock.acquire(timeout=TIMEOUT):
            raise self._busy()
        try:
            try:
                self._descriptor = self._lock_guard_file(deadline)
                self._intent_descriptor = self._open_intent_file()
                yield
            finally:
                self._pending_intent = None
                self._close_files(unlock=True)
        finally:
            self._lock.release()

    def inspect(self) -> GuardState:
        """Return the state of the files; call it while locked.

        Raises:
            StoreUnavailable: a file cannot be read, or has a second name (hard link), through which other
                programs may change it.
        """
        try:
            descriptor, intent_descriptor = self._locked_files()
            guard, database, boot = os.fstat(descriptor), os.stat(self._database), boot_id()
            written = os.fstat(intent_descriptor).st_ctime_ns
            intent = IntentRecord.decode(os.pread(intent_descriptor, INTENT_LENGTH + 1, 0), written)
        except OSError as error:
            raise self._unavailable(error) from error
        if (guard.st_nlink, database.st_nlink) != (1, 1):
            raise StoreUnavailable(f"{self._name}: {self._database}: expected no second hard link; remove it")
        numbers = (guard.st_ctime_ns, intent.generation, intent.newest_start)
        identities = (_device_and_inode(database), _device_and_inode(guard))
        return GuardState(Fingerprint(boot, *identities, *numbers), intent, self._has_committed)

    def touch(
        self, state: GuardState, recorded: Fingerprint | None, generation: int, newest_start: int
    ) -> Fingerprint:
        """Touch the guard file and return the new fingerprint; call it while locked, just before the commit.

        Args:
            state: from `inspect`.
            recorded: the database's record that is replaced.
            generation: number of changes of the database.
            newest_start: start of the newest epoch that was used, unix time.

        Raises:
            StoreUnavailable: a file cannot be written.
        """
        previous_change = 0 if recorded is None else recorded.changed
        # If the database may be an old copy, nothing is announced, and the intent is written as done at once:
        # if this process is killed now, the next one still finds the doubt.
        in_doubt = state.reason_for_doubt(recorded) is not None
        if not in_doubt:
            before, announced = state.fingerprint.changed, time.time_ns()
            self._write(IntentRecord(previous_change, before, generation, newest_start, announced=announced))
        try:
            descriptor, _ = self._locked_files()
            os.utime(descriptor)
            changed = os.fstat(descriptor).st_ctime_ns
        except OSError as error:
            raise self._unavailable(error) from error
        self._pending_intent = IntentRecord(previous_change, changed, generation, newest_start, in_doubt)
        self._write(self._pending_intent)
        return replace(state.fingerprint, changed=changed, generation=generation, newest_start=newest_start)

    def confirm(self, if_unknown: str) -> None:
        """Record that the pending commit is done; call it while locked.

        Args:
            if_unknown: how the error ends, see `Database.writing`.

        Raises:
            StoreUnavailable: it cannot be recorded; then no caller may get the commit's result.
        """
        if self._pending_intent is not None:
            self._write(replace(self._pending_intent, is_done=True), if_unknown)
            self._has_committed = True

    def _write(self, intent: IntentRecord, outcome: str = NOTHING_CHANGED) -> None:
        content = intent.encode()
        try:
            written = os.pwrite(self._locked_files()[1], content, 0)
        except OSError as error:
            raise self._unavailable(error, outcome) from error
        if written != len(content):
            raise StoreUnavailable(
                f"{self._name}: {self._intent_path}: wrote {written} of {len(content)} bytes; {outcome}; "
                "check the disk"
            )

    def _locked_files(self) -> tuple[int, int]:
        """Return the descriptors of the guard file and the intent file."""
        if self._descriptor is None or self._intent_descriptor is None:
            raise StoreUnavailable(
                f"{self._name}: {self._path}: this process was forked while the file was in use; start a new "
                "process"
            )
        return self._descriptor, self._intent_descriptor

    def _open_intent_file(self) -> int:
        """Open the intent file; create it if it does not exist."""
        descriptor = None
        try:
            if not self._intent_path.exists():
                ensure_private_file(self._intent_path, self._name)
            descriptor = os.open(self._intent_path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            self._check_private(self._intent_path, os.fstat(descriptor))
            opened, descriptor = descriptor, None
            return opened
        except OSError as error:
            raise self._unavailable(error) from error
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _close_files(self, *, unlock: bool) -> None:
        """Close both files."""
        intent, self._intent_descriptor = self._intent_descriptor, None
        descriptor, self._descriptor = self._descriptor, None
        if intent is not None:
            os.close(intent)
        if unlock:
            _release(descriptor)
        elif descriptor is not None:
            os.close(descriptor)

    def _lock_guard_file(self, deadline: float) -> int:
        """Open and lock the guard file, and make sure that other processes lock the same file."""
        while True:
            descriptor = None
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                opened = os.fstat(descriptor)
                if os.path.samestat(opened, os.stat(self._path, follow_symlinks=False)):
                    self._check_private(self._path, opened)
                    locked, descriptor = descriptor, None
                    return locked
            except BlockingIOError:
                pass  # another process holds the lock
            except FileNotFoundError:
                ensure_private_file(self._path, self._name)
            except OSError as error:
                raise self._unavailable(error) from error
            finally:
                _release(descriptor)
            if time.monotonic() > deadline:
                raise self._busy()
            time.sleep(_RETRY_SECONDS)

    def _check_private(self, path: Path, opened: os.stat_result) -> None:
        """Refuse a file that other users may read or write; check again only if its metadata changed."""
        private = (opened.st_dev, opened.st_ino, opened.st_mode, opened.st_uid)
        if self._private.get(path) != private:
            ensure_private_file(path, self._name)
            self._private[path] = private

    def _busy(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._name}: {self._path}: locked by another thread or process for {TIMEOUT:.0f} s; "
            f"{NOTHING_CHANGED}; try again"
        )

    def _unavailable(self, error: OSError, outcome: str = NOTHING_CHANGED) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {self._path}: {error.strerror}; {outcome}")

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        """Close what a thread of the parent was using: its lock would last as long as this process."""
        self._close_files(unlock=False)
        if torn:
            self._lock = threading.RLock()


def _release(descriptor: int | None) -> None:
    """Unlock and close. Unlock first, because a forked child may hold a copy of the descriptor."""
    if descriptor is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _device_and_inode(file: os.stat_result) -> str:
    return f"{file.st_dev}:{file.st_ino}"
