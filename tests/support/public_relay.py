"""A valid call of every public function and class of a relay, and of the light-push client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import trio
from libp2p.abc import INetStream
from libp2p.crypto.secp256k1 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID

from rln.integrations.light_push import LightPushClient, Pushed
from rln.integrations.light_streams import read_frame, write_frame
from rln.integrations.trio_guest import run_in_asyncio
from rln.integrations.waku_host import WakuHost
from rln.integrations.waku_node import WakuNode
from rln.services.bulletin_roots import BulletinRoots
from rln.services.reconnect import Reconnect
from rln.services.relay import Relay
from rln.services.relay_settings import (
    LightSettings,
    NetworkSettings,
    NodeSettings,
    RelaySettings,
    RootsSettings,
)
from rln.services.roots_file import RootsFile
from rln.stores.memory import MemoryMark
from rln.sync.export import bulletin_since
from rln.sync.signing import RegistrarKey
from rln.waku.light_protocols import LIGHT_PUSH, PushRequest, PushResponse
from rln.waku.publisher import ReadyMessage, WakuPublisher
from tests.support.call_bench import Call, CallBench
from tests.support.public_values import Table
from tests.support.redis_server import free_port
from tests.support.relay_process import NETWORK
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key
from tests.support.waku_world import PUBSUB, WakuWorld

_KEY: Final = bytes([3]) * 32
_PEER: Final = str(ID.from_pubkey(create_new_key_pair(_KEY).public_key))
_ADDRESS: Final = f"/ip4/127.0.0.1/tcp/1/p2p/{_PEER}"
_NETWORK: Final = {
    "cluster": 1,
    "shards": 8,
    "signal_format": "waku-2025",
    "identifier": "rln/test",
    "epoch_seconds": 600,
    "skew_seconds": 20,
    "five_parts": False,
}
_ROOTS: Final = {"depth": DEPTH, "limit_bits": LIMIT_BITS, "window_seconds": 60, "slash": True}


def _settings(bench: CallBench) -> dict[str, Any]:
    roots = bench.file(f"0x{5:064x}\n".encode())
    return {
        "key": bench.file(small_key().verifying_key.to_json()),
        "log": "memory://",
        "network": NetworkSettings(**_NETWORK),  # type: ignore[arg-type]
        "roots": RootsSettings(file=roots),
        "node": NodeSettings(("/ip4/127.0.0.1/tcp/0",), key=bench.path("key")),
        "light": LightSettings(),
        "audit": None,
        "bad_proofs": 5,
        "metrics": ("127.0.0.1", 9464),
    }


def _config(bench: CallBench) -> Path:
    fields = _settings(bench)
    text = f'key = "{fields["key"]}"\nlog = "memory://"\n[network]\n{NETWORK}\n'
    text += f'[roots]\nfile = "{fields["roots"].file}"\n[node]\nlisten = ["/ip4/127.0.0.1/tcp/0"]\n'
    return bench.file(text.encode())


def _opened(bench: CallBench, make: Callable[..., Relay], arguments: dict[str, Any]) -> Call:
    def call(**given: Any) -> Relay:
        made = make(**given)
        bench.stack.callback(made.close)
        return made

    return call, arguments


def _run(bench: CallBench) -> Call:
    relay = Relay(RelaySettings(**{**_settings(bench), "metrics": None}))
    bench.stack.callback(relay.close)

    async def call(**given: Any) -> None:
        async def scene() -> None:
            with trio.move_on_after(2):
                await relay.run(**given)

        await _single(scene)

    return call, {"ready": lambda addresses: None}


def _bulletin_roots(bench: CallBench) -> Call:
    folder = bench.path("bulletins")
    folder.mkdir()
    key, group = RegistrarKey.new(bench.path("pem")), bench.group()
    (folder / "one.bulletin").write_bytes(key.sign(bulletin_since(group.registry)))
    from tests.support.public_services import _window

    return BulletinRoots, {
        "place": folder,
        "public_key": key.public_key,
        "depth": DEPTH,
        "limit_bits": LIMIT_BITS,
        "size": _window(),
    }


def _node() -> WakuNode:
    world = WakuWorld()
    return WakuNode(world.network, world.judge(), clock=world.clock, topics=[PUBSUB])


def _message() -> ReadyMessage:
    return ReadyMessage(PUBSUB, WakuWorld().message())


def _publisher() -> WakuPublisher:
    world = WakuWorld()
    return WakuPublisher(world.network, world.prover(), world.judge(), world.clock)


def _pushing(method: str, **arguments: object) -> Call:
    """Return a call of a method of a client whose service publishes everything."""
    port = free_port()

    async def service(stream: INetStream) -> None:
        request = PushRequest.decode(await read_frame(stream))
        await write_frame(stream, PushResponse(request.request_id, 200).encode())
        await stream.close()

    async def call(**given: object) -> Any:
        async def scene() -> Any:
            host = WakuHost("service", [f"/ip4/127.0.0.1/tcp/{port}"], key=_KEY)
            client = LightPushClient(f"/ip4/127.0.0.1/tcp/{port}/p2p/{_PEER}")
            async with host.run() as running, client.run():
                running.set_stream_handler(TProtocol(LIGHT_PUSH), service)
                return await getattr(client, method)(**given)

        return await _single(scene)

    return call, arguments


async def _single(scene: Callable[[], Awaitable[Any]]) -> Any:
    """Run a scene, and raise its one error without the groups of nurseries."""
    try:
        return await run_in_asyncio(scene)
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from group


RELAY: Table = {
    "rln.integrations.light_push.LightPushClient": lambda _: (
        LightPushClient,
        {"service": _ADDRESS, "key": _KEY, "muxer": "yamux"},
    ),
    "rln.integrations.light_push.LightPushClient.publish": lambda _: _pushing(
        "publish", publisher=_publisher(), ready=_message()
    ),
    "rln.integrations.light_push.LightPushClient.push": lambda _: _pushing("push", ready=_message()),
    "rln.integrations.light_push.Pushed": lambda _: (Pushed, {"ready": _message(), "peers": 5}),
    "rln.services.bulletin_roots.BulletinRoots": _bulletin_roots,
    "rln.services.reconnect.Reconnect": lambda _: (Reconnect, {"node": _node(), "addresses": [_ADDRESS]}),
    "rln.services.relay.Relay": lambda bench: _opened(
        bench, Relay, {"settings": RelaySettings(**_settings(bench)), "create_log": True}
    ),
    "rln.services.relay.Relay.open": lambda bench: _opened(
        bench, Relay.open, {"config": _config(bench), "create_log": True}
    ),
    "rln.services.relay.Relay.run": _run,
    "rln.services.relay_settings.LightSettings": lambda _: (
        LightSettings,
        {"push": True, "filter": True, "store": 5, "store_bytes": 1024},
    ),
    "rln.services.relay_settings.NetworkSettings": lambda _: (NetworkSettings, _NETWORK),
    "rln.services.relay_settings.NetworkSettings.clock": lambda _: (
        NetworkSettings(**_NETWORK).clock,  # type: ignore[arg-type]
        {"mark": MemoryMark()},
    ),
    "rln.services.relay_settings.NodeSettings": lambda bench: (
        NodeSettings,
        {
            "listen": ("/ip4/127.0.0.1/tcp/0",),
            "peers": (_ADDRESS,),
            "shards": (1,),
            "key": bench.path("key"),
        },
    ),
    "rln.services.relay_settings.RelaySettings": lambda bench: (RelaySettings, _settings(bench)),
    "rln.services.relay_settings.RelaySettings.read": lambda bench: (
        RelaySettings.read,
        {"path": _config(bench)},
    ),
    "rln.services.relay_settings.RootsSettings": lambda bench: (
        RootsSettings,
        {"members": None, "bulletins": None, "file": bench.path("txt"), "registrar_key": None, **_ROOTS},
    ),
    "rln.services.roots_file.RootsFile": lambda bench: (
        RootsFile,
        {"path": bench.file(f"0x{5:064x}\n".encode())},
    ),
}
"""By name of the callable: builds the callable and valid arguments for all of its parameters."""
