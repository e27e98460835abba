"""The commands of `rln`, put together."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from rln.base.version import __version__
from rln.cli.commands import (
    bench,
    connect,
    demo,
    doctor,
    evidence,
    gateway,
    group,
    identity,
    join,
    keys,
    keystore,
    log,
    message,
    mirror,
    params,
    proof,
    proofs,
    provider,
    registrar,
    relay,
    restored,
    vectors,
)
from rln.cli.edge import Edge
from rln.cli.strict_options import make_strict

app = typer.Typer(
    name="rln",
    cls=Edge,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # of every command below, too
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rln {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Rate-Limiting Nullifiers: keys, members, proofs and verdicts."""


_START, _KEYS, _PROOFS, _GROUPS, _HTTP, _NETWORK = (
    "Start here",
    "Keys",
    "Identities and proofs",
    "Groups and logs",
    "Services over HTTP",
    "Waku networks",
)

app.command("demo", rich_help_panel=_START)(demo.demo)
app.command("doctor", rich_help_panel=_START)(doctor.doctor)
app.command("bench", rich_help_panel=_START)(bench.bench)
app.command("poseidon", rich_help_panel=_START)(proofs.poseidon)
app.add_typer(vectors.app, name="vectors", rich_help_panel=_START)
app.command("setup", rich_help_panel=_KEYS)(keys.setup)
app.add_typer(keys.app, name="keys", rich_help_panel=_KEYS)
app.add_typer(params.app, name="params", rich_help_panel=_KEYS)
app.add_typer(identity.app, name="identity", rich_help_panel=_PROOFS)
app.add_typer(message.app, name="message", rich_help_panel=_PROOFS)
app.add_typer(proof.app, name="proof", rich_help_panel=_PROOFS)
app.command("witness", rich_help_panel=_PROOFS)(proofs.witness)
app.command("prove", rich_help_panel=_PROOFS)(proofs.prove)
app.command("verify", rich_help_panel=_PROOFS)(proofs.verify)
app.command("recover", rich_help_panel=_PROOFS)(proofs.recover)
app.add_typer(evidence.app, name="evidence", rich_help_panel=_PROOFS)
app.add_typer(group.app, name="group", rich_help_panel=_GROUPS)
app.add_typer(log.app, name="log", rich_help_panel=_GROUPS)
app.add_typer(provider.app, name="provider", rich_help_panel=_HTTP)
app.command("gateway", rich_help_panel=_HTTP)(gateway.gateway)
app.command("registrar", rich_help_panel=_HTTP)(registrar.registrar)
app.command("relay", rich_help_panel=_NETWORK)(relay.relay)
app.command("join", rich_help_panel=_HTTP)(join.join)
app.command("connect", rich_help_panel=_HTTP)(connect.connect)
group.app.command("import")(mirror.import_bulletins)
group.app.command("follow")(mirror.follow)
group.app.command("root")(mirror.root)
group.app.command("path")(mirror.path)
group.app.command("restored")(restored.restored)
identity.app.command("import")(keystore.import_keystore)
identity.app.command("export")(keystore.export_keystore)


def _unwrapped(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


# typer keeps the line breaks of a docstring, at whatever width the terminal has.
for _part in (app, group.app, identity.app, log.app, message.app, params.app, proof.app, provider.app):
    for _command in _part.registered_commands:
        _command.help = _unwrapped(getattr(_command.callback, "__doc__", None) or "")

make_strict(app)
