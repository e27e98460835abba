"""The commands of `rln`, put together."""

from __future__ import annotations

import typer

from rln.cli.commands import (
    bench,
    demo,
    doctor,
    evidence,
    group,
    identity,
    keys,
    log,
    mirror,
    proofs,
    vectors,
)

app = typer.Typer(
    name="rln",
    help="Rate-Limiting Nullifiers: keys, proofs, verdicts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
app.command("setup")(keys.setup)
app.add_typer(keys.app, name="keys", help="What a key file is, whether it is sound, conversion.")
app.add_typer(identity.app, name="identity", help="A member's secret, in a file.")
app.command("witness")(proofs.witness)
app.command("prove")(proofs.prove)
app.command("verify")(proofs.verify)
app.command("recover")(proofs.recover)
app.command("poseidon")(proofs.poseidon)
group.app.command("import")(mirror.import_bulletins)
group.app.command("follow")(mirror.follow)
group.app.command("root")(mirror.root)
group.app.command("path")(mirror.path)
app.add_typer(group.app, name="group", help="Registries of members, and mirrors that members keep.")
app.add_typer(log.app, name="log", help="Nullifier logs, and the audit files of verifiers.")
app.add_typer(evidence.app, name="evidence", help="Two messages that convict their sender.")
app.add_typer(vectors.app, name="vectors", help="Test vectors.")
