"""Output files: checked before the work begins, and never written over what cannot be made again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from rln.atomic_files import check_writable, write_file
from rln.base.file_kind import FileKind, sniff
from rln.cli.report import UnusableFile, name_in_errors
from rln.errors import ParameterError
from rln.protocol.statement import SECRET

ForceOption = Annotated[
    bool,
    typer.Option(
        "--force", help="Replace an existing file; never an identity, a private key, evidence or a store."
    ),
]

_SEARCHED: Final = 1 << 20
"""Bytes at the start of a file that tell what it is, and in which a secret is looked for."""

_KEYS: Final = frozenset({FileKind.KEY, FileKind.ZKEY, FileKind.ARKZKEY})
_KEPT: Final = frozenset(
    {
        FileKind.SECRET,
        FileKind.INPUTS,
        FileKind.PRIVATE_KEY,
        FileKind.KEYSTORE,
        FileKind.REGISTRY,
        FileKind.LOG,
        FileKind.MESSAGE_IDS,
        FileKind.SQLITE,
        FileKind.SLASHED,
        FileKind.AUDIT,
        FileKind.EVIDENCE,
    }
)
"""What no command replaces, whatever its options: a secret, or the only record of what happened."""


def check_output(path: Path, force: bool | None = None) -> None:
    """Check that a file can be written at this path.

    Args:
        path: of the file.
        force: for a command that writes a key or a secret, which replaces a file only if it is True. None:
            any other command, which replaces its older output, but no key.

    Raises:
        UnusableFile: no file can be written there, or the file that is there must not be replaced.
    """
    with name_in_errors(path):
        check_writable(path)
        if not path.exists():
            return
        with path.open("rb") as file:
            start = file.read(_SEARCHED)
        if f'"{SECRET}"'.encode() in start:
            raise UnusableFile(f"it contains an {SECRET}, so it is not overwritten; choose another file")
        kind = sniff(start)
        if kind in _KEPT or (kind in _KEYS and force is None):
            raise UnusableFile(f"it is {kind.value}, so it is not overwritten; choose another file")
        if force is False:
            what = "" if kind is FileKind.UNKNOWN else f", {kind.value}"
            raise UnusableFile(f"it exists already{what}; choose another file, or replace it with --force")


def write_output(path: Path, data: bytes, mode: int = 0o644, force: bool | None = None) -> None:
    """Write a file completely or not at all. `force` is as for `check_output`.

    Raises:
        UnusableFile: as `check_output`.
    """
    with name_in_errors(path):
        new = not path.exists()  # before the check: what appears later was not checked, so it is not replaced
        check_output(path, force)
        write_file(path, data, mode, new=new)


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
