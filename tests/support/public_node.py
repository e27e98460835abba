"""A valid call of every public function and class of a node of a Waku network."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

from libp2p.crypto.secp256k1 import create_new_key_pair
from libp2p.peer.id import ID

from rln.integrations.multiaddresses import (
    check_free,
    multiaddress,
    network_prefix,
    peer_info,
    peer_name,
    peer_name_of,
)
from rln.integrations.trio_guest import run_in_asyncio
from rln.integrations.waku_node import AcceptedMessage, WakuNode
from rln.waku.message import WakuMessage
from rln.waku.publisher import ReadyMessage
from rln.waku.ruling import Ruling, Why
from tests.support.call_bench import Call
from tests.support.public_values import Table
from tests.support.redis_server import free_port
from tests.support.waku_world import PUBSUB, TOPIC, WakuWorld

_KEY: Final = bytes([3]) * 32
_PEER: Final = str(ID.from_pubkey(create_new_key_pair(_KEY).public_key))
_MESSAGE: Final = WakuMessage(b"hello", TOPIC, timestamp=5)


def _node(**more: Any) -> WakuNode:
    world = WakuWorld()
    return WakuNode(world.network, world.judge(), clock=world.clock, topics=[PUBSUB], **more)


def _fields() -> dict[str, object]:
    world = WakuWorld()
    return {
        "network": world.network,
        "judge": world.judge(),
        "clock": world.clock,
        "topics": [PUBSUB],
        "listen": ["/ip4/127.0.0.1/tcp/0"],
        "key": _KEY,
        "muxer": "yamux",
        "refresh": lambda: None,
        "heartbeat": 1.0,
    }


async def _run(scene: Callable[[], Awaitable[Any]]) -> Any:
    """Run a scene with nodes, and raise its one error without the groups of nurseries."""
    try:
        return await run_in_asyncio(scene)
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from group


def _running(method: str, **arguments: object) -> Call:
    """Return a call of a method of a node that runs in a trio loop of its own."""

    async def call(**given: object) -> object:
        async def scene() -> object:
            node = _node()
            async with node.run():
                answer = getattr(node, method)(**given)
                return await answer if inspect.isawaitable(answer) else answer

        return await _run(scene)

    return call, arguments


def _connect() -> Call:
    port = free_port()

    async def call(address: str) -> Any:
        async def scene() -> str:
            node, other = _node(), _node(key=_KEY, listen=[f"/ip4/127.0.0.1/tcp/{port}"])
            async with node.run(), other.run():
                return await node.connect(address)

        return await _run(scene)

    return call, {"address": f"/ip4/127.0.0.1/tcp/{port}/p2p/{_PEER}"}


async def _nothing() -> None:
    return None


_FUNCTION: Final[Callable[[], Awaitable[None]]] = _nothing

NODE: Table = {
    "rln.integrations.multiaddresses.check_free": lambda _: (check_free, {"address": "/ip4/127.0.0.1/tcp/0"}),
    "rln.integrations.multiaddresses.multiaddress": lambda _: (
        multiaddress,
        {"address": "/ip4/127.0.0.1/tcp/1", "name": "listen"},
    ),
    "rln.integrations.multiaddresses.network_prefix": lambda _: (network_prefix, {"host": "192.0.2.7"}),
    "rln.integrations.multiaddresses.peer_info": lambda _: (
        peer_info,
        {"address": f"/ip4/192.0.2.7/tcp/1/p2p/{_PEER}"},
    ),
    "rln.integrations.multiaddresses.peer_name_of": lambda _: (peer_name_of, {"key": _KEY}),
    "rln.integrations.multiaddresses.peer_name": lambda _: (peer_name, {"peer": _PEER}),
    "rln.integrations.trio_guest.run_in_asyncio": lambda _: (run_in_asyncio, {"function": _FUNCTION}),
    "rln.integrations.waku_node.AcceptedMessage": lambda _: (
        AcceptedMessage,
        {
            "pubsub_topic": PUBSUB,
            "data": b"data",
            "message": _MESSAGE,
            "ruling": Ruling(Why.VALID),
            "peer": _PEER,
        },
    ),
    "rln.integrations.waku_node.WakuNode": lambda _: (WakuNode, _fields()),
    "rln.integrations.waku_node.WakuNode.connect": lambda _: _connect(),
    "rln.integrations.waku_node.WakuNode.mesh": lambda _: _running("mesh", pubsub_topic=PUBSUB),
    "rln.integrations.waku_node.WakuNode.on_accepted": lambda _: (
        _node().on_accepted,
        {"call": lambda accepted: None},
    ),
    "rln.integrations.waku_node.WakuNode.on_ruling": lambda _: (
        _node().on_ruling,
        {"call": lambda ruling: None},
    ),
    "rln.integrations.waku_node.WakuNode.publish": lambda _: _running(
        "publish", ready=ReadyMessage(PUBSUB, _MESSAGE)
    ),
    "rln.integrations.waku_node.WakuNode.score": lambda _: _running("score", peer=_PEER),
    "rln.integrations.waku_node.WakuNode.submit": lambda _: _running(
        "submit", pubsub_topic=PUBSUB, data=b"data", peer="client"
    ),
}
"""By name of the callable: builds the callable and valid arguments for all of its parameters."""
