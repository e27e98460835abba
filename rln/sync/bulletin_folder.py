"""BulletinFolder: a directory of signed bulletins that a mirror applies as they appear.

Any program may put files into the directory: a copying program, a network share, a mail client. A file is
accepted only if its signature is valid and its leaves give its root, so an attacker who can write there can
delay a reader, and nothing else.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rln.base.arguments import file_path, instance, whole
from rln.errors import EncodingError, GroupRefused, RlnError
from rln.sync.bulletin import Bulletin
from rln.sync.mirror import Mirror
from rln.sync.signing import MAX_SIGNED_BYTES, SIGNATURE_BYTES, check_public_key, open_bulletin

BULLETIN_SUFFIX: Final = ".bulletin"


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of a file with a valid signature."""

    after: int
    last: int
    root: int


class BulletinFolder:
    """A directory of bulletins, and the mirror that applies them.

    One thread at a time may use it. A forked child goes on with a copy and reads the directory itself.

    Args:
        directory: holds the bulletins, files that end in `.bulletin`.
        mirror: applies the bulletins.
        public_key: public key of the registrar, 32 bytes; the key that you have pinned.

    Attributes:
        refused: files that are not a bulletin signed by this key, each with the reason; a file that is still
            being written is among them until it is complete.

    Raises:
        InputError: the key is not 32 bytes, or it is a weak key for which anybody can sign.
    """

    def __init__(self, directory: Path | str, mirror: Mirror, public_key: bytes) -> None:
        self.refused: dict[Path, str] = {}
        instance(mirror, Mirror, "mirror")
        directory = file_path(directory, "directory")
        self._directory = directory
        self._mirror = mirror
        self._public_key = check_public_key(public_key)
        self._marks: dict[Path, tuple[int, int]] = {}
        self._known: dict[Path, _Known] = {}

    @property
    def newest(self) -> int:
        """The newest step among all bulletins. If it is above the mirror's step, a bulletin is missing."""
        return max((known.last for known in self._known.values()), default=0)

    def apply_new(self) -> list[Path]:
        """Apply the new bulletins, and return their files in the order in which they were applied.

        Raises:
            GroupRefused: a bulletin with a valid signature contradicts the mirror or another bulletin: the
                registrar shows different groups to different readers, or has lost data. Bulletins that were
                applied before it stay applied.
            OSError: the directory cannot be read.
        """
        self._read_new()
        self._compare()
        applied: list[Path] = []
        while path := self._next():
            bulletin = self._open(path)
            if bulletin is None or bulletin.after != self._mirror.step:
                continue  # the file was replaced meanwhile
            try:
                self._mirror.apply(bulletin)
            except GroupRefused as error:
                raise GroupRefused(f"{path}: {error}") from error
            applied.append(path)
            self._compare()
        return applied

    def _read_new(self) -> None:
        paths = sorted(path for path in self._directory.iterdir() if path.name.endswith(BULLETIN_SUFFIX))
        for removed in self._marks.keys() - set(paths):
            self._forget(removed)
        for path in paths:
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            mark = (found.st_mtime_ns, found.st_size)
            if stat.S_ISREG(found.st_mode) and self._marks.get(path) != mark:
                self._forget(path)
                self._open(path)
                self._marks[path] = mark  # last, so that a copy in a forked child has read what it has marked

    def _compare(self) -> None:
        """Refuse a bulletin that gives another root for the step of the mirror."""
        for path, known in self._known.items():
            if known.last == self._mirror.step and known.root != self._mirror.root:
                raise GroupRefused(
                    f"{path}: another root for step {known.last} than the mirror has: "
                    "its registrar shows different groups to different people"
                )

    def _next(self) -> Path | None:
        """Return the file that continues from the step of the mirror and leads farthest, or None."""
        fitting = [path for path, known in self._known.items() if known.after == self._mirror.step]
        return max(fitting, key=lambda path: self._known[path].last, default=None)

    def _open(self, path: Path) -> Bulletin | None:
        """Read a file; return None and record the reason if it is not a bulletin signed by the key."""
        try:
            max_bytes = Bulletin.most_bytes(self._mirror.depth) + SIGNATURE_BYTES
            bulletin = open_bulletin(read_bulletin(path, max_bytes), self._public_key)
        except (RlnError, OSError) as error:
            self._known.pop(path, None)
            self.refused[path] = str(error)
            return None
        self._known[path] = _Known(bulletin.after, bulletin.last, bulletin.root)
        return bulletin

    def _forget(self, path: Path) -> None:
        for kept in (self._marks, self._known, self.refused):
            kept.pop(path, None)


def read_bulletin(path: Path | str, max_bytes: int = MAX_SIGNED_BYTES) -> bytes:
    """Read the file of a signed bulletin, unless it is too large.

    Args:
        path: path of the file.
        max_bytes: the largest size accepted, up to that of a signed bulletin.

    Raises:
        EncodingError: the file is larger.
        ParameterError: not a path, or not a size.
        OSError: the file cannot be read.
    """
    whole(max_bytes, "max_bytes", 0, MAX_SIGNED_BYTES)
    path = file_path(path, "path")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(max_bytes) if size <= max_bytes else b""
    if size > max_bytes:
        raise EncodingError(f"bulletin: expected at most {max_bytes} bytes, got {size}")
    return data
