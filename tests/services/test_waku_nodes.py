"""Nodes of a Waku network on loopback: lines and triangles, muxers and transports, floods, a shared log."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from functools import partial

import pytest
import trio
from libp2p.pubsub.pb import rpc_pb2

import rln
from rln.errors import EncodingError, IntegrityAlarm, ParameterError
from rln.integrations import libp2p
from rln.integrations.gossip_judge import MISCONDUCT_BURST
from rln.integrations.multiaddresses import ConnectionFailed
from rln.integrations.trio_guest import run_in_asyncio
from rln.integrations.waku_node import WakuNode
from rln.stores.memory import MemoryNullifierLog
from rln.waku.ruling import Gossip, Why
from tests.support.waku_nodes import Watched, connected, join, play, until
from tests.support.waku_world import PUBSUB, WakuWorld

LINE = [(0, 1), (1, 2)]
KEY = bytes([5]) * 32
TRIANGLE = [(0, 1), (1, 2), (0, 2)]


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


@pytest.mark.parametrize("pairs", [LINE, TRIANGLE], ids=["line", "triangle"])
def test_a_message_reaches_each_node_once(world: WakuWorld, pairs: list[tuple[int, int]]) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(3)]
        async with connected(nodes, pairs):
            prover = world.prover()
            payloads = [b"%d" % number for number in range(4)]
            for payload in payloads:
                await nodes[0].publish(world.message(payload, prover))
            await until(lambda: all(len(one.delivered) == 4 for one in nodes[1:]))
            await trio.sleep(0.3)  # time for copies
            for one in nodes[1:]:
                assert sorted(one.delivered) == payloads
                assert one.said(Why.VALID) == len(one.rulings) == 4

    play(scene)


@pytest.mark.parametrize("muxer", ["yamux", "mplex"])
@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_nodes_speak_over_two_muxers_and_two_transports(world: WakuWorld, muxer: str, transport: str) -> None:
    async def scene() -> None:
        listen = ["/ip4/127.0.0.1/tcp/0" + "/ws" * (transport == "ws")]
        nodes = [Watched(world, muxer=muxer), Watched(world, listen=listen)]
        async with connected(nodes, [(0, 1)]):
            await nodes[0].publish(world.message(b"there"))
            await until(lambda: nodes[1].delivered == [b"there"])
            prover = world.prover()
            prover.prove(b"an id is spent")
            await nodes[1].publish(world.message(b"and back", prover))
            await until(lambda: nodes[0].delivered == [b"and back"])

    play(scene)


def test_a_burst_of_messages_is_lost_nowhere(world: WakuWorld) -> None:
    """py-libp2p itself drops what exceeds 32 messages, and lowers the score above 10 a second."""

    async def scene() -> None:
        nodes = [Watched(world) for _ in range(2)]
        async with connected(nodes, [(0, 1)]):
            old = dataclasses.replace(world.message(b"x"), timestamp=10**9)
            burst = [dataclasses.replace(old, payload=b"%d" % number).encode() for number in range(300)]
            for data in burst:
                await nodes[0].send(data)
            await until(lambda: nodes[1].said(Why.WRONG_TIME) == len(burst))
            assert nodes[1].node.dropped == 0

    play(scene)


def test_a_violation_reveals_the_same_member_at_each_node_and_nobody_loses_score(world: WakuWorld) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(3)]
        async with connected(nodes, LINE):
            await nodes[0].publish(world.message(b"one"))
            await until(lambda: nodes[2].delivered == [b"one"])
            await nodes[0].publish(world.message(b"two"))
            await until(lambda: bool(nodes[1].secrets()))
            await nodes[1].send(world.message(b"three").encode())
            await until(lambda: bool(nodes[2].secrets()))
            assert nodes[1].secrets() == nodes[2].secrets() == [world.member.commitment]
            assert nodes[1].node.score(nodes[0].node.peer_id) == 0
            assert nodes[2].node.score(nodes[1].node.peer_id) == 0
            assert nodes[2].delivered == [b"one"]

    play(scene)


def test_what_everybody_refuses_costs_score_and_in_the_end_the_connection(world: WakuWorld) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(3)]
        async with connected(nodes, LINE):
            await nodes[0].send(b"no message")
            await until(lambda: nodes[1].node.score(nodes[0].node.peer_id) < 0)
            assert [one.gossip for one in nodes[1].rulings] == [Gossip.REJECT]
            for number in range(MISCONDUCT_BURST):
                await nodes[0].send(b"no message %d" % number)
            await until(lambda: nodes[0].node.peer_id not in nodes[1].node.peers)
            assert nodes[2].rulings == []
            assert nodes[2].node.peer_id in nodes[1].node.peers
            await nodes[2].publish(world.message(b"goes on"))
            await until(lambda: nodes[1].delivered == [b"goes on"])

    play(scene)


def test_a_rejected_message_is_not_verified_again(world: WakuWorld) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(2)]
        async with connected(nodes, [(0, 1)]):
            wrong = dataclasses.replace(world.message(), payload=b"other").encode()
            with trio.fail_after(20):  # the score comes back meanwhile, so send more until it is low
                while nodes[1].node.score(nodes[0].node.peer_id) > -30:
                    await raw(nodes[0], nodes[1], rpc_pb2.Message(data=wrong, topicIDs=[PUBSUB]))
                    await trio.sleep(0.01)
            assert nodes[1].said(Why.WRONG_SIGNAL) == len(nodes[1].rulings) == 1

    play(scene)


async def raw(sender: Watched, receiver: Watched, *messages: rpc_pb2.Message) -> None:
    """Send one packet with messages as they are."""
    pubsub = sender.node._pubsub
    assert pubsub is not None
    (queue,) = (queue for peer, queue in pubsub.peer_queues.items() if str(peer) == receiver.node.peer_id)
    assert queue.push(rpc_pb2.RPC(publish=list(messages)))


@pytest.mark.parametrize("field", ["from_id", "seqno", "signature", "key"])
def test_a_message_with_a_sender_is_refused_unread(world: WakuWorld, field: str) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(2)]
        async with connected(nodes, [(0, 1)]):
            named = rpc_pb2.Message(data=world.message().encode(), topicIDs=[PUBSUB])
            setattr(named, field, b"somebody")
            await raw(nodes[0], nodes[1], named)
            await until(lambda: nodes[1].node.score(nodes[0].node.peer_id) < 0)
            assert nodes[1].rulings == []

    play(scene)


def test_a_message_for_several_topics_is_refused_unread(world: WakuWorld) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(2)]
        async with connected(nodes, [(0, 1)]):
            data = world.message().encode()
            await raw(nodes[0], nodes[1], rpc_pb2.Message(data=data, topicIDs=["/other", PUBSUB]))
            await until(lambda: nodes[1].node.score(nodes[0].node.peer_id) < 0)
            assert nodes[1].rulings == []

    play(scene)


def test_a_message_that_two_peers_send_is_ruled_on_once(world: WakuWorld) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(3)]
        async with connected(nodes, [(0, 2), (1, 2)]):
            data = world.message().encode()
            message = rpc_pb2.Message(data=data, topicIDs=[PUBSUB])
            await raw(nodes[0], nodes[2], message)
            await raw(nodes[1], nodes[2], message)
            await until(lambda: nodes[2].delivered == [b"hello"])
            await trio.sleep(0.2)
            assert len(nodes[2].rulings) == 1

    play(scene)


def test_bytes_on_a_wrong_shard_do_not_hide_those_on_the_right_one(world: WakuWorld) -> None:
    """The id of a message is that of its bytes alone: a neighbour could suppress what it is quick to copy."""
    wrong = "/waku/2/rs/1/5"

    async def scene() -> None:
        nodes = [Watched(world, topics=[PUBSUB, wrong]) for _ in range(3)]
        async with connected(nodes, [(0, 1), (2, 1)]):
            data = world.message().encode()
            await raw(nodes[0], nodes[1], rpc_pb2.Message(data=data, topicIDs=[wrong]))
            await until(lambda: nodes[1].said(Why.WRONG_SHARD) == 1)
            await raw(nodes[2], nodes[1], rpc_pb2.Message(data=data, topicIDs=[PUBSUB]))
            await until(lambda: nodes[1].delivered == [b"hello"])

    play(scene)


def test_nodes_with_one_log_forward_each_and_deliver_together_exactly_the_limit(world: WakuWorld) -> None:
    """The limit is 4: of six messages, two of them on used ids, each node forwards four, once each."""

    async def scene() -> None:
        shared = MemoryNullifierLog()
        nodes = [Watched(world, log=shared) for _ in range(3)]
        outside = [Watched(world), Watched(world)]
        async with connected([*nodes, *outside], [(3, 0), (0, 1), (1, 2), (2, 4)]):
            prover, copied = world.prover(), world.prover()
            for number in range(4):
                await outside[0].publish(world.message(b"%d" % number, prover))
            await until(lambda: len(outside[1].delivered) == 4)
            for number in range(4, 6):
                await outside[0].publish(world.message(b"%d" % number, copied))
            await until(lambda: nodes[0].said(Why.VIOLATION) == 2)
            delivered = [payload for one in nodes for payload in one.delivered]
            assert sorted(delivered) == [b"0", b"1", b"2", b"3"]
            assert all(sorted(one.accepted) == [b"0", b"1", b"2", b"3"] for one in nodes)

    play(scene)


def test_a_peer_that_missed_a_message_fetches_it(world: WakuWorld) -> None:
    """py-libp2p keeps one message for all without a sender: none but the first could be fetched."""

    async def scene() -> None:
        nodes = [Watched(world) for _ in range(2)]
        async with connected(nodes, [(0, 1)]):
            prover = world.prover()
            messages = [world.message(b"%d" % number, prover) for number in range(3)]
            router = nodes[0].node._router
            assert router is not None
            for message in messages:  # into the cache alone, as if it was lost on its way
                router.mcache.put(rpc_pb2.Message(data=message.encode(), topicIDs=[PUBSUB]))
            known = router.mcache.window(PUBSUB)
            assert len(known) == 3
            (peer,) = router.peer_protocol
            await router.emit_ihave(PUBSUB, known, peer)
            await until(lambda: sorted(nodes[1].delivered) == [b"0", b"1", b"2"])

    play(scene)


def test_a_light_client_s_message_is_judged_and_forwarded(world: WakuWorld) -> None:
    async def scene() -> None:
        nodes = [Watched(world) for _ in range(2)]
        async with connected(nodes, [(0, 1)]):
            good, bad = world.message(b"pushed"), dataclasses.replace(world.message(b"x"), payload=b"y")
            ruling = await nodes[0].node.submit(PUBSUB, good.encode(), "client")
            assert ruling.why is Why.VALID
            await until(lambda: nodes[1].delivered == [b"pushed"])
            refused = await nodes[0].node.submit(PUBSUB, bad.encode(), "client")
            assert refused.gossip is Gossip.REJECT
            world.group.register(rln.Identity.generate().commitment, 1)
            assert [one.why for one in nodes[0].rulings] == [Why.VALID, Why.WRONG_SIGNAL]

    play(scene)


def test_a_damaged_store_stops_the_node(world: WakuWorld) -> None:
    class Damaged(MemoryNullifierLog):
        def insert_or_get_many(self, *_: object) -> list[object]:  # type: ignore[override]
            raise IntegrityAlarm("log: expected a share, got a different one; stop")

    async def scene() -> None:
        nodes = [Watched(world), Watched(world, log=Damaged())]
        async with connected(nodes, [(0, 1)]):
            await nodes[0].publish(world.message())
            await trio.sleep(20)

    with pytest.raises(IntegrityAlarm, match="log: expected a share"):
        play(scene)


# ---- asyncio, arguments, errors --------------------------------------------------------------------


def test_a_node_runs_in_a_program_on_asyncio(world: WakuWorld) -> None:
    async def exchange() -> list[bytes]:
        nodes = [Watched(world) for _ in range(2)]
        async with connected(nodes, [(0, 1)]):
            await nodes[0].publish(world.message(b"from asyncio"))
            await until(lambda: bool(nodes[1].delivered))
            return nodes[1].delivered

    async def program() -> tuple[list[bytes], int]:
        ticks = 0
        task = asyncio.create_task(run_in_asyncio(exchange))
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return await task, ticks

    delivered, ticks = asyncio.run(program())
    assert delivered == [b"from asyncio"]
    assert ticks > 10


def test_cancelling_the_task_ends_the_node_and_an_error_comes_through(world: WakuWorld) -> None:
    ended: list[str] = []

    async def forever(started: asyncio.Event) -> None:
        try:
            async with Watched(world).node.run():
                started.set()
                await trio.sleep_forever()
        finally:
            ended.append("closed")

    async def fails() -> None:
        raise ConnectionFailed("nobody is there")

    async def program() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(run_in_asyncio(partial(forever, started)))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == ["closed"]
        with pytest.raises(ConnectionFailed, match="nobody is there"):
            await run_in_asyncio(fails)
        early = asyncio.create_task(run_in_asyncio(partial(forever, asyncio.Event())))
        await asyncio.sleep(0)
        early.cancel()
        with pytest.raises(asyncio.CancelledError):
            await early
        with pytest.raises(ParameterError, match="function: expected a coroutine function, got int"):
            await run_in_asyncio(5)  # type: ignore[arg-type]

    asyncio.run(program())


def test_a_refresh_that_hangs_does_not_keep_the_node_from_ending(world: WakuWorld) -> None:
    async def scene() -> None:
        stale = [world.group.root]
        world.group.register(rln.Identity.generate().commitment, 1)
        nodes = [Watched(world), Watched(world, roots=stale, refresh=hang)]
        async with connected(nodes, [(0, 1)]):
            await nodes[0].publish(world.message())
            await until(begun.is_set)

    begun, end = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        end.wait(60)
        ended.append(True)

    ended: list[bool] = []
    play(scene)
    assert not ended
    end.set()


def test_a_second_cancellation_while_the_function_ends_leaves_nothing_running() -> None:
    ended: list[str] = []

    async def slow_to_end(started: asyncio.Event) -> None:
        try:
            started.set()
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.3)
            ended.append("closed")

    async def program() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(run_in_asyncio(partial(slow_to_end, started)))
        await started.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.02)
            assert not task.done()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == ["closed"]

    asyncio.run(program())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"listen": ["127.0.0.1:80"]},
            "listen: expected a multiaddress as /ip4/127.0.0.1/tcp/60000, got '127",
        ),
        ({"listen": []}, "listen: expected at least one address, got none"),
        ({"topics": []}, "topics: expected at least one pubsub topic, got none"),
        ({"muxer": "quic"}, "muxer: expected one of mplex, yamux, got 'quic'"),
        ({"key": b"short"}, "key: expected 32 bytes, got 5"),
        ({"heartbeat": 0}, "heartbeat: expected seconds, 0.05 to 60"),
        ({"clock": 5}, "clock: expected EpochClock, got int"),
        ({"judge": 5}, "judge: expected Judge, got int"),
        ({"network": 5}, "network: expected WakuNetwork, got int"),
        ({"refresh": 5}, "refresh: expected a function"),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(
    world: WakuWorld, arguments: dict[str, object], message: str
) -> None:
    usual = {"network": world.network, "judge": world.judge(), "clock": world.clock}
    with pytest.raises((ParameterError, EncodingError), match=message):
        WakuNode(**{**usual, **arguments})  # type: ignore[arg-type]


def test_a_peer_that_is_not_there_or_somebody_else_is_named(world: WakuWorld) -> None:
    async def scene() -> None:
        nodes = [Watched(world), Watched(world, key=KEY)]
        async with nodes[0].node.run():
            async with nodes[1].node.run():
                address = nodes[1].node.addresses[0]
                somebody = address.replace(nodes[1].node.peer_id, nodes[0].node.peer_id)
                with pytest.raises(ConnectionFailed):
                    await nodes[0].node.connect(somebody)
            with pytest.raises(ConnectionFailed, match="is the peer running"):
                await nodes[0].node.connect(address)
            again = Watched(world, key=KEY, listen=[address.rpartition("/p2p/")[0]])
            async with again.node.run():  # a failure a moment ago does not count
                await nodes[0].node.connect(address)
            for wrong in ("/ip4/127.0.0.1/tcp/1", "somewhere", address + "x"):
                with pytest.raises(EncodingError, match="address: expected a multiaddress"):
                    await nodes[0].node.connect(wrong)

    play(scene)


def test_a_node_runs_once_and_answers_nothing_before(world: WakuWorld) -> None:
    async def scene() -> None:
        watched = Watched(world)
        for question in (lambda: watched.node.addresses, lambda: watched.node.mesh(PUBSUB)):
            with pytest.raises(ParameterError, match="node: it does not run"):
                question()
        async with watched.node.run():
            with pytest.raises(ParameterError, match="node: used outside of the trio loop"):
                await trio.to_thread.run_sync(lambda: watched.node.peers)
            taken = watched.node.addresses[0].rpartition("/p2p/")[0]
            with pytest.raises(ParameterError, match="node: it runs or has run already"):
                async with watched.node.run():
                    pass
            with pytest.raises(ConnectionFailed, match="listen: .*127.0.0.1"):
                async with Watched(world, listen=[taken]).node.run():
                    pass

    play(scene)


def test_the_node_s_name_comes_from_its_key(world: WakuWorld) -> None:
    names = []

    async def scene() -> None:
        for _ in range(2):
            watched = Watched(world, key=bytes([7]) * 32)
            async with watched.node.run():
                names.append(watched.node.peer_id)

    play(scene)
    assert names[0] == names[1]


def test_a_peer_reconnects_after_its_node_was_restarted(world: WakuWorld) -> None:
    async def scene() -> None:
        stays, key = Watched(world), bytes([9]) * 32
        async with stays.node.run():
            for number in range(2):
                watched = Watched(world, key=key)
                async with watched.node.run():
                    await join(watched, stays)
                    await stays.publish(world.message(b"%d" % number))
                    await until(lambda w=watched: bool(w.rulings))  # type: ignore[misc]
                await until(lambda w=watched: stays.node.peers == ())  # type: ignore[misc]

    play(scene)


def test_seen_messages_are_bounded_and_forgotten_after_two_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        seen = libp2p.SeenMessages()
        monkeypatch.setattr(libp2p, "_MOST_SEEN", 10)
        assert [seen.add(b"%d" % (number % 15)) for number in range(30)][:15] == [True] * 15
        assert len(seen) == 10
        assert seen.has(b"14") and not seen.has(b"0")
        await trio.sleep(119)
        assert seen.has(b"14")
        await trio.sleep(2)
        assert not seen.has(b"14")
        assert seen.add(b"14") is True
        assert len(seen) == 1

    trio.run(scene, clock=trio.testing.MockClock(autojump_threshold=0))
