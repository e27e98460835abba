"""Place: where a store's files may stand, and where they stand when nobody says."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from pathlib import Path
from typing import Final

from rln.errors import StoreUnavailable

_MOUNTS: Final = Path("/proc/self/mountinfo")
_REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs", "davfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.ceph", "fuse.davfs2"}
)
_VOLATILE: Final = frozenset({"tmpfs", "ramfs"})


def state_directory() -> Path:
    """Return the user's directory for what must survive: `rln` in XDG_STATE_HOME or in ~/.local/state."""
    base = os.environ.get("XDG_STATE_HOME", "")
    # As the XDG specification has it, a relative path there counts as none.
    return Path(base if os.path.isabs(base) else os.path.expanduser("~/.local/state")) / "rln"


def check_local_file_system(path: Path, name: str) -> None:
    """Look whether a file system keeps what is written there and locks what is locked.

    Warns on a file system in memory: what is there is gone after a restart of the machine.

    Args:
        path: of the file, which may be missing.
        name: what messages call the store.

    Raises:
        StoreUnavailable: the directory is missing, or on a network file system, whose locks and fsync cannot
            be relied upon.
    """
    try:
        kind = _file_system(path.parent)
    except OSError as error:
        raise StoreUnavailable(f"{name}: {path.parent}: {error.strerror}") from error
    if kind in _REMOTE:
        raise StoreUnavailable(f"{name}: expected a local file system for {path}, got {kind}")
    if kind in _VOLATILE:
        warnings.warn(f"{name}: {path} is on {kind}: it is gone after a restart", stacklevel=3)


def ensure_private_file(path: Path, name: str) -> None:
    """Make a file, when there is none, that its owner alone may read and write.

    Raises:
        StoreUnavailable: it cannot be made, is no regular file, belongs to somebody else, or others may read
            or write it.
    """
    try:
        # Not even for a look is a file opened that is there: closing it again would drop every POSIX lock
        # that this process holds on it, those of SQLite included.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        found = os.lstat(path)
    except OSError as error:
        raise StoreUnavailable(f"{name}: {path}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnavailable(f"{name}: {path}: expected a regular file, got something else")
    if found.st_uid != os.geteuid():
        raise StoreUnavailable(f"{name}: {path}: expected a file of this user, got another's")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise StoreUnavailable(
            f"{name}: {path}: expected mode 0600, got {stat.S_IMODE(found.st_mode):04o}: others may read it"
        )


def _file_system(directory: Path) -> str:
    """Return the type of the file system that a directory is on, or an empty string where nothing tells."""
    device = os.stat(directory).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    if not _MOUNTS.exists():
        return ""
    for line in _MOUNTS.read_text(errors="replace").splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split(" ")[2] == wanted:
            return rest.split(" ")[0]
    return ""
