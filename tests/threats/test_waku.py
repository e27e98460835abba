"""Waku: stale roots, boundaries that shift, unsigned fields, replays, floods, parked messages (rows G)."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import rln
from rln.errors import EncodingError
from rln.keys.verifying_key import VerifyingKey
from rln.stores import open_log
from rln.stores.memory import MemoryNullifierLog
from rln.waku import wire
from rln.waku.judge import Judge
from rln.waku.message import MAX_BYTES, WakuMessage
from rln.waku.network import WakuNetwork
from rln.waku.parked import LONGEST_WAIT, PLACES, Parked, ParkedMessage
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.ruling import Gossip, Why
from rln.waku.signals import waku_signal
from rln.waku.topics import ContentTopic, check_boundary
from tests.architecture.tree import ROOT
from tests.support.waku_world import PERIOD, PUBSUB, TOPIC, WakuWorld, proof_of, with_proof


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


def vector(identifier: str) -> bytes:
    """Return the bytes of a message of the vectors."""
    cases = json.loads((ROOT / "vectors" / "waku-signals.json").read_text())["cases"]
    (found,) = (case["input"]["data"] for case in cases if case["id"] == identifier)
    return bytes.fromhex(found)


# ---- G1 --------------------------------------------------------------------------------------------


def test_g1_no_honest_peer_loses_score_for_a_root_that_this_node_lacks(world: WakuWorld) -> None:
    before = [world.group.root]
    stale = world.judge(world.verifier(roots=before, log=MemoryNullifierLog()))
    for _ in range(3):
        world.group.register(rln.Identity.generate().commitment, 2)
    prover = world.prover()
    messages = [world.message(payload, prover) for payload in (b"a", b"b")]
    rulings = [stale.rule(PUBSUB, message.encode(), "honest") for message in messages]
    assert {ruling.gossip for ruling in rulings} == {Gossip.PARK}
    assert not any(ruling.counts for ruling in rulings)
    refreshed = world.judge(world.verifier(roots=[*before, world.group.root]))
    assert {refreshed.rule(PUBSUB, message.encode()).why for message in messages} == {Why.VALID}


# ---- G2 --------------------------------------------------------------------------------------------


def test_g2_a_byte_moved_from_payload_to_topic_keeps_signal_and_hash_but_is_not_forwarded() -> None:
    """The message was made by js-waku and zerokit, and is judged with zerokit's key."""
    honest, shifted = (WakuMessage.decode(vector(name)) for name in ("js-waku", "shift-1"))
    assert waku_signal(honest, "waku-2025") == waku_signal(shifted, "waku-2025")
    assert honest.hash(PUBSUB) == shifted.hash(PUBSUB)
    proof = RateLimitProof.decode(honest.proof or b"")
    clock = rln.EpochClock.waku(
        proof.rln_identifier or b"", PERIOD, now=lambda: (honest.timestamp or 0) / 10**9
    )
    key = VerifyingKey.builtin("zerokit-20")
    verifier = rln.Verifier(key, roots=[proof.root], log=MemoryNullifierLog(), clock=clock, threads=1)
    judge = Judge(WakuNetwork(1, 8, "waku-2025"), verifier, clock)
    ruling = judge.rule(PUBSUB, vector("shift-1"), "peer")
    assert (ruling.why, ruling.gossip, ruling.counts) == (Why.WRONG_TOPIC, Gossip.IGNORE, True)
    assert judge.rule(PUBSUB, vector("js-waku"), "peer").why is Why.VALID


@pytest.mark.parametrize("five_parts", [False, True])
def test_g2_no_boundary_of_a_forwarded_message_can_move(five_parts: bool) -> None:
    """Neither form leaves a second reading: all places of the boundary, for payloads of every kind."""
    world = WakuWorld(five_parts=five_parts)
    topics = [TOPIC, "/0/1/2/proto", "/a/0/0/0", *(["/0" + TOPIC, "/0/0/0/0/0"] if five_parts else [])]
    payloads = ["", "/", "0", "/0", "a/0", "/0/0", "/app/1", "/a/b/c/d", "x/0/a"]
    for payload, topic in itertools.product(payloads, topics):
        joined = payload + topic
        readings = []
        for at in range(len(joined) + 1):
            try:
                parsed = ContentTopic.parse(joined[at:], world.network.five_parts)
                if five_parts:
                    check_boundary(joined[:at].encode(), parsed)
            except EncodingError:
                continue
            readings.append(joined[:at])
        assert len(readings) <= 1, joined


def test_g2_a_generation_moved_into_the_payload_is_not_forwarded() -> None:
    world = WakuWorld(five_parts=True)
    honest = world.message(b"a", content_topic="/0" + TOPIC)
    shifted = dataclasses.replace(honest, payload=b"a/0", content_topic=TOPIC)
    assert waku_signal(honest, "waku-2025") == waku_signal(shifted, "waku-2025")
    judge = world.judge()
    assert judge.rule(PUBSUB, shifted.encode(), "peer").why is Why.WRONG_TOPIC
    assert judge.rule(PUBSUB, honest.encode(), "peer").why is Why.VALID


# ---- G3 --------------------------------------------------------------------------------------------


def test_g3_the_first_form_of_a_message_wins_and_a_peer_with_two_is_counted(world: WakuWorld) -> None:
    judge, message = world.judge(), world.message(ephemeral=False)
    forms = [
        dataclasses.replace(message, ephemeral=True),
        message,
        dataclasses.replace(message, meta=b"forged"),
        dataclasses.replace(message, version=5),
    ]
    assert len({form.hash(PUBSUB) for form in forms}) == 2  # of these fields only `meta` is hashed
    rulings = [judge.rule(PUBSUB, form.encode(), "peer") for form in forms]
    assert [ruling.why for ruling in rulings] == [Why.VALID, *[Why.DUPLICATE] * 3]
    assert [ruling.counts for ruling in rulings] == [False, True, True, True]
    assert judge.rule(PUBSUB, message.encode(), "someone else").counts is False


@pytest.mark.parametrize("padding", [b"\x78\x05", b"\x7a\x80\x08" + bytes(1024), b"\x7d" + bytes(4)])
def test_g3_a_message_padded_by_a_relay_is_not_forwarded(world: WakuWorld, padding: bytes) -> None:
    judge, message = world.judge(), world.message()
    ruling = judge.rule(PUBSUB, message.encode() + padding, "peer")
    assert (ruling.why, ruling.gossip, ruling.counts) == (Why.UNKNOWN_FIELDS, Gossip.IGNORE, True)
    assert judge.rule(PUBSUB, dataclasses.replace(message, meta=bytes(64)).encode()).why is Why.VALID
    long = message.encode() + wire.length_field(11, bytes(65))
    assert judge.rule(PUBSUB, long, "peer").why is Why.LAX


# ---- G4 --------------------------------------------------------------------------------------------


def test_g4_a_replay_at_the_edge_of_an_epoch_and_after_a_restart_is_not_delivered(
    world: WakuWorld, tmp_path: Path
) -> None:
    world.time = world.clock.current().end - 1.0
    message, path = world.message(), tmp_path / "log.db"

    def node() -> tuple[Judge, rln.ports.NullifierLog]:
        log = open_log(f"sqlite:///{path}", clock=world.clock, new=not path.exists())
        return world.judge(world.verifier(log=log)), log

    whys = []
    for seconds in (0.0, 2.0, 18.0, 3.0):
        world.time += seconds  # the epoch ends; it stays acceptable for the skew
        judge, log = node()
        whys.append(judge.rule(PUBSUB, message.encode(), "peer"))
        log.close()
    assert [ruling.delivers for ruling in whys] == [True, False, False, False]
    assert whys[-1].why is Why.WRONG_TIME
    assert whys[0].why is Why.VALID


# ---- G5 --------------------------------------------------------------------------------------------


def test_g5_a_flood_of_bad_proofs_is_not_verified_for_ever(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = world.message()  # whose prover verifies it, too
    asked: list[int] = []
    many, one = VerifyingKey.verify_many, VerifyingKey.verify

    def counted_many(key: VerifyingKey, proofs: Sequence[rln.RlnProof], threads: int | None = None) -> object:
        asked.append(len(proofs))
        return many(key, proofs, threads)

    def counted(key: VerifyingKey, inputs: Sequence[int], proof: bytes) -> bool:
        asked.append(1)
        return one(key, inputs, proof)

    monkeypatch.setattr(VerifyingKey, "verify_many", counted_many)
    monkeypatch.setattr(VerifyingKey, "verify", counted)
    limit = rln.SourceLimit(1e-9, 5)
    judge = world.judge(world.verifier(sources=limit), sources=limit)
    flood = [with_proof(good, proof_of(good, nullifier=number)) for number in range(1, 31)]
    flood += [with_proof(good, proof_of(good, root=number)) for number in range(1, 31)]
    rulings = [judge.rule(PUBSUB, message.encode(), "bad") for message in flood]
    assert sum(asked) == 5
    assert [ruling.why for ruling in rulings[:5]] == [Why.BAD_PROOF] * 5
    assert {ruling.why for ruling in rulings[5:]} == {Why.OVERLOADED}
    assert judge.rule(PUBSUB, good.encode(), "good").why is Why.VALID


def test_g5_the_work_for_bytes_that_are_no_message_does_not_grow_with_them() -> None:
    """Fields of two bytes would be 76,800 in a message; the reader stops at 64."""
    assert wire.MAX_FIELDS == 64
    data = b"\x78\x05" * (MAX_BYTES // 2)
    with pytest.raises(wire.LaxEncoding, match="expected at most 64 fields, got more"):
        WakuMessage.decode(data)
    with pytest.raises(wire.LaxEncoding, match="expected at most 64 fields, got more"):
        RateLimitProof.decode(data)


# ---- G6 --------------------------------------------------------------------------------------------


def parked(number: int, peer: str, prefix: str, since: float = 100.0) -> ParkedMessage:
    """Return a message that waits."""
    return ParkedMessage(PUBSUB, number.to_bytes(4, "little"), peer, prefix, since)


def test_g6_garbage_with_an_unknown_root_takes_no_place(world: WakuWorld) -> None:
    judge, good = world.judge(world.verifier(roots=[5])), world.message()
    garbage = [
        with_proof(good, proof_of(good, root=6)),
        with_proof(good, proof_of(good, y=6)),
        dataclasses.replace(good, payload=b"hullo"),
    ]
    assert {judge.rule(PUBSUB, one.encode(), "bad").gossip for one in garbage} == {Gossip.REJECT}
    assert judge.rule(PUBSUB, good.encode(), "good").gossip is Gossip.PARK


def test_g6_sixteen_names_of_one_address_cannot_take_the_places_of_others() -> None:
    places = Parked()
    for number in range(2 * PLACES):
        places.park(parked(number, f"name {number % 16}", "203.0.113.0/24"))
    assert len(places) == PLACES
    assert all(places.park(parked(1000 + number, "honest", "198.51.100.0/24")) for number in range(100))
    assert not places.park(parked(2000, "name 17", "203.0.113.0/24")) or len(places) == PLACES
    kept = places.take(101.0)
    assert sum(one.peer == "honest" for one in kept) == 100
    assert len(kept) == PLACES


def test_g6_one_peer_of_a_prefix_cannot_take_the_places_of_its_neighbours() -> None:
    places = Parked()
    assert sum(places.park(parked(number, "greedy", "p")) for number in range(300)) == PLACES
    assert sum(places.park(parked(1000 + number, "modest", "p")) for number in range(50)) == 50
    assert not places.park(parked(3000, "greedy", "p"))
    assert not places.park(parked(3000, "greedy", "p"))


def test_g6_a_message_waits_for_three_seconds_and_in_one_place() -> None:
    places = Parked()
    first, second = parked(1, "a", "p", 100.0), parked(2, "a", "p", 101.0)
    assert places.park(first) and places.park(second)
    assert places.park(dataclasses.replace(first, since=102.0))
    assert len(places) == 2
    taken = places.take(102.0)
    assert taken == [first, second] and len(places) == 0 and places
    assert all(places.park(one) for one in taken)  # still unknown
    assert places.take(100.0 + LONGEST_WAIT + 0.5) == [second]
    assert repr(places) == "Parked(0 of 256)"
