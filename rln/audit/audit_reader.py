"""AuditReader: the messages of many audit files, which can be read several times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rln.audit.audited_epoch import AuditedEpoch, describe_fault
from rln.errors import InputError
from rln.protocol.proof import AnyProof


class AuditReader:
    """Reads all audit files, any number of times. Damaged records are left out.

    One thread at a time may use it. It holds no file open between two iterations.

    Args:
        files: the files.
        damaged: what is wrong with each file that cannot be read at all.
        progress: is called with the part that was read, 0 to 1; two iterations are the whole.

    Attributes:
        damaged: what is wrong with each damaged file.
        cut: files whose last message is incomplete after a crash.
    """

    def __init__(
        self, files: list[AuditedEpoch], damaged: dict[Path, str], progress: Callable[[float], None]
    ) -> None:
        self.files = files
        self.damaged = dict(damaged)
        self.cut = [file.path for file in files if file.cut]
        self._progress = progress
        self._whole = 2 * sum((file.path.stat().st_size - file.start) // file.size for file in files)
        self._done = 0

    def messages(self) -> Iterator[AnyProof]:
        """Yield the messages of all files."""
        for file in self.files:
            try:
                for message in file.messages():
                    self._done += 1
                    if self._done % 1024 == 0:
                        self._progress(self._done / self._whole)
                    yield message
            except (OSError, InputError) as error:
                self.damaged[file.path] = describe_fault(file.path, error)
