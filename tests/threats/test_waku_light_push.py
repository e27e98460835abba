"""A light-push service that lies to its clients (row G8)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol

import rln
from rln.integrations.light_push import LightPushClient, PushRefused
from rln.integrations.light_streams import read_frame, write_frame
from rln.integrations.multiaddresses import ConnectionFailed
from rln.integrations.waku_host import WakuHost
from rln.waku.light_protocols import LIGHT_PUSH, PushRequest, PushResponse
from rln.waku.message import WakuMessage
from rln.waku.publisher import WakuPublisher
from rln.waku.rate_limit_proof import RateLimitProof
from tests.support.waku_nodes import play
from tests.support.waku_world import TOPIC, WakuWorld


@asynccontextmanager
async def lying(
    requests: list[PushRequest], answer: Callable[[PushRequest], bytes]
) -> AsyncIterator[LightPushClient]:
    """Run a service that answers each request as a test says, and a client of it."""

    async def serve(stream: INetStream) -> None:
        requests.append(PushRequest.decode(await read_frame(stream)))
        await write_frame(stream, answer(requests[-1]))
        await stream.close()

    async with WakuHost("service", ["/ip4/127.0.0.1/tcp/0"]).run() as host:
        host.set_stream_handler(TProtocol(LIGHT_PUSH), serve)
        client = LightPushClient(str(host.get_addrs()[0]))
        async with client.run():
            yield client


def test_g8_a_service_that_always_refuses_gets_two_requests_and_one_share() -> None:
    world, requests = WakuWorld(), list[PushRequest]()

    async def scene() -> None:
        publisher = WakuPublisher(world.network, world.prover(), world.judge(), world.clock)
        message = publisher.make(b"hello", TOPIC)
        world.group.register(rln.Identity.generate().commitment, 1)
        async with lying(requests, lambda one: PushResponse(one.request_id, 420).encode()) as client:
            with pytest.raises(PushRefused, match="420"):
                await client.publish(publisher, message)

    play(scene)
    messages = [WakuMessage.decode(one.message) for one in requests]
    proofs = [RateLimitProof.decode(one.proof or b"") for one in messages]
    assert len({one.request_id for one in requests}) == len({one.root for one in proofs}) == len(proofs) == 2
    assert len({(one.x, one.y, one.nullifier, one.epoch) for one in proofs}) == 1
    assert len({(one.payload, one.timestamp, one.content_topic) for one in messages}) == 1


@pytest.mark.parametrize("status", [200, 420])
def test_g8_an_answer_to_another_request_neither_publishes_nor_renews(status: int) -> None:
    world, requests = WakuWorld(), list[PushRequest]()

    async def scene() -> None:
        publisher = WakuPublisher(world.network, world.prover(), world.judge(), world.clock)
        message = publisher.make(b"hello", TOPIC)
        world.group.register(rln.Identity.generate().commitment, 1)
        async with lying(requests, lambda _: PushResponse("another", status).encode()) as client:
            with pytest.raises(ConnectionFailed, match="request_id"):
                await client.publish(publisher, message)

    play(scene)
    assert len(requests) == 1


def test_g8_the_words_of_a_service_are_short_and_hold_no_line_breaks_in_an_error() -> None:
    words = "\x1b[2J\n" * 100
    requests: list[PushRequest] = []

    async def scene() -> None:
        world = WakuWorld()
        publisher = WakuPublisher(world.network, world.prover(), world.judge(), world.clock)
        async with lying(requests, lambda one: PushResponse(one.request_id, 503, words).encode()) as client:
            with pytest.raises(PushRefused) as caught:
                await client.push(publisher.make(b"hello", TOPIC))
        assert len(caught.value.description) == 200
        assert str(caught.value).isprintable() and len(str(caught.value)) < 1500

    play(scene)
