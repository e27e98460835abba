"""A valid call of every public function and class of the gateway."""

from __future__ import annotations

from typing import Any

from rln.http.policy import open_policy
from rln.integrations.provider import Provider
from rln.services.gateway import Gateway
from rln.services.gateway_settings import GatewaySettings
from rln.services.upstream import Upstream
from tests.support.call_bench import Call, CallBench
from tests.support.http_world import HttpWorld
from tests.support.price_routes import FLAT
from tests.support.public_values import Table

SETTINGS = GatewaySettings("http://127.0.0.1:9")


def _world(bench: CallBench) -> HttpWorld:
    directory = bench.path("gateway")
    directory.mkdir()
    made = HttpWorld(directory, members=1, routes=(FLAT,))
    bench.stack.callback(made.close)
    with (directory / "rln.toml").open("a") as file:
        file.write('[gateway]\nupstream = "http://127.0.0.1:9"\n')
    return made


def _opening(bench: CallBench) -> Call:
    def opened(**arguments: Any) -> Gateway:
        made = Gateway.open(**arguments)
        bench.stack.callback(made.close)
        return made

    return opened, {"config": _world(bench).directory / "rln.toml"}


def _gateway(bench: CallBench) -> Call:
    provider = Provider.open(_world(bench).directory / "rln.toml")
    bench.stack.callback(provider.close)
    return Gateway, {"provider": provider, "settings": SETTINGS}


def _upstream(bench: CallBench) -> Call:
    policy = open_policy((_world(bench).directory / "policy.json").read_bytes())
    return Upstream, {"settings": SETTINGS, "policy": policy}


GATEWAY: Table = {
    "rln.services.gateway.Gateway": _gateway,
    "rln.services.gateway.Gateway.open": _opening,
    "rln.services.gateway_settings.GatewaySettings": lambda bench: (
        GatewaySettings,
        {
            "upstream": "https://upstream.example",
            "authorization_field": "x-api-key",
            "fields": (("anthropic-version", "2023-06-01"),),
            "ca": bench.path(),
            "connect_seconds": 5,
            "answer_seconds": 5,
            "stop_seconds": 5,
        },
    ),
    "rln.services.gateway_settings.GatewaySettings.read": lambda bench: (
        GatewaySettings.read,
        {"path": _world(bench).directory / "rln.toml"},
    ),
    "rln.services.upstream.Upstream": _upstream,
}
"""As `VALUES` of `tests.support.public_values`."""
