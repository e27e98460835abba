"""Nodes of a Waku network under attack: old roots, floods, parked messages (rows G1, G5, G6)."""

from __future__ import annotations

import dataclasses
import os
import threading
from pathlib import Path

import pytest
import trio
from libp2p.pubsub.pb import rpc_pb2

import rln
from rln.integrations import gossip_judge, libp2p
from rln.integrations.gossip_judge import MISCONDUCT_BURST
from rln.waku import parked
from rln.waku.ruling import Gossip, Why
from tests.support.effort import effort
from tests.support.waku_nodes import LateRoots, Watched, connected, join, play, until
from tests.support.waku_world import PUBSUB, WakuWorld


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


async def packet(sender: Watched, receiver: Watched, contents: list[bytes]) -> None:
    """Send one packet with several messages."""
    pubsub = sender.node._pubsub
    assert pubsub is not None
    (queue,) = (queue for peer, queue in pubsub.peer_queues.items() if str(peer) == receiver.node.peer_id)
    messages = [rpc_pb2.Message(data=data, topicIDs=[PUBSUB]) for data in contents]
    assert queue.push(rpc_pb2.RPC(publish=messages))


# ---- G1 --------------------------------------------------------------------------------------------


def test_g1_a_message_for_a_newer_root_waits_for_the_refresh_and_is_forwarded(world: WakuWorld) -> None:
    async def scene() -> None:
        late = LateRoots(world.group)
        world.group.register(rln.Identity.generate().commitment, 1)
        nodes = [Watched(world), Watched(world, roots=late, refresh=late.refresh), Watched(world)]
        async with connected(nodes, [(0, 1), (1, 2)]):
            await nodes[0].publish(world.message())
            await until(lambda: nodes[2].delivered == [b"hello"])
            assert [ruling.why for ruling in nodes[1].rulings] == [Why.UNKNOWN_ROOT, Why.VALID]
            assert late.refreshed == 1
            assert nodes[1].node.score(nodes[0].node.peer_id) == 0

    play(scene)


def test_g1_a_registry_that_cannot_be_read_costs_the_waiting_messages_and_nothing_else(
    world: WakuWorld, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise OSError("the chain at 203.0.113.7 is away")

    async def scene() -> None:
        stale = [world.group.root]
        world.group.register(rln.Identity.generate().commitment, 1)
        nodes = [Watched(world), Watched(world, roots=stale, refresh=fails)]
        async with connected(nodes, [(0, 1)]):
            await nodes[0].publish(world.message())
            await until(lambda: "cannot be refreshed" in caplog.text)
            assert "203.0.113.7" not in caplog.text
            assert nodes[1].accepted == []
            await nodes[1].publish(world.message(b"goes on", world.prover()))
            await until(lambda: len(nodes[0].rulings) == 1)

    play(scene)


# ---- G5 --------------------------------------------------------------------------------------------


def test_g5_fifteen_hundred_bad_messages_in_one_packet_do_not_end_the_node(world: WakuWorld) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(3)]
        async with connected(nodes, [(0, 1), (2, 1)]):
            await packet(nodes[0], nodes[1], [b"flood %d" % number for number in range(1500)])
            await until(lambda: nodes[0].node.peer_id not in nodes[1].node.peers)
            assert {ruling.gossip for ruling in nodes[1].rulings} == {Gossip.REJECT}
            assert len(nodes[1].rulings) > MISCONDUCT_BURST
            await nodes[2].publish(world.message())
            await until(lambda: nodes[1].delivered == [b"hello"])
            assert nodes[1].node.score(nodes[2].node.peer_id) == 0

    play(scene)


def test_g5_a_peer_has_half_of_the_places_at_most(world: WakuWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr(libp2p, "_MOST_WAITING", 20)
        nodes = [Watched(world) for _ in range(3)]
        async with connected(nodes, [(0, 1), (2, 1)]):
            old = dataclasses.replace(world.message(), timestamp=10**9)
            flood = [dataclasses.replace(old, payload=b"%d" % number).encode() for number in range(50)]
            await packet(nodes[0], nodes[1], flood)
            await nodes[2].publish(world.message(b"in time", world.prover()))
            await until(lambda: nodes[1].delivered == [b"in time"])
            await until(lambda: nodes[1].node.dropped == 40)
            await until(lambda: nodes[1].said(Why.WRONG_TIME) == 10)
            await trio.sleep(0.1)  # time for more
            assert nodes[1].said(Why.WRONG_TIME) == 10

    play(scene)


def test_g5_a_packet_of_many_tiny_messages_starts_a_bounded_number_of_tasks(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        monkeypatch.setattr(libp2p, "_MOST_TASKS", 50)
        nodes = [Watched(world) for _ in range(2)]
        async with connected(nodes, [(0, 1)]):
            await packet(nodes[0], nodes[1], [b"%d" % number for number in range(1000)])
            await until(lambda: nodes[1].node.dropped == 950)
            await until(lambda: len(nodes[1].rulings) == 50)
            await nodes[0].publish(world.message())
            await until(lambda: nodes[1].delivered == [b"hello"])

    play(scene)


def test_g5_a_minute_of_bad_messages_takes_no_memory(world: WakuWorld) -> None:
    """A campaign lasts ten minutes. Half of the flood is ignored; half ends with the connection."""
    seconds = effort(60, 600)

    async def attack(target: Watched, number: int, until_time: float) -> int:
        attacker = Watched(world)
        sent = 0
        old = dataclasses.replace(world.message(b"x"), timestamp=10**9)
        async with attacker.node.run():
            await join(attacker, target)
            while trio.current_time() < until_time and target.node.peer_id in attacker.node.peers:
                ignored = [dataclasses.replace(old, payload=os.urandom(2000)).encode() for _ in range(40)]
                await packet(attacker, target, ignored)
                if number % 2:
                    await packet(attacker, target, [os.urandom(2000) for _ in range(40)])
                sent += 80
                await trio.sleep(0.05)
                attacker.rulings.clear()
                target.rulings.clear()
                if number % 2 == 0 and sent > 2000:
                    break
        return sent

    async def scene() -> None:
        target = Watched(world)
        async with target.node.run():
            begin, first, number = trio.current_time(), 0, 0
            while trio.current_time() < begin + seconds:
                await attack(target, number, begin + seconds)
                number += 1
                if not first and trio.current_time() > begin + seconds / 4:
                    first = resident()
            assert number > 4
            assert resident() <= first * 1.05
            honest = Watched(world)
            async with honest.node.run():
                await join(honest, target)
                await honest.publish(world.message())
                await until(lambda: target.delivered == [b"hello"])

    play(scene)


def resident() -> int:
    """Return the bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# ---- G6 --------------------------------------------------------------------------------------------


def test_g6_messages_for_a_tree_of_one_s_own_leave_places_for_honest_ones(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        monkeypatch.setattr(parked, "PLACES", 4)
        late = LateRoots(world.group)
        world.group.register(rln.Identity.generate().commitment, 1)
        forged = WakuWorld()
        nodes = [Watched(world), Watched(world, roots=late, refresh=late.refresh), Watched(forged)]
        async with connected(nodes, [(0, 1), (2, 1)]):
            members = [rln.Identity.generate() for _ in range(6)]
            for member in members:
                forged.group.register(member.commitment, 1)
            for number, member in enumerate(members):
                await nodes[2].send(forged.message(b"%d" % number, forged.prover(member)).encode())
            await nodes[0].publish(world.message())
            await until(lambda: nodes[1].delivered == [b"hello"])
            await until(lambda: nodes[1].said(Why.UNKNOWN_ROOT) == 7)
            assert nodes[1].node.score(nodes[2].node.peer_id) == 0
            assert late.refreshed <= 2

    play(scene)


def test_g6_proofs_for_a_tree_of_one_s_own_delay_no_refresh(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attacker sends one again and again, which no refresh helps. Then an honest member proves at once.

    Times are a fifth of what they are in a node.
    """
    monkeypatch.setattr(gossip_judge, "_BETWEEN_REFRESHES", gossip_judge._BETWEEN_REFRESHES / 5)
    monkeypatch.setattr(parked, "LONGEST_WAIT", parked.LONGEST_WAIT / 5)
    forged = WakuWorld()
    members = [rln.Identity.generate() for _ in range(7)]
    for member in members:
        forged.group.register(member.commitment, 1)

    async def keep_time() -> None:
        begin, start = trio.current_time(), world.time
        while True:
            await trio.sleep(0.01)
            world.time = forged.time = start + trio.current_time() - begin

    async def scene() -> None:
        late = LateRoots(world.group)
        nodes = [Watched(world), Watched(world, roots=late, refresh=late.refresh), Watched(forged)]
        async with connected(nodes, [(0, 1), (2, 1)]), trio.open_nursery() as nursery:
            nursery.start_soon(keep_time)
            prover = world.prover()
            for number, member in enumerate(members):
                await nodes[2].send(forged.message(b"%d" % number, forged.prover(member)).encode())
                await trio.sleep(0.6)
                if number % 2:
                    world.group.register(rln.Identity.generate().commitment, 1)
                    await nodes[0].publish(world.message(b"honest %d" % number, prover))
            await until(lambda: len(nodes[1].delivered) == 3)
            assert nodes[1].said(Why.UNKNOWN_ROOT) > 7
            assert nodes[1].node.score(nodes[0].node.peer_id) == 0
            nursery.cancel_scope.cancel()

    play(scene)


class _SlowRoots(LateRoots):
    """Roots that answer when a test lets them."""

    def __init__(self, group: rln.Group) -> None:
        super().__init__(group)
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def __contains__(self, root: object) -> bool:
        self.asked.set()
        assert self.may_answer.wait(20)
        return super().__contains__(root)


@pytest.mark.parametrize("is_good", [True, False])
def test_g5_peers_that_leave_before_their_ruling_take_no_memory(world: WakuWorld, is_good: bool) -> None:
    async def scene() -> None:
        slow = _SlowRoots(world.group)
        target = Watched(world, roots=slow)
        message = world.message()
        if not is_good:
            message = dataclasses.replace(message, payload=b"another")
        async with target.node.run():
            async with trio.open_nursery() as nursery:
                peer = Watched(world)
                async with peer.node.run():
                    await join(peer, target)
                    await peer.send(message.encode())
                    await until(slow.asked.is_set)
                nursery.start_soon(until, lambda: not target.node.peers)
            slow.may_answer.set()
            await until(lambda: len(target.rulings) == 1)
            await trio.sleep(0.1)
            assert target.rulings[0].gossip is (Gossip.ACCEPT if is_good else Gossip.REJECT)
            router = target.node._router
            assert router is not None
            assert not router.dont_send_message_ids
            scores = vars(router.scores)
            assert not any(scores[name] for name in ("first_message_deliveries", "invalid_messages"))

    play(scene)
