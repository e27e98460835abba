"""Atomic files: a file appears completely or not at all. A file with a secret is its owner's alone."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from rln.errors import ParameterError
from rln.lowlevel import entropy


def check_writable(path: Path) -> None:
    """Check that `write_file` can put a file at this path, before the work that makes its content.

    Raises:
        OSError: the path is a directory, a link or a device, or its folder is missing or not writable.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise FileExistsError(
            errno.EEXIST, "expected a regular file or none, got a link or a device", str(path)
        )
    os.stat(path.parent)
    if not path.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))


def write_file(
    path: Path, data: bytes | Sequence[bytes | memoryview], mode: int = 0o644, *, new: bool = False
) -> None:
    """Write a complete file under a temporary name, sync it, rename it to its path, and sync the folder.

    Args:
        path: path of the file; an existing regular file is replaced, anything else is refused.
        data: the content, in one piece or in parts that follow each other.
        mode: permissions; use 0o600 for a secret.
        new: replace nothing, also not what another process puts there meanwhile.

    Raises:
        OSError: the file was not written, and the file that was there before is unchanged. Only if the last
            sync fails, the new file is there and may or may not survive a crash.
    """
    check_writable(path)
    temporary = path.with_name(f".{path.name}.{entropy.draw(8).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in [data] if isinstance(data, bytes) else data:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if new:
            _name_new(temporary, path)
        else:
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_new_file(path: Path, data: bytes) -> None:
    """Write a secret to a file that did not exist, with mode 0600, and sync it.

    Raises:
        OSError: the path already exists, or the file was not written; then no part of it is left.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except BaseException:
        path.unlink()
        raise


def read_private_file(path: Path, limit: int) -> bytes:
    """Return the content of a file with a secret, at most `limit` bytes of it.

    Raises:
        OSError: the file cannot be read.
        ParameterError: other users may read or write the file.
    """
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise ParameterError(
                f"{path}: expected mode 0600, got {mode:04o}: other users may read it; run chmod 600"
            )
        return file.read(limit)


def _name_new(temporary: Path, path: Path) -> None:
    """Rename a file to a path at which there is none."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        # A file system without links: an empty file takes the name first.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.replace(temporary, path)
    else:
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Sync the names in a folder. A file system that does not support this says EINVAL, which is ignored."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
