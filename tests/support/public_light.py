"""A valid call of every public function and class for light clients of Waku networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rln.integrations.light import LightServices
from rln.integrations.waku_node import WakuNode
from rln.waku import light_protocols as protocols
from rln.waku.archive import Archive
from rln.waku.light_form import LightMessage
from rln.waku.message import WakuMessage
from tests.support.call_bench import Call, CallBench
from tests.support.public_values import Table
from tests.support.waku_world import PUBSUB, TOPIC, WakuWorld

_MESSAGE: Final = WakuMessage(b"hello", TOPIC, timestamp=5)
_HASH: Final = bytes(32)

_FIELDS: Final[dict[type[LightMessage], dict[str, Any]]] = {
    protocols.Metadata: {"cluster": 1, "shards": (1, 2)},
    protocols.PushRequest: {"request_id": "id", "message": b"message", "pubsub_topic": PUBSUB},
    protocols.PushResponse: {"request_id": "id", "status": 200, "description": "OK", "peers": 5},
    protocols.FilterRequest: {
        "request_id": "id",
        "action": 1,
        "pubsub_topic": PUBSUB,
        "content_topics": (TOPIC,),
    },
    protocols.FilterResponse: {"request_id": "id", "status": 200, "description": "OK"},
    protocols.FilterPush: {"message": b"message", "pubsub_topic": PUBSUB},
    protocols.StoreRequest: {
        "request_id": "id",
        "include_data": True,
        "pubsub_topic": PUBSUB,
        "content_topics": (TOPIC,),
        "start": 1,
        "end": 2,
        "hashes": (_HASH,),
        "cursor": _HASH,
        "forward": True,
        "limit": 20,
    },
    protocols.StoredMessage: {"hash": _HASH, "message": b"message", "pubsub_topic": PUBSUB},
    protocols.StoreResponse: {
        "request_id": "id",
        "status": 200,
        "description": "OK",
        "messages": (b"message",),
        "cursor": _HASH,
    },
}


def _services() -> Call:
    world = WakuWorld()
    node = WakuNode(world.network, world.judge(), clock=world.clock)
    fields = {
        "node": node,
        "network": world.network,
        "archive": Archive(),
        "light_push": True,
        "filter": True,
    }
    return LightServices, fields


def _making(kind: type[LightMessage]) -> Callable[[CallBench], Call]:
    return lambda _: (kind, _FIELDS[kind])


def _decoding(kind: type[LightMessage]) -> Callable[[CallBench], Call]:
    return lambda _: (kind.decode, {"data": kind(**_FIELDS[kind]).encode()})


LIGHT: Table = {
    "rln.integrations.light.LightServices": lambda _: _services(),
    "rln.waku.archive.Archive": lambda _: (Archive, {"messages": 5, "size": 5000}),
    "rln.waku.archive.Archive.add": lambda _: (
        Archive().add,
        {"pubsub_topic": PUBSUB, "message": _MESSAGE, "data": _MESSAGE.encode()},
    ),
    "rln.waku.archive.Archive.query": lambda _: (Archive().query, {"request": protocols.StoreRequest("id")}),
    **{f"rln.waku.light_protocols.{kind.__name__}": _making(kind) for kind in _FIELDS},
    **{f"rln.waku.light_protocols.{kind.__name__}.decode": _decoding(kind) for kind in _FIELDS},
}
"""By name of the callable: builds the callable and valid arguments for all of its parameters."""
