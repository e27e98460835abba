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
(`rln.audit.audited_epoch`). A crash can cut the last record short. A power failure loses messages that the
machine had not yet written to disk.

Keep other programs, such as logrotate, away from the directory: only the process that made a file may change
it. Before and after each write, this process checks that its file is at its path, with the size and the first
line that it must have. If not, it writes the messages to a new file, and reports the old one once (`damage`):
a message is served only if it was kept (threats F20).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from rln.audit.audited_epoch import (
    SUFFIX,
    AuditedEpoch,
    audit_paths,
    audited_epochs,
    describe_fault,
    encode_header,
)
from rln.audit.open_file import OpenFile
from rln.base import forks, scalar
from rln.base.arguments import file_path, instance, pairs, sequence
from rln.errors import EncodingError, InputError, ParameterError, StoreUnavailable
from rln.keys.verifying_key import VerifyingKey
from rln.lowlevel import entropy
from rln.protocol import proof_record
from rln.protocol.epoch import Epoch
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof
from rln.stores.file_checks import check_local_file_system
from rln.stores.refusals import check_before
from rln.verifying.ports import AuditTrail

_OPEN: Final = 64
"""Files that are open at a time, one for each epoch; the one that was made first is closed first."""
_ATTEMPTS: Final = 3
"""Files that a write tries before it gives up, because another program changes each of them."""
_REMEMBERED: Final = 1000
"""Files of which it is remembered how many records were checked; with more of them, all are checked again."""
_NAME: Final = "audit"


class AuditFiles(AuditTrail):
    """An `AuditTrail` in files.

    Safe to use from several threads, and from several processes: each makes its own files. A forked child
    makes its own files too, and leaves those of its parent alone; if it was forked by a program that does not
    tell Python, it refuses every call. `close` closes the files, and a later message makes new ones.

    Args:
        directory: for the files of this verifier and others. It is made with mode 0700 if it is missing.
        verifying_key: the key that the messages are verified with.

    Raises:
        StoreUnavailable: the directory cannot be used, or other users may write to it.
    """

    def __init__(self, directory: Path | str, verifying_key: VerifyingKey) -> None:
        instance(verifying_key, VerifyingKey, "verifying_key")
        self._directory = file_path(directory, "directory").absolute()  # the working directory may change
        self._key = verifying_key
        self._lock = threading.RLock()
        self._open: dict[int, OpenFile] = {}  # by external nullifier, oldest first
        self._checked: dict[Path, int] = {}  # records whose checksums were compared
        self._reported: set[Path] = set()
        self._damage: list[StoreUnavailable] = []
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_directory()
        except OSError as error:
            raise self._unavailable(error) from error
        check_local_file_system(self._directory / f"any{SUFFIX}", _NAME)
        forks.register(self)

    def __repr__(self) -> str:
        return f"AuditFiles({str(self._directory)!r})"

    def append_many(self, messages: Sequence[tuple[Epoch, AnyProof]]) -> None:
        """Write messages, with one write for each epoch; see `AuditTrail`."""
        self._check_process()
        batches: dict[int, tuple[Epoch, list[bytes]]] = {}
        pairs(sequence(messages, "messages"), 2, "messages")
        for epoch, proof in messages:
            instance(epoch, Epoch, "epoch")
            if not isinstance(proof, (RlnProof, MultiRlnProof)):
                raise ParameterError(f"messages: expected a proof, got {type(proof).__name__}")
            batches.setdefault(epoch.external_nullifier, (epoch, []))[1].append(proof_record.encode(proof))
        with self._lock:
            try:
                for epoch, records in batches.values():
                    self._append(epoch, b"".join(records))
            except OSError as error:
                raise self._unavailable(error) from error

    def lookup(self, epoch: Epoch, nullifier: int) -> list[AnyProof]:
        """Return the messages with a nullifier from all intact files of the directory; see `AuditTrail`.

        Files of another key are left out: evidence has one key for both of its messages.
        """
        self._check_process()
        instance(epoch, Epoch, "epoch")
        scalar.check(nullifier, "nullifier")
        with self._lock:
            self._close_if_changed(epoch.external_nullifier)
        try:
            paths = audit_paths(self._directory, f"{epoch.index}-")
        except OSError as error:
            raise self._unavailable(error) from error
        found: list[AnyProof] = []
        for path in paths:
            try:
                audited = AuditedEpoch.read(path)
                if audited.epoch.index != epoch.index:
                    raise EncodingError(f"expected epoch {epoch.index}, got {audited.epoch.index}")
                if audited.epoch == epoch and audited.verifying_key == self._key.digest:
                    for proof in audited.find(nullifier):
                        found.append(proof)  # not `extend`: an error at the end must not lose them
                    self._check_new_records(audited)
            except FileNotFoundError:
                continue  # another process has deleted it
            except (OSError, InputError) as error:
                self._report(path, f"{describe_fault(path, error)}; its other messages are used")
        return found

    def forget(self, before: int) -> None:
        """Delete the files of epochs that ended at unix time `before` or earlier; see `AuditTrail`."""
        self._check_process()
        check_before(before)
        try:
            paths = audit_paths(self._directory)
        except OSError as error:
            raise self._unavailable(error) from error
        failed: list[str] = []
        for path in paths:
            try:
                epoch = AuditedEpoch.read(path).epoch
                if epoch.end <= before:
                    with self._lock:
                        self._close(epoch.external_nullifier)
                        self._checked.pop(path, None)
                    path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # another process has deleted it
            except (OSError, InputError) as error:
                failed.append(f"{path}: {describe_fault(path, error)}")
        if failed:
            raise StoreUnavailable(
                f"audit: {failed[0]}; {len(failed)} files are left; delete them, or call again"
            )

    def damage(self) -> Sequence[StoreUnavailable]:
        """Return the files that were found damaged since the last call, each once; see `AuditTrail`."""
        if not self._damage:
            return ()
        with self._lock:
            found, self._damage = self._damage, []
        return found

    def epochs(self) -> list[AuditedEpoch]:
        """Return the files of the directory, ordered by epoch.

        Raises:
            As `rln.audit.audited_epoch.audited_epochs`.
        """
        return audited_epochs(self._directory)

    def close(self) -> None:
        """Close the files. A later message makes new ones."""
        self._check_process()
        with self._lock:
            for name in list(self._open):
                self._close(name)

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        """Leave the files to the parent. Half a write of another thread is the parent's to finish."""
        self._lock = threading.RLock()
        inherited, self._open, self._damage = self._open, {}, []
        for file in inherited.values():
            with suppress(OSError):  # a child's descriptor, which nothing was written to, holds nothing
                file.close()

    def _check_process(self) -> None:
        if forks.unnoticed():
            raise StoreUnavailable(
                "audit: this process was forked by a program that ran no hooks of Python; fork with Python, "
                "or start a new process"
            )

    # ---- writing, with the lock held

    def _append(self, epoch: Epoch, data: bytes) -> None:
        """Write data to a file of this epoch that nobody else has changed."""
        name = epoch.external_nullifier
        for _ in range(_ATTEMPTS):
            self._close_if_changed(name)
            try:
                file = self._open.get(name) or self._create(epoch)
                written = file.append(data)
            except OSError:
                self._close_if_changed(name)
                raise
            if written != len(data):
                self._close(name)  # nothing may follow half a record: the next write makes a new file
                raise StoreUnavailable(
                    f"audit: {self._directory}: wrote {written} of {len(data)} bytes; check the disk"
                )
            if not self._close_if_changed(name):
                return
        raise StoreUnavailable(
            f"audit: {self._directory}: another program changed {_ATTEMPTS} new files while they were "
            "written; stop it"
        )

    def _create(self, epoch: Epoch) -> OpenFile:
        self._check_directory()
        path = self._directory / f"{epoch.index}-{entropy.draw(8).hex()}{SUFFIX}"
        file = OpenFile(path, encode_header(epoch, self._key))
        self._open[epoch.external_nullifier] = file
        while len(self._open) > _OPEN:
            oldest = next(iter(self._open))
            if not self._close_if_changed(oldest):
                self._close(oldest)
        return file

    def _close_if_changed(self, name: int) -> bool:
        """Close and report the open file of an epoch if another program has changed it."""
        file = self._open.get(name)
        fault = None if file is None else file.fault()
        if file is None or fault is None:
            return False
        self._close(name)
        self._report(file.path, f"{fault}; messages that were kept in it may be lost; find out what did this")
        return True

    def _close(self, name: int) -> None:
        file = self._open.pop(name, None)
        if file is not None:
            file.close()

    # ---- checks

    def _check_directory(self) -> None:
        found = self._directory.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise StoreUnavailable(
                f"audit: {self._directory}: expected a directory that only this user owns and may write to; "
                "change its owner or mode"
            )

    def _check_new_records(self, audited: AuditedEpoch) -> None:
        """Compare the checksums of the records that were added since the last time."""
        if len(self._checked) > _REMEMBERED:
            self._checked.clear()
        first = self._checked.get(audited.path, 0)
        self._checked[audited.path], damaged = audited.check_records(first)
        if damaged:
            raise EncodingError(f"{damaged} damaged records")

    def _report(self, path: Path, reason: str) -> None:
        with self._lock:
            if path not in self._reported:
                self._reported.add(path)
                self._damage.append(StoreUnavailable(f"audit: {path}: {reason}"))

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"audit: {self._directory}: {error.strerror}")
