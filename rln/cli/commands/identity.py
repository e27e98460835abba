"""`rln identity`: make an identity, keep its secret in a file that only the user can read, and show it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rln.cli import numbers
from rln.cli.report import AsJson, Report, UnusableFile, name_in_errors, read_file, run
from rln.errors import RecoveryError
from rln.protocol.identity import Identity

app = typer.Typer(no_args_is_help=True)

_SEED_LIMIT = 1 << 16
"""Bytes of the longest seed."""

_TEXT_LIMIT = 1 << 10
"""Bytes of the longest file that holds a secret as text."""


@app.callback()
def group() -> None:
    """Make an identity, keep its secret in a file, and show its commitment."""


@app.command("new")
def new(
    out: Annotated[Path, typer.Option(help="New file for the secret; an existing file is refused.")],
    seed_file: Annotated[
        str | None, typer.Option(help="Seed for zerokit's seeded generation; - reads standard input.")
    ] = None,
    extended: Annotated[
        bool, typer.Option("--extended", help="Also write the identity trapdoor and the identity nullifier.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make an identity, write its secret to a new file of mode 0600, and print its commitment."""

    def action() -> Report:
        with _identity(seed_file, extended) as identity:
            write_secret(out, identity)
            return _about(identity, out, f"the secret was written to {out}")

    run(action, as_json)


@app.command("show")
def show(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Identity, made by `rln identity new` or `load`.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check the file of an identity, and print its commitment; the secret is not printed."""

    def action() -> Report:
        with read_identity(file) as identity:
            return _about(identity, file)

    run(action, as_json)


@app.command("load")
def load(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="The secret alone, as text: decimal or 0x; - reads standard input."
        ),
    ],
    commitment: Annotated[
        str, typer.Option(help="Commitment of the member, decimal or 0x: the secret must have it.")
    ],
    out: Annotated[Path, typer.Option(help="New file for the secret; an existing file is refused.")],
    as_json: AsJson = False,
) -> None:
    """Make the file of an identity again from a secret that was kept elsewhere."""

    def action() -> Report:
        expected = numbers.parse(commitment, "--commitment")
        with name_in_errors(file):
            text = read_input(file, _TEXT_LIMIT).decode("ascii", errors="replace").strip()
            kept = Identity.from_secret(numbers.parse(text, "secret"))
        with kept as identity:
            if identity.commitment != expected:
                raise RecoveryError(
                    f"{file}: expected the secret of commitment {numbers.hexadecimal(expected)}, "
                    "got a different one; check the order of its bytes"
                )
            write_secret(out, identity)
            return _about(identity, out, f"the secret was written to {out}")

    run(action, as_json)


def read_identity(path: Path) -> Identity:
    """Return the identity in a file that only the user may read.

    Raises:
        InputError: the file cannot be read, is no identity, or other users may read it; the message names it.
    """
    with name_in_errors(path):
        return Identity.load(path)


def write_secret(path: Path, identity: Identity) -> None:
    """Write a secret to a new file of mode 0600.

    Raises:
        UnusableFile: the file exists, or cannot be written.
    """
    with name_in_errors(path):
        identity.save(path)


def read_input(name: str, limit: int) -> bytes:
    """Return the content of a file, or of standard input if its name is `-`."""
    if name != "-":
        return read_file(Path(name), limit)
    if sys.stdin is None:
        raise UnusableFile("-: standard input is closed")
    data = sys.stdin.buffer.read(limit + 1)
    if len(data) > limit:
        raise UnusableFile(f"-: expected at most {limit} bytes, got more")
    return data


def _about(identity: Identity, path: Path, effect: str = "") -> Report:
    commitment = identity.commitment
    data = {"commitment": str(commitment), "file": str(path)}
    return Report(data, numbers.hexadecimal(commitment), effect=effect)


def _identity(seed_file: str | None, extended: bool) -> Identity:
    if seed_file is None:
        return Identity.generate_extended() if extended else Identity.generate()
    seed = read_input(seed_file, _SEED_LIMIT)
    if not seed:
        raise UnusableFile(f"{seed_file}: expected a seed of 1 to {_SEED_LIMIT} bytes, got none")
    return Identity.from_seed(seed, extended)
