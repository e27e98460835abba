"""Checkers of the vectors `waku-*.json`: what `rln.waku` makes of a case, in the notation of its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rln.base import scalar
from rln.protocol.signal import hash_signal
from rln.waku.message import WakuMessage
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.signals import waku_signal
from rln.waku.topics import ContentTopic, check_boundary

Case = Mapping[str, Any]


def _message(case: Case, _: Case) -> object:
    message = WakuMessage.decode(bytes.fromhex(case["data"]))
    return {
        "payload": message.payload.hex(),
        "content_topic": message.content_topic.encode().hex(),
        "meta": _hex(message.meta),
        "proof": _hex(message.proof),
        "version": message.version,
        "timestamp": None if message.timestamp is None else str(message.timestamp),
        "ephemeral": message.ephemeral,
        "unknown": message.unknown,
        "encoded": message.encode().hex(),
        "hash": message.hash(case["pubsub_topic"]).hex(),
    }


def _proof(case: Case, _: Case) -> object:
    proof = RateLimitProof.decode(bytes.fromhex(case["data"]))
    return {
        **{
            name: scalar.encode(getattr(proof, name)).hex()
            for name in ("root", "epoch", "x", "y", "nullifier")
        },
        "proof": proof.proof.hex(),
        "rln_identifier": _hex(proof.rln_identifier),
    }


def _signal(case: Case, _: Case) -> object:
    message = WakuMessage.decode(bytes.fromhex(case["data"]))
    topic = ContentTopic.parse(message.content_topic, case["five_parts"])
    if case["five_parts"]:
        check_boundary(message.payload, topic)
    signal = waku_signal(message, case["signal_format"])
    return {
        "signal": signal.hex(),
        "x": scalar.encode(hash_signal(signal)).hex(),
        "shard": topic.shard(case["shards"]),
    }


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


CHECKERS: Final[Mapping[str, Callable[[Case, Case], object]]] = {
    "waku-messages": _message,
    "waku-proofs": _proof,
    "waku-signals": _signal,
}
