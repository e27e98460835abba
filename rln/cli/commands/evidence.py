"""`rln evidence`: check that two messages prove a violation of the limit, with the verifying key alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rln.cli.commands.identity import write_secret
from rln.cli.keyfiles import VkOption, open_verifying_key
from rln.cli.numbers import hexadecimal
from rln.cli.report import AsJson, Report, name_in_errors, read_file, run
from rln.verifying.evidence import MAX_BYTES, Evidence

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Check evidence: two messages that prove that a member exceeded the limit."""


@app.command("verify")
def verify(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Evidence, written by a verifier or by `rln log merge`.")
    ],
    vk: VkOption,
    out: Annotated[Path | None, typer.Option(help="New file of mode 0600 for the member's secret.")] = None,
    as_json: AsJson = False,
) -> None:
    """Verify both messages, and print the commitment of the member who sent them."""

    def action() -> Report:
        key = open_verifying_key(vk)
        with name_in_errors(file):
            evidence = Evidence.decode(read_file(file, MAX_BYTES))
            secret = evidence.check(key)
        if out is not None:
            write_secret(out, secret.identity())
        data = {
            "accepted": True,
            "commitment": str(secret.commitment),
            "external_nullifier": str(evidence.first.external_nullifier),
            "file": None if out is None else str(out),
        }
        effect = "" if out is None else f"the secret was written to {out}"
        return Report(
            data, f"both messages are valid; commitment {hexadecimal(secret.commitment)}", effect=effect
        )

    run(action, as_json)
