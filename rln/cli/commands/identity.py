"""`rln identity`: make an identity, and write its secret to a file that only the user can read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rln.atomic_files import write_new_file
from rln.base import canonical_json
from rln.cli.report import AsJson, Report, UnusableFile, name_in_errors, read_file, run
from rln.protocol.identity import Identity

app = typer.Typer(no_args_is_help=True)

_SEED_LIMIT = 1 << 16
"""Bytes of the longest seed."""


@app.callback()
def group() -> None:
    """Make an identity, and keep its secret in a file."""


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
            write_secret(out, identity, extended)
            commitment = str(identity.commitment)
        return Report(
            {"commitment": commitment, "file": str(out)},
            commitment,
            effect=f"the secret was written to {out}",
        )

    run(action, as_json)


def write_secret(path: Path, identity: Identity, extended: bool = False) -> None:
    """Write a secret to a new file of mode 0600.

    Raises:
        UnusableFile: the file exists, or cannot be written.
    """
    content = {
        "identityCommitment": str(identity.commitment),
        "identitySecret": str(identity.secret().reveal()),
    }
    if extended:
        trapdoor, nullifier = identity.secret().reveal_extended()
        content |= {"identityTrapdoor": str(trapdoor), "identityNullifier": str(nullifier)}
    with name_in_errors(path):
        write_new_file(path, canonical_json.pretty(content))


def _identity(seed_file: str | None, extended: bool) -> Identity:
    if seed_file is None:
        return Identity.generate_extended() if extended else Identity.generate()
    if seed_file == "-":
        seed = sys.stdin.buffer.read(_SEED_LIMIT + 1)
    else:
        seed = read_file(Path(seed_file), _SEED_LIMIT)
    if not 0 < len(seed) <= _SEED_LIMIT:
        got = "more" if seed else "none"
        raise UnusableFile(f"{seed_file}: expected a seed of 1 to {_SEED_LIMIT} bytes, got {got}")
    return Identity.from_seed(seed, extended)
