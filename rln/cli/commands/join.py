"""`rln join`: become a member of a provider's application."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from rln.base.extras import require
from rln.cli.paramsfile import parse_public_key
from rln.cli.report import AsJson, Report, UnusableFile, is_terminal, read_file, run
from rln.cli.table import format_facts
from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.errors import ParameterError
from rln.sync.mirror import MIN_MEMBERS

API_KEY: Final = "RLN_API_KEY"
"""The environment variable with the API key. An option would show it to every user of the machine."""

_LONGEST: Final = 514
"""Bytes of the longest API key with the end of its line."""


def join(
    url: Annotated[str, typer.Argument(metavar="URL", help="https:// and the provider's host.")],
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="For the member's files; one for each application.")
    ],
    tier: Annotated[
        str | None, typer.Option(help="Kind of membership; default: the only one.", metavar="NAME")
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="File with the API key; default: RLN_API_KEY, or standard input.", metavar="FILE"),
    ] = None,
    registrar_key: Annotated[
        str | None,
        typer.Option(
            help="The registrar's public key, 64 hexadecimal digits; default: the key in its policy is "
            "pinned."
        ),
    ] = None,
    min_members: Annotated[
        int, typer.Option(help="Members that the group must have before this one sends requests.")
    ] = MIN_MEMBERS,
    proxy: Annotated[
        str | None,
        typer.Option(help="Proxy that hides the address, for all that is sent.", metavar="http://HOST:PORT"),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            help="Wait until the member is admitted and the group has --min-members members.",
            metavar="SECONDS",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register at a provider with an API key, and put all that a member needs into one directory.

    The API key comes from RLN_API_KEY, from a file, or from standard input; it is not stored. After an error,
    run the command again with the same directory: it goes on. Then use the directory with `rln connect` or
    `Member.open`.
    """

    def action() -> Report:
        require("cryptography", "http")
        pinned = None if registrar_key is None else parse_public_key(registrar_key, "--registrar-key")
        if wait is not None and not wait > 0:
            raise ParameterError(f"--wait: expected more than 0 seconds, got {wait}")
        settings = MemberSettings(proxy=proxy, background=wait is not None)
        joined = Member.join(
            url,
            api_key=_api_key(api_key_file),
            directory=directory,
            registrar_key=pinned,
            tier=tier,
            min_members=min_members,
            settings=settings,
        )
        with joined as member:
            if wait is not None:
                member.wait_until_admitted(wait)
            data: dict[str, object] = {
                "application": member.policy.application,
                "directory": str(directory),
                "units in an epoch": member.limit,
                "registrar's key": member.policy.registrar_key.hex(),
                "admitted": member.is_admitted,
                "members in the group": member.group_size,
            }
        text = f"{format_facts(data)}\nuse it with: rln connect {shlex.quote(str(directory))}"
        return Report(data, text, effect=f"{directory} has a registered member")

    run(action, as_json)


def _api_key(file: Path | None) -> str:
    """Return the API key; what is wrong with it is said without it."""
    if file is not None:
        return _text(read_file(file, _LONGEST), str(file))
    if (found := os.environ.get(API_KEY)) is not None:
        return found
    if sys.stdin is None:
        raise UnusableFile("API key: standard input is closed; set RLN_API_KEY, or give --api-key-file")
    if is_terminal(sys.stdin):
        return str(typer.prompt("API key", hide_input=True, err=True))
    return _text(sys.stdin.buffer.read(_LONGEST + 1), "standard input")


def _text(data: bytes, name: str) -> str:
    try:
        found = data.decode("ascii").strip()
    except UnicodeDecodeError:
        found = ""
    if not found or len(data) > _LONGEST:
        raise UnusableFile(
            f"{name}: expected an API key, up to 512 visible ASCII characters, got "
            f"{'none' if not data.strip() else 'something else'}; give it with {API_KEY} or --api-key-file"
        )
    return found
