"""`rln registrar`: the service at which customers become members."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from rln.base.extras import require
from rln.cli.report import AsJson, Report, name_in_errors, print_answer, run
from rln.services.registrar import Registrar
from rln.services.registrar_settings import RegistrarSettings


def registrar(
    config: Annotated[
        Path, typer.Option("--config", envvar="RLN_CONFIG", help="The provider's file rln.toml.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen at; put a TLS proxy in front.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8001,
    check: Annotated[
        bool, typer.Option("--check", help="Explain the configuration, and exit without listening.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register members: API keys, proofs of knowledge, admission in batches, bulletins, webhooks.

    The command runs until SIGTERM or SIGINT. The file needs a table [registrar]; docs/registrar.md has all
    its names. Only one registrar can use a file of accounts.
    """

    def action() -> Report:
        with name_in_errors(config):
            settings = RegistrarSettings.read(config)
        for package in ("cryptography", "fastapi", "uvicorn"):
            require(package, "registrar")
        opened = Registrar.open(settings)
        try:
            data = _explained(opened, settings)
            if not check:
                with _listening(host, port) as listener:
                    if not as_json:
                        print_answer(f"registrar of {opened.policy.application} at http://{host}:{port}")
                    _serve(opened, listener)
        finally:
            opened.close()
        return Report(data, "\n".join(f"{name}: {value}" for name, value in data.items()) if check else "")

    run(action, as_json)


def _explained(opened: Registrar, settings: RegistrarSettings) -> dict[str, object]:
    """Return what a configuration means; it names no account, no key and no address of a webhook."""
    policy, numbers = opened.policy, settings.numbers
    return {
        "application": policy.application,
        "policy version": policy.version,
        "tiers": ", ".join(f"{tier.name} ({tier.limit})" for tier in policy.tiers),
        "registration": policy.registration,
        "bulletins": policy.bulletins,
        "published step": opened.bulletins.step,
        "admission": f"every {numbers['interval']} seconds, or {numbers['batch']} at once",
        "replacements": f"{numbers['replacements']} in {numbers['replacement_days']} days, "
        f"{numbers['replacements_after_slash']} after a slashing",
        "webhooks": len(settings.webhooks),
    }


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens, before anything says so."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except UnicodeError:
        why = "no name of a host"
    except OSError as error:
        why = error.strerror or type(error).__name__
    raise OSError(f"registrar: cannot listen at {host}:{port}: {why}")


def _serve(opened: Registrar, listener: socket.socket) -> None:
    import uvicorn

    from rln.services.registrar_app import app_of

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    server = uvicorn.Server(
        uvicorn.Config(
            app_of(opened),
            access_log=False,
            proxy_headers=False,
            server_header=False,
            log_config=None,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=10,
            limit_concurrency=256,
            h11_max_incomplete_event_size=1 << 14,
        )
    )
    with _signals_are_a_normal_end():
        server.run(sockets=[listener])
    if not server.started:
        raise OSError("registrar: the server did not start; its log says why")


@contextmanager
def _signals_are_a_normal_end() -> Iterator[None]:
    """Ignore the signal that uvicorn raises again after it has stopped because of it."""

    def ignore(_: int, __: FrameType | None) -> None:
        return None

    before = {number: signal.signal(number, ignore) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
