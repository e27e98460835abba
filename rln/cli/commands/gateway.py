"""`rln gateway`: anonymous limits before any LLM server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from rln.base.extras import require
from rln.cli.report import AsJson, Report, name_in_errors, print_answer, run
from rln.cli.serving import listening, serve
from rln.errors import ParameterError
from rln.http.policy import host_of, is_loopback
from rln.services.gateway import Gateway

_ALL: Final = ("0.0.0.0", "::")
"""Hosts that stand for all addresses of the machine."""


def gateway(
    config: Annotated[
        Path, typer.Option("--config", envvar="RLN_CONFIG", help="The provider's file rln.toml.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen at; put a TLS proxy in front.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8000,
    check: Annotated[
        bool, typer.Option("--check", help="Explain the configuration, and exit without listening.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Forward what members have paid for to an LLM server, and refuse everything else.

    The command runs until SIGTERM or SIGINT; requests that run then have stop_seconds to end. The file needs
    a price list and a table [gateway]; docs/http-gateway.md has all its names.
    """

    def action() -> Report:
        for package in ("aiohttp", "cryptography", "uvicorn"):
            require(package, "gateway")
        with name_in_errors(config):
            opened = Gateway.open(config)
        try:
            _refuse_itself(opened, host, port)
            data = opened.explain()
            if not check:
                _serve(opened, host, port, as_json)
        finally:
            opened.close()
        return Report(data, _lines(data) if check else "")

    run(action, as_json)


def _serve(opened: Gateway, host: str, port: int, as_json: bool) -> None:
    def announce() -> None:
        if not as_json:
            print_answer(f"gateway of {opened.provider.policy.application} at http://{host}:{port}")

    seconds = opened.settings.stop_seconds
    with listening(host, port, "gateway") as listener:
        serve(opened.app, [listener], "gateway", announce, stop_seconds=seconds, connections=None)


def _refuse_itself(opened: Gateway, host: str, port: int) -> None:
    """Refuse an upstream that is this gateway: a free request would go round for ever.

    Raises:
        ParameterError: the upstream is where the gateway will listen.
    """
    scheme, _, authority = opened.settings.upstream.partition("://")
    behind = host_of(authority)
    found = authority.removeprefix(f"[{behind}]").rpartition(":")[2] if authority[-1] != "]" else ""
    number = int(found) if found.isdigit() else {"http": 80, "https": 443}[scheme]
    here = host == behind or (is_loopback(behind) and (is_loopback(host) or host in _ALL))
    if number == port and here:
        raise ParameterError(
            f"upstream: expected another server, got {opened.settings.upstream}, where the gateway itself "
            "listens"
        )


def _lines(data: dict[str, object]) -> str:
    width = max(map(len, data))
    lines = []
    for name, value in data.items():
        values = value if isinstance(value, list) else [value]
        for number, one in enumerate(values or ["none"]):
            lines.append(f"{'' if number else name:{width}}  {one}")
    return "\n".join(lines)
