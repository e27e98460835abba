"""Guard: a small file beside a database, by which a database that was copied or restored gives itself away.

Every change of the database writes the guard file anew within its transaction, and commits what the file then
looks like from outside: device, inode, and the time of its last change to the nanosecond. No program can set
that time, and whatever copies, unpacks or overwrites a file moves it. So of two files that were restored
together, to the same inodes and with the same times of modification, the database still remembers another
change than the guard file shows; and so does either of them that was restored alone.

The system's boot is remembered too: a disk that is put back whole brings the times of its files along, but a
machine must boot from it. What is put back with its memory, processes and all, notices nothing.

Whoever is killed between the guard file and the commit leaves the same doubt, in which nothing is given out
twice.
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
from rln.stores.place import make_private

PATIENCE: Final = 10.0
"""Seconds that one waits for another thread's or process's turn."""

_BOOT: Final = "/proc/sys/kernel/random/boot_id"
_TURN: Final = 0.001
"""Seconds between two attempts at the lock."""
_DIGITS: Final = 40
_FORK_PATIENCE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Seal:
    """What a database and its guard file look like from outside.

    Attributes:
        boot: of the machine; empty where the system does not tell.
        database: device and inode.
        guard: device and inode.
        changed: when the guard file's inode changed last, nanoseconds by the file system.
        generation: number of changes of the database, as the guard file has it; -1 for a damaged one.
        reach: begin of the newest epoch that was used, as the guard file has it, unix time.
    """

    boot: str
    database: str
    guard: str
    changed: int
    generation: int
    reach: int

    def encode(self) -> str:
        """The seal as one line of text."""
        numbers = (self.changed, self.generation, self.reach)
        return " ".join((self.boot or "-", self.database, self.guard, *map(str, numbers)))

    @classmethod
    def decode(cls, line: str) -> Seal:
        """Read what `encode` wrote.

        Raises:
            ValueError: it did not write that.
        """
        boot, database, guard, *numbers = line.split(" ")
        changed, generation, reach = map(int, numbers)
        return cls("" if boot == "-" else boot, database, guard, changed, generation, reach)

    @property
    def is_fresh(self) -> bool:
        """Whether the guard file was made a moment ago: nothing was ever changed under it."""
        return self.generation == 0

    def doubt(self, recorded: Seal | None) -> str | None:
        """Say why a database with this record in it may not be the newest; None: it is."""
        if recorded is None:
            return None if self.is_fresh else "the database is gone, a new one is in its place"
        if self == recorded:
            return None
        if self.boot != recorded.boot:
            return "the machine was started anew"
        if (self.database, self.guard) != (recorded.database, recorded.guard):
            return "the database or its guard file was copied"
        if self.generation > recorded.generation:
            return "the database is older than its guard file: it was restored, or a change was cut short"
        return "the guard file was restored, or changed by somebody else"


class Guard:
    """The guard file of one database, held by one thread of one process at a time.

    Args:
        database: path of the database.
        name: what messages call the store.
    """

    def __init__(self, database: Path, name: str) -> None:
        self._database = database
        self._path = database.with_name(database.name + "-guard")
        self._private: tuple[int, ...] = ()
        self._name = name
        self._lock = threading.RLock()
        self._descriptor: int | None = None
        _guards.add(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the guard file's lock: what is seen and committed in the block belongs together.

        Raises:
            StoreUnavailable: somebody else held it too long, or it is not a file of this user's own.
        """
        deadline = time.monotonic() + PATIENCE
        if not self._lock.acquire(timeout=PATIENCE):
            raise self._busy()
        try:
            self._descriptor = self._locked(deadline)
            try:
                yield
            finally:
                descriptor, self._descriptor = self._descriptor, None
                _release(descriptor)
        finally:
            self._lock.release()

    def look(self) -> Seal:
        """Return what there is; while held.

        Raises:
            StoreUnavailable: a file cannot be read, or has a second name, under which others may change it.
        """
        try:
            assert self._descriptor is not None
            guard, database = os.fstat(self._descriptor), os.stat(self._database)
            content = os.pread(self._descriptor, 2 * _DIGITS + 3, 0)
            boot = _boot()
        except OSError as error:
            raise self._failed(error) from error
        if (guard.st_nlink, database.st_nlink) != (1, 1):
            raise StoreUnavailable(f"{self._name}: {self._database}: expected files with one name, got more")
        generation, reach = _parsed(content)
        return Seal(boot, _place(database), _place(guard), guard.st_ctime_ns, generation, reach)

    def mark(self, found: Seal, generation: int, reach: int) -> Seal:
        """Write the guard file, and return what there is from now on; while held, just before the commit.

        Args:
            found: what `look` has returned.
            generation: number of changes of the database.
            reach: begin of the newest epoch that was used, unix time.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        content = b"%0*d %0*d\n" % (_DIGITS, generation, _DIGITS, reach)
        try:
            assert self._descriptor is not None
            written = os.pwrite(self._descriptor, content, 0)
            changed = os.fstat(self._descriptor).st_ctime_ns
        except OSError as error:
            raise self._failed(error) from error
        if written != len(content):
            raise StoreUnavailable(f"{self._name}: {self._path}: expected to write it whole, got a part")
        return replace(found, changed=changed, generation=generation, reach=reach)

    def _locked(self, deadline: float) -> int:
        """The guard file, opened and locked, once it is sure that others lock the same one."""
        while True:
            descriptor = None
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_private(os.fstat(descriptor)):
                    locked, descriptor = descriptor, None
                    return locked
            except BlockingIOError:
                pass  # somebody else's turn
            except FileNotFoundError:
                make_private(self._path, self._name)
            except OSError as error:
                raise self._failed(error) from error
            finally:
                _release(descriptor)
            if time.monotonic() > deadline:
                raise self._busy()
            time.sleep(_TURN)

    def _is_private(self, opened: os.stat_result) -> bool:
        """Tell whether what was opened has the name still; others lock what has it.

        Raises:
            StoreUnavailable: others may read or write it.
        """
        found = os.stat(self._path, follow_symlinks=False)
        private = (opened.st_dev, opened.st_ino, opened.st_mode, opened.st_uid)
        if self._private != private:
            make_private(self._path, self._name)
            self._private = private
        return os.path.samestat(opened, found)

    def _busy(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {self._path}: held by somebody else for {PATIENCE:.0f} s")

    def _failed(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {self._path}: {error.strerror}")

    def _leave_to_parent(self, held: set[Guard]) -> None:
        """Close what a thread of the parent was using: its lock would last as long as this process."""
        if self not in held:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)
            self._lock = threading.RLock()


def _release(descriptor: int | None) -> None:
    """Unlock and close; unlocked first, since a forked child may hold a copy of the descriptor."""
    if descriptor is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _place(found: os.stat_result) -> str:
    return f"{found.st_dev}:{found.st_ino}"


def _parsed(content: bytes) -> tuple[int, int]:
    """Generation and reach of a guard file; a damaged one is one that no database has recorded."""
    if not content:
        return 0, 0
    parts = content.split()
    if len(content) != 2 * _DIGITS + 2 or len(parts) != 2 or not all(part.isdigit() for part in parts):
        return -1, 0
    return int(parts[0]), int(parts[1])


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


_guards: weakref.WeakSet[Guard] = weakref.WeakSet()
_forking: list[Guard] = []


def _before_fork() -> None:
    deadline = time.monotonic() + _FORK_PATIENCE
    for guard in list(_guards):
        if guard._lock.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            _forking.append(guard)


def _in_parent() -> None:
    while _forking:
        _forking.pop()._lock.release()


def _in_child() -> None:
    held = set(_forking)
    for guard in list(_guards):
        guard._leave_to_parent(held)
    _in_parent()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
