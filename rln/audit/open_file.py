"""OpenFile: an audit file that one process appends to, and that no other program may change.

Programs that tidy up directories rename, truncate, compress and delete files that are open elsewhere. The
system reports nothing to the process that appends: its writes succeed, and go to a file that nobody will
find. So the process compares what it knows with what is at the path, before and after each write.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from rln.atomic_files import write_file

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class OpenFile:
    """A new file, its name and the size that it must have.

    One thread at a time may use it. After a fork it belongs to the parent: the child must only close its copy
    of the descriptor, which changes nothing for the parent.

    Args:
        path: path of the file, which must not exist.
        header: its first bytes.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path, header: bytes) -> None:
        write_file(path, header, 0o600)
        self.path = path
        self._header = header
        self._size = len(header)
        self._file = os.open(path, _FLAGS)
        made = os.fstat(self._file)
        self._identity = made.st_dev, made.st_ino

    def append(self, data: bytes) -> int:
        """Write at the end, and return the number of bytes written, which are fewer on a full disk.

        Raises:
            OSError: nothing was written.
        """
        written = os.write(self._file, data)
        self._size += written
        return written

    def fault(self) -> str | None:
        """Return what another program did to the file; None if it is at its path, and whole.

        A change inside the records, which does not change the size, is not noticed here.
        """
        try:
            found = os.lstat(self.path)
            header = os.pread(self._file, len(self._header), 0)
        except FileNotFoundError:
            return "it was renamed, moved or deleted"
        except OSError as error:
            return error.strerror or type(error).__name__
        if (found.st_dev, found.st_ino) != self._identity:
            return "something else is in its place"
        if found.st_uid != os.geteuid() or not found.st_mode & stat.S_IRUSR:
            return "this user may not read it any more"
        if found.st_size != self._size:
            return f"expected {self._size} bytes, got {found.st_size}"
        if header != self._header:
            return "its first line was overwritten"
        return None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
