"""Slashed file: every slashing of a registry once more, in a file of its own beside the database.

If a database is restored from a backup, it lacks what was slashed since. The secrets of those members are
public, so their messages must stay refused. So each slashing is also appended to the file `NAME-slashed`, and
synced, before the database commits it. A database that lacks slashings of the file notes them again when it
is opened.

    128 bytes   rln-slashed members, form 1, spaces, a line feed
    128 bytes   each slashing, in hexadecimal: commitment, time of the slashing and time by which the leaf
                must be removed (unix milliseconds), time of writing (unix nanoseconds), CRC-32; a line feed

No record crosses a sector of a disk. A record that is shorter, or has zero bytes, was never written whole: so
it was never synced and its slashing was never committed.

The file may have been restored together with the database. This shows: the database records the file's
inode and the time of the inode's last change (ctime), which no program can set, so no copy has the same. If
the file has more records than the database knows, it must have been changed when its last record says that it
was written. The device is not compared: its number may be another one after each restart of the machine.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rln.atomic_files import write_file
from rln.base import scalar
from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.stores.file_checks import ensure_private_file
from rln.stores.sql_rows import ForeignRow

SlashedRecord = tuple[int, int, int]
"""Commitment, time of the slashing, and time by which the leaf must be removed, in unix milliseconds."""

_SIZE: Final = 128
_HEADER: Final = b"rln-slashed members, form 1".ljust(_SIZE - 1) + b"\n"
_CLOCK_TOLERANCE: Final = 1_000_000_000
"""Nanoseconds between the time in a record and the time at which the file changed, at most: file systems
round times to a second, and a machine may be slow."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What the file looks like from outside, and how much it contains.

    Attributes:
        inode: number of its inode.
        changed: when the inode changed last, nanoseconds.
        count: number of its slashings.
        written: time in its last record, nanoseconds; not compared.
    """

    inode: int
    changed: int
    count: int
    written: int = 0

    def encode(self) -> str:
        """Encode the state for the database."""
        return f"{self.inode} {self.changed} {self.count}"

    @classmethod
    def decode(cls, text: str) -> FileState | None:
        """Decode a state that the database recorded; None: it has recorded none.

        Raises:
            ForeignRow: any other text.
        """
        parts = text.split(" ")
        if not text:
            return None
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
            raise ForeignRow(f"rln_registry: origin: expected three numbers, got {len(text)} characters")
        return cls(*map(int, parts))

    def fits(self, recorded: FileState | None) -> bool:
        """Tell whether this is the state that the database recorded."""
        return recorded is not None and (self.inode, self.changed, self.count) == (
            recorded.inode,
            recorded.changed,
            recorded.count,
        )

    def reason_for_doubt(self, recorded: FileState | None) -> str | None:
        """Return why slashings may be missing in this file; None: it is the newest."""
        if self.fits(recorded):
            return None
        known = 0 if recorded is None else recorded.count
        if self.count < known:
            return f"it has {self.count} slashings and the database has recorded {known}: it was restored"
        if recorded is not None and self.inode != recorded.inode:
            return "it is not the file that the database has recorded: it was copied or restored"
        if self.count > known and abs(self.changed - self.written) <= _CLOCK_TOLERANCE:
            return None  # the database is older, or a process was killed before it committed
        if recorded is None and self.count == 0:
            return None  # a process was killed when it created the registry
        return "it has changed since its last slashing: it was restored, or another program has changed it"


class SlashedFile:
    """The file of slashings beside a database. Use it within a transaction that excludes other changes.

    It is opened for each call, so that there is nothing to close, and nothing that a fork could copy.

    Args:
        database: path of the database.
        name: name of the store in messages.
    """

    def __init__(self, database: Path, name: str) -> None:
        self.path = database.with_name(database.name + "-slashed")
        self._name = name

    def __repr__(self) -> str:
        return f"SlashedFile({str(self.path)!r})"

    def exists(self) -> bool:
        """Tell whether there is such a file."""
        return os.path.lexists(self.path)

    def quick_state(self) -> FileState | None:
        """Return the state without the content of the file, or None if there is no file.

        Raises:
            StoreUnavailable: it cannot be inspected.
        """
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.unavailable(error) from error
        return FileState(found.st_ino, found.st_ctime_ns, found.st_size // _SIZE - 1)

    def read(self, known: int) -> tuple[FileState, list[SlashedRecord]]:
        """Return the state and all slashings.

        Args:
            known: number of slashings that were certainly written whole.

        Raises:
            StoreUnavailable: the file cannot be read, or other users may read or write it.
            IntegrityAlarm: the file is damaged.
        """
        ensure_private_file(self.path, self._name)
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                data = file.read()
        except OSError as error:
            raise self.unavailable(error) from error
        if data[:_SIZE] != _HEADER:
            raise self._damaged("expected a list of slashed members of form 1")
        records: list[SlashedRecord] = []
        written = 0
        for start in range(_SIZE, len(data), _SIZE):
            line = data[start : start + _SIZE]
            decoded = _decode(line)
            if decoded is None:
                if len(records) < known or (len(line) == _SIZE and b"\0" not in line):
                    raise self._damaged(f"slashing {len(records)}: expected a record with its checksum")
                break
            record, written = decoded
            records.append(record)
        return FileState(found.st_ino, found.st_ctime_ns, len(records), written), records

    def write(self, start: int, records: Sequence[SlashedRecord]) -> FileState:
        """Write records behind the first `start` of them, sync the file, and return its state.

        Raises:
            StoreUnavailable: it is unknown what was written.
        """
        written = time.clock_gettime_ns(time.CLOCK_REALTIME)
        data = b"".join(_encode(record, written) for record in records)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                offset = _SIZE * (start + 1)
                done = os.pwrite(descriptor, data, offset)
                while done < len(data):
                    done += os.pwrite(descriptor, data[done:], offset + done)
                os.fsync(descriptor)
                found = os.fstat(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self.unavailable(error) from error
        return FileState(found.st_ino, found.st_ctime_ns, start + len(records), written)

    def replace(self, records: Sequence[SlashedRecord]) -> FileState:
        """Write a new file with these slashings, whole or not at all, and return its state.

        Raises:
            StoreUnavailable: it was not written.
        """
        written = time.clock_gettime_ns(time.CLOCK_REALTIME)
        try:
            write_file(self.path, _HEADER + b"".join(_encode(one, written) for one in records), 0o600)
            found = os.lstat(self.path)
        except OSError as error:
            raise self.unavailable(error) from error
        return FileState(found.st_ino, found.st_ctime_ns, len(records), written)

    def unavailable(self, error: OSError) -> StoreUnavailable:
        """Return the error of a failed call."""
        return StoreUnavailable(f"{self._name}: {self.path}: {error.strerror}")

    def _damaged(self, text: str) -> IntegrityAlarm:
        return IntegrityAlarm(
            f"{self._name}: {self.path}: {text}, got other bytes; find out what changed the file; if it is "
            "lost, move it away and run `rln group restored`"
        )


def _encode(record: SlashedRecord, written: int) -> bytes:
    line = b"%064x %016x %016x %016x " % (*record, written)
    return line + b"%011x\n" % zlib.crc32(line)


def _decode(line: bytes) -> tuple[SlashedRecord, int] | None:
    """Decode a slashing and the time at which it was written; None: the line is not whole."""
    try:
        commitment, noted, due, written, _ = (int(part, 16) for part in line.split())
    except ValueError:
        return None
    record = (commitment, noted, due)
    if not 0 < commitment < scalar.ORDER or line != _encode(record, written):
        return None
    return record, written
