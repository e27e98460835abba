"""`rln proof`: show what a message file says, and write it again in the layout of another release of zerokit.

Nothing is verified here but the form: `rln message check` judges a message, `rln verify` a proof.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from rln.cli import numbers
from rln.cli.output import check_different, check_output, write_output
from rln.cli.report import AsJson, Report, name_in_errors, read_file, run
from rln.cli.table import format_facts
from rln.errors import ParameterError
from rln.protocol.proof import CODECS, AnyProof, MultiRlnProof, decode_message

app = typer.Typer(no_args_is_help=True)

_LIMIT: Final = 1 << 16
"""Bytes that are read of a message, which has fewer; more, so that the error can say how many there are."""

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A proof with its public values, as bytes.")
]
CodecOption = Annotated[
    str, typer.Option("--codec", help=f"Layout of FILE, which is never guessed: {', '.join(CODECS)}.")
]


@app.callback()
def group() -> None:
    """Show a message file, or convert it between the layouts of zerokit's releases."""


@app.command("show")
def show(file: FileArgument, codec: CodecOption, as_json: AsJson = False) -> None:
    """Print the public values of a message file. Nothing is verified but the form."""

    def action() -> Report:
        proof = _read(file, codec)
        used = list(proof.selector_used) if isinstance(proof, MultiRlnProof) else None
        shares = [(share.y, share.nullifier or 0) for share in proof.shares]
        facts: dict[str, object] = {
            "codec": codec,
            "message ids": f"{len(shares)}" if used is None else f"{len(shares)} in {len(used)} slots",
            "root": numbers.hexadecimal(proof.root),
            "external nullifier": numbers.hexadecimal(proof.external_nullifier),
            "x": numbers.hexadecimal(proof.x),
        }
        for i, (y, nullifier) in enumerate(shares):
            place = "" if used is None else f" {i}"
            facts |= {
                f"y{place}": numbers.hexadecimal(y),
                f"nullifier{place}": numbers.hexadecimal(nullifier),
            }
        data = {
            "codec": codec,
            "proof": proof.proof.hex(),
            "root": str(proof.root),
            "external_nullifier": str(proof.external_nullifier),
            "x": str(proof.x),
            "shares": [{"y": str(y), "nullifier": str(nullifier)} for y, nullifier in shares],
            "selector_used": used,
        }
        return Report(data, format_facts({**facts, "proof": proof.proof.hex()}))

    run(action, as_json)


@app.command("convert")
def convert(
    file: FileArgument,
    codec: CodecOption,
    to: Annotated[str, typer.Option("--to", help=f"Layout to write: {', '.join(CODECS)}.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    as_json: AsJson = False,
) -> None:
    """Write a message file in another layout. The proof and its values stay the same."""

    def action() -> Report:
        _check(to, "--to")
        check_different({"FILE": file, "--out": out})
        check_output(out)
        data = _read(file, codec).encode(to)
        write_output(out, data)
        return Report(
            {"file": str(out), "codec": to, "bytes": len(data)},
            f"{len(data)} bytes in {to} written to {out}",
            effect=f"the message was written to {out}",
        )

    run(action, as_json)


def _read(file: Path, codec: str) -> AnyProof:
    _check(codec, "--codec")
    with name_in_errors(file):
        return decode_message(read_file(file, _LIMIT), codec)


def _check(codec: str, option: str) -> None:
    if codec not in CODECS:
        raise ParameterError(f"{option}: expected one of {', '.join(CODECS)}, got {codec[:40]!r}")
