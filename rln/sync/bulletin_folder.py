"""Board: a directory with signed bulletins, which lead a mirror on as they appear, however they come.

Whatever puts files into it will do: a copying program, a share, a mail. What stands there is believed
when its signature holds and its leaves give its root, so whoever can write there can delay a reader and no
more.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rln.errors import EncodingError, GroupRefused, RlnError
from rln.sync.bulletin import Bulletin
from rln.sync.mirror import Mirror
from rln.sync.signing import MAX_SIGNED_BYTES, SIGNATURE_BYTES, check_public_key, open_bulletin

BULLETIN_SUFFIX: Final = ".bulletin"


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a file whose signature holds."""

    after: int
    last: int
    root: int


class BulletinFolder:
    """Leads a mirror on through the bulletins of a directory.

    Args:
        directory: its files that end in `.bulletin` are looked at.
        mirror: is led on.
        public_key: 32 bytes, the one that the reader has pinned.

    Attributes:
        refused: files that are no bulletin under this key, and why; a file that is still being written is
            among them until it is whole.

    Raises:
        InputError: not such a key.
    """

    def __init__(self, directory: Path, mirror: Mirror, public_key: bytes) -> None:
        self.refused: dict[Path, str] = {}
        self._directory = directory
        self._mirror = mirror
        self._public_key = check_public_key(public_key)
        self._looked: dict[Path, tuple[int, int]] = {}
        self._known: dict[Path, _Known] = {}

    @property
    def newest(self) -> int:
        """The newest step that a bulletin leads to; above the mirror's where one in between is missing."""
        return max((known.last for known in self._known.values()), default=0)

    def apply_new(self) -> list[Path]:
        """Look once, and return the files that were applied, in order.

        Raises:
            GroupRefused: a bulletin that holds for itself contradicts the mirror or another one: the group
                is not the same for everybody, or its registrar has lost his memory. What was applied before
                it stays.
            OSError: the directory cannot be read.
        """
        self._look_at_new()
        self._compare()
        applied: list[Path] = []
        while path := self._next():
            bulletin = self._open(path)
            if bulletin is None or bulletin.after != self._mirror.step:
                continue  # it was replaced a moment ago
            try:
                self._mirror.apply(bulletin)
            except GroupRefused as error:
                raise GroupRefused(f"{path}: {error}") from error
            applied.append(path)
            self._compare()
        return applied

    def _look_at_new(self) -> None:
        there = sorted(path for path in self._directory.iterdir() if path.name.endswith(BULLETIN_SUFFIX))
        for gone in self._looked.keys() - set(there):
            self._drop(gone)
        for path in there:
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            mark = (found.st_mtime_ns, found.st_size)
            if stat.S_ISREG(found.st_mode) and self._looked.get(path) != mark:
                self._drop(path)
                self._looked[path] = mark
                self._open(path)

    def _compare(self) -> None:
        """Refuse to go on where a bulletin gives another root for the step that is here."""
        for path, known in self._known.items():
            if known.last == self._mirror.step and known.root != self._mirror.root:
                raise GroupRefused(
                    f"{path}: another root for step {known.last} than is here: "
                    "its registrar shows different groups to different people"
                )

    def _next(self) -> Path | None:
        """The file that leads farthest from here, if one does."""
        fitting = [path for path, known in self._known.items() if known.after == self._mirror.step]
        return max(fitting, key=lambda path: self._known[path].last, default=None)

    def _open(self, path: Path) -> Bulletin | None:
        """Read a file; None, and it is refused, when it is no bulletin under the key."""
        try:
            most = Bulletin.most_bytes(self._mirror.depth) + SIGNATURE_BYTES
            bulletin = open_bulletin(read_bulletin(path, most), self._public_key)
        except (RlnError, OSError) as error:
            self._known.pop(path, None)
            self.refused[path] = str(error)
            return None
        self._known[path] = _Known(bulletin.after, bulletin.last, bulletin.root)
        return bulletin

    def _drop(self, path: Path) -> None:
        for memory in (self._looked, self._known, self.refused):
            memory.pop(path, None)


def read_bulletin(path: Path, most: int = MAX_SIGNED_BYTES) -> bytes:
    """Read a file that is not larger than a signed bulletin may be.

    Args:
        path: of the file.
        most: bytes that it may have.

    Raises:
        EncodingError: it is larger.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(most) if size <= most else b""
    if size > most:
        raise EncodingError(f"bulletin: expected at most {most} bytes, got {size}")
    return data
