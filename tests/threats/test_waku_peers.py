"""Peers that send what py-libp2p cannot read, or do not read at all (row G7)."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed as framed

from rln.integrations import peer_containment, waku_host
from rln.integrations.libp2p import PROTOCOL
from rln.integrations.light import LightServices
from rln.integrations.multiaddresses import ConnectionFailed
from rln.integrations.waku_host import WakuHost
from rln.waku.light_protocols import LIGHT_PUSH, PushRequest
from tests.support.waku_nodes import Watched, join, play, until
from tests.support.waku_world import PUBSUB, WakuWorld

Attack = Callable[[WakuHost, Any], Awaitable[None]]

_HELLO = framed(b"/multistream/1.0.0\n")
_NO_TEXT = b"\xff\xfe\xfd"


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


async def _frame_that_does_not_decrypt(_: WakuHost, conn: Any) -> None:
    await conn.secured_conn.conn.read_writer.write_msg(os.urandom(64))


async def _empty_frame(_: WakuHost, conn: Any) -> None:
    await conn.secured_conn.conn.read_writer.write_msg(b"")


async def _stream_with_a_name_that_is_no_text(_: WakuHost, conn: Any) -> None:
    await conn.secured_conn.write(bytes([10 << 3, len(_NO_TEXT)]) + _NO_TEXT)  # in the form of mplex


async def _protocol_that_is_no_text(_: WakuHost, conn: Any) -> None:
    stream = await conn.open_stream()
    await stream.write(_HELLO + framed(_NO_TEXT + b"\n"))


async def _greeting_that_is_no_text(_: WakuHost, conn: Any) -> None:
    stream = await conn.open_stream()
    await stream.write(framed(_NO_TEXT + b"\n"))


async def _packet_that_is_no_protobuf(attacker: WakuHost, conn: Any) -> None:
    stream = await attacker.host.new_stream(conn.peer_id, [PROTOCOL])
    await stream.write(framed(b"\xff" * 50))


async def _identity_that_is_no_protobuf(attacker: WakuHost, conn: Any) -> None:
    stream = await attacker.host.new_stream(conn.peer_id, [TProtocol("/ipfs/id/push/1.0.0")])
    await stream.write(framed(b"\xff" * 50))


ATTACKS = [
    _frame_that_does_not_decrypt,
    _empty_frame,
    _stream_with_a_name_that_is_no_text,
    _protocol_that_is_no_text,
    _greeting_that_is_no_text,
    _packet_that_is_no_protobuf,
    _identity_that_is_no_protobuf,
]


@pytest.mark.parametrize("muxer", ["yamux", "mplex"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_g7_bytes_that_libp2p_cannot_read_do_not_end_the_node(
    world: WakuWorld, attack: Attack, muxer: str
) -> None:
    async def scene() -> None:
        node, honest = Watched(world), Watched(world)
        async with node.node.run(), honest.node.run():
            await join(honest, node)
            attacker = WakuHost("attacker", muxer=muxer)
            async with attacker.run():
                await attacker.connect(node.node.addresses[0])
                (conn,) = attacker.host.get_network().get_connections()
                await trio.sleep(0.2)  # until the node's own streams are open
                await attack(attacker, conn.muxed_conn)  # type: ignore[attr-defined]
                await trio.sleep(0.5)
            await honest.publish(world.message())
            await until(lambda: node.delivered == [b"hello"])

    play(scene)


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """Listen at a port that answers each call with the same bytes."""

    async def serve(stream: trio.SocketStream) -> None:
        try:
            await stream.send_all(answer)
            await trio.sleep(0.3)
        except trio.BrokenResourceError:
            return

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(functools.partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("end", ["", "/ws"])
@pytest.mark.parametrize(
    "answer",
    [bytes(range(80)), b"", _HELLO, _NO_TEXT * 9, framed(_NO_TEXT), _HELLO + framed(_NO_TEXT + b"\n")],
)
def test_g7_a_place_that_answers_what_libp2p_cannot_read_is_a_failed_connection(
    world: WakuWorld, answer: bytes, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waku_host, "_CONNECT_SECONDS", 2.0)

    async def scene() -> None:
        node, honest = Watched(world), Watched(world)
        async with answering(answer) as port, node.node.run(), honest.node.run():
            stranger = WakuHost("stranger")
            async with stranger.run() as host:
                name = host.get_id()
            with pytest.raises(ConnectionFailed):
                await node.node.connect(f"/ip4/127.0.0.1/tcp/{port}{end}/p2p/{name}")
            await join(honest, node)

    play(scene)


@pytest.mark.parametrize("muxer", ["yamux", "mplex"])
def test_g7_a_write_that_is_cancelled_breaks_no_connection(world: WakuWorld, muxer: str) -> None:
    """Otherwise the cipher has counted a frame that the other side never gets."""

    async def scene() -> None:
        node = Watched(world)
        async with node.node.run():
            peer = WakuHost("peer", muxer=muxer)
            async with peer.run():
                await peer.connect(node.node.addresses[0])
                (found,) = peer.host.get_network().get_connections()
                conn: Any = found.muxed_conn  # type: ignore[attr-defined]
                raw = conn.secured_conn.conn.read_writer
                at_once = raw.write_msg

                async def slowly(data: bytes) -> None:
                    await trio.sleep(0.1)
                    await at_once(data)

                stream = await conn.open_stream()
                raw.write_msg = slowly
                with trio.move_on_after(0.05) as scope:
                    await stream.write(_HELLO)
                assert scope.cancel_called
                raw.write_msg = at_once
                again = await peer.host.new_stream(conn.peer_id, [PROTOCOL])
                await again.reset()

    play(scene)


def test_g7_a_peer_that_does_not_read_loses_its_connection(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_containment, "_WRITE_SECONDS", 0.5)

    async def stuck(_: bytes) -> None:
        await trio.sleep_forever()

    async def scene() -> None:
        node, honest = Watched(world), Watched(world)
        async with node.node.run(), honest.node.run():
            await join(honest, node)
            deaf = WakuHost("deaf", muxer="mplex")
            async with deaf.run():
                await deaf.connect(node.node.addresses[0])
                network = node.node.host.get_network()
                await until(lambda: len(network.get_connections()) == 2)
                (near,) = network.get_connections(deaf.host.get_id())
                secured: Any = near.muxed_conn.secured_conn  # type: ignore[attr-defined]
                secured.conn.read_writer.write_msg = stuck
                with trio.fail_after(10), pytest.raises(BaseLibp2pError):
                    await secured.write(b"x")
                await until(lambda: len(network.get_connections()) == 1)
            await honest.publish(world.message())
            await until(lambda: node.delivered == [b"hello"])

    play(scene)


def test_g7_an_error_of_the_program_itself_still_ends_the_node(world: WakuWorld) -> None:
    class Wrong(Exception):
        """Of a callback."""

    def fails(_: object) -> None:
        raise Wrong

    async def scene() -> None:
        node, other = Watched(world), Watched(world)
        node.node.on_accepted(fails)
        async with node.node.run(), LightServices(node.node, world.network).run(), other.node.run():
            await join(other, node)
            (peer,) = other.node.host.get_connected_peers()
            stream = await other.node.host.new_stream(peer, [TProtocol(LIGHT_PUSH)])
            await stream.write(framed(PushRequest("id", world.message().encode(), PUBSUB).encode()))
            await trio.sleep(10)

    with pytest.raises(Wrong):
        play(scene)


def _packet(chance: random.Random) -> rpc_pb2.RPC:
    """Return a packet that protobuf can read, with any values."""

    def some() -> bytes:
        return chance.randbytes(chance.randrange(40))

    def text() -> str:
        return chance.choice([PUBSUB, "", "x", "\0", "/waku/2/rs/1/9", "é" * 50, str(some())])

    rpc = rpc_pb2.RPC()
    for _ in range(chance.randrange(3)):
        rpc.subscriptions.add(subscribe=chance.random() < 0.6, topicid=text())
    for _ in range(chance.randrange(3)):
        rpc.publish.add(data=some(), topicIDs=[text() for _ in range(chance.randrange(3))])
    control = rpc.control
    ids = [some() for _ in range(chance.randrange(4))]
    kind = chance.randrange(6)
    if kind == 0:
        control.ihave.add(topicID=text(), messageIDs=ids)
    elif kind == 1:
        control.iwant.add(messageIDs=ids)
    elif kind == 2:
        control.graft.add(topicID=text())
    elif kind == 3:
        control.prune.add(topicID=text(), backoff=chance.randrange(1 << 63))
    elif kind == 4:
        control.prune.add(topicID=text()).peers.add(peerID=some(), signedPeerRecord=some())
    else:
        control.idontwant.add(messageIDs=[some()])
    if chance.random() < 0.1:
        rpc.senderRecord = some()
    return rpc


def test_g7_packets_with_any_content_leave_the_node_at_work(world: WakuWorld) -> None:
    chance = random.Random(7)

    async def scene() -> None:
        node, honest = Watched(world), Watched(world)
        async with node.node.run(), honest.node.run():
            await join(honest, node)
            for _ in range(12):
                attacker = WakuHost("attacker")
                async with attacker.run():
                    await attacker.connect(node.node.addresses[0])
                    (peer,) = attacker.host.get_connected_peers()
                    stream = await attacker.host.new_stream(peer, [PROTOCOL])
                    for _ in range(60):
                        try:
                            await stream.write(framed(_packet(chance).SerializeToString()))
                        except BaseLibp2pError:  # the node has closed the connection
                            break
                    await trio.sleep(0.3)  # some looks at the mesh
            await honest.publish(world.message())
            await until(lambda: b"hello" in node.delivered)

    play(scene)
