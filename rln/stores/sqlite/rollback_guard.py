"""Guard: two small files beside a database, by which one that was copied or restored gives itself away.

Every change of the database touches the guard file within its transaction, and commits what that file then
looks like from outside: device, inode, and the time of its inode's last change to the nanosecond. No program
can set that time, and whatever copies, unpacks or overwrites a file moves it. So of two files that were
restored together, to the same inodes and with the same times of modification, the database still remembers
another touch than the guard file shows; and so does either of them that was restored alone.

The intent file says what is about to be committed, and after the commit that it is done. Who is killed in
between leaves a touched guard file and an intent that fits it: then the last commit may be missing, and
nobody has got anything of it. Behind one that is done, the same database would be one that was put back.

The system's boot is remembered too: a disk that is put back whole brings the times of its files along, but a
machine must boot from it. A system that does not name its boots may have been started anew whenever a process
opens the database. What is put back with its memory, processes and all, notices nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rln.errors import StoreUnavailable
from rln.stores.file_checks import ensure_private_file

TIMEOUT: Final = 10.0
"""Seconds that one waits for another thread's or process's turn."""

_BOOT: Final = "/proc/sys/kernel/random/boot_id"
_RETRY_SECONDS: Final = 0.001
"""Seconds between two attempts at the lock."""
_INTENT_DELAY: Final = 100_000_000
"""Nanoseconds within which an intent is written after the touch; one that is younger was restored."""
_DIGITS: Final = 40
_FORK_TIMEOUT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a database and its guard file look like from outside, at one change.

    Attributes:
        boot: of the machine; empty where the system does not tell.
        database: device and inode.
        guard: device and inode.
        changed: when the guard file's inode changed last, nanoseconds by the file system.
        generation: number of changes of the database.
        reach: begin of the newest epoch that was used, unix time.
    """

    boot: str
    database: str
    guard: str
    changed: int
    generation: int
    newest_epoch_start: int

    def encode(self) -> str:
        """The seal as one line of text."""
        numbers = (self.changed, self.generation, self.newest_epoch_start)
        return " ".join((self.boot or "-", self.database, self.guard, *map(str, numbers)))

    @classmethod
    def decode(cls, line: str) -> Fingerprint:
        """Read what `encode` wrote.

        Raises:
            ValueError: it did not write that.
        """
        boot, database, guard, *numbers = line.split(" ")
        changed, generation, newest_epoch_start = map(int, numbers)
        return cls("" if boot == "-" else boot, database, guard, changed, generation, newest_epoch_start)


@dataclass(frozen=True, slots=True)
class IntentRecord:
    """What the intent file says.

    Attributes:
        before: time of the guard file's touch in the database when it was written, 0 for none.
        changed: time of the touch after that.
        generation, reach: of the change.
        is_done: its commit has returned.
        written: when the intent file's inode changed last; no part of its content.
    """

    previous_change: int = 0
    changed: int = 0
    generation: int = 0
    newest_epoch_start: int = 0
    is_done: bool = False
    written: int = 0

    def encode(self) -> bytes:
        """The content of the file, always of one length."""
        numbers = (
            self.previous_change,
            self.changed,
            self.generation,
            self.newest_epoch_start,
            int(self.is_done),
        )
        return b" ".join(b"%0*d" % (_DIGITS, number) for number in numbers) + b"\n"

    @classmethod
    def decode(cls, content: bytes, written: int) -> IntentRecord:
        """Read the file; a damaged one says nothing that fits a database, an empty one that there is none."""
        parts = content.split()
        if not content:
            return cls(written=written)
        if len(content) != _LENGTH or len(parts) != 5 or not all(part.isdigit() for part in parts):
            return cls(generation=-1, is_done=True, written=written)
        previous_change, changed, generation, newest_epoch_start, done = map(int, parts)
        return cls(previous_change, changed, generation, newest_epoch_start, bool(done), written)


_LENGTH: Final = len(IntentRecord().encode())


@dataclass(frozen=True, slots=True)
class GuardState:
    """What there is.

    Attributes:
        seal: from outside, with the numbers of the intent file.
        intent: the intent file.
        is_settled: whoever looks has seen a change of his own through since he opened it.
    """

    fingerprint: Fingerprint
    intent: IntentRecord
    has_committed: bool = True

    def reason_for_doubt(self, recorded: Fingerprint | None) -> str | None:
        """Say why a database with this record in it may not be the newest; None: it is."""
        fingerprint, intent = self.fingerprint, self.intent
        interrupted = (
            not intent.is_done
            and intent.previous_change == (0 if recorded is None else recorded.changed)
            and intent.generation > (0 if recorded is None else recorded.generation)
            and intent.changed == fingerprint.changed
            and 0 <= intent.written - intent.changed <= _INTENT_DELAY
        )
        if recorded is None:
            new = interrupted or intent.generation == 0
            return None if new else "the database is gone, a new one is in its place"
        if fingerprint.boot != recorded.boot:
            return "the machine was started anew"
        if not fingerprint.boot and not self.has_committed:
            return "the machine may have been started anew, its system does not tell"
        if (fingerprint.database, fingerprint.guard) != (recorded.database, recorded.guard):
            return "the database or its guard file was copied"
        if interrupted or (fingerprint == recorded and intent.changed == fingerprint.changed):
            return None
        if fingerprint.generation > recorded.generation:
            return "the database is older than its guard file: it was restored"
        return "the guard file was restored, or changed by somebody else"


class RollbackGuard:
    """The guard file of one database, held by one thread of one process at a time.

    Args:
        database: path of the database.
        name: what messages call the store.
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
        _guards.add(self)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the guard file's lock: what is seen and committed in the block belongs together.

        Raises:
            StoreUnavailable: somebody else held it too long, or it is not a file of this user's own.
        """
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
        """Return what there is; while held.

        Raises:
            StoreUnavailable: a file cannot be read, or has a second name, under which others may change it.
        """
        try:
            assert self._descriptor is not None
            assert self._intent_descriptor is not None
            guard, database, boot = os.fstat(self._descriptor), os.stat(self._database), _boot()
            written = os.fstat(self._intent_descriptor).st_ctime_ns
            intent = IntentRecord.decode(os.pread(self._intent_descriptor, _LENGTH + 1, 0), written)
        except OSError as error:
            raise self._unavailable(error) from error
        if (guard.st_nlink, database.st_nlink) != (1, 1):
            raise StoreUnavailable(f"{self._name}: {self._database}: expected files with one name, got more")
        numbers = (guard.st_ctime_ns, intent.generation, intent.newest_epoch_start)
        return GuardState(
            Fingerprint(boot, _device_and_inode(database), _device_and_inode(guard), *numbers),
            intent,
            self._has_committed,
        )

    def touch(
        self, state: GuardState, recorded: Fingerprint | None, generation: int, newest_epoch_start: int
    ) -> Fingerprint:
        """Touch the guard file, and return what there is from now on; while held, just before the commit.

        Args:
            found: what `inspect` has returned.
            recorded: the database's record that is replaced.
            generation: number of changes of the database.
            reach: begin of the newest epoch that was used, unix time.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        previous_change = 0 if recorded is None else recorded.changed
        # In doubt it counts as done from the start: whoever is killed now must leave the doubt behind.
        in_doubt = state.reason_for_doubt(recorded) is not None
        try:
            assert self._descriptor is not None
            os.utime(self._descriptor)
            changed = os.fstat(self._descriptor).st_ctime_ns
        except OSError as error:
            raise self._unavailable(error) from error
        self._pending_intent = IntentRecord(
            previous_change, changed, generation, newest_epoch_start, in_doubt
        )
        self._write(self._pending_intent)
        return replace(
            state.fingerprint, changed=changed, generation=generation, newest_epoch_start=newest_epoch_start
        )

    def confirm(self) -> None:
        """Say that what was about to be committed is; while held.

        Raises:
            StoreUnavailable: it cannot be said; then nobody may get anything of it.
        """
        if self._pending_intent is not None:
            self._write(replace(self._pending_intent, is_done=True))
            self._has_committed = True

    def _write(self, intent: IntentRecord) -> None:
        content = intent.encode()
        try:
            assert self._intent_descriptor is not None
            written = os.pwrite(self._intent_descriptor, content, 0)
        except OSError as error:
            raise self._unavailable(error) from error
        if written != len(content):
            raise StoreUnavailable(f"{self._name}: {self._intent_path}: expected to write it whole")

    def _open_intent_file(self) -> int:
        """The intent file, opened, and made when it is missing."""
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
        """The guard file, opened and locked, once it is sure that others lock the same one."""
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
                pass  # somebody else's turn
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
        """Refuse a file that others may read or write; looked at closely when it is not as it was before."""
        private = (opened.st_dev, opened.st_ino, opened.st_mode, opened.st_uid)
        if self._private.get(path) != private:
            ensure_private_file(path, self._name)
            self._private[path] = private

    def _busy(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {self._path}: held by somebody else for {TIMEOUT:.0f} s")

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {self._path}: {error.strerror}")

    def _discard_inherited(self, held: set[RollbackGuard]) -> None:
        """Close what a thread of the parent was using: its lock would last as long as this process."""
        if self not in held:
            self._close_files(unlock=False)
            self._lock = threading.RLock()


def _release(descriptor: int | None) -> None:
    """Unlock and close; unlocked first, since a forked child may hold a copy of the descriptor."""
    if descriptor is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _device_and_inode(file: os.stat_result) -> str:
    return f"{file.st_dev}:{file.st_ino}"


def _boot() -> str:
    """Name this start of the machine; empty where the system has no such file."""
    try:
        descriptor = os.open(_BOOT, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return os.read(descriptor, 64).strip().hex()
    finally:
        os.close(descriptor)


_guards: weakref.WeakSet[RollbackGuard] = weakref.WeakSet()
_forking: list[RollbackGuard] = []


def _before_fork() -> None:
    deadline = time.monotonic() + _FORK_TIMEOUT
    for guard in list(_guards):
        if guard._lock.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            _forking.append(guard)


def _in_parent() -> None:
    while _forking:
        _forking.pop()._lock.release()


def _in_child() -> None:
    held = set(_forking)
    for guard in list(_guards):
        guard._discard_inherited(held)
    _in_parent()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
