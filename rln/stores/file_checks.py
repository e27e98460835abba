"""File checks: the file system and permissions of a store's files, and their default directory."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Iterable, Iterator
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
_OF_ONE_DEVICE: Final = _VOLATILE | frozenset(
    {"ext2", "ext3", "ext4", "xfs", "f2fs", "jfs", "zfs", "bcachefs", "vfat", "exfat", "ntfs3", "hfsplus"}
    | {"squashfs", "erofs", "iso9660", "udf", "cramfs", "romfs"}
)
"""File systems that nothing but this kernel writes, and that show no other file system, as overlay, FUSE and
virtiofs do. Others are left out, for example btrfs, whose mounts cannot be found by their device.
"""
_OTHERS_WRITE: Final = 0o022

_Mount = tuple[list[str], list[str]]
"""The fields about a mount, and those about its file system; see proc(5), mountinfo."""


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


def ensure_private_file(path: Path, name: str, *, others_may_read: bool = False) -> None:
    """Create a file that only its owner may read and write, or check that an existing file is one.

    Args:
        path: path of the file.
        name: name of the store in messages.
        others_may_read: an existing file may be readable for other users, if its owner has allowed it.

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
    _check_regular(found, path, name)
    if found.st_uid != os.geteuid():
        raise StoreUnavailable(
            f"{name}: {path}: expected a file of user {os.geteuid()}, got one of user {found.st_uid}"
        )
    if stat.S_IMODE(found.st_mode) & (_OTHERS_WRITE if others_may_read else 0o077):
        raise StoreUnavailable(
            f"{name}: {path}: expected mode 0600, got {stat.S_IMODE(found.st_mode):04o}; run chmod 600 on it"
        )


def reason_not_to_write(path: Path) -> str | None:
    """Return why this process must not write an existing file or its directory; None: it may.

    Raises:
        OSError: the file cannot be inspected.
    """
    owner = os.lstat(path).st_uid
    if owner != os.geteuid():
        return f"it belongs to user {owner}, and this is user {os.geteuid()}"
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return "its file system is mounted read-only"
    if not os.access(path, os.W_OK, effective_ids=True):
        return f"user {owner} may not write it"
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        return f"user {owner} may not write its directory"
    return None


def check_readable_file(path: Path, name: str) -> None:
    """Check that this user may read a file, and that only its owner may write it.

    Raises:
        StoreUnavailable: it is no regular file, this user may not read it, or users other than its owner may
            write it.
    """
    try:
        found = os.lstat(path)
    except OSError as error:
        raise StoreUnavailable(f"{name}: {path}: {error.strerror}") from error
    _check_regular(found, path, name)
    mode = stat.S_IMODE(found.st_mode)
    if not os.access(path, os.R_OK, effective_ids=True):
        raise StoreUnavailable(
            f"{name}: {path}: user {os.geteuid()} may not read it: it has mode {mode:04o} and belongs to "
            f"user {found.st_uid}; run the command as this user, or ask them for the permission to read it "
            "and its directory"
        )
    if mode & _OTHERS_WRITE:
        raise StoreUnavailable(
            f"{name}: {path}: users other than its owner, user {found.st_uid}, may write it: it has mode "
            f"{mode:04o}; its owner must run chmod go-w on it"
        )


def is_unchangeable(path: Path) -> bool:
    """Tell whether the whole file system of a file is read-only, so that nobody can write the file.

    A mount that is read-only can be one of several mounts of a file system that others write. A file can be a
    mount of its own; then its WAL is not beside it.
    """
    mounts = list(_mounts())
    if os.stat(path).st_dev != os.stat(path.parent).st_dev or _is_mounted(path, mounts):
        return False
    kind, options = _mounted(path.parent, mounts)
    return kind in _OF_ONE_DEVICE and options.split(",")[0] == "ro"


def file_state(path: Path) -> tuple[int, int, int]:
    """Return what changes whenever a file is written: its size, and the times of its last changes."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _check_regular(found: os.stat_result, path: Path, name: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnavailable(
            f"{name}: {path}: expected a regular file, got a directory, a link or a device"
        )


def _file_system(directory: Path) -> str:
    """Return the type of the file system of a directory, or an empty string if it is unknown."""
    return _mounted(directory, _mounts())[0]


def _mounted(directory: Path, mounts: Iterable[_Mount]) -> tuple[str, str]:
    """Return the type and the options of the file system of a directory; empty strings: it is unknown."""
    device = os.stat(directory).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for mount, system in mounts:
        if mount[2] == wanted:
            return system[0], system[2]
    return "", ""


def _is_mounted(path: Path, mounts: Iterable[_Mount]) -> bool:
    """Tell whether a path is the place of a mount."""
    place = os.path.realpath(path)
    for character in "\\ \t\n":  # the kernel writes them so; the backslash first
        place = place.replace(character, f"\\{ord(character):03o}")
    return any(mount[4] == place for mount, _ in mounts)


def _mounts() -> Iterator[_Mount]:
    """Yield all mounts that this process sees; none if that is not known."""
    if not _MOUNTS.exists():
        return
    for line in _MOUNTS.read_bytes().split(b"\n"):  # a name may have other separators of lines
        mount, _, system = os.fsdecode(line).partition(" - ")
        if system:
            yield mount.split(" "), system.split(" ")
