"""Where a command puts what it made: looked at before the work, and never in place of a secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rln.atomic_files import check_writable, write_file
from rln.cli.report import UnusableFile, naming
from rln.errors import ParameterError
from rln.protocol.statement import SECRET

_LOOK = 1 << 20


def check_output(path: Path) -> None:
    """Look whether a file may be written there.

    Raises:
        UnusableFile: not a place for a file, or it holds an identity secret, which nothing replaces.
    """
    with naming(path):
        check_writable(path)
        if not path.exists():
            return
        with path.open("rb") as file:
            if f'"{SECRET}"'.encode() in file.read(_LOOK):
                raise UnusableFile(f"holds an {SECRET}, which is never overwritten")


def write_output(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all.

    Raises:
        UnusableFile: as `check_output`.
    """
    check_output(path)
    with naming(path):
        write_file(path, data, mode)


def check_apart(files: Mapping[str, Path | None]) -> None:
    """Refuse options that name one file twice.

    Raises:
        ParameterError: which two.
    """
    seen: dict[Path, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        other = seen.setdefault(path.resolve(), option)
        if other != option:
            raise ParameterError(f"{option}: expected another file than {other}, got {path} for both")
