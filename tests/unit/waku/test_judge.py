"""Judge: each ruling, alone and in a batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

import rln
from rln.ports import Claim, Taken
from rln.stores.memory import MemoryNullifierLog
from rln.waku.judge import Judge, OwnViolation
from rln.waku.message import WakuMessage
from rln.waku.ruling import Gossip, Ruling, Why
from tests.support.small_world import small_multi_key
from tests.support.waku_world import PERIOD, PUBSUB, TOPIC, WakuWorld, proof_of, with_proof


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


def whys(judge: Judge, *messages: WakuMessage, peer: str | None = "peer") -> list[Why]:
    """Return why each message gets its ruling, judged one after the other."""
    return [judge.rule(PUBSUB, message.encode(), peer).why for message in messages]


def test_a_valid_message_is_delivered_once_and_a_copy_ignored(world: WakuWorld) -> None:
    judge, message = world.judge(), world.message()
    first, second = (judge.rule(PUBSUB, message.encode(), "peer") for _ in range(2))
    assert (first.why, first.gossip, first.delivers, first.verdict) == (
        Why.VALID, Gossip.ACCEPT, True, rln.Valid(),
    )  # fmt: skip
    assert (second.why, second.gossip, second.delivers, second.counts) == (
        Why.DUPLICATE, Gossip.IGNORE, False, False,
    )  # fmt: skip


def test_a_violation_gives_the_secret_to_the_slasher(world: WakuWorld) -> None:
    ruling = [
        world.judge().rule(PUBSUB, world.message(payload).encode(), "peer") for payload in (b"one", b"two")
    ][1]
    assert (ruling.why, ruling.gossip, ruling.delivers) == (Why.VIOLATION, Gossip.IGNORE, False)
    assert isinstance(ruling.verdict, rln.RateLimitViolation)
    assert ruling.verdict.identity_secret == world.member.secret()


def changed(world: WakuWorld, change: str) -> WakuMessage:
    """Return a message with one fault."""
    good = world.message()
    root = world.group.root
    faults: dict[str, dict[str, Any]] = {
        "payload": {"payload": b"hullo"},
        "no proof": {"proof": None},
        "empty proof": {"proof": b""},
        "cut proof": {"proof": (good.proof or b"")[:-1]},
        "long proof": {"proof": (good.proof or b"") + b"\x42\x00"},
        "x": {"proof": proof_of(good, x=5).encode()},
        "y": {"proof": proof_of(good, y=5).encode()},
        "nullifier": {"proof": proof_of(good, nullifier=5).encode()},
        "root": {"proof": proof_of(good, root=root + 1).encode()},
        "root and payload": {"payload": b"hullo", "proof": proof_of(good, root=root + 1).encode()},
        "network": {"proof": proof_of(good, rln_identifier=bytes(32)).encode()},
        "epoch": {"proof": proof_of(good, epoch=5).encode()},
        "no time": {"timestamp": None},
        "topic": {"content_topic": TOPIC[1:]},
        "five parts": {"content_topic": "/0" + TOPIC},
        "shard": {"content_topic": "/app/2/chat/proto"},
    }
    return dataclasses.replace(good, **faults[change])


@pytest.mark.parametrize(
    ("change", "why", "gossip"),
    [
        ("payload", Why.WRONG_SIGNAL, Gossip.REJECT),
        ("no proof", Why.NO_PROOF, Gossip.REJECT),
        ("empty proof", Why.NO_PROOF, Gossip.REJECT),
        ("cut proof", Why.MALFORMED, Gossip.REJECT),
        ("long proof", Why.LAX, Gossip.IGNORE),
        ("x", Why.WRONG_SIGNAL, Gossip.REJECT),
        ("y", Why.BAD_PROOF, Gossip.REJECT),
        ("nullifier", Why.BAD_PROOF, Gossip.REJECT),
        ("root", Why.BAD_PROOF, Gossip.REJECT),  # unknown, and the proof is for another one
        ("root and payload", Why.WRONG_SIGNAL, Gossip.REJECT),
        ("network", Why.OTHER_NETWORK, Gossip.IGNORE),
        ("epoch", Why.WRONG_EPOCH, Gossip.IGNORE),
        ("no time", Why.LAX, Gossip.IGNORE),
        ("topic", Why.WRONG_TOPIC, Gossip.IGNORE),
        ("five parts", Why.WRONG_TOPIC, Gossip.IGNORE),
        ("shard", Why.WRONG_SHARD, Gossip.IGNORE),
    ],
)
def test_a_fault_is_rejected_only_if_every_implementation_refuses_it(
    world: WakuWorld, change: str, why: Why, gossip: Gossip
) -> None:
    judge = world.judge()
    ruling = judge.rule(PUBSUB, changed(world, change).encode(), "peer")
    assert (ruling.why, ruling.gossip, ruling.delivers) == (why, gossip, False)
    assert whys(judge, world.message()) == [Why.VALID]  # nothing was written


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"\x0a\x05a", Why.MALFORMED), (b"\x0f", Why.MALFORMED), (b"\x02\x00", Why.LAX), (b"", Why.WRONG_TOPIC)],
)
def test_bytes_that_are_no_message(world: WakuWorld, data: bytes, why: Why) -> None:
    assert world.judge().rule(PUBSUB, data, "peer").why is why


def test_a_message_belongs_to_its_shard_and_cluster(world: WakuWorld) -> None:
    judge, data = world.judge(), world.message().encode()
    for topic in ("/waku/2/rs/1/3", "/waku/2/rs/2/4", "/waku/2/rs/01/4", ""):
        assert judge.rule(topic, data, "peer").why is Why.WRONG_SHARD


@pytest.mark.parametrize(
    ("seconds", "why"), [(19, Why.VALID), (-19, Why.VALID), (21, Why.WRONG_TIME), (-21, Why.WRONG_TIME)]
)
def test_a_timestamp_is_within_the_skew(world: WakuWorld, seconds: int, why: Why) -> None:
    message = world.message()
    world.time += seconds
    assert whys(world.judge(), message) == [why]


def test_the_epoch_is_that_of_the_timestamp(world: WakuWorld) -> None:
    """At the edge of an epoch both are acceptable, but each timestamp has one."""
    world.time = world.clock.current().end - 5
    prover = world.prover()
    late = int((world.time + 10) * 10**9)
    messages = [world.message(b"a", prover), world.message(b"b", prover, timestamp=late)]
    assert whys(world.judge(), *messages) == [Why.VALID, Why.WRONG_EPOCH]


def test_the_older_signal_has_no_time_to_check() -> None:
    world = WakuWorld("waku-2023")
    prover = world.prover()
    messages = [world.message(payload, prover, timestamp=time) for payload, time in ((b"a", None), (b"b", 5))]
    assert whys(world.judge(), *messages) == [Why.VALID, Why.VALID]
    world.time += PERIOD + 21
    assert whys(world.judge(), *messages) == [Why.WRONG_EPOCH, Why.WRONG_EPOCH]


def test_five_parts_where_a_network_allows_them() -> None:
    world = WakuWorld(five_parts=True)
    prover = world.prover()
    messages = [
        world.message(b"a", prover, content_topic="/0" + TOPIC),
        world.message(b"a", prover),
        world.message(b"a/0", prover),
    ]
    assert whys(world.judge(), *messages) == [Why.VALID, Why.VALID, Why.WRONG_TOPIC]


# ---- roots -----------------------------------------------------------------------------------------


def test_a_message_with_a_newer_root_is_parked_and_valid_after_a_refresh(world: WakuWorld) -> None:
    before = world.group.root
    stale = world.judge(world.verifier(roots=[before]))
    world.group.register(rln.Identity.generate().commitment, 2)
    message = world.message()
    assert stale.rule(PUBSUB, message.encode(), "peer").gossip is Gossip.PARK
    fresh = world.judge(world.verifier(roots=[before, world.group.root]))
    assert whys(fresh, message) == [Why.VALID]


def test_a_root_that_has_expired_is_not_parked(world: WakuWorld) -> None:
    message, old = world.message(), world.group.root
    verifier = world.verifier(roots=[5])
    assert whys(world.judge(verifier, has_expired=lambda root: root == old), message) == [Why.EXPIRED_ROOT]
    assert whys(world.judge(verifier, has_expired=lambda root: root != old), message) == [Why.UNKNOWN_ROOT]

    def fails(_: int) -> bool:
        raise rln.StoreUnavailable("the registry")

    assert whys(world.judge(verifier, has_expired=fails), message) == [Why.UNSURE]
    ruling = world.judge(verifier, has_expired=lambda _: None).rule(PUBSUB, message.encode(), "peer")  # type: ignore[arg-type,return-value]
    assert (ruling.why, str(ruling.error)) == (
        Why.UNSURE, "has_expired: expected True or False, got NoneType; correct it",
    )  # fmt: skip


def test_bad_proofs_of_unknown_roots_are_limited_for_each_peer(world: WakuWorld) -> None:
    judge = world.judge(sources=rln.SourceLimit(1e-9, 2))
    bad = changed(world, "root")
    assert whys(judge, bad, bad, bad) == [Why.BAD_PROOF, Why.BAD_PROOF, Why.OVERLOADED]
    assert whys(judge, bad, peer="another") == [Why.BAD_PROOF]


# ---- a shared log ----------------------------------------------------------------------------------


def test_nodes_that_share_a_log_forward_each_and_deliver_once(world: WakuWorld) -> None:
    nodes, message = [world.judge() for _ in range(3)], world.message()
    rulings = [node.rule(PUBSUB, message.encode(), "peer") for node in nodes]
    assert [ruling.why for ruling in rulings] == [Why.VALID, Why.NEW_HERE, Why.NEW_HERE]
    assert {ruling.gossip for ruling in rulings} == {Gossip.ACCEPT}
    assert [ruling.delivers for ruling in rulings] == [True, False, False]
    assert [whys(node, message) for node in nodes] == [[Why.DUPLICATE]] * 3


def test_a_share_of_the_log_with_a_bad_proof_is_not_forwarded(world: WakuWorld) -> None:
    message = world.message()
    false = with_proof(message, proof_of(message, proof=proof_of(world.message(b"other")).proof))
    assert whys(world.judge(), message) == [Why.VALID]
    node = world.judge()
    assert whys(node, false, message, message) == [Why.BAD_PROOF, Why.NEW_HERE, Why.DUPLICATE]


# ---- forms of a message ----------------------------------------------------------------------------


def test_a_peer_that_sends_two_forms_is_counted_and_not_rejected(world: WakuWorld) -> None:
    judge, message = world.judge(), world.message()
    other = dataclasses.replace(message, ephemeral=True)
    sent = [(message, "a"), (other, "b"), (other, "a"), (message, "a"), (other, "b")]
    rulings = [judge.rule(PUBSUB, one.encode(), peer) for one, peer in sent]
    assert [ruling.counts for ruling in rulings] == [False, False, True, False, False]
    assert [ruling.gossip for ruling in rulings[1:]] == [Gossip.IGNORE] * 4


def test_a_peer_that_sends_both_halves_of_a_violation_is_counted(world: WakuWorld) -> None:
    judge, (one, two) = world.judge(), [world.message(payload) for payload in (b"one", b"two")]
    sent = [(one, "a"), (two, "b"), (two, "a")]
    rulings = [judge.rule(PUBSUB, message.encode(), peer) for message, peer in sent]
    assert [ruling.counts for ruling in rulings] == [False, False, True]
    assert [ruling.why for ruling in rulings[1:]] == [Why.VIOLATION] * 2


# ---- own messages ----------------------------------------------------------------------------------


def test_an_own_message_is_judged_before_it_is_sent(world: WakuWorld) -> None:
    judge, message = world.judge(), world.message()
    assert judge.rule_own(PUBSUB, message.encode()).why is Why.VALID
    again = judge.rule_own(PUBSUB, message.encode())
    assert (again.gossip, again.why) == (Gossip.ACCEPT, Why.NEW_HERE)  # an unsent message is sent again
    assert whys(judge, message) == [Why.DUPLICATE]  # as it comes back from peers
    for change, why in (
        ("no proof", Why.NO_PROOF),
        ("payload", Why.WRONG_SIGNAL),
        ("topic", Why.WRONG_TOPIC),
    ):
        assert judge.rule_own(PUBSUB, changed(world, change).encode()).why is why
    stale = world.judge(world.verifier(roots=[5]))
    assert stale.rule_own(PUBSUB, world.message(b"new").encode()).why is Why.UNKNOWN_ROOT


def test_a_second_use_of_an_own_message_id_is_raised(world: WakuWorld) -> None:
    judge = world.judge(own=[world.member.commitment])
    assert judge.rule_own(PUBSUB, world.message(b"one").encode()).why is Why.VALID
    with pytest.raises(OwnViolation, match="another client uses the same keystore") as caught:
        judge.rule_own(PUBSUB, world.message(b"two").encode())
    assert str(world.member.secret().reveal()) not in str(caught.value)


def test_an_own_secret_never_leaves_the_judge(world: WakuWorld) -> None:
    judge = world.judge(own=[world.member.commitment])
    judge.rule_own(PUBSUB, world.message(b"one").encode())
    ruling = judge.rule(PUBSUB, world.message(b"two").encode(), "peer")
    assert (ruling.why, ruling.gossip, ruling.verdict) == (Why.OWN_VIOLATION, Gossip.IGNORE, None)


# ---- batches and errors ----------------------------------------------------------------------------


def test_a_batch_is_judged_as_one_after_the_other(world: WakuWorld) -> None:
    prover = world.prover()
    good = [world.message(payload, prover) for payload in (b"a", b"b")]
    again = dataclasses.replace(good[0], ephemeral=True)
    batch = [*good, again, changed(world, "topic"), changed(world, "y"), world.message(b"twice"), good[1]]
    data = [(PUBSUB, message.encode()) for message in batch]
    peers = ["peer"] * len(batch)
    fresh = MemoryNullifierLog()
    judged = world.judge().rule_many(data, peers)
    one = world.judge(world.verifier(log=fresh))
    assert judged == [one.rule(PUBSUB, message.encode(), "peer") for message in batch]
    assert [ruling.why for ruling in judged] == [
        Why.VALID, Why.VALID, Why.DUPLICATE, Why.WRONG_TOPIC, Why.BAD_PROOF, Why.VIOLATION, Why.DUPLICATE,
    ]  # fmt: skip
    assert world.judge().rule_many([]) == []


class FailingLog(MemoryNullifierLog):
    """A log that fails with an error."""

    def __init__(self, error: rln.StoreError) -> None:
        super().__init__()
        self.error = error

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | rln.StoreUnavailable]:
        raise self.error


def test_an_unsure_log_is_no_fault_of_the_peer(world: WakuWorld) -> None:
    error = rln.StoreUnavailable("the disk")
    ruling = world.judge(world.verifier(log=FailingLog(error))).rule(PUBSUB, world.message().encode(), "peer")
    assert (ruling.why, ruling.gossip, ruling.error) == (Why.UNSURE, Gossip.IGNORE, error)


def test_an_alarm_is_raised(world: WakuWorld) -> None:
    judge = world.judge(world.verifier(log=FailingLog(rln.IntegrityAlarm("stop"))))
    data = world.message().encode()
    with pytest.raises(rln.IntegrityAlarm, match="stop"):
        judge.rule(PUBSUB, data, "peer")
    (ruling,) = judge.rule_many([(PUBSUB, data)])
    assert (ruling.why, str(ruling.error)) == (Why.UNSURE, "stop")
    with pytest.raises(rln.IntegrityAlarm, match="stop"):
        judge.rule_own(PUBSUB, data)


def test_a_clock_that_is_unsure_is_no_fault_of_the_peer(world: WakuWorld) -> None:
    message, judge = world.message(), world.judge()
    world.time = -1.0
    assert whys(judge, message) == [Why.UNSURE]


def test_a_judge_needs_a_key_for_one_message_id(world: WakuWorld) -> None:
    key = small_multi_key().verifying_key
    verifier = rln.Verifier(key, roots=[5], log=MemoryNullifierLog(), clock=world.clock)
    with pytest.raises(rln.ParameterError, match="verifier: expected a key for one message id a proof"):
        world.judge(verifier)
    with pytest.raises(rln.ParameterError, match="peers: expected 1, one for each message, got 2"):
        world.judge().rule_many([(PUBSUB, b"")], ["a", "b"])


def test_a_ruling_has_the_answer_of_its_reason() -> None:
    assert [Ruling(why).gossip for why in Why]
    rejected = {why for why in Why if Ruling(why).gossip is Gossip.REJECT}
    assert rejected == {Why.MALFORMED, Why.NO_PROOF, Why.WRONG_SIGNAL, Why.BAD_PROOF}
    assert {why for why in Why if Ruling(why).gossip is Gossip.ACCEPT} == {Why.VALID, Why.NEW_HERE}
    with pytest.raises(rln.ParameterError, match="verdict: expected a verdict, got bool"):
        Ruling(Why.VALID, True)  # type: ignore[arg-type]
