"""A valid call of every public function and class of the middleware."""

from __future__ import annotations

import fastapi

from rln.integrations.admission import Admitted, App
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.fastapi import admitted
from rln.integrations.provider import Provider
from rln.integrations.provider_settings import HttpLimits, ProviderSettings
from rln.integrations.request_body import Receive
from rln.integrations.request_head import Scope
from rln.stores.memory import MemoryNullifierLog
from rln.verifying.verdict import Valid
from tests.support.call_bench import Call, CallBench
from tests.support.http_world import AUTHORITY, HttpWorld
from tests.support.provider_objects import Verdicts
from tests.support.public_values import Table


def _world(bench: CallBench) -> HttpWorld:
    directory = bench.path("provider")
    directory.mkdir()
    made = HttpWorld(directory, members=1)
    bench.stack.callback(made.close)
    return made


def _provider(bench: CallBench) -> Call:
    world = _world(bench)
    return Provider, {
        "policy": (world.directory / "policy.json").read_bytes(),
        "verifying_key": world.key.verifying_key,
        "clock": world.clock,
        "roots": world.group.roots,
        "log": MemoryNullifierLog(),
        "slash": world.group.slash,
        "was_member": world.group.was_member,
        "audit": None,
        "observer": Verdicts(),
        "exempt": ("/health",),
        "authority": AUTHORITY,
        "prices": None,
        "upstream_authorization": "Bearer x",
        "limits": HttpLimits(),
    }


async def _app(scope: Scope, receive: Receive, send: object) -> None:
    """Do nothing."""


def _middleware(bench: CallBench) -> Call:
    app: App = _app
    return RlnMiddleware, {"app": app, "config": _world(bench).directory / "rln.toml", "provider": None}


def _request(bench: CallBench) -> Call:
    scope = {"type": "http", "rln": Admitted(Valid(), 1, bench.epoch)}
    return admitted, {"request": fastapi.Request(scope)}


MIDDLEWARE: Table = {
    "rln.integrations.asgi.RlnMiddleware": _middleware,
    "rln.integrations.fastapi.admitted": _request,
    "rln.integrations.provider.Provider": _provider,
    "rln.integrations.provider.Provider.open": lambda bench: (
        Provider.open,
        {"settings": _world(bench).directory / "rln.toml"},
    ),
    "rln.integrations.provider_settings.HttpLimits": lambda _: (
        HttpLimits,
        {"body": 5, "seconds": 5, "buffers": 50, "source_buffers": 10, "pending": 5, "bad_proofs": 5},
    ),
    "rln.integrations.provider_settings.ProviderSettings": lambda bench: (
        ProviderSettings,
        {
            "policy": bench.path(),
            "key": bench.path(),
            "log": "memory://",
            "members": "memory://",
            "exempt": ("/health",),
            "authority": AUTHORITY,
            "prices": bench.path(),
            "audit": bench.path(),
            "upstream_authorization": bench.path(),
            "limits": HttpLimits(),
        },
    ),
    "rln.integrations.provider_settings.ProviderSettings.load": lambda bench: (
        ProviderSettings.load,
        {"path": _world(bench).directory / "rln.toml"},
    ),
}
"""As `VALUES` of `tests.support.public_values`."""
