"""LightServices: what a node does for clients that take no part in gossip, such as browsers with js-waku.

    services = LightServices(node, network, Archive())
    async with node.run(), services.run():
        ...

A message that a client publishes passes the node's judge, as one of any peer; its proof is the client's own.
Everything is bounded: the bytes and the time of a request, requests at a time, subscriptions, and what waits
for a subscriber that reads slowly, which loses its subscription.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from rln.base.arguments import instance
from rln.base.extras import missing
from rln.errors import InputError, ParameterError
from rln.integrations.light_streams import BROKEN, read_frame, reset, write_frame
from rln.integrations.peer_containment import OwnFailure
from rln.integrations.waku_node import AcceptedMessage, WakuNode
from rln.waku.archive import Archive
from rln.waku.light_protocols import (
    FILTER_PUSH,
    FILTER_SUBSCRIBE,
    LIGHT_PUSH,
    MAX_TOPICS,
    METADATA,
    STORE_QUERY,
    FilterAction,
    FilterPush,
    FilterRequest,
    FilterResponse,
    Metadata,
    PushRequest,
    PushResponse,
    StoreRequest,
)
from rln.waku.message import MAX_BYTES, WakuMessage
from rln.waku.network import WakuNetwork
from rln.waku.ruling import Gossip, Ruling, Why
from rln.waku.topics import ContentTopic, PubsubTopic

try:
    import trio
    from libp2p.abc import INetStream
    from libp2p.custom_types import TProtocol
    from libp2p.peer.id import ID
except ImportError as error:
    raise missing("libp2p", "relay", error) from error

_SECONDS: Final = 10.0
"""For reading a request, and for writing an answer."""
_MOST_REQUESTS: Final = 256
_MOST_REQUESTS_OF_PEER: Final = 16
_MOST_SUBSCRIBERS: Final = 1000
_MOST_TOPICS: Final = 100
_MOST_TOPICS_OF_ALL: Final = 20_000
"""Content topics of one subscriber, and of all."""
_MOST_WAITING: Final = 64
"""Messages that wait for one subscriber."""

_STATUS: Final = {
    Why.MALFORMED: 400,
    Why.LAX: 400,
    Why.UNKNOWN_FIELDS: 400,
    Why.WRONG_TOPIC: 400,
    Why.WRONG_TIME: 400,
    Why.WRONG_SHARD: 421,
    Why.NO_PROOF: 504,
    Why.OVERLOADED: 429,
    Why.UNSURE: 503,
}
"""Status of a message that is refused; 420 for all others, which are about the proof."""

_Handler = Callable[[bytes, ID], Awaitable[bytes]]


class _Subscriber:
    """A client of the filter: its topics, and the messages that wait for it."""

    def __init__(self) -> None:
        self.topics: set[tuple[str | None, str]] = set()
        self.send, self.receive = trio.open_memory_channel[FilterPush](_MOST_WAITING)


class LightServices:
    """Metadata, light push, filter and store for the clients of one node.

    It belongs to the trio loop of the node, and is closed when `run` ends. Other threads, and a forked child,
    must not use it.

    Args:
        node: whose clients.
        network: its rules.
        archive: keeps the messages for the store. None: there is no store.
        light_push: whether clients may publish.
        filter: whether clients may subscribe.

    Raises:
        ParameterError: an argument has the wrong type.
    """

    def __init__(
        self,
        node: WakuNode,
        network: WakuNetwork,
        archive: Archive | None = None,
        *,
        light_push: bool = True,
        filter: bool = True,
    ) -> None:
        instance(node, WakuNode, "node")
        instance(network, WakuNetwork, "network")
        if archive is not None:
            instance(archive, Archive, "archive")
        instance(light_push, bool, "light_push")
        instance(filter, bool, "filter")
        self._node, self._network, self._archive = node, network, archive
        self._handlers: dict[str, _Handler] = {METADATA: self._metadata}
        if light_push:
            self._handlers[LIGHT_PUSH] = self._light_push
        if filter:
            self._handlers[FILTER_SUBSCRIBE] = self._filter
        if archive is not None:
            self._handlers[STORE_QUERY] = self._store
        self._subscribers: dict[ID, _Subscriber] = {}
        self._requests: dict[ID, int] = {}
        self._nursery: trio.Nursery | None = None
        node.on_accepted(self._accepted)

    def __repr__(self) -> str:
        return f"LightServices({len(self._handlers)} protocols, {len(self._subscribers)} subscribers)"

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve until the block ends. The node must run.

        Raises:
            ParameterError: the node does not run.
        """
        host = self._node.host
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for protocol, handler in self._handlers.items():
                host.set_stream_handler(TProtocol(protocol), self._serving(handler))
            try:
                yield
            finally:
                for protocol in self._handlers:
                    host.remove_stream_handler(TProtocol(protocol))
                self._nursery = None
                for peer in list(self._subscribers):
                    self._end(peer)
                nursery.cancel_scope.cancel()

    # ---- streams

    def _serving(self, handler: _Handler) -> Callable[[INetStream], Awaitable[None]]:
        async def serve(stream: INetStream) -> None:
            peer = stream.muxed_conn.peer_id
            count = self._requests.get(peer, 0)
            if count >= _MOST_REQUESTS_OF_PEER or sum(self._requests.values()) >= _MOST_REQUESTS:
                await reset(stream)
                return
            self._requests[peer] = count + 1
            try:
                with trio.fail_after(_SECONDS):
                    data = await read_frame(stream)
                answer = await handler(data, peer)
                with trio.fail_after(_SECONDS):
                    await write_frame(stream, answer)
                    await stream.close()
            except (*BROKEN, InputError):
                await reset(stream)  # it does not speak this protocol
            except Exception as error:
                raise OwnFailure(error) from error
            finally:
                self._requests[peer] -= 1
                if not self._requests[peer]:
                    del self._requests[peer]

        return serve

    # ---- protocols

    async def _metadata(self, data: bytes, _: ID) -> bytes:
        Metadata.decode(data)
        shards = [shard for shard in range(self._network.shards) if self._takes_part(shard)]
        return Metadata(self._network.cluster, tuple(shards[:MAX_TOPICS])).encode()

    def _takes_part(self, shard: int) -> bool:
        return str(PubsubTopic(self._network.cluster, shard)) in self._node.topics

    async def _light_push(self, data: bytes, peer: ID) -> bytes:
        request = PushRequest.decode(data)
        status, what, peers = await self._publish(request, peer)
        return PushResponse(request.request_id, status, what, peers).encode()

    async def _publish(self, request: PushRequest, peer: ID) -> tuple[int, str, int]:
        """Return status, description, and to how many peers the message was forwarded."""
        if len(request.message) > MAX_BYTES:
            return 413, f"expected at most {MAX_BYTES} bytes, got {len(request.message)}", 0
        try:
            topic = self._shard_of(WakuMessage.decode(request.message).content_topic)
        except InputError as error:
            return 400, str(error)[:200], 0
        if request.pubsub_topic not in (None, topic):
            return 421, f"pubsub_topic: expected {topic}, that of the content topic", 0
        if topic not in self._node.topics:
            return 421, f"this node takes no part in {topic}, the shard of the content topic", 0
        peers = len(self._node.mesh(topic))
        if not peers:  # before the log has the message: then a second try would be a duplicate
            return 505, "this node has no peers to forward to", 0
        ruling = await self._node.submit(topic, request.message, str(peer))
        status = _status(ruling)
        return status, "OK" if status == 200 else ruling.why.value, peers if status == 200 else 0

    async def _filter(self, data: bytes, peer: ID) -> bytes:
        request = FilterRequest.decode(data)
        status, what = self._subscribe(request, peer)
        return FilterResponse(request.request_id, status, what).encode()

    async def _store(self, data: bytes, _: ID) -> bytes:
        assert self._archive is not None
        return self._archive.query(StoreRequest.decode(data)).encode()

    # ---- filter

    def _subscribe(self, request: FilterRequest, peer: ID) -> tuple[int, str]:
        known = self._subscribers.get(peer)
        if request.action == FilterAction.SUBSCRIBE:
            if not request.content_topics:
                return 400, "content_topics: expected at least one"
            try:
                wanted = {(request.pubsub_topic, self._checked(one)) for one in request.content_topics}
            except InputError as error:
                return 400, str(error)[:200]
            if known is None:
                self._drop_absent()
            kept = sum(len(one.topics) for one in self._subscribers.values())
            if len(self._subscribers) - (known is not None) >= _MOST_SUBSCRIBERS or (
                kept + len(wanted) > _MOST_TOPICS_OF_ALL
            ):
                return 503, "this node has too many subscriptions"
            if len(wanted | (known.topics if known else set())) > _MOST_TOPICS:
                return 503, f"expected at most {_MOST_TOPICS} content topics of one client"
            if known is None:
                known = self._subscribers[peer] = _Subscriber()
                if self._nursery is not None:
                    self._nursery.start_soon(self._push, peer, known)
            known.topics |= wanted
            return 200, "OK"
        if known is None:
            return 404, "no subscription of this client"
        if request.action == FilterAction.UNSUBSCRIBE:
            known.topics -= {(request.pubsub_topic, one) for one in request.content_topics}
        if request.action == FilterAction.UNSUBSCRIBE_ALL:
            known.topics.clear()
        if not known.topics:
            self._end(peer)
        return 200, "OK"

    def _accepted(self, accepted: AcceptedMessage) -> None:
        if self._archive is not None:
            self._archive.add(accepted.pubsub_topic, accepted.message, accepted.data)
        content = accepted.message.content_topic
        places = {(accepted.pubsub_topic, content), (None, content)}
        for peer, subscriber in list(self._subscribers.items()):
            if subscriber.topics.isdisjoint(places):
                continue
            try:
                subscriber.send.send_nowait(FilterPush(accepted.data, accepted.pubsub_topic))
            except trio.WouldBlock:
                self._end(peer)  # it reads more slowly than messages come

    async def _push(self, peer: ID, subscriber: _Subscriber) -> None:
        """Send messages to one subscriber, until it is gone or loses its subscription."""
        async for push in subscriber.receive:
            data = push.encode()
            try:
                with trio.fail_after(_SECONDS):
                    stream = await self._node.host.new_stream(peer, [TProtocol(FILTER_PUSH)])
                    await write_frame(stream, data)
                    await stream.close()
            except (*BROKEN, ParameterError):
                break
        if self._subscribers.get(peer) is subscriber:
            self._end(peer)

    def _drop_absent(self) -> None:
        """Forget subscribers that are not connected any more: their names cost nothing."""
        connected = set(self._node.host.get_connected_peers())
        for peer in self._subscribers.keys() - connected:
            self._end(peer)

    def _checked(self, content_topic: str) -> str:
        """Return a content topic if messages of this network can have it, and this node gets them."""
        if self._shard_of(content_topic) not in self._node.topics:
            raise ParameterError(f"content_topics: this node takes no part in the shard of {content_topic}")
        return content_topic

    def _end(self, peer: ID) -> None:
        self._subscribers.pop(peer).send.close()

    def _shard_of(self, content_topic: str) -> str:
        topic = ContentTopic.parse(content_topic, self._network.five_parts)
        return str(PubsubTopic(self._network.cluster, topic.shard(self._network.shards)))


def _status(ruling: Ruling) -> int:
    if ruling.gossip is Gossip.ACCEPT or ruling.why is Why.DUPLICATE:
        return 200
    return _STATUS.get(ruling.why, 420)
