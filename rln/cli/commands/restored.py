"""`rln group restored`: the operator says what happened, and a restored registry is used again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from rln.cli import numbers
from rln.cli.keyfiles import open_verifying_key
from rln.cli.registry import check_persistent, open_tree
from rln.cli.report import AsJson, Report, UnusableFile, name_in_errors, read_file, run
from rln.errors import ParameterError
from rln.stores import accept_restored_members
from rln.verifying.evidence import MAX_BYTES, Evidence


def restored(
    uri: Annotated[str, typer.Argument(metavar="URI", help="Registry: sqlite:///path or postgresql://…")],
    evidence: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Evidence against a member who was slashed since the backup; several are allowed.",
        ),
    ] = None,
    commitment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER", help="Commitment of such a member, decimal or 0x; several are allowed."
        ),
    ] = None,
    nothing_slashed: Annotated[
        bool, typer.Option("--nothing-slashed", help="Nobody was slashed since the backup.")
    ] = False,
    vk: Annotated[
        str | None, typer.Option("--vk", help="Verifying key, which the evidence is checked with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Use a registry again that was restored from a backup or copied.

    Stop all programs that use it first. A backup lacks the members who were slashed since, and their secrets
    are public: name all of them. They are then refused for ever, also those whose registration is lost.
    """

    def action() -> Report:
        named = [numbers.parse(text, "--commitment") for text in commitment or ()]
        named += _convicted(evidence or [], vk)
        if bool(named) == nothing_slashed:
            raise ParameterError(
                "restored: expected --evidence, --commitment or --nothing-slashed, got "
                + ("--nothing-slashed and slashed members" if named else "none of them")
            )
        where = check_persistent(uri)
        if where.scheme == "sqlite" and not where.path.exists():
            raise UnusableFile(f"{where.path}: No such file or directory")
        noted = accept_restored_members(uri, named, int(time.time() * 1000))
        with open_tree(uri, as_json) as opened:
            opened.follow()
            root, step = opened.root, opened.registry.head().number
        text = f"{noted} slashings were missing and are noted; the registry is at step {step}"
        return Report(
            {"noted": noted, "step": step, "root": str(root)},
            f"{text}\nroot {numbers.hexadecimal(root)}",
            effect="the registry can be used again",
        )

    run(action, as_json)


def _convicted(files: list[Path], vk: str | None) -> list[int]:
    """Return the commitments of the members whom evidence convicts."""
    if not files:
        return []
    if vk is None:
        raise ParameterError("--vk: expected the verifying key that the evidence is checked with, got none")
    key = open_verifying_key(vk)
    found = []
    for path in files:
        with name_in_errors(path):
            found.append(Evidence.decode(read_file(path, MAX_BYTES)).check(key).commitment)
    return found
