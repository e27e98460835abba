"""Cache of files that can be rebuilt at any time, in a directory that only the user can write to.

The directory is RLN_CACHE_DIR or, if that is unset, `rln` in XDG_CACHE_HOME or in ~/.cache. If RLN_CACHE_DIR
is empty, there is no cache. The directory is made with mode 0700. It is not used if it is a link, or if
another user owns it or may write to it. Without a usable directory nothing is cached, and nothing fails.

A file has mode 0600. It is written under a temporary name, is renamed, and never changes afterwards. It is
mapped, so that processes share its pages, if nobody but this user and the superuser can change it or put
another directory in the place of this one: each directory above belongs to this user or to root, and is
sticky if others may write to it. Otherwise it is read into memory of this process. A caller may therefore
check the digest of what `read` returns and then use it (threats D6).

What remains: a program of the same user, or the superuser, that truncates a mapped file in place ends every
process that uses it (SIGBUS), and one that overwrites it in place changes the tables of these processes
(threats F18). They could change the process itself as well. Do not truncate or edit a file here: delete it,
which harms no process.
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

from rln.base.home import user_directory
from rln.lowlevel import entropy

KEEP: Final = 4
"""Number of files with the same ending that the cache keeps; a new file replaces the least recently used."""

_TEMPORARY: Final = ".new"
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def directory() -> Path | None:
    """Return the directory, which need not exist yet; None if the user has no cache."""
    chosen = os.environ.get("RLN_CACHE_DIR")
    if chosen is None:
        base = user_directory("XDG_CACHE_HOME", ".cache")
        return None if base is None else base / "rln"
    return Path(chosen) if os.path.isabs(chosen) else None


def read(name: str, size: int) -> mmap.mmap | None:
    """Map a file, read-only, or read it into memory if others may exchange a directory above it.

    Args:
        name: of the file, without a directory.
        size: bytes that the file must have.

    Returns:
        The mapping, of the file or of memory; None if there is no such file, or it is not as `write` makes
        it: a regular file of this user without a second name, which no other user may read or write. The
        caller checks its content.
    """
    try:
        with _open_directory(create=False) as directory_fd:
            file = os.open(name, os.O_RDONLY | _FLAGS, dir_fd=directory_fd)
            try:
                if not _is_private(os.fstat(file), size):
                    return None
                with suppress(OSError):
                    os.utime(file)  # marks the file as used now
                if _others_may_exchange(directory()):
                    return _read_into_memory(file, size)
                return mmap.mmap(file, size, prot=mmap.PROT_READ)
            finally:
                os.close(file)
    except (OSError, ValueError):  # ValueError: the file was shortened meanwhile
        return None


def write(name: str, parts: Sequence[bytes | memoryview]) -> bool:
    """Write a file completely or not at all; an existing one is replaced.

    Args:
        name: of the file, without a directory. `KEEP` counts the files with the same ending, the part after
            the last dot.
        parts: its content, in order.

    Returns:
        Whether it was written. A full disk, or a directory that is missing or not usable, is not an error
        here.
    """
    temporary = f".{name}.{entropy.draw(8).hex()}{_TEMPORARY}"
    try:
        with _open_directory(create=True) as directory_fd:
            _remove_leftovers(directory_fd)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
            file = os.open(temporary, flags, 0o600, dir_fd=directory_fd)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for part in parts:
                    _write_all(file, memoryview(part))
                os.fsync(file)
                os.rename(temporary, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=directory_fd)
                raise
            finally:
                os.close(file)
            os.fsync(directory_fd)
            _remove_oldest(directory_fd, name.rpartition(".")[2])
        return True
    except OSError:
        return False


@contextmanager
def _open_directory(create: bool) -> Iterator[int]:
    """Open the directory and give its descriptor; raise OSError if it is missing or not usable."""
    path = directory()
    if path is None:
        raise FileNotFoundError("no cache directory")
    if create:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    directory_fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(directory_fd)
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError("the cache directory is another user's, or others may write to it")
        yield directory_fd
    finally:
        os.close(directory_fd)


def _is_private(found: os.stat_result, size: int) -> bool:
    return (
        stat.S_ISREG(found.st_mode)
        and stat.S_IMODE(found.st_mode) == 0o600
        and found.st_uid == os.geteuid()
        and found.st_nlink <= 1  # 0: another process has just replaced the file
        and found.st_size == size
    )


def _others_may_exchange(path: Path | None) -> bool:
    """Return whether another user could put another directory in the place of this one or of one above."""
    for parent in () if path is None else Path(os.path.realpath(path)).parents:
        found = os.stat(parent)
        if found.st_uid not in (0, os.geteuid()):
            return True
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
            return True
    return False


def _read_into_memory(file: int, size: int) -> mmap.mmap | None:
    """Read a file of this size into new memory, aligned to a page; None if it became shorter meanwhile."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    done = 0
    while done < size:
        count = os.readv(file, [memoryview(memory)[done:]])
        if count == 0:
            return None
        done += count
    return memory


def _write_all(file: int, data: memoryview) -> None:
    while data:
        data = data[os.write(file, data) :]


def _remove_leftovers(directory_fd: int) -> None:
    """Remove temporary files of processes that have ended; a process that still writes holds a lock."""
    for name in os.listdir(directory_fd):
        if name.startswith(".") and name.endswith(_TEMPORARY):
            with suppress(OSError):
                file = os.open(name, os.O_RDONLY | _FLAGS, dir_fd=directory_fd)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(name, dir_fd=directory_fd)
                finally:
                    os.close(file)


def _remove_oldest(directory_fd: int, ending: str) -> None:
    """Remove all but the last used files with this ending. A file that is mapped stays readable there."""
    used: list[tuple[int, str]] = []
    for name in os.listdir(directory_fd):
        if name.endswith(f".{ending}") and not name.startswith("."):
            with suppress(OSError):
                used.append((os.stat(name, dir_fd=directory_fd, follow_symlinks=False).st_mtime_ns, name))
    for _, name in sorted(used)[:-KEEP]:
        with suppress(OSError):
            os.unlink(name, dir_fd=directory_fd)
