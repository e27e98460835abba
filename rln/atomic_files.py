"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from rln.lowlevel import entropy


def check_writable(path: Path) -> None:
    """Look whether `write_file` may put a file there, before the work that makes its content.

    Raises:
        OSError: a directory, a link or a device stands there, or the folder is missing or closed to us.
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


def write_file(path: Path, data: bytes | Sequence[bytes | memoryview], mode: int = 0o644) -> None:
    """Write a whole file beside its place, make it durable, move it there, and make that durable.

    Args:
        path: of the file; one that is there is replaced, anything else than a regular file is not.
        data: its content, whole or in parts, one behind the other.
        mode: permissions; 0o600 for what holds a secret.

    Raises:
        OSError: it was not written; what stood there before still does. Only when the disk fails at the last
            step, the new file is there, and nobody knows whether it stays.
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
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_new_file(path: Path, data: bytes) -> None:
    """Write a secret to a file that was not there, with mode 0600, and make it durable.

    Raises:
        OSError: something stands there already, or it was not written; then nothing is left of it.
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


def _sync_folder(folder: Path) -> None:
    """Make durable which files a folder has; some file systems keep no such promise and say so."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
