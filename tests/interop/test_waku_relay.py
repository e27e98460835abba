"""Relays of js-waku and ours forward each other's messages, with proofs that zerokit makes and accepts."""

from __future__ import annotations

import dataclasses
import itertools
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

import rln
from rln.waku.message import WakuMessage
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.ruling import Why
from rln.waku.signals import waku_signal
from tests.interop import js_relay, peers
from tests.interop.js_relay import JsRelay
from tests.support.waku_nodes import Watched, connected, play, until
from tests.support.waku_world import PUBSUB, TOPIC, WakuWorld, with_proof

MUXERS, TRANSPORTS, SIDES = ("yamux", "mplex"), ("tcp", "ws"), ("js", "py")
PAIRS = list(itertools.product(MUXERS, TRANSPORTS, SIDES))


@pytest.fixture
def world(ceremony_key: rln.ProvingKey) -> WakuWorld:
    """A network with zerokit's key, and one member with a limit of 100."""
    world = WakuWorld()
    world.key = ceremony_key
    world.time = float(int(world.time))
    world.group = rln.Group(20, 16)
    world.group.register(world.member.commitment, 100)
    return world


class ZerokitMember:
    """Makes messages whose proofs zerokit's own code has made."""

    def __init__(self, node: Path, ceremony: Path, world: WakuWorld) -> None:
        self._node, self._key_file, self._world = node, ceremony / "rln_final.zkey", world

    def message(self, payload: bytes, message_id: int) -> WakuMessage:
        """Make a message of the world's member with a message id."""
        world = self._world
        bare = WakuMessage(payload, TOPIC, 0, int(world.time) * 10**9, ephemeral=False)
        membership = world.group.membership(world.member.commitment)
        path, epoch = world.group.proof(membership.index), world.clock.current()
        inputs = {
            "identitySecret": str(world.member.secret().reveal()),
            "userMessageLimit": str(membership.limit),
            "messageId": str(message_id),
            "pathElements": [str(value) for value in path.siblings],
            "identityPathIndex": [str(int(bit)) for bit in path.bits],
            "x": str(rln.hash_to_field(waku_signal(bare, "waku-2025"))),
            "externalNullifier": str(epoch.external_nullifier),
        }
        wires = peers.assignment(peers.witness_of(world.key, inputs))
        request = {"call": "prove", "wires": wires, "witness": peers.serialised(inputs).hex()}
        (made,) = peers.ask(self._node, "zerokit", [request], key=str(self._key_file))
        proof = rln.RlnProof.decode(bytes.fromhex(made), "zerokit-0.9")
        return with_proof(bare, RateLimitProof.of(proof, epoch))

    def accepts(self, message: WakuMessage, root: int) -> bool:
        """Tell whether zerokit verifies a message for a root."""
        proof = RateLimitProof.decode(message.proof or b"").rln_proof(self._world.clock.current())
        framed = peers.framed(proof.encode("zerokit-0.9"), waku_signal(message, "waku-2025"))
        request = {"call": "verify", "message": framed.hex(), "roots": root.to_bytes(32, "little").hex()}
        (answer,) = peers.ask(self._node, "zerokit", [request], key=str(self._key_file))
        return bool(answer)


def described(message: WakuMessage) -> dict[str, Any]:
    """Return a message as the script takes it."""
    proof = RateLimitProof.decode(message.proof or b"")
    numbers = {
        "merkleRoot": proof.root, "epoch": proof.epoch, "shareX": proof.x, "shareY": proof.y,
        "nullifier": proof.nullifier,
    }  # fmt: skip
    found = {name: value.to_bytes(32, "little").hex() for name, value in numbers.items()}
    found |= {"proof": proof.proof.hex(), "rlnIdentifier": (proof.rln_identifier or b"").hex()}
    assert message.timestamp is not None
    return {"payload": message.payload.decode(), "timestamp": message.timestamp // 10**6, "proof": found}


async def meet(watched: Watched, js: JsRelay, side: str = "py") -> None:
    """Let one side dial the other, and wait until each forwards to the other."""
    if side == "py":
        await watched.node.connect(js.address)
    else:
        await js.ask("dial", address=watched.node.addresses[0])
    await until(lambda: js.peer in watched.node.mesh(PUBSUB))
    with trio.fail_after(20):
        while watched.node.peer_id not in (await js.ask("state"))["mesh"]:
            await trio.sleep(0.1)


@pytest.mark.parametrize(("muxer", "transport", "side"), PAIRS)
def test_each_side_forwards_what_the_other_publishes(
    node: Path, muxer: str, transport: str, side: str
) -> None:
    """With proofs of a small key: the muxers, the transports, and who dials."""
    world = WakuWorld()
    world.time = float(int(world.time))
    prover = world.prover()
    plain = {"version": 0, "ephemeral": False}  # as js-waku writes them
    ours, theirs = (world.message(text, prover, **plain) for text in (b"from python", b"from js"))

    async def scene() -> None:
        watched = Watched(world, muxer=muxer, listen=["/ip4/127.0.0.1/tcp/0" + "/ws" * (transport == "ws")])
        async with watched.node.run(), js_relay.running(node, muxer=muxer, transport=transport) as js:
            await meet(watched, js, side)
            await watched.publish(ours)
            await until(lambda: bool(js.messages))
            (got,) = js.messages
            assert (got["payload"], got["contentTopic"], got["type"]) == ("from python", TOPIC, "unsigned")
            assert got["timestamp"] == str(ours.timestamp)
            assert got["proof"] == described(ours)["proof"]
            assert got["hash"].removeprefix("0x") == ours.hash(PUBSUB).hex()
            published = await js.ask("publish", **described(theirs))
            assert published["wire"] == theirs.encode().hex()
            await until(lambda: watched.delivered == [b"from js"])
            (score,) = (await js.ask("state"))["scores"]
            assert score >= 0

    play(scene)


def test_proofs_that_zerokit_makes_are_accepted_and_ours_by_zerokit(
    node: Path, ceremony: Path, world: WakuWorld
) -> None:
    """The messages go over both muxers and both transports; each time, the node has a log of its own."""
    member = ZerokitMember(node, ceremony, world)
    first, second = member.message(b"by zerokit", 0), member.message(b"the same id", 0)
    tampered = dataclasses.replace(first, payload=b"by Zerokit")
    prover = world.prover()
    prover.prove(b"spends id 0")
    ours = world.message(b"by rln", prover)
    assert member.accepts(ours, world.group.root)
    assert not member.accepts(dataclasses.replace(ours, payload=b"by RLN"), world.group.root)
    assert not member.accepts(ours, world.group.root + 1)

    foreign = WakuWorld()
    foreign.key, foreign.member, foreign.time = world.key, rln.Identity.generate(), world.time
    foreign.group = rln.Group(20, 16)
    foreign.group.register(foreign.member.commitment, 100)
    elsewhere = ZerokitMember(node, ceremony, foreign).message(b"another tree", 0)

    async def scene(muxer: str, transport: str) -> None:
        watched = Watched(world, muxer=muxer, listen=["/ip4/127.0.0.1/tcp/0" + "/ws" * (transport == "ws")])
        async with (
            watched.node.run(),
            js_relay.running(node, muxer=muxer, transport=transport) as js,
        ):
            await meet(watched, js)
            for message in (first, tampered, elsewhere, second):
                await js.ask("publish", **described(message))
            await until(lambda: len(watched.rulings) == 4)
            whys = sorted(one.why.name for one in watched.rulings)
            assert whys == ["UNKNOWN_ROOT", "VALID", "VIOLATION", "WRONG_SIGNAL"]
            assert watched.delivered == [b"by zerokit"]
            assert watched.secrets() == [world.member.commitment]
            await watched.publish(ours)
            await until(lambda: [one["payload"] for one in js.messages] == ["by rln"])

    for muxer, transport in zip(MUXERS, TRANSPORTS, strict=True):
        play(partial(scene, muxer, transport))


def test_a_relay_of_js_waku_carries_messages_between_two_of_our_nodes(node: Path) -> None:
    world = WakuWorld()

    async def scene() -> None:
        ends = [Watched(world), Watched(world)]
        async with connected(ends, []), js_relay.running(node) as js:
            await meet(ends[0], js)
            await meet(ends[1], js)
            prover = world.prover()
            payloads = [b"%d" % number for number in range(4)]
            for payload in payloads:
                await ends[0].publish(world.message(payload, prover))
            await until(lambda: len(ends[1].delivered) == 4)
            assert sorted(ends[1].delivered) == payloads
            await ends[0].publish(world.message(b"too many", world.prover()))
            await until(lambda: bool(ends[1].secrets()))
            assert ends[1].said(Why.VALID) == 4

    play(scene)
