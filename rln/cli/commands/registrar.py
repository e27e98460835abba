"""`rln registrar`: the service at which customers become members."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rln.base.extras import require
from rln.cli.report import AsJson, Report, name_in_errors, print_answer, run
from rln.cli.serving import listening, serve
from rln.cli.table import format_facts
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
                _serve(opened, host, port, as_json)
        finally:
            opened.close()
        return Report(data, format_facts(data) if check else "")

    run(action, as_json)


def _serve(opened: Registrar, host: str, port: int, as_json: bool) -> None:
    from rln.services.registrar_app import app_of

    def announce() -> None:
        if not as_json:
            print_answer(f"registrar of {opened.policy.application} at http://{host}:{port}")

    with listening(host, port, "registrar") as listener:
        serve(app_of(opened), [listener], "registrar", announce, stop_seconds=10, connections=256)


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
