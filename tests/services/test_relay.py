"""`rln relay` as processes: it forwards, recovers secrets, slashes, serves, stops and starts again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import trio

from rln.waku.ruling import Why
from tests.support.relay_process import RelayProcess, RelayWorld
from tests.support.waku_nodes import Watched, play, until
from tests.support.waku_world import PUBSUB


@pytest.fixture
def world(tmp_path: Path) -> RelayWorld:
    return RelayWorld(tmp_path)


async def reach(node: Watched, relay: RelayProcess) -> None:
    """Connect a node to a relay, and wait until it forwards to it."""
    await node.node.connect(relay.address)
    await until(lambda: relay.peer in node.node.mesh(PUBSUB))
    await trio.sleep(0.5)  # until the relay has seen its subscription, too


def test_a_relay_forwards_names_violators_and_removes_them(world: RelayWorld) -> None:
    async def scene(relay: RelayProcess) -> None:
        ends = [Watched(world), Watched(world)]
        async with ends[0].node.run(), ends[1].node.run():
            for one in ends:
                await reach(one, relay)
            await ends[0].publish(world.message())
            await until(lambda: ends[1].delivered == [b"hello"])
            await ends[0].send(world.message(b"one more", world.prover()).encode())
            await until(lambda: not world.group.is_member(world.member.commitment))
            await trio.sleep(0.3)
            assert ends[1].said(Why.VALID) == len(ends[1].rulings) == 1

    with RelayProcess(world.settings(), "--create-log") as relay:
        play(lambda: scene(relay))
        assert f"member 0x{world.member.commitment:064x} exceeded the limit" in relay.log
        assert "127.0.0.1" not in relay.log
        assert relay.stop() == 0
    key = world.folder / "relay.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text() not in relay.log
