"""Output files: checked before the work begins, and never written over a secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from rln.atomic_files import check_writable, write_file
from rln.cli.report import UnusableFile, name_in_errors
from rln.errors import ParameterError
from rln.protocol.statement import SECRET

_SEARCHED = 1 << 20
"""Bytes at the start of a file in which a secret is looked for."""


def check_output(path: Path) -> None:
    """Check that a file can be written at this path.

    Raises:
        UnusableFile: no file can be written there, or the file contains an identity secret.
    """
    with name_in_errors(path):
        check_writable(path)
        if not path.exists():
            return
        with path.open("rb") as file:
            if f'"{SECRET}"'.encode() in file.read(_SEARCHED):
                raise UnusableFile(f"it contains an {SECRET}, so it is not overwritten; choose another file")


def write_output(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file completely or not at all.

    Raises:
        UnusableFile: as `check_output`.
    """
    check_output(path)
    with name_in_errors(path):
        write_file(path, data, mode)


def check_different(files: Mapping[str, Path | None]) -> None:
    """Refuse two options that name the same file.

    Raises:
        ParameterError: two options name one file; the message names both.
    """
    seen: dict[str, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        other = seen.setdefault(os.path.realpath(path), option)
        if other != option:
            raise ParameterError(f"{option}: expected another file than {other}, got {path} for both")
