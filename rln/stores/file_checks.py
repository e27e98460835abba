"""File checks: the file system and permissions of a store's files, and their default directory."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from pathlib import Path
from typing import Final

from rln.base.home import user_directory
from rln.errors import ParameterError, StoreUnavailable

_MOUNTS: Final = Path("/proc/self/mountinfo")
_REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs", "davfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.ceph", "fuse.davfs2"}
)
_VOLATILE: Final = frozenset({"tmpfs", "ramfs"})


def state_directory() -> Path:
    """Return the user's directory for what must survive: `rln` in XDG_STATE_HOME or in ~/.local/state.

    Raises:
        ParameterError: the user has no home directory.
    """
    base = user_directory("XDG_STATE_HOME", ".local/state")
    if base is None:
        raise ParameterError(
            "message ids: expected a home directory, got none; set HOME or XDG_STATE_HOME to an absolute "
            "path, or name the file: sqlite:////path"
        )
    return base / "rln"


def check_local_file_system(path: Path, name: str) -> None:
    """Check that the file system of a path keeps what is written and supports locks.

    On a file system in memory, warn: a restart of the machine deletes the file.

    Args:
        path: path of the file, which need not exist.
        name: name of the store in messages.

    Raises:
        StoreUnavailable: the directory is missing, or it is on a network file system, whose locks and fsync
            are not reliable.
    """
    try:
        kind = _file_system(path.parent)
    except OSError as error:
        raise StoreUnavailable(f"{name}: {path.parent}: {error.strerror}") from error
    if kind in _REMOTE:
        raise StoreUnavailable(
            f"{name}: expected a local file system for {path}, got {kind}; choose another directory"
        )
    if kind in _VOLATILE:
        warnings.warn(f"{name}: {path} is on {kind}: a restart of the machine deletes it", stacklevel=3)


def ensure_private_file(path: Path, name: str) -> None:
    """Create a file that only its owner may read and write, or check that an existing file is one.

    Raises:
        StoreUnavailable: it cannot be created, is no regular file, belongs to another user, or other users
            may read or write it.
    """
    try:
        # Never open an existing file here, not even to look at it: closing it would drop every POSIX lock
        # that this process holds on it, including those of SQLite.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        found = os.lstat(path)
    except OSError as error:
        raise StoreUnavailable(f"{name}: {path}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnavailable(
            f"{name}: {path}: expected a regular file, got a directory, a link or a device"
        )
    if found.st_uid != os.geteuid():
        raise StoreUnavailable(
            f"{name}: {path}: expected a file of user {os.geteuid()}, got one of user {found.st_uid}"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise StoreUnavailable(
            f"{name}: {path}: expected mode 0600, got {stat.S_IMODE(found.st_mode):04o}; run chmod 600 on it"
        )


def _file_system(directory: Path) -> str:
    """Return the type of the file system of a directory, or an empty string if it is unknown."""
    device = os.stat(directory).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    if not _MOUNTS.exists():
        return ""
    for line in _MOUNTS.read_text(errors="replace").splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split(" ")[2] == wanted:
            return rest.split(" ")[0]
    return ""
