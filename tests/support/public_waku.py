"""A valid call of every public function and class of `rln.waku`."""

from __future__ import annotations

from rln.errors import RlnError
from rln.protocol.epoch import Epoch
from rln.verifying.source_limit import SourceLimit
from rln.verifying.verdict import Duplicate
from rln.waku.judge import Judge
from rln.waku.message import WakuMessage
from rln.waku.network import OpenedMessage, WakuNetwork
from rln.waku.parked import Parked, ParkedMessage
from rln.waku.publisher import ReadyMessage, WakuPublisher
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.rln_api import error_word, proof_word
from rln.waku.ruling import Ruling, Why
from rln.waku.signals import check_signal_format, waku_signal
from rln.waku.topics import ContentTopic, PubsubTopic, check_boundary
from tests.support.call_bench import Call, CallBench
from tests.support.public_values import Table
from tests.support.waku_world import WakuWorld

EPOCH = Epoch.of(5, 600, bytes(32))
TOPIC = ContentTopic("app", "1", "chat", "proto")
MESSAGE = WakuMessage(b"hello", str(TOPIC), timestamp=5)


def _fields(bench: CallBench) -> dict[str, object]:
    first = bench.first
    return {
        "proof": first.proof,
        "root": first.root,
        "epoch": EPOCH.index,
        "x": first.x,
        "y": first.y,
        "nullifier": first.nullifier,
        "rln_identifier": EPOCH.identifier,
    }


def _proof(bench: CallBench) -> RateLimitProof:
    return RateLimitProof(**_fields(bench))  # type: ignore[arg-type]


def _of(bench: CallBench) -> Call:
    return RateLimitProof.of, {"proof": _proof(bench).rln_proof(EPOCH), "epoch": EPOCH}


NETWORK = WakuNetwork(1, 8, "waku-2025")
PUBSUB = "/waku/2/rs/1/4"


def _judge_fields(_: CallBench) -> dict[str, object]:
    world = WakuWorld()
    return {
        "network": NETWORK,
        "verifier": world.verifier(),
        "clock": world.clock,
        "own": [5],
        "sources": SourceLimit(1.0, 5),
        "has_expired": lambda _: False,
    }


def _judge(bench: CallBench) -> Judge:
    return Judge(**_judge_fields(bench))  # type: ignore[arg-type]


def _publisher_fields() -> dict[str, object]:
    world = WakuWorld()
    return {
        "network": world.network,
        "prover": world.prover(),
        "judge": world.judge(),
        "clock": world.clock,
    }


def _publisher() -> WakuPublisher:
    return WakuPublisher(**_publisher_fields())  # type: ignore[arg-type]


def _renew() -> Call:
    publisher = _publisher()
    return publisher.renew, {"ready": publisher.make(b"hello", str(TOPIC))}


def _parked() -> ParkedMessage:
    return ParkedMessage(PUBSUB, b"data", "peer", "prefix", 100.0)


def _ruling_fields() -> dict[str, object]:
    return {"why": Why.VALID, "verdict": None, "counts": None, "detail": "", "error": None}


def _opened_fields(bench: CallBench) -> dict[str, object]:
    proof = _proof(bench).rln_proof(EPOCH)
    return {"message": MESSAGE, "proof": proof, "epoch": EPOCH, "signal": b"signal", "digest": bytes(32)}


WAKU: Table = {
    "rln.waku.message.WakuMessage": lambda _: (
        WakuMessage,
        {
            "payload": b"hello",
            "content_topic": str(TOPIC),
            "version": 0,
            "timestamp": 5,
            "meta": b"meta",
            "proof": b"proof",
            "ephemeral": False,
            "unknown": False,
        },
    ),
    "rln.waku.message.WakuMessage.decode": lambda _: (WakuMessage.decode, {"data": MESSAGE.encode()}),
    "rln.waku.message.WakuMessage.hash": lambda _: (MESSAGE.hash, {"pubsub_topic": "/waku/2/rs/1/4"}),
    "rln.waku.judge.Judge": lambda bench: (Judge, _judge_fields(bench)),
    "rln.waku.judge.Judge.rule": lambda bench: (
        _judge(bench).rule,
        {"pubsub_topic": PUBSUB, "data": MESSAGE.encode(), "peer": "peer"},
    ),
    "rln.waku.judge.Judge.rule_many": lambda bench: (
        _judge(bench).rule_many,
        {"messages": [(PUBSUB, MESSAGE.encode())], "peers": ["peer"]},
    ),
    "rln.waku.judge.Judge.rule_own": lambda bench: (
        _judge(bench).rule_own,
        {"pubsub_topic": PUBSUB, "data": MESSAGE.encode()},
    ),
    "rln.waku.network.OpenedMessage": lambda bench: (OpenedMessage, _opened_fields(bench)),
    "rln.waku.network.WakuNetwork": lambda _: (
        WakuNetwork,
        {"cluster": 1, "shards": 8, "signal_format": "waku-2025", "five_parts": False},
    ),
    "rln.waku.network.WakuNetwork.read": lambda _: (
        NETWORK.read,
        {"pubsub_topic": PUBSUB, "data": MESSAGE.encode(), "clock": WakuWorld().clock},
    ),
    "rln.waku.parked.Parked.park": lambda _: (Parked().park, {"message": _parked()}),
    "rln.waku.parked.Parked.take": lambda _: (Parked().take, {"now": 100.0}),
    "rln.waku.parked.ParkedMessage": lambda _: (
        ParkedMessage,
        {"pubsub_topic": PUBSUB, "data": b"data", "peer": "peer", "prefix": "prefix", "since": 100.0},
    ),
    "rln.waku.publisher.ReadyMessage": lambda _: (
        ReadyMessage,
        {"pubsub_topic": PUBSUB, "message": MESSAGE},
    ),
    "rln.waku.publisher.WakuPublisher": lambda _: (WakuPublisher, _publisher_fields()),
    "rln.waku.publisher.WakuPublisher.make": lambda _: (
        _publisher().make,
        {"payload": b"hello", "content_topic": str(TOPIC), "meta": b"meta", "ephemeral": False},
    ),
    "rln.waku.publisher.WakuPublisher.renew": lambda _: _renew(),
    "rln.waku.rln_api.error_word": lambda _: (error_word, {"error": RlnError("an error")}),
    "rln.waku.rln_api.proof_word": lambda _: (proof_word, {"verdict": Duplicate()}),
    "rln.waku.ruling.Ruling": lambda _: (Ruling, _ruling_fields()),
    "rln.waku.rate_limit_proof.RateLimitProof": lambda bench: (RateLimitProof, _fields(bench)),
    "rln.waku.rate_limit_proof.RateLimitProof.decode": lambda bench: (
        RateLimitProof.decode,
        {"data": _proof(bench).encode()},
    ),
    "rln.waku.rate_limit_proof.RateLimitProof.of": lambda bench: _of(bench),
    "rln.waku.rate_limit_proof.RateLimitProof.rln_proof": lambda bench: (
        _proof(bench).rln_proof,
        {"epoch": EPOCH},
    ),
    "rln.waku.signals.check_signal_format": lambda _: (
        check_signal_format,
        {"signal_format": "waku-2025"},
    ),
    "rln.waku.signals.waku_signal": lambda _: (
        waku_signal,
        {"message": MESSAGE, "signal_format": "waku-2025"},
    ),
    "rln.waku.topics.ContentTopic": lambda _: (
        ContentTopic,
        {
            "application": "app",
            "version": "1",
            "name": "chat",
            "encoding": "proto",
            "has_generation": False,
        },
    ),
    "rln.waku.topics.ContentTopic.parse": lambda _: (
        ContentTopic.parse,
        {"topic": str(TOPIC), "five_parts": False},
    ),
    "rln.waku.topics.ContentTopic.shard": lambda _: (TOPIC.shard, {"shards": 8}),
    "rln.waku.topics.PubsubTopic": lambda _: (PubsubTopic, {"cluster": 1, "shard": 4}),
    "rln.waku.topics.PubsubTopic.parse": lambda _: (PubsubTopic.parse, {"topic": "/waku/2/rs/1/4"}),
    "rln.waku.topics.check_boundary": lambda _: (check_boundary, {"payload": b"hello", "topic": TOPIC}),
}
"""By name of the callable: builds the callable and valid arguments for all of its parameters."""
