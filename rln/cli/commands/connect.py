"""`rln connect`: an endpoint on this machine through which programs in any language use a member."""

from __future__ import annotations

import errno
import shlex
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from rln.base.extras import require
from rln.cli.report import AsJson, Report, print_answer, run
from rln.cli.serving import listening, serve
from rln.cli.table import format_facts
from rln.client.member import Member
from rln.client.member_directory import MemberDirectory
from rln.client.origin import origin_of
from rln.client.requests import MAX_UNITS, OnLost
from rln.client.settings import MemberSettings
from rln.services.connect_token import ConnectToken

PORT: Final = 4180
STOP_SECONDS: Final = 10
"""That running requests get when the command stops."""

_NO_SUCH_ADDRESS: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def connect(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="The directory of a member, made by `rln join`.")
    ],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine to listen at.")] = PORT,
    proxy: Annotated[
        str | None,
        typer.Option(help="Proxy that hides the address, for all that is sent.", metavar="http://HOST:PORT"),
    ] = None,
    max_units: Annotated[int, typer.Option(help="Units that one request may cost, 1 to 16.")] = MAX_UNITS,
    on_lost: Annotated[
        str,
        typer.Option(
            help="If an answer is lost: `again` pays for a second one, `raise` tells the program.",
            metavar="again|raise",
        ),
    ] = OnLost.AGAIN.value,
    check: Annotated[
        bool, typer.Option("--check", help="Explain what would be served, and exit without listening.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve an endpoint for OpenAI clients, and others, on this machine; each request gets a credential.

    Programs use the token in DIRECTORY/connect-token as their API key. The command runs until SIGTERM or
    SIGINT.
    """

    def action() -> Report:
        for package in ("cryptography", "httpx2", "uvicorn"):
            require(package, "connect")
        settings = MemberSettings(on_lost=on_lost, max_units=max_units, proxy=proxy, background=not check)
        with Member.open(directory, settings) as member:
            data = _explained(member, directory, port)
            if not check:
                _serve(member, directory, port, as_json)
        return Report(data, format_facts(data) if check else "")

    run(action, as_json)


def _explained(member: Member, directory: Path, port: int) -> dict[str, object]:
    """Return what would be served; it names no secret, and neither identity nor leaf."""
    settings = member.settings
    return {
        "application": member.policy.application,
        "provider": origin_of(member.policy.authorities[0]),
        "endpoint": f"http://127.0.0.1:{port}",
        "token": str(ConnectToken.path_of(directory)),
        "units in an epoch": member.limit,
        "sold": _sold(member),
        "units of one request": f"at most {settings.max_units}",
        "if an answer is lost": settings.on_lost,
        "proxy": settings.proxy or "none",
        "members in the group": member.group_size,
        "members needed": _least(directory),
        "admitted": member.is_admitted,
    }


def _least(directory: Path) -> int:
    return MemberDirectory(directory).read_record().min_members


def _sold(member: Member) -> str:
    if member.prices is not None:
        routes = ", ".join(f"{one.method} {one.path}" for one in member.prices.routes)
        return f"{routes} (prices of version {member.prices.version})"
    if member.policy.prices is not None:
        return "not known yet: the price list comes with a scheduled look"
    return "each request for one unit"


def _serve(member: Member, directory: Path, port: int, as_json: bool) -> None:
    from rln.services.connect import Connect

    def announce() -> None:
        if not as_json:
            print_answer(_instructions(member, directory, port))

    token = ConnectToken.of(directory)
    with ExitStack() as stack:
        listeners = [stack.enter_context(one) for one in _listeners(port)]
        app = Connect(member, token, port)
        serve(app, listeners, "connect", announce, stop_seconds=STOP_SECONDS, connections=256)


def _listeners(port: int) -> list[socket.socket]:
    """Return sockets at all loopback addresses, so that no other program gets what is sent to `localhost`.

    Raises:
        OSError: somebody listens there already, and would get prompts and the token.
    """
    from rln.services.connect import LOOPBACK

    made: list[socket.socket] = []
    try:
        for host in LOOPBACK:
            try:
                made.append(listening(host, port, "connect"))
            except OSError as error:
                # The first one is on every machine. Where there is no IPv6, nobody else can listen at it.
                if not made or error.errno not in _NO_SUCH_ADDRESS:
                    raise
    except BaseException:
        for one in made:
            one.close()
        raise
    return made


def _instructions(member: Member, directory: Path, port: int) -> str:
    token = shlex.quote(str(ConnectToken.path_of(directory.absolute())))
    waiting, least = "", _least(directory)
    if not member.is_admitted:
        waiting = "\nnot admitted yet: until then, requests get status 403"
    elif member.group_size < least:
        waiting = (
            f"\nthe group has {member.group_size} members, and this one waits for {least}: until then, "
            "requests get status 503;\nto accept fewer, stop, and repeat `rln join` with --min-members"
        )
    return (
        f"member of {member.policy.application} at http://127.0.0.1:{port}{waiting}\n"
        f"export OPENAI_BASE_URL=http://127.0.0.1:{port}/v1\n"
        f'export OPENAI_API_KEY="$(cat {token})"\n'
        f"export ANTHROPIC_BASE_URL=http://127.0.0.1:{port}\n"
        f'export ANTHROPIC_API_KEY="$(cat {token})"'
    )
