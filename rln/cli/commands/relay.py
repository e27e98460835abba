"""`rln relay`: a node of a Waku network that judges what it forwards."""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rln.base.extras import require
from rln.cli.logs import check_new, exists
from rln.cli.report import AsJson, Report, name_in_errors, print_answer, run
from rln.cli.table import format_facts
from rln.services.relay_settings import RelaySettings

if TYPE_CHECKING:
    import trio

    from rln.services.relay import Relay


def relay(
    config: Annotated[Path, typer.Option("--config", envvar="RLN_RELAY", help="The node's file relay.toml.")],
    create_log: Annotated[
        bool,
        typer.Option(
            "--create-log",
            help="The log does not exist yet, and nothing was accepted in the current epochs. Without it, a "
            "new log refuses the epochs that are open now.",
        ),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Explain the configuration, and exit without listening.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Forward the messages of a Waku network, recover the secrets of violators, and serve light clients.

    The command runs until SIGTERM or SIGINT. docs/waku-relay.md has all names of the file. The log of the
    node is on standard error; it has no address of a peer.
    """

    def action() -> Report:
        for package in ("cryptography", "libp2p", "trio"):
            require(package, "relay")
        with name_in_errors(config):
            settings = RelaySettings.read(config)
        if create_log:
            check_new(settings.log, settings.network.clock())
        is_new = not exists(settings.log, settings.network.clock())
        if check and is_new:  # a log that the check had made would refuse the epochs that are open now
            settings = replace(settings, log="memory://")
        from rln.services.relay import Relay

        opened = Relay(settings, create_log=create_log)
        try:
            data = opened.explain()
            if not check:
                _serve(opened, as_json)
        finally:
            opened.close()
        if is_new:
            data["log"] = "made at the first start"
        return Report(data, _facts(data) if check else "")

    run(action, as_json)


def _facts(data: Mapping[str, object]) -> str:
    texts = {
        name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in data.items()
    }
    return format_facts(texts)


def _serve(opened: Relay, as_json: bool) -> None:
    import trio

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Peers can cause any number of its lines, with their addresses.
    logging.getLogger("libp2p").setLevel(logging.CRITICAL)

    def ready(addresses: tuple[str, ...]) -> None:
        if not as_json:
            print_answer("\n".join(f"relay at {address}" for address in addresses))

    async def until_signal() -> None:
        with trio.CancelScope() as scope:
            # Not a nursery, which would put a group around the one error that ends the node.
            trio.lowlevel.spawn_system_task(_cancel_at_signal, scope)
            await opened.run(ready)

    trio.run(until_signal)


async def _cancel_at_signal(scope: trio.CancelScope) -> None:
    import trio

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
