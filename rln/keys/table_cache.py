"""Cache: files that can be made again at any time, in a directory that is the user's alone.

The directory is RLN_CACHE_DIR; where that is unset, `rln` in XDG_CACHE_HOME or in ~/.cache. An empty
RLN_CACHE_DIR means none. It is made with mode 0700; one that somebody else owns or may write to, or that is a
link, is not used. Without a usable directory nothing is kept, and nothing fails.

Files are 0600, are written aside and renamed, and never change afterwards: a mapping of one stays what it was
when it was opened, for as long as nobody but this user or root meddles, and those could as well meddle with
the process itself. So a caller who checks the digest of a mapping may go on to use the mapping (threats D6).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from rln.lowlevel import entropy

KEEP: Final = 4
"""Files with one ending that stay; making another one removes those that were used longest ago."""

_TEMPORARY: Final = ".new"
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def directory() -> Path | None:
    """Where files go, whether or not it is there yet; None where the user has no such place."""
    chosen = os.environ.get("RLN_CACHE_DIR")
    if chosen is None:
        base = os.environ.get("XDG_CACHE_HOME", "")
        # As the XDG specification has it, a relative path there counts as none.
        chosen = os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.cache"), "rln")
    return Path(chosen) if os.path.isabs(chosen) else None


def read(name: str, size: int) -> mmap.mmap | None:
    """Map a file, read-only.

    Args:
        name: of the file, without a directory.
        size: the bytes that it must have.

    Returns:
        The mapping, or None when there is no such file, or it is not as `write` leaves it: a regular file of
        this user with no second name, which nobody else may read or write. Its content is for the caller to
        check.
    """
    try:
        with _opened(create=False) as place:
            file = os.open(name, os.O_RDONLY | _FLAGS, dir_fd=place)
            try:
                if not _is_ours(os.fstat(file), size):
                    return None
                with suppress(OSError):
                    os.utime(file)  # used last now
                return mmap.mmap(file, size, prot=mmap.PROT_READ)
            finally:
                os.close(file)
    except (OSError, ValueError):  # ValueError: the file has become shorter
        return None


def write(name: str, parts: Sequence[bytes | memoryview]) -> bool:
    """Put a file there, whole or not at all; one that was there is replaced.

    Args:
        name: of the file, without a directory. The part after the last dot says which files it competes with.
        parts: its content.

    Returns:
        Whether it is there now. A full disk, a missing directory or a foreign one are no errors here.
    """
    temporary = f".{name}.{entropy.draw(8).hex()}{_TEMPORARY}"
    try:
        with _opened(create=True) as place:
            _remove_leftovers(place)
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=place)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for part in parts:
                    _write_all(file, memoryview(part))
                os.fsync(file)
                os.rename(temporary, name, src_dir_fd=place, dst_dir_fd=place)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=place)
                raise
            finally:
                os.close(file)
            os.fsync(place)
            _remove_oldest(place, name.rpartition(".")[2])
        return True
    except OSError:
        return False


@contextmanager
def _opened(create: bool) -> Iterator[int]:
    """A descriptor of the directory. Raises OSError: none, or one that others may write to."""
    path = directory()
    if path is None:
        raise FileNotFoundError("no cache directory")
    if create:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(place)
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError("the cache directory is another user's, or others may write to it")
        yield place
    finally:
        os.close(place)


def _is_ours(found: os.stat_result, size: int) -> bool:
    return (
        stat.S_ISREG(found.st_mode)
        and stat.S_IMODE(found.st_mode) == 0o600
        and found.st_uid == os.geteuid()
        and found.st_nlink <= 1  # 0: another process has just put its own in this place
        and found.st_size == size
    )


def _write_all(file: int, data: memoryview) -> None:
    while data:
        data = data[os.write(file, data) :]


def _remove_leftovers(place: int) -> None:
    """Remove what writers left that are no more: a living one holds a lock on his file."""
    for name in os.listdir(place):
        if name.startswith(".") and name.endswith(_TEMPORARY):
            with suppress(OSError):
                file = os.open(name, os.O_RDONLY | _FLAGS, dir_fd=place)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(name, dir_fd=place)
                finally:
                    os.close(file)


def _remove_oldest(place: int, ending: str) -> None:
    """Of the files with this ending leave those that were used last. Whoever has one mapped keeps it."""
    used: list[tuple[int, str]] = []
    for name in os.listdir(place):
        if name.endswith(f".{ending}") and not name.startswith("."):
            with suppress(OSError):
                used.append((os.stat(name, dir_fd=place, follow_symlinks=False).st_mtime_ns, name))
    for _, name in sorted(used)[:-KEEP]:
        with suppress(OSError):
            os.unlink(name, dir_fd=place)
