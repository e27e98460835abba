"""AuditedEpoch: one audit file, which any program may read while a verifier appends to it.

Files are read in pieces, never mapped: another program may truncate them at any moment (threats F18). All
records of a file have one length, so a damaged record does not hide the records after it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from rln.base import canonical_json, scalar
from rln.base.bounds import MAX_SLOTS
from rln.errors import EncodingError, InputError
from rln.keys.verifying_key import VerifyingKey
from rln.protocol import proof_record
from rln.protocol.epoch import MAX_PERIOD, Epoch
from rln.protocol.proof import AnyProof

SUFFIX: Final = ".audit"
_MAGIC: Final = b"rln audit "
_HEADER: Final = 4096
_PIECE: Final = 1 << 20
_NAME: Final = "audit"
_FIELDS: Final = ("identifier", "index", "period", "external_nullifier", "verifying_key", "public_values")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*\Z")
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class AuditedEpoch:
    """One audit file, opened anew for each iteration. Safe to use from several threads and across forks.

    Attributes:
        path: path of the file.
        epoch: the epoch of its messages.
        verifying_key: SHA-256 of the key that its messages were verified with, 64 hexadecimal digits.
        public_values: number of public values of each message.
        start: byte offset of the first record.
    """

    path: Path
    epoch: Epoch
    verifying_key: str
    public_values: int
    start: int

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the first line of a file.

        Raises:
            EncodingError: the file is not an audit file, or a directory, a link or a device.
            OSError: the file cannot be read.
        """
        with _open(path) as file:
            line = file.readline(_HEADER)
        if not line.startswith(_MAGIC) or not line.endswith(b"\n"):
            raise EncodingError(f"{path}: expected an audit file, got other content")
        found = canonical_json.fields(
            canonical_json.read(line[len(_MAGIC) : -1], _NAME, _HEADER), _NAME, _FIELDS
        )
        identifier = canonical_json.text(found["identifier"], "identifier")
        if not _HEX.match(identifier):
            raise EncodingError(f"{path}: identifier: expected hexadecimal digits, got {identifier[:16]!r}")
        index = canonical_json.integer(found["index"], "index", 0, 10**16 - 1)
        period = canonical_json.integer(found["period"], "period", 1, MAX_PERIOD)
        epoch = Epoch.of(index, period, bytes.fromhex(identifier))
        if scalar.parse(found["external_nullifier"], "external_nullifier") != epoch.external_nullifier:
            raise EncodingError(f"{path}: its external nullifier is not that of its epoch: it is damaged")
        values = canonical_json.integer(found["public_values"], "public_values", 5, 3 + 3 * MAX_SLOTS)
        return cls(
            path, epoch, canonical_json.text(found["verifying_key"], "verifying_key"), values, len(line)
        )

    @property
    def size(self) -> int:
        """Size of one record in bytes."""
        return proof_record.size(self.public_values)

    @property
    def cut(self) -> int:
        """Number of bytes after the last whole record: a crash has cut a record short."""
        return max(self.path.stat().st_size - self.start, 0) % self.size

    def messages(self) -> Iterator[AnyProof]:
        """Iterate over the messages in the order in which they were written, except one that was cut short.

        Raises:
            EncodingError: after the last message: some records are damaged; all others were returned.
            OSError: the file cannot be read.
        """
        damage = _Damage(self.path)
        number = 0
        for piece in self._pieces(0):
            for at in range(0, len(piece), self.size):
                number += 1
                try:
                    found = proof_record.decode(piece[at : at + self.size])
                except InputError as error:
                    damage.add(number, str(error))
                    continue
                yield found
        damage.check()

    def find(self, nullifier: int) -> Iterator[AnyProof]:
        """Iterate over the messages that have a nullifier, without decoding the others.

        Raises:
            EncodingError: after the last message: a record that holds the nullifier is damaged.
            OSError: the file cannot be read.
        """
        wanted = scalar.encode(nullifier, "nullifier")
        damage = _Damage(self.path)
        before = 0
        for piece in self._pieces(0):
            at = number = -1
            while (at := piece.find(wanted, at + 1)) >= 0:
                if at // self.size == number:
                    continue
                number = at // self.size
                try:
                    found = proof_record.decode(piece[number * self.size : (number + 1) * self.size])
                except InputError as error:
                    damage.add(before + number + 1, str(error))
                    continue
                if any(share.nullifier == nullifier for share in found.shares):
                    yield found
            before += len(piece) // self.size
        damage.check()

    def check_records(self, first: int) -> tuple[int, int]:
        """Compare checksums, without decoding.

        Args:
            first: number of records at the start of the file that are left out.

        Returns:
            The number of whole records in the file, and how many of the compared ones are damaged.

        Raises:
            OSError: the file cannot be read.
        """
        number, damaged = first, 0
        for piece in self._pieces(first):
            damaged += proof_record.count_damaged(piece, self.public_values)
            number += len(piece) // self.size
        return number, damaged

    def _pieces(self, first: int) -> Iterator[bytes]:
        """Iterate over the whole records from number `first` on, many in one piece."""
        count = max(_PIECE // self.size, 1)
        with _open(self.path) as file:
            file.seek(self.start + first * self.size)
            while piece := file.read(count * self.size):
                yield piece[: len(piece) // self.size * self.size]


class _Damage:
    """The damaged records of one file, met while the others are read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records = 0
        self._first = ""

    def add(self, number: int, reason: str) -> None:
        """Note the record with this number, counted from 1."""
        self._records += 1
        self._first = self._first or f"number {number}: {reason}"

    def check(self) -> None:
        if self._records:
            raise EncodingError(f"{self._path}: {self._records} damaged records, the first {self._first}")


def encode_header(epoch: Epoch, verifying_key: VerifyingKey) -> bytes:
    """Return the first line of the file of an epoch."""
    header = {
        "identifier": epoch.identifier.hex(),
        "index": epoch.index,
        "period": epoch.period,
        "external_nullifier": str(epoch.external_nullifier),
        "verifying_key": verifying_key.digest,
        "public_values": verifying_key.public_inputs,
    }
    return _MAGIC + canonical_json.write(header) + b"\n"


def audit_paths(directory: Path, prefix: str = "") -> list[Path]:
    """Return the paths of a directory that audit files have, by name.

    Args:
        directory: the directory.
        prefix: of the names.

    Raises:
        OSError: the directory is missing or cannot be read.
    """
    names = sorted(os.listdir(directory))
    return [directory / name for name in names if name.startswith(prefix) and name.endswith(SUFFIX)]


def read_headers(paths: Iterable[Path]) -> tuple[list[AuditedEpoch], dict[Path, str]]:
    """Read the first lines of audit files, and go on past damaged ones.

    Returns:
        The files ordered by epoch, and what is wrong with each file that cannot be read.
    """
    found: list[AuditedEpoch] = []
    damaged: dict[Path, str] = {}
    for path in paths:
        try:
            found.append(AuditedEpoch.read(path))
        except (OSError, InputError) as error:
            damaged[path] = describe_fault(path, error)
    return sorted(found, key=lambda audited: audited.epoch.index), damaged


def audited_epochs(directory: Path) -> list[AuditedEpoch]:
    """Return the audit files of a directory, ordered by epoch.

    Raises:
        EncodingError: a file with the suffix `.audit` is not an audit file, or cannot be read; `read_headers`
            goes on past it.
        OSError: the directory cannot be read.
    """
    found, damaged = read_headers(audit_paths(directory))
    for path, reason in damaged.items():
        raise EncodingError(f"{path}: {reason}")
    return found


def describe_fault(path: Path, error: OSError | InputError) -> str:
    """Return what is wrong with a file, without its path."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error).removeprefix(f"{path}: ")


def _open(path: Path) -> BinaryIO:
    """Open a regular file; never wait for a pipe, and never follow a link that somebody left in its place."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise EncodingError(f"{path}: expected an audit file, got a link") from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise EncodingError(f"{path}: expected an audit file, got a directory or a device")
