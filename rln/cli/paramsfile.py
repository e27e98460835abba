"""Read the parameters that an option names, and the public key of a registrar."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from rln.cli.report import name_in_errors, read_file
from rln.errors import EncodingError
from rln.params import Params
from rln.sync.signing import check_public_key

_PUBLIC_KEY = re.compile(r"[0-9a-fA-F]{64}\Z")

_READ = 1 << 26
"""Bytes that are read. Parameters are much smaller, but a key named by mistake is called by its kind."""

ParamsArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="Parameters, made by `rln params make`.")
]
ParamsOption = Annotated[
    Path, typer.Option("--params", help="Parameters of the application, made by `rln params make`.")
]


def read_params(path: Path) -> Params:
    """Read a file of parameters.

    Raises:
        InputError: the file cannot be read, or does not hold parameters; the message names it.
    """
    with name_in_errors(path):
        return Params.decode(read_file(path, _READ))


def parse_public_key(text: str, option: str) -> bytes:
    """Return the public key of a registrar, 32 bytes.

    Raises:
        EncodingError: not 64 hexadecimal digits.
        ParameterError: a key for which anybody can sign.
    """
    if not _PUBLIC_KEY.match(text):
        raise EncodingError(f"{option}: expected 64 hexadecimal digits, got {text[:80]!r}")
    with name_in_errors(option):
        return check_public_key(bytes.fromhex(text))
