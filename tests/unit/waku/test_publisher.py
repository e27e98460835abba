"""WakuPublisher: a message is complete, passes the node's own judge, and keeps its share."""

from __future__ import annotations

from typing import Any

import pytest

import rln
from rln.errors import EncodingError, NotRenewable, RateLimitReached, WrongEpoch
from rln.stores.memory import MemoryNullifierLog
from rln.waku.judge import OwnViolation
from rln.waku.message import MAX_BYTES
from rln.waku.publisher import NotSendable, WakuPublisher
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.ruling import Why
from tests.support.waku_world import PERIOD, PUBSUB, TOPIC, WakuWorld


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


def publisher(world: WakuWorld, prover: rln.Prover | None = None, **more: Any) -> WakuPublisher:
    """Return a publisher of the member, at a node of its own; `more` are arguments of the verifier."""
    judge = world.judge(
        world.verifier(**{"log": MemoryNullifierLog(), **more}), own=[world.member.commitment]
    )
    return WakuPublisher(world.network, prover or world.prover(), judge, world.clock)


def test_peers_accept_what_is_made(world: WakuWorld) -> None:
    ready = publisher(world).make(b"hello", TOPIC, meta=b"m", ephemeral=True)
    assert ready.pubsub_topic == PUBSUB
    assert (ready.message.version, ready.message.meta, ready.message.ephemeral) == (0, b"m", True)
    assert ready.message.timestamp == int(world.time * 10**9)
    assert world.judge().rule(ready.pubsub_topic, ready.data, "peer").why is Why.VALID


@pytest.mark.parametrize(
    ("payload", "topic"),
    [(b"", TOPIC), (b"a", TOPIC[1:]), (b"a", "/0" + TOPIC), (bytes(MAX_BYTES - 300), TOPIC)],
)
def test_what_peers_would_refuse_spends_nothing(world: WakuWorld, payload: bytes, topic: str) -> None:
    made = publisher(world)
    with pytest.raises(EncodingError):
        made.make(payload, topic)
    for number in range(4):  # the whole limit is left
        made.make(b"%d" % number, TOPIC)
    with pytest.raises(RateLimitReached):
        made.make(b"one too many", TOPIC)


def test_a_renewed_message_has_the_same_share_and_a_newer_root(world: WakuWorld) -> None:
    made = publisher(world)
    ready = made.make(b"hello", TOPIC)
    world.group.register(rln.Identity.generate().commitment, 2)
    renewed = made.renew(ready)
    first, second = (RateLimitProof.decode(one.message.proof or b"") for one in (ready, renewed))
    assert (first.x, first.y, first.nullifier, first.epoch) == (
        second.x, second.y, second.nullifier, second.epoch,
    )  # fmt: skip
    assert (first.root != second.root) and second.root == world.group.root
    assert renewed.message.timestamp == ready.message.timestamp
    fresh = world.judge(world.verifier(roots=[world.group.root]))
    assert fresh.rule(PUBSUB, renewed.data, "peer").why is Why.VALID
    assert made.renew(renewed).data == renewed.data


def test_a_message_is_not_renewed_after_its_time(world: WakuWorld) -> None:
    made = publisher(world)
    ready = made.make(b"hello", TOPIC)
    world.time += 21
    with pytest.raises(NotSendable, match="got wrong time") as caught:
        made.renew(ready)
    assert caught.value.why is Why.WRONG_TIME
    world.time += PERIOD
    with pytest.raises(NotRenewable):
        made.renew(ready)


def test_a_root_that_this_node_does_not_know_is_not_sent(world: WakuWorld) -> None:
    with pytest.raises(NotSendable, match="message: expected one that this node forwards, got unknown root"):
        publisher(world, roots=[5]).make(b"hello", TOPIC)


def test_a_copied_keystore_is_noticed_before_the_message_is_sent(world: WakuWorld) -> None:
    log = MemoryNullifierLog()
    one, two = (publisher(world, log=log) for _ in range(2))
    one.make(b"one", TOPIC)
    with pytest.raises(OwnViolation, match="another client uses the same keystore"):
        two.make(b"two", TOPIC)


def test_an_epoch_that_ends_while_the_proof_is_made(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    prover = world.prover()
    made, prove = publisher(world, prover), rln.Prover.prove

    def slow(self: rln.Prover, signal: bytes) -> rln.RlnProof:
        world.time = float(world.clock.current().end)
        return prove(self, signal)

    world.time = world.clock.current().end - 0.5
    monkeypatch.setattr(rln.Prover, "prove", slow)
    with pytest.raises(WrongEpoch, match="make the message again"):
        made.make(b"hello", TOPIC)
    monkeypatch.undo()
    assert made.make(b"hello", TOPIC).pubsub_topic == PUBSUB


def test_an_unsure_log_is_raised(world: WakuWorld) -> None:
    log = MemoryNullifierLog()

    def fails(*_: object) -> None:
        raise rln.StoreUnavailable("the disk")

    log.insert_or_get_many = fails  # type: ignore[assignment,method-assign]
    with pytest.raises(rln.StoreUnavailable, match="the disk"):
        publisher(world, log=log).make(b"hello", TOPIC)
