"""RootsFile: the acceptable roots of a group, in a text file that another program keeps.

One root a line: 0x and 64 hexadecimal digits. Any order, at most 1,024 of them. Whoever reads the roots from
a contract, or from `rln group root`, writes such a file under another name and renames it, so that nobody
reads half of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rln.base.arguments import file_path
from rln.errors import EncodingError, InputError, StoreUnavailable
from rln.group.root_source import FixedRoots

MOST_ROOTS: Final = 1024
_MAX_BYTES: Final = MOST_ROOTS * 68
_LINE: Final = re.compile(r"0x([0-9a-fA-F]{64})\s*\Z")


class RootsFile:
    """A `RootSource` that is read again by `refresh`.

    Any number of threads may use it, and forked children do. It needs no event loop, and there is nothing to
    close.

    Args:
        path: of the file.

    Raises:
        StoreUnavailable: the file cannot be read.
        InputError: it has no root, too many, or something else.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = file_path(path, "file")
        self._roots = FixedRoots(self._read())

    def __repr__(self) -> str:
        return f"RootsFile({len(self)} roots)"

    def refresh(self) -> None:
        """Read the file again. If that fails, the roots stay as they are.

        Raises:
            StoreUnavailable, InputError: as for the class.
        """
        self._roots = FixedRoots(self._read())

    def __contains__(self, root: object) -> bool:
        return root in self._roots

    def __iter__(self) -> Iterator[int]:
        return iter(self._roots)

    def __len__(self) -> int:
        return len(self._roots)

    def _read(self) -> list[int]:
        try:
            with self._path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise StoreUnavailable(f"{self._path}: the roots cannot be read: {error.strerror}") from error
        lines = data.decode("ascii", "replace").splitlines()
        if len(data) > _MAX_BYTES or len(lines) > MOST_ROOTS:
            raise EncodingError(f"{self._path}: expected at most {MOST_ROOTS} roots, got more")
        roots = []
        for number, line in enumerate(lines, 1):
            found = _LINE.match(line)
            if found is None:
                raise EncodingError(
                    f"{self._path}: expected 0x and 64 hexadecimal digits on line {number}, got another text"
                )
            roots.append(int(found[1], 16))
        try:
            FixedRoots(roots)
        except InputError as error:
            raise type(error)(f"{self._path}: {error}") from error
        return roots
