"""Audit files: keep accepted messages and evidence for later inspection.

A directory holds one file for each epoch and each verifier that uses the directory. Each write appends the
messages of a whole batch, and nothing else in a file changes. A file is

    "rln audit " and a JSON object on one line
        identifier           rln identifier before hashing, hexadecimal
        index, period        of the epoch
        external_nullifier   decimal text
        verifying_key        SHA-256 of the key, 64 hexadecimal digits
        public_values        number of public values of each message; all records have one length
    records of messages, `rln.protocol.proof_record`

A file holds no signals and no addresses. You can copy a file to another machine and read it there
(`AuditedEpoch.read`). A crash can cut the last record short. A power failure loses messages that the machine
had not yet written to disk.
"""

from __future__ import annotations

import mmap
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from rln.atomic_files import write_file
from rln.base import canonical_json, scalar
from rln.base.arguments import instance
from rln.base.bounds import MAX_SLOTS
from rln.errors import EncodingError, InputError, StoreUnavailable
from rln.keys.verifying_key import VerifyingKey
from rln.lowlevel import entropy
from rln.protocol import proof_record
from rln.protocol.epoch import MAX_PERIOD, Epoch
from rln.protocol.proof import AnyProof
from rln.stores.file_checks import check_local_file_system
from rln.stores.refusals import check_before
from rln.verifying.ports import AuditTrail

SUFFIX: Final = ".audit"
_MAGIC: Final = b"rln audit "
_HEADER: Final = 4096
_OPEN: Final = 64
_NAME: Final = "audit"
_FIELDS: Final = ("identifier", "index", "period", "external_nullifier", "verifying_key", "public_values")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*\Z")


@dataclass(frozen=True, slots=True)
class AuditedEpoch:
    """One audit file.

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
            EncodingError: the file is not an audit file.
            OSError: the file cannot be read.
        """
        with path.open("rb") as file:
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
            EncodingError: a record is damaged.
            InputError: a record has values that no proof has.
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as file:
            file.seek(self.start)
            while len(data := file.read(self.size)) == self.size:
                yield proof_record.decode(data)

    def find(self, nullifier: int) -> Iterator[AnyProof]:
        """Iterate over the messages that have a nullifier, without decoding the others.

        Raises:
            As `messages`.
        """
        wanted = scalar.encode(nullifier, "nullifier")
        with self.path.open("rb") as file:
            if self.path.stat().st_size == self.start:
                return  # an empty range cannot be mapped
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                at, seen = self.start, -1
                while (at := data.find(wanted, at)) >= 0:
                    number = (at - self.start) // self.size
                    begin = self.start + number * self.size
                    at += 1
                    if number == seen or begin + self.size > len(data):
                        continue
                    found = proof_record.decode(data[begin : begin + self.size])
                    if any(share.nullifier == nullifier for share in found.shares):
                        seen = number
                        yield found


class _Writer:
    """The files that one process has open.

    Attributes:
        open: file descriptors by external nullifier, oldest first.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = threading.RLock()
        self.open: dict[int, int] = {}

    def close_epoch(self, name: int) -> None:
        """Close the file of an epoch, if it is open."""
        with self.lock:
            descriptor = self.open.pop(name, None)
            if descriptor is not None:
                os.close(descriptor)


class AuditFiles(AuditTrail):
    """An `AuditTrail` in files. Safe to use from several threads, across forks, and from several processes.

    Args:
        directory: for the files of this verifier and others. It is made with mode 0700 if it is missing.
        verifying_key: the key that the messages are verified with.

    Raises:
        StoreUnavailable: the directory cannot be used, or other users may write to it.
    """

    def __init__(self, directory: Path | str, verifying_key: VerifyingKey) -> None:
        instance(verifying_key, VerifyingKey, "verifying_key")
        self._directory = Path(directory)
        self._key = verifying_key
        self._writer = _Writer()
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._directory.stat()
        except OSError as error:
            raise _unavailable(self._directory, error) from error
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise StoreUnavailable(
                f"audit: {directory}: expected a directory that only this user owns and may write to; "
                "change its owner or mode"
            )
        check_local_file_system(self._directory / f"any{SUFFIX}", _NAME)

    def __repr__(self) -> str:
        return f"AuditFiles({str(self._directory)!r})"

    def append_many(self, messages: Sequence[tuple[Epoch, AnyProof]]) -> None:
        """Write messages, with one write for each epoch; see `AuditTrail`."""
        batches: dict[int, tuple[Epoch, list[bytes]]] = {}
        for epoch, proof in messages:
            batches.setdefault(epoch.external_nullifier, (epoch, []))[1].append(proof_record.encode(proof))
        writer = self._own_writer()
        with writer.lock:
            for epoch, records in batches.values():
                self._write(writer, epoch, b"".join(records))

    def lookup(self, epoch: Epoch, nullifier: int) -> list[AnyProof]:
        """Return the messages with a nullifier from all files of the directory; see `AuditTrail`."""
        try:
            return [
                proof
                for path in self._directory.glob(f"{epoch.index}-*{SUFFIX}")
                if (audited := AuditedEpoch.read(path)).epoch == epoch
                for proof in audited.find(nullifier)
            ]
        except (OSError, InputError) as error:
            raise StoreUnavailable(f"audit: {error}") from error

    def forget(self, before: int) -> None:
        """Delete the files of epochs that ended at unix time `before` or earlier; see `AuditTrail`."""
        check_before(before)
        failed: list[Exception] = []
        for path in self._directory.glob(f"*{SUFFIX}"):
            try:
                epoch = AuditedEpoch.read(path).epoch
                if epoch.end <= before:
                    self._own_writer().close_epoch(epoch.external_nullifier)
                    path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # another process has deleted it
            except (OSError, InputError) as error:
                failed.append(error)
        if failed:
            raise StoreUnavailable(
                f"audit: {failed[0]}; {len(failed)} files are left; call again"
            ) from failed[0]

    def epochs(self) -> list[AuditedEpoch]:
        """Return the files of the directory, ordered by epoch.

        Raises:
            EncodingError: a file with the suffix `.audit` is not an audit file.
            OSError: a file cannot be read.
        """
        return audited_epochs(self._directory)

    def close(self) -> None:
        """Close the files. A later message makes new ones."""
        writer = self._own_writer()
        for name in list(writer.open):
            writer.close_epoch(name)

    def _own_writer(self) -> _Writer:
        """Return the open files of this process. A forked child makes its own files and its own lock."""
        if self._writer.process != os.getpid():
            self._writer = _Writer()
        return self._writer

    def _write(self, writer: _Writer, epoch: Epoch, data: bytes) -> None:
        name = epoch.external_nullifier
        try:
            if name not in writer.open:
                writer.open[name] = self._create(epoch)
                while len(writer.open) > _OPEN:
                    writer.close_epoch(next(iter(writer.open)))
            written = os.write(writer.open[name], data)
        except OSError as error:
            writer.close_epoch(name)
            raise _unavailable(self._directory, error) from error
        if written != len(data):
            writer.close_epoch(name)  # nothing may follow half a record: the next write makes a new file
            raise StoreUnavailable(
                f"audit: {self._directory}: wrote {written} of {len(data)} bytes; check the disk"
            )

    def _create(self, epoch: Epoch) -> int:
        header = {
            "identifier": epoch.identifier.hex(),
            "index": epoch.index,
            "period": epoch.period,
            "external_nullifier": str(epoch.external_nullifier),
            "verifying_key": self._key.digest,
            "public_values": self._key.public_inputs,
        }
        path = self._directory / f"{epoch.index}-{entropy.draw(8).hex()}{SUFFIX}"
        write_file(path, _MAGIC + canonical_json.write(header) + b"\n", 0o600)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)


def audited_epochs(directory: Path) -> list[AuditedEpoch]:
    """Return the audit files of a directory, ordered by epoch.

    Raises:
        EncodingError: a file with the suffix `.audit` is not an audit file.
        OSError: a file cannot be read.
    """
    found = [AuditedEpoch.read(path) for path in sorted(directory.glob(f"*{SUFFIX}"))]
    return sorted(found, key=lambda audited: audited.epoch.index)


def _unavailable(directory: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"audit: {directory}: {error.strerror}")
