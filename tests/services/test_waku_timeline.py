"""Three nodes on a clock that a test sets: a storm of registrations, an epoch's edge, a restart, old roots.

The network is real, the time is the world's: 25 seconds at an edge of an epoch pass at once.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import trio

import rln
from rln.ports import NullifierLog
from rln.stores import open_log
from rln.stores.memory import MemoryNullifierLog
from rln.waku.ruling import Why
from tests.support.waku_nodes import LateRoots, Watched, connected, join, play, until
from tests.support.waku_world import PERIOD, START, WakuWorld

LINE = [(0, 1), (1, 2)]


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


@pytest.mark.parametrize("attacked", [False, True])
def test_no_honest_message_is_lost_while_a_hundred_members_register(attacked: bool) -> None:
    """Ten members register each second, for ten seconds; each tenth sends at once, with the newest root.

    No node follows the registry by itself: each learns of new roots only when a message waits for them. An
    attacker sends a proof for a tree of strangers each second, to the node in the middle.
    """
    world = WakuWorld(depth=7, roots=64)
    forged = WakuWorld(depth=7)
    forged.key = world.key
    strangers = [rln.Identity.generate() for _ in range(10)]
    for stranger in strangers:
        forged.group.register(stranger.commitment, 1)

    async def scene() -> None:
        roots = [LateRoots(world.group) for _ in range(3)]
        nodes = [Watched(world, roots=one, refresh=one.refresh) for one in roots]
        attacker = Watched(forged)
        async with connected([*nodes, attacker], [*LINE, (3, 1)]):
            sent = []
            for number in range(100):
                world.time += 0.1
                await trio.sleep(0.1)
                forged.time = world.time
                if attacked and number % 10 == 4:
                    stranger = strangers[number // 10]
                    await attacker.send(forged.message(b"%d" % number, forged.prover(stranger)).encode())
                member = rln.Identity.generate()
                world.group.register(member.commitment, 1)
                if number % 10 == 9:
                    sent.append(b"%d" % number)
                    await nodes[0].publish(world.message(sent[-1], world.prover(member)))
            await until(lambda: len(nodes[2].delivered) == len(sent))
            assert attacked == (nodes[1].said(Why.UNKNOWN_ROOT) > len(sent))
            for one in nodes[1:]:
                assert sorted(one.delivered) == sorted(sent)
                assert one.said(Why.UNKNOWN_ROOT) > 0
            assert all(1 <= one.refreshed <= 10 for one in roots[1:])
            assert nodes[1].node.score(nodes[0].node.peer_id) == 0
            assert nodes[2].node.score(nodes[1].node.peer_id) == 0

    play(scene)


def test_a_stale_node_delivers_nothing_and_takes_score_from_nobody(world: WakuWorld) -> None:
    """The middle node never learns of the newest root; messages go around it."""

    async def scene() -> None:
        stale = [world.group.root]
        world.group.register(rln.Identity.generate().commitment, 1)
        nodes = [Watched(world), Watched(world, roots=stale), Watched(world)]
        async with connected(nodes, [(0, 1), (1, 2), (0, 2)]):
            prover = world.prover()
            for number in range(4):
                await nodes[0].publish(world.message(b"%d" % number, prover))
            await until(lambda: len(nodes[2].delivered) == 4 and nodes[1].said(Why.UNKNOWN_ROOT) == 4)
            assert nodes[1].accepted == []
            for other in (nodes[0], nodes[2]):
                assert nodes[1].node.score(other.node.peer_id) == 0
                assert other.node.score(nodes[1].node.peer_id) == 0

    play(scene)


@pytest.mark.parametrize("ahead", [-25, -15, 15, 25])
def test_at_the_edge_of_an_epoch_clocks_may_differ_by_twenty_seconds(ahead: int) -> None:
    """The clocks of sender and receiver differ, and both are near the end of an epoch. The node between them
    has the sender's clock.
    """
    edge = (START // PERIOD + 1) * PERIOD
    sender, receiver = WakuWorld(), WakuWorld()
    receiver.member, receiver.group = sender.member, sender.group

    async def scene() -> None:
        nodes = [Watched(sender), Watched(receiver), Watched(sender, log=MemoryNullifierLog())]
        async with connected(nodes, [(0, 2), (2, 1)]):
            sender.time, receiver.time = edge + 5, edge + 5 - ahead
            message = sender.message()
            await nodes[0].publish(message)
            await until(lambda: bool(nodes[1].rulings))
            (ruling,) = nodes[1].rulings
            assert ruling.why is (Why.VALID if abs(ahead) < 20 else Why.WRONG_TIME)
            assert nodes[2].delivered == [b"hello"]
            assert nodes[1].node.score(nodes[2].node.peer_id) == 0
            if abs(ahead) < 20:  # the same bytes, encoded otherwise, after the edge has passed everywhere
                receiver.time = edge + 20
                await nodes[2].send(dataclasses.replace(message, version=0, ephemeral=True).encode())
                await until(lambda: len(nodes[1].rulings) == 2)
                assert nodes[1].rulings[1].why is Why.DUPLICATE
                receiver.time = edge + 2 * PERIOD
                await nodes[2].send(dataclasses.replace(message, meta=b"again").encode())
                await until(lambda: len(nodes[1].rulings) == 3)
                assert nodes[1].rulings[2].why is Why.WRONG_TIME
            assert len(nodes[1].delivered) == (abs(ahead) < 20)

    play(scene)


def test_a_restart_of_the_middle_node_forgets_no_share(world: WakuWorld, tmp_path: Path) -> None:
    """Its log is a file: what was delivered before is not delivered again, and a violation is still seen."""

    def opened(new: bool) -> NullifierLog:
        return open_log(f"sqlite:///{tmp_path}/log.db", world.clock, new=new)

    async def scene() -> None:
        ends, key = [Watched(world), Watched(world)], bytes([5]) * 32
        first = world.message(b"before")
        async with ends[0].node.run(), ends[1].node.run():
            log = opened(new=True)
            middle = Watched(world, log=log, key=key)
            async with middle.node.run():
                await join(middle, ends[0])
                await join(middle, ends[1])
                await ends[0].publish(first)
                await until(lambda: ends[1].delivered == [b"before"])
                assert middle.delivered == [b"before"]
            log.close()
            log = opened(new=False)
            middle = Watched(world, log=log, key=key)
            async with middle.node.run():
                await join(middle, ends[0])
                await join(middle, ends[1])
                # The same share in other bytes, so that no memory of ids hides it.
                await ends[0].send(dataclasses.replace(first, meta=b"again").encode())
                await until(lambda: bool(middle.rulings))
                assert middle.delivered == [] and middle.secrets() == []
                await ends[0].send(world.message(b"after", world.prover()).encode())
                await until(lambda: bool(middle.secrets()))
                assert middle.secrets() == [world.member.commitment]
                assert middle.delivered == []
            log.close()

    play(scene)
