"""The services for light clients: their answers, and what bounds them, asked by raw streams."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.utils.varint import read_varint_prefixed_bytes

from rln.errors import ParameterError
from rln.integrations import gossip_judge, light
from rln.integrations.light import LightServices
from rln.waku import light_protocols as protocols
from rln.waku.archive import Archive
from rln.waku.light_protocols import (
    FilterAction,
    FilterPush,
    FilterRequest,
    FilterResponse,
    Metadata,
    PushRequest,
    PushResponse,
    StoredMessage,
    StoreRequest,
    StoreResponse,
)
from rln.waku.message import WakuMessage
from rln.waku.topics import ContentTopic
from rln.waku.wire import varint
from tests.support.waku_nodes import Watched, join, play, until
from tests.support.waku_world import PUBSUB, TOPIC, WakuWorld


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


class Client:
    """A light client: a host that asks one service node."""

    def __init__(self, watched: Watched, service: Watched) -> None:
        self.node, self._service = watched.node, service
        self.pushed: list[FilterPush] = []
        self.reads = True

    def listen(self) -> None:
        """Take what the filter pushes."""
        self.node.host.set_stream_handler(TProtocol(protocols.FILTER_PUSH), self._take)

    async def _take(self, stream: INetStream) -> None:
        while not self.reads:
            await trio.sleep(0.05)
        self.pushed.append(FilterPush.decode(await read_varint_prefixed_bytes(stream)))
        await stream.close()

    async def ask(self, protocol: str, data: bytes) -> bytes:
        """Send one request, and return the answer."""
        stream = await self.stream(protocol)
        await stream.write(varint(len(data)) + data)
        with trio.fail_after(20):
            return await read_varint_prefixed_bytes(stream)

    async def stream(self, protocol: str) -> INetStream:
        """Open a stream."""
        (peer,) = [
            one for one in self.node.host.get_connected_peers() if str(one) == self._service.node.peer_id
        ]
        return await self.node.host.new_stream(peer, [TProtocol(protocol)])

    async def push(self, message: WakuMessage | bytes, topic: str | None = PUBSUB) -> PushResponse:
        """Publish a message."""
        data = message if isinstance(message, bytes) else message.encode()
        return PushResponse.decode(
            await self.ask(protocols.LIGHT_PUSH, PushRequest("id", data, topic).encode())
        )

    async def filter(self, action: FilterAction, *topics: str) -> FilterResponse:
        """Ask the filter."""
        request = FilterRequest("id", int(action), PUBSUB, topics)
        return FilterResponse.decode(await self.ask(protocols.FILTER_SUBSCRIBE, request.encode()))


@asynccontextmanager
async def served(world: WakuWorld, neighbours: int = 1) -> AsyncIterator[tuple[Watched, Client]]:
    """Run a service node with neighbours, and a client."""
    service, client = Watched(world), Watched(world, topics=["/waku/2/rs/1/7"])
    services = LightServices(service.node, world.network, Archive())
    async with AsyncExitStack() as stack:
        for part in (service.node.run(), services.run(), client.node.run()):
            await stack.enter_async_context(part)
        for _ in range(neighbours):
            other = Watched(world)
            await stack.enter_async_context(other.node.run())
            await join(other, service)
        await client.node.connect(service.node.addresses[0])
        made = Client(client, service)
        made.listen()
        yield service, made


def test_a_shard_in_which_the_node_takes_no_part_is_refused(world: WakuWorld) -> None:
    async def scene() -> None:
        topic = next(f"/other/{n}/chat/proto" for n in range(100) if shard_of(f"/other/{n}/chat/proto") != 4)
        async with served(world) as (_, client):
            elsewhere = dataclasses.replace(world.message(), content_topic=topic)
            answer = await client.push(elsewhere, None)
            assert answer.status == 421
            assert "takes no part in /waku/2/rs/1/" in (answer.description or "")
            refused = await client.filter(FilterAction.SUBSCRIBE, topic)
            assert refused.status == 400
            assert "takes no part in the shard of /other/" in (refused.description or "")

    play(scene)


def shard_of(content_topic: str) -> int:
    return ContentTopic.parse(content_topic).shard(8)


def test_metadata_names_the_cluster_and_its_shards(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world) as (_, client):
            answer = Metadata.decode(await client.ask(protocols.METADATA, Metadata(1).encode()))
            assert answer == Metadata(1, (4,))  # the one that the node takes part in

    play(scene)


def test_light_push_answers_by_the_ruling(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world) as (service, client):
            prover = world.prover()
            good = world.message(b"pushed", prover)
            answer = await client.push(good)
            assert (answer.request_id, answer.status, answer.description, answer.peers) == (
                "id",
                200,
                "OK",
                1,
            )
            assert (await client.push(good)).status == 200  # it is in the network
            assert (await client.push(world.message(b"on its shard", prover), None)).status == 200
            foreign = WakuWorld()
            cases = [
                (dataclasses.replace(good, payload=b"other"), PUBSUB, 420, "wrong signal"),
                (dataclasses.replace(good, proof=None), PUBSUB, 504, "no proof"),
                (dataclasses.replace(good, timestamp=1), PUBSUB, 400, "wrong time"),
                (good, "/waku/2/rs/1/5", 421, f"pubsub_topic: expected {PUBSUB}, that of the content topic"),
                (world.message(b"twice", world.prover()), PUBSUB, 420, "rate limit violation"),
                (foreign.message(b"elsewhere"), PUBSUB, 420, "unknown root"),
                (b"no message", PUBSUB, 400, None),
                (bytes(155_000), None, 413, None),
            ]
            for message, topic, status, why in cases:
                answer = await client.push(message, topic)
                assert answer.status == status, answer
                assert why is None or answer.description == why
            assert service.secrets() == [world.member.commitment]
            assert sorted(service.delivered) == [b"on its shard", b"pushed"]

    play(scene)


def test_a_node_without_peers_says_so(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world, neighbours=0) as (service, client):
            message = world.message()
            answer = await client.push(message)
            assert answer.status == 505 and "no peers" in (answer.description or "")
            assert service.delivered == []
            neighbour = Watched(world)
            async with neighbour.node.run():
                await join(neighbour, service)
                assert (await client.push(message)).status == 200
                await until(lambda: neighbour.delivered == [b"hello"])

    play(scene)


def test_the_filter_pushes_what_was_asked_for_until_it_is_told_to_stop(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world) as (service, client):
            assert (await client.filter(FilterAction.PING)).status == 404
            assert (await client.filter(FilterAction.SUBSCRIBE)).status == 400
            other = next(one for n in range(100) if shard_of(one := f"/other/{n}/chat/proto") == 4)
            assert (await client.filter(FilterAction.SUBSCRIBE, TOPIC, other)).status == 200
            assert (await client.filter(FilterAction.PING)).status == 200
            prover = world.prover()
            first = world.message(b"first", prover)
            await service.node.submit(PUBSUB, first.encode(), "somebody")
            await until(lambda: client.pushed == [FilterPush(first.encode(), PUBSUB)])
            assert (await client.filter(FilterAction.UNSUBSCRIBE, TOPIC)).status == 200
            await service.node.submit(PUBSUB, world.message(b"second", prover).encode(), "somebody")
            assert (await client.filter(FilterAction.PING)).status == 200
            assert (await client.filter(FilterAction.UNSUBSCRIBE_ALL)).status == 200
            assert (await client.filter(FilterAction.PING)).status == 404
            assert len(client.pushed) == 1

    play(scene)


def test_a_subscriber_that_reads_slowly_loses_its_subscription(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light, "_MOST_WAITING", 1)
    monkeypatch.setattr(light, "_SECONDS", 1.0)

    async def scene() -> None:
        async with served(world) as (service, client):
            client.node.host.remove_stream_handler(TProtocol(protocols.FILTER_PUSH))  # it takes nothing
            assert (await client.filter(FilterAction.SUBSCRIBE, TOPIC)).status == 200
            prover = world.prover()
            for number in range(4):
                await service.node.submit(PUBSUB, world.message(b"%d" % number, prover).encode(), "somebody")
            with trio.fail_after(20):
                while (await client.filter(FilterAction.PING)).status != 404:
                    await trio.sleep(0.1)
            assert len(service.delivered) == 4

    play(scene)


def test_subscriptions_are_bounded(world: WakuWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with served(world) as (_, client):
            monkeypatch.setattr(light, "_MOST_TOPICS", 3)
            assert (await client.filter(FilterAction.SUBSCRIBE, "/a/1/b/c", "/a/1/b/d")).status == 200
            assert (await client.filter(FilterAction.SUBSCRIBE, "no topic")).status == 400
            answer = await client.filter(FilterAction.SUBSCRIBE, "/a/1/b/e", "/a/1/b/f")
            assert (answer.status, answer.description) == (
                503,
                "expected at most 3 content topics of one client",
            )
            monkeypatch.setattr(light, "_MOST_SUBSCRIBERS", 0)
            assert (await client.filter(FilterAction.UNSUBSCRIBE_ALL)).status == 200
            assert (await client.filter(FilterAction.SUBSCRIBE, TOPIC)).status == 503

    play(scene)


def test_subscribers_that_have_left_take_no_place(world: WakuWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light, "_MOST_SUBSCRIBERS", 1)

    async def scene() -> None:
        async with served(world) as (service, client):
            passing = Watched(world)
            async with passing.node.run():
                await passing.node.connect(service.node.addresses[0])
                assert (await Client(passing, service).filter(FilterAction.SUBSCRIBE, TOPIC)).status == 200
                assert (await client.filter(FilterAction.SUBSCRIBE, TOPIC)).status == 503
            await until(lambda: len(service.node.host.get_connected_peers()) == 2)
            assert (await client.filter(FilterAction.SUBSCRIBE, TOPIC)).status == 200

    play(scene)


def test_a_client_that_sends_bad_messages_is_disconnected(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gossip_judge, "MISCONDUCT_BURST", 3)

    async def scene() -> None:
        async with served(world) as (_, client):
            good = world.message()

            async def flood() -> None:
                for number in range(10):
                    await client.push(dataclasses.replace(good, payload=b"%d" % number))

            with pytest.raises(BaseLibp2pError):
                await flood()

    play(scene)


def test_what_the_node_itself_publishes_reaches_filter_and_store(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world) as (service, client):
            assert (await client.filter(FilterAction.SUBSCRIBE, TOPIC)).status == 200
            await service.publish(world.message(b"own"))
            await until(lambda: len(client.pushed) == 1)
            answer = await client.ask(protocols.STORE_QUERY, StoreRequest("id").encode())
            assert len(StoreResponse.decode(answer).messages) == 1
            assert service.delivered == []

    play(scene)


def test_the_store_gives_accepted_messages(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world) as (service, client):
            prover = world.prover()
            kept = world.message(b"kept", prover)
            passing = world.message(b"passing", prover, ephemeral=True)
            for one in (kept, passing):
                await service.node.submit(PUBSUB, one.encode(), "somebody")
            request = StoreRequest("id", True, PUBSUB, (TOPIC,))
            answer = StoreResponse.decode(await client.ask(protocols.STORE_QUERY, request.encode()))
            (one,) = [StoredMessage.decode(data) for data in answer.messages]
            assert one == StoredMessage(kept.hash(PUBSUB), kept.encode(), PUBSUB)

    play(scene)


def test_bytes_that_are_no_request_and_too_many_requests_end_the_stream(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(client: Client, data: bytes) -> None:
        async def exchange() -> None:
            stream = await client.stream(protocols.LIGHT_PUSH)
            await stream.write(data)
            await read_varint_prefixed_bytes(stream)

        with trio.fail_after(10), pytest.raises(BaseLibp2pError):
            await exchange()

    async def scene() -> None:
        async with served(world) as (_, client):
            await refused(client, varint(5) + b"wrong")
            await refused(client, varint(1 << 30) + b"too long")
            monkeypatch.setattr(light, "_SECONDS", 0.3)
            await refused(client, b"")  # it says nothing
            monkeypatch.setattr(light, "_SECONDS", 5.0)
            monkeypatch.setattr(light, "_MOST_REQUESTS_OF_PEER", 1)
            waiting = await client.stream(protocols.LIGHT_PUSH)
            await waiting.write(varint(50))
            await trio.sleep(0.2)
            await refused(client, varint(5) + b"right")
            await waiting.reset()
            with trio.fail_after(10):
                while True:
                    try:
                        assert (await client.push(world.message())).status == 200
                        break
                    except BaseLibp2pError:  # the reset has not arrived yet
                        await trio.sleep(0.1)

    play(scene)


def test_wrong_arguments_are_refused_and_services_need_a_node_that_runs(world: WakuWorld) -> None:
    async def scene() -> None:
        watched = Watched(world)
        for arguments in (("node", world.network), (watched.node, 5), (watched.node, world.network, 5)):
            with pytest.raises(ParameterError, match="expected"):
                LightServices(*arguments)  # type: ignore[arg-type]
        with pytest.raises(ParameterError, match="light_push: expected bool, got str"):
            LightServices(watched.node, world.network, light_push="yes")  # type: ignore[arg-type]
        services = LightServices(watched.node, world.network)
        with pytest.raises(ParameterError, match="node: it does not run"):
            async with services.run():
                pass

    play(scene)
