"""The unmodified @waku/sdk, a light client, against our node: metadata, light push, filter, store."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import trio

import rln
from rln.integrations.light import LightServices
from rln.waku.archive import Archive
from rln.waku.message import WakuMessage
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.ruling import Why
from tests.interop.peers import HERE
from tests.support.waku_nodes import Watched, join
from tests.support.waku_world import PUBSUB, TOPIC, WakuWorld

PROTOCOLS = {
    "/vac/waku/relay/2.0.0",
    "/vac/waku/metadata/1.0.0",
    "/vac/waku/lightpush/3.0.0",
    "/vac/waku/filter-subscribe/2.0.0-beta1",
    "/vac/waku/store-query/3.0.0",
}


def described(message: WakuMessage, arrives: bool) -> dict[str, Any]:
    """Return a message as the script takes it; js-waku's timestamps are milliseconds."""
    assert message.timestamp is not None
    found: dict[str, Any] = {
        "payload": message.payload.decode(),
        "timestamp": message.timestamp // 10**6,
        "arrives": arrives,
    }
    if message.proof is not None:
        proof = RateLimitProof.decode(message.proof)
        numbers = {
            "merkleRoot": proof.root,
            "epoch": proof.epoch,
            "shareX": proof.x,
            "shareY": proof.y,
            "nullifier": proof.nullifier,
        }
        found["proof"] = {name: value.to_bytes(32, "little").hex() for name, value in numbers.items()}
        found["proof"] |= {"proof": proof.proof.hex(), "rlnIdentifier": (proof.rln_identifier or b"").hex()}
    return found


def test_the_sdk_publishes_subscribes_and_queries_through_our_node(node: Path) -> None:
    world = WakuWorld()
    world.time = float(int(world.time))
    prover = world.prover()
    plain = {"version": 0, "ephemeral": False}  # as js-waku writes them
    good = [world.message(b"pushed %d" % number, prover, **plain) for number in range(3)]
    bare = dataclasses.replace(good[0], payload=b"no proof", proof=None)
    stolen = dataclasses.replace(good[0], payload=b"stolen proof")
    over = world.message(b"over the limit", world.prover(), **plain)
    messages = [
        *(described(one, arrives=True) for one in good),
        *(described(one, arrives=False) for one in (bare, stolen, over)),
    ]
    ours: list[Watched] = []

    async def scene() -> list[dict[str, Any]]:
        service, neighbour = Watched(world, listen=["/ip4/127.0.0.1/tcp/0/ws"]), Watched(world)
        ours.extend([service, neighbour])
        services = LightServices(service.node, world.network, Archive())
        async with service.node.run(), services.run(), neighbour.node.run():
            await join(neighbour, service)
            question = {"address": service.node.addresses[0], "contentTopic": TOPIC, "messages": messages}
            command = [str(node), "--import", "./polyfill.mjs", "waku_light.mjs", json.dumps(question)]
            with trio.fail_after(90):
                done = await trio.run_process(
                    command, cwd=HERE, capture_stdout=True, stderr=subprocess.STDOUT, check=False
                )
            assert done.returncode == 0, done.stdout[-3000:]
            lines = [line for line in done.stdout.decode().splitlines() if line.startswith("{")]
            return [json.loads(line) for line in lines]

    events = trio.run(scene)
    of = {name: [one for one in events if one["event"] == name] for name in ("connected", "pushed", "filter")}
    assert PROTOCOLS <= set(of["connected"][0]["protocols"])
    assert {"event": "subscribed", "ok": True} in events
    pushed = {one["payload"]: (one["successes"], one["failures"]) for one in of["pushed"]}
    assert [pushed[one.payload.decode()] for one in good] == [(1, [])] * 3
    for refused in ("no proof", "stolen proof", "over the limit"):
        assert pushed[refused][0] == 0 and len(pushed[refused][1]) == 1, pushed
    expected = {one.payload.decode(): one.hash(PUBSUB).hex() for one in good}
    for name in ("filter", "stored"):
        got = [one for one in events if one["event"] == name]
        assert len(got) == 3 and all(one["proof"] for one in got)
        assert {one["payload"]: one["hash"].removeprefix("0x") for one in got} == expected
    assert events[-1] == {"event": "done"}
    assert sorted(ours[1].delivered) == [b"pushed 0", b"pushed 1", b"pushed 2"]
    assert ours[0].said(Why.WRONG_SIGNAL) == ours[0].said(Why.NO_PROOF) == 1
    assert ours[0].secrets() == [world.member.commitment]
    assert rln.RateLimitViolation in {type(one.verdict) for one in ours[0].rulings}
