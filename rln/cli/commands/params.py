"""`rln params`: make, show and check the document that a provider publishes and that members pin."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rln.base.arguments import check_digest
from rln.cli.keyfiles import (
    GraphOption,
    KeyForm,
    KeyIfAnyOption,
    KeyOption,
    LimitBitsOption,
    VkIfAnyOption,
    open_verifying_key,
    read_proving_key,
)
from rln.cli.output import ForceOption, check_different, check_output, write_output
from rln.cli.paramsfile import ParamsArgument, parse_public_key, read_params
from rln.cli.report import REFUSED, AsJson, Report, run
from rln.cli.table import format_facts
from rln.params import Params
from rln.protocol.signal import SIGNAL_FORMATS
from rln.stores.groups import DEFAULT_WINDOW_SECONDS

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Make, show and check the parameters of an application: the document that members pin."""


@app.command("make")
def make(
    application: Annotated[str, typer.Option(help="Domain name that the provider owns.")],
    period: Annotated[int, typer.Option(help="Length of an epoch in seconds.")],
    key: KeyOption,
    out: Annotated[Path, typer.Option(help="File to write.")],
    registrar_key: Annotated[
        str | None,
        typer.Option(help="Public key that signs the bulletins, as `rln group key` prints it."),
    ] = None,
    skew: Annotated[int, typer.Option(help="Seconds by which the clocks may differ.")] = 20,
    signal_format: Annotated[
        str,
        typer.Option(
            help=f"How a signal follows from a message: {' or '.join(SIGNAL_FORMATS)}. bytes: the message "
            "itself. joined: its parts, joined so that no two lists of parts give the same bytes.",
            metavar="NAME",
        ),
    ] = SIGNAL_FORMATS[0],
    window_count: Annotated[
        int | None, typer.Option(help="How many of the newest roots are acceptable; default: no such bound.")
    ] = None,
    window_seconds: Annotated[
        int | None,
        typer.Option(
            help="How long a replaced root stays acceptable; default: "
            f"{DEFAULT_WINDOW_SECONDS:.0f}, with --window-count no such bound."
        ),
    ] = None,
    graph: GraphOption = None,
    limit_bits: LimitBitsOption = 16,
    force: ForceOption = False,
    as_json: AsJson = False,
) -> None:
    """Write the parameters of an application to a file, and print their digest, which members pin."""

    def action() -> Report:
        check_different({"--key": key, "--graph": graph, "--out": out})
        check_output(out, force)
        public = None if registrar_key is None else parse_public_key(registrar_key, "--registrar-key")
        seconds = window_seconds
        if window_count is None and window_seconds is None:
            seconds = int(DEFAULT_WINDOW_SECONDS)
        params = Params.of(
            read_proving_key(key).proving_key(graph, limit_bits=limit_bits),
            application,
            period,
            window_count=window_count,
            window_seconds=seconds,
            registrar_key=public,
            skew=skew,
            signal_format=signal_format,
        )
        write_output(out, params.encode(), force=force)
        return Report(
            {"file": str(out), **_facts(params)},
            params.digest,
            effect=f"the parameters were written to {out}",
        )

    run(action, as_json)


@app.command("show")
def show(file: ParamsArgument, as_json: AsJson = False) -> None:
    """Print the parameters in a file and their digest."""

    def action() -> Report:
        facts = _facts(read_params(file))
        return Report(facts, format_facts(facts))

    run(action, as_json)


@app.command("check")
def check(
    file: ParamsArgument,
    digest: Annotated[str, typer.Option(help="The pinned digest, 64 hexadecimal digits.")],
    key: KeyIfAnyOption = None,
    vk: VkIfAnyOption = None,
    graph: GraphOption = None,
    as_json: AsJson = False,
) -> None:
    """Compare the parameters in a file with the pinned digest and with keys; status 1 if anything differs."""

    def action() -> Report:
        pinned = check_digest(digest, "--digest")
        params = read_params(file)
        found = []
        if params.digest != pinned:
            found.append(f"{file}: digest: expected {pinned}, as pinned, got {params.digest}")
        if key is not None:
            content = read_proving_key(key)
            content.check_graph(graph)
            opened = (
                content.unchecked()
                if content.form is KeyForm.OWN
                else content.proving_key(graph, limit_bits=params.limit_bits)
            )
            found += [f"{key}: {difference}" for difference in params.key_differences(opened)]
        if vk is not None:
            verifying = open_verifying_key(vk)
            found += [f"{vk}: {difference}" for difference in params.verifying_key_differences(verifying)]
        data = {"params_digest": params.digest, "differences": found}
        if found:
            return Report(data, "\n".join(found), REFUSED)
        return Report(data, f"as pinned: {params.digest}")

    run(action, as_json)


def _facts(params: Params) -> dict[str, object]:
    return {"params_digest": params.digest, **asdict(params)}
