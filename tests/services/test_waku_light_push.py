"""The light-push client: published, refused, renewed once, and services that do not answer as they should."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from libp2p.abc import INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.swarm import Swarm

import rln
from rln.errors import EncodingError, ParameterError
from rln.group.root_source import FixedRoots
from rln.integrations import light_push
from rln.integrations.light import LightServices
from rln.integrations.light_push import LightPushClient, PushRefused, Remedy
from rln.integrations.light_streams import BROKEN, read_frame, write_frame
from rln.integrations.multiaddresses import ConnectionFailed
from rln.integrations.waku_host import WakuHost
from rln.waku.light_protocols import LIGHT_PUSH, PushRequest, PushResponse
from rln.waku.publisher import ReadyMessage, WakuPublisher
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.ruling import Why
from tests.support.waku_nodes import Watched, join, play, until
from tests.support.waku_world import PUBSUB, WakuWorld


@pytest.fixture
def world() -> WakuWorld:
    return WakuWorld()


@asynccontextmanager
async def served(world: WakuWorld, neighbours: int = 1, **more: object) -> AsyncIterator[list[Watched]]:
    """Run a service, and a node that it forwards to."""
    service, other = Watched(world, **more), Watched(world)
    async with service.node.run(), LightServices(service.node, world.network).run(), other.node.run():
        if neighbours:
            await join(other, service)
        yield [service, other]


@asynccontextmanager
async def pretended(answer: Callable[[INetStream], Awaitable[None]]) -> AsyncIterator[str]:
    """Run a service that answers as a test says, and yield its address."""
    host = WakuHost("service", ["/ip4/127.0.0.1/tcp/0"])
    async with host.run() as running:
        running.set_stream_handler(TProtocol(LIGHT_PUSH), answer)
        yield str(running.get_addrs()[0])


def ready(world: WakuWorld) -> ReadyMessage:
    return ReadyMessage(PUBSUB, world.message())


def test_a_message_is_published_and_the_same_one_again_is_no_error(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world) as (service, other):
            client = LightPushClient(service.node.addresses[0])
            message = ready(world)
            async with client.run():
                for _ in range(2):
                    pushed = await client.push(message)
                    assert (pushed.peers, pushed.ready) == (1, message)
                await until(lambda: other.delivered == [b"hello"])
            assert other.secrets() == service.secrets() == []

    play(scene)


def test_a_proof_that_does_not_hold_is_refused_and_not_renewed(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world) as (service, other):
            client = LightPushClient(service.node.addresses[0])
            message = ready(world)
            tampered = ReadyMessage(PUBSUB, dataclasses.replace(message.message, payload=b"other"))
            async with client.run():
                with pytest.raises(PushRefused, match="got 420 .*renew") as caught:
                    await client.push(tampered)
                assert caught.value.status == 420
                publisher = WakuPublisher(world.network, world.prover(), world.judge(), world.clock)
                with pytest.raises(rln.errors.NotRenewable):  # this prover has not made it
                    await client.publish(publisher, tampered)
            assert other.rulings == []

    play(scene)


def test_without_peers_the_service_says_so(world: WakuWorld) -> None:
    async def scene() -> None:
        async with served(world, neighbours=0) as (service, _):
            client = LightPushClient(service.node.addresses[0])
            async with client.run():
                with pytest.raises(PushRefused, match="505 .*use another service"):
                    await client.push(ready(world))

    play(scene)


def test_a_message_with_an_old_root_is_renewed_once_with_the_same_share(world: WakuWorld) -> None:
    """The service accepts the newest root alone, and the member has proved with the one before."""

    async def scene() -> None:
        member = rln.Identity.generate()
        world.group.register(member.commitment, 4)
        publisher = WakuPublisher(world.network, world.prover(member), world.judge(), world.clock)
        message = publisher.make(b"hello", "/app/1/chat/proto")
        world.group.register(rln.Identity.generate().commitment, 1)
        async with served(world, roots=FixedRoots([world.group.root])) as (service, other):
            client = LightPushClient(service.node.addresses[0])
            async with client.run():
                with pytest.raises(PushRefused, match="420"):
                    await client.push(message)
                pushed = await client.publish(publisher, message)
            first, second = (
                RateLimitProof.decode(one.message.proof or b"") for one in (message, pushed.ready)
            )
            assert first.root != second.root == world.group.root
            assert (first.x, first.y, first.nullifier) == (second.x, second.y, second.nullifier)
            assert pushed.ready.message.timestamp == message.message.timestamp
            await until(lambda: other.delivered == [b"hello"])
            assert service.secrets() == []
            assert [one.why for one in service.rulings] == [Why.UNKNOWN_ROOT, Why.UNKNOWN_ROOT, Why.VALID]

    play(scene)


LATER, ELSEWHERE = Remedy.LATER, Remedy.ELSEWHERE


@pytest.mark.parametrize(
    ("status", "remedies"),
    [
        (400, set()),
        (413, set()),
        (420, {Remedy.RENEW}),
        (421, {ELSEWHERE}),
        (429, {LATER}),
        (500, {LATER, ELSEWHERE}),
        (503, {LATER, ELSEWHERE}),
        (504, set()),
        (505, {LATER, ELSEWHERE}),
        (999, set()),
    ],
)
def test_each_status_says_what_to_do(world: WakuWorld, status: int, remedies: set[Remedy]) -> None:
    async def refuse(stream: INetStream) -> None:
        request = PushRequest.decode(await read_frame(stream))
        await write_frame(stream, PushResponse(request.request_id, status, "because\n").encode())
        await stream.close()

    async def scene() -> None:
        async with pretended(refuse) as address:
            client = LightPushClient(address)
            async with client.run():
                with pytest.raises(PushRefused) as caught:
                    await client.push(ready(world))
            assert caught.value.status == status
            assert f"got {status} ('because\\n'); " in str(caught.value)
            assert (caught.value.description, caught.value.remedies) == ("because\n", remedies)

    play(scene)


async def _garbage(stream: INetStream) -> None:
    await write_frame(stream, b"\xff" * 20)
    await stream.close()


async def _nothing(stream: INetStream) -> None:
    await stream.close()


async def _half(stream: INetStream) -> None:
    await stream.write(b"\x7f" + b"x" * 20)
    await stream.close()


async def _endless(stream: INetStream) -> None:
    await stream.write(b"\xff\xff\xff\xff\x7f" + b"x" * 1000)


async def _reset(stream: INetStream) -> None:
    await stream.reset()


async def _silent(_: INetStream) -> None:
    await trio.sleep(30)


async def _longer_than_any_answer(stream: INetStream) -> None:
    request = PushRequest.decode(await read_frame(stream))
    await write_frame(
        stream, PushResponse(request.request_id, 200).encode() + b"\xfa\x07\x88\x27" + bytes(5000)
    )


async def _published_unread(stream: INetStream) -> None:
    await read_frame(stream)
    await write_frame(stream, PushResponse("N/A", 200).encode())


async def _of_another(stream: INetStream) -> None:
    await write_frame(stream, PushResponse("another", 200).encode())
    await stream.close()


@pytest.mark.parametrize(
    "answer",
    [
        _garbage,
        _nothing,
        _half,
        _endless,
        _reset,
        _silent,
        _of_another,
        _longer_than_any_answer,
        _published_unread,
    ],
)
def test_an_answer_that_is_none_is_an_error_and_the_next_push_works(
    world: WakuWorld, answer: Callable[[INetStream], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light_push, "_SECONDS", 1.0)
    answers = [answer]

    async def service(stream: INetStream) -> None:
        if answers:
            await answers.pop()(stream)
            return
        request = PushRequest.decode(await read_frame(stream))
        await write_frame(stream, PushResponse(request.request_id, 200, None, 3).encode())
        await stream.close()

    async def scene() -> None:
        async with pretended(service) as address:
            client = LightPushClient(address)
            async with client.run():
                message = ready(world)
                with pytest.raises(ConnectionFailed, match="light push: .*push the same message again"):
                    await client.push(message)
                assert (await client.push(message)).peers == 3

    play(scene)


def test_a_request_that_nwaku_refuses_unread_is_refused_without_its_id(world: WakuWorld) -> None:
    """Above its limit nwaku decodes no request, and answers with the id "N/A"."""

    async def too_many(stream: INetStream) -> None:
        await read_frame(stream)
        await write_frame(stream, PushResponse("N/A", 429, "TOO_MANY_REQUESTS").encode())
        await stream.close()

    async def scene() -> None:
        async with pretended(too_many) as address:
            client = LightPushClient(address)
            async with client.run():
                with pytest.raises(PushRefused, match="got 429 .*try later") as caught:
                    await client.push(ready(world))
                assert caught.value.remedies == {LATER}

    play(scene)


def test_a_proof_that_is_the_newest_is_not_pushed_a_second_time(world: WakuWorld) -> None:
    requests: list[str] = []

    async def refuse(stream: INetStream) -> None:
        request = PushRequest.decode(await read_frame(stream))
        requests.append(request.request_id)
        await write_frame(stream, PushResponse(request.request_id, 420, "unknown root").encode())
        await stream.close()

    async def scene() -> None:
        publisher = WakuPublisher(world.network, world.prover(), world.judge(), world.clock)
        message = publisher.make(b"hello", "/app/1/chat/proto")
        async with pretended(refuse) as address:
            client = LightPushClient(address)
            async with client.run():
                with pytest.raises(PushRefused, match="newest root") as caught:
                    await client.publish(publisher, message)
            assert (caught.value.status, caught.value.remedies) == (420, {LATER})
        assert len(requests) == 1

    play(scene)


def test_an_error_leaves_the_run_of_a_client_without_groups(world: WakuWorld) -> None:
    async def refuse(stream: INetStream) -> None:
        request = PushRequest.decode(await read_frame(stream))
        await write_frame(stream, PushResponse(request.request_id, 505).encode())
        await stream.close()

    async def scene() -> None:
        async with pretended(refuse) as address:
            client = LightPushClient(address)
            with pytest.raises(PushRefused, match="505"):
                async with client.run():
                    await client.push(ready(world))

    play(scene)


def test_a_service_without_light_push_is_said_to_have_none(world: WakuWorld) -> None:
    async def scene() -> None:
        async with WakuHost("other", ["/ip4/127.0.0.1/tcp/0"]).run() as other:
            client = LightPushClient(str(other.get_addrs()[0]))
            async with client.run():
                with pytest.raises(ConnectionFailed, match="if it serves light push"):
                    await client.push(ready(world))

    play(scene)


class Line:
    """Forwards connections to a port; after `cut`, those that are open swallow everything, as a dead line."""

    def __init__(self, port: int) -> None:
        self._port, self._age = port, 0

    def cut(self) -> None:
        self._age += 1

    async def carry(self, near: trio.SocketStream) -> None:
        age, far = self._age, await trio.open_tcp_stream("127.0.0.1", self._port)

        async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            try:
                async for data in source:
                    if self._age == age:
                        await sink.send_all(data)
            except trio.BrokenResourceError:
                return

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump, near, far)
            nursery.start_soon(pump, far, near)


@pytest.mark.parametrize("muxer", ["yamux", "mplex"])
def test_a_connection_that_has_died_silently_is_replaced_by_the_next_push(
    world: WakuWorld, muxer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light_push, "_SECONDS", 1.5)

    async def service(stream: INetStream) -> None:
        request = PushRequest.decode(await read_frame(stream))
        await write_frame(stream, PushResponse(request.request_id, 200, None, 3).encode())
        await stream.close()

    async def scene() -> None:
        async with pretended(service) as address, trio.open_nursery() as nursery:
            parts = address.split("/")
            line = Line(int(parts[4]))
            serve = functools.partial(trio.serve_tcp, line.carry, 0, host="127.0.0.1")
            (listener,) = await nursery.start(serve)
            parts[4] = str(listener.socket.getsockname()[1])
            client = LightPushClient("/".join(parts), muxer=muxer)
            async with client.run():
                message = ready(world)
                assert (await client.push(message)).peers == 3
                line.cut()
                with pytest.raises(ConnectionFailed, match="TooSlowError"):
                    await client.push(message)
                assert (await client.push(message)).peers == 3
            nursery.cancel_scope.cancel()

    play(scene)


def test_a_push_that_is_cancelled_while_it_connects_costs_one_failure_at_most(
    world: WakuWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """py-libp2p then keeps a closed connection among those that it has."""
    at_once = Swarm.notify_connected

    async def slowly(swarm: Swarm, conn: INetConn) -> None:
        await trio.sleep(0.5)
        await at_once(swarm, conn)

    async def service(stream: INetStream) -> None:
        request = PushRequest.decode(await read_frame(stream))
        await write_frame(stream, PushResponse(request.request_id, 200, None, 3).encode())
        await stream.close()

    async def scene() -> None:
        async with pretended(service) as address:
            client = LightPushClient(address)
            async with client.run():
                message = ready(world)
                monkeypatch.setattr(Swarm, "notify_connected", slowly)
                network = client._host.host.get_network()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(client.push, message)
                    await until(network.get_connections)
                    nursery.cancel_scope.cancel()
                monkeypatch.setattr(Swarm, "notify_connected", at_once)
                failures = 0
                while True:
                    try:
                        assert (await client.push(message)).peers == 3
                        break
                    except ConnectionFailed:
                        failures += 1
                assert failures <= 1

    play(scene)


def test_pushes_that_are_cancelled_at_any_moment_leave_the_connection_at_work(world: WakuWorld) -> None:
    async def service(stream: INetStream) -> None:
        try:
            request = PushRequest.decode(await read_frame(stream))
            await write_frame(stream, PushResponse(request.request_id, 200, None, 3).encode())
            await stream.close()
        except BROKEN:
            return  # cancelled

    async def scene() -> None:
        async with pretended(service) as address:
            client = LightPushClient(address)
            async with client.run():
                message = ready(world)
                await client.push(message)
                for number in range(100):
                    with trio.move_on_after(number * 0.0002):
                        await client.push(message)
                assert (await client.push(message)).peers == 3

    play(scene)


def test_a_cancelled_push_leaves_the_client_usable(world: WakuWorld) -> None:
    answers = [_silent]

    async def service(stream: INetStream) -> None:
        if answers:
            await answers.pop()(stream)
            return
        request = PushRequest.decode(await read_frame(stream))
        await write_frame(stream, PushResponse(request.request_id, 200).encode())
        await stream.close()

    async def scene() -> None:
        async with pretended(service) as address:
            client = LightPushClient(address)
            async with client.run():
                with trio.move_on_after(0.5) as scope:
                    await client.push(ready(world))
                assert scope.cancelled_caught
                assert (await client.push(ready(world))).peers is None

    play(scene)


def test_a_client_needs_its_service_and_its_loop(world: WakuWorld) -> None:
    with pytest.raises(EncodingError, match="address: expected a multiaddress"):
        LightPushClient("/ip4/127.0.0.1/tcp/1")

    async def scene() -> None:
        async with pretended(_silent) as address:
            pass
        client = LightPushClient(address)
        assert address not in repr(client)
        with pytest.raises(ParameterError, match="client: it does not run"):
            await client.push(ready(world))
        async with client.run():
            with pytest.raises(ConnectionFailed, match="is the peer running"):
                await client.push(ready(world))
            with pytest.raises(ParameterError, match="client: used outside of the trio loop"):
                await trio.to_thread.run_sync(trio.run, client.push, ready(world))
            with pytest.raises(ParameterError, match="ready: expected ReadyMessage"):
                await client.push(b"bytes")  # type: ignore[arg-type]
        with pytest.raises(ParameterError, match="client: it runs or has run already"):
            async with client.run():
                pass

    play(scene)
