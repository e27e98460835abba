"""Gossip of Waku networks on py-libp2p.

py-libp2p 0.8.1 is made for signed messages of its own protocols. What Waku needs instead, and only that, is
overridden here:

* the protocol `/vac/waku/relay/2.0.0`, which is gossipsub 1.1;
* messages without a sender, a sequence number and a signature, known by the SHA-256 of their bytes, in the
  cache from which peers fetch what they missed, too;
* four answers instead of two: a message that is ignored or parked costs its sender no score;
* bounds in bytes and messages. Nothing limits the messages of a peer but their proofs.

A later release may change what this builds on, so only this one is accepted.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from math import inf
from typing import Final

from rln.base.extras import missing
from rln.errors import ParameterError
from rln.waku.message import MAX_BYTES
from rln.waku.ruling import Gossip, Ruling, Why

try:
    import trio
    from libp2p.abc import IHost
    from libp2p.custom_types import TProtocol
    from libp2p.peer.id import ID
    from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
    from libp2p.pubsub.mcache import CacheEntry, MessageCache
    from libp2p.pubsub.pb import rpc_pb2
    from libp2p.pubsub.pubsub import Pubsub
    from libp2p.pubsub.rpc_queue import PriorityQueue, RpcQueue
    from libp2p.pubsub.score import PeerScorer, ScoreParams, TopicScoreParams
except ImportError as error:
    raise missing("libp2p", "relay", error) from error

_RELEASE: Final = "0.8.1"
if version("libp2p") != _RELEASE:
    raise ParameterError(
        f"libp2p: expected {_RELEASE}, because this module overrides parts of it that other releases change, "
        f"got {version('libp2p')}; run: pip install 'rln[relay]'"
    )

PROTOCOL: Final = TProtocol("/vac/waku/relay/2.0.0")

_MOST_SEEN: Final = 1 << 17
_SEEN_SECONDS: Final = 120.0
_MOST_WAITING: Final = 4096
"""Messages that wait for their ruling, from all peers; half of it from one."""
_MOST_TASKS: Final = 1 << 14
"""Messages of which a task has begun. One packet of a peer may hold hundreds of thousands."""
_QUEUED_BYTES: Final = 8 << 20
_QUEUED_PACKETS: Final = 2048
"""What waits to be sent to one peer; more is dropped."""
_HEARTBEAT_HISTORY: Final = 5

_SCORES: Final = ScoreParams(
    p4_invalid_messages=TopicScoreParams(weight=10.0, cap=1000.0, decay=0.9),
    publish_threshold=-1000.0,
    gossip_threshold=-100.0,
    graylist_threshold=-2000.0,
)
"""A rejected message costs 10 points (weights of penalties are positive); they come back within a minute."""

Answer = Callable[[str, bytes, ID], Awaitable[Ruling]]
"""Rules on the bytes that a peer sent on a pubsub topic."""


def message_id(message: rpc_pb2.Message) -> bytes:
    """Return the id of a message of a Waku network: the SHA-256 of its bytes."""
    return hashlib.sha256(message.data).digest()


class SeenMessages:
    """The ids of messages that need no ruling any more, for two minutes, in bounded memory.

    They belong to one event loop. Nothing is closed, and a fork copies them.
    """

    def __init__(self) -> None:
        self._times: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many ids are kept."""
        return len(self._times)

    def __bool__(self) -> bool:
        """Return True: a memory without ids is a memory."""
        return True

    def add(self, key: bytes) -> bool:
        """Note an id, and return whether it is new."""
        now = trio.current_time()
        is_new = not self.has(key)
        self._times.pop(key, None)
        self._times[key] = now
        while len(self._times) > _MOST_SEEN or next(iter(self._times.values())) < now - _SEEN_SECONDS:
            self._times.popitem(last=False)
        return is_new

    def has(self, key: bytes) -> bool:
        """Tell whether an id is kept."""
        return self._times.get(key, -inf) >= trio.current_time() - _SEEN_SECONDS

    def stop(self) -> None:
        """Do nothing: py-libp2p stops its own memory of ids, which has a thread."""


class _Cache(MessageCache):
    """Messages that peers may fetch, by their Waku ids."""

    def put(self, msg: rpc_pb2.Message) -> None:
        mid = message_id(msg)
        if mid not in self.msgs:
            self.msgs[mid] = msg
            self.history[0].append(CacheEntry(mid, msg.topicIDs))


class _Packets(PriorityQueue):
    """What waits to be sent to one peer, bounded in bytes, too."""

    def __init__(self) -> None:
        super().__init__(_QUEUED_PACKETS)
        self._bytes = 0

    def push(self, rpc: rpc_pb2.RPC, priority: bool = False) -> bool:
        size = rpc.ByteSize()
        if self._bytes + size > _QUEUED_BYTES or not super().push(rpc, priority):
            return False
        self._bytes += size
        return True

    def pop(self) -> rpc_pb2.RPC | None:
        rpc = super().pop()
        if rpc is not None:
            self._bytes -= rpc.ByteSize()
        return rpc


class _Queues(dict[ID, RpcQueue]):
    """The queues of all peers. py-libp2p makes them with room for 32 packets, and puts them here."""

    def __setitem__(self, peer: ID, queue: RpcQueue) -> None:
        queue._queue = _Packets()
        super().__setitem__(peer, queue)


class WakuGossip(GossipSub):
    """Gossipsub 1.1 under Waku's name. It belongs to one trio loop, as `WakuPubsub`, which closes it.

    A forked child must not use it.

    Args:
        heartbeat: seconds between two looks at the mesh.
    """

    def __init__(self, heartbeat: float = 1.0) -> None:
        super().__init__(
            [PROTOCOL],
            degree=6,
            degree_low=4,
            degree_high=12,
            heartbeat_interval=heartbeat,  # type: ignore[arg-type]  # only slept for
            heartbeat_initial_delay=min(heartbeat, 0.1),
            gossip_history=_HEARTBEAT_HISTORY,
            score_params=_SCORES,
            adaptive_gossip_enabled=False,
            spam_protection_enabled=False,  # it allows 10 messages a second; proofs are the limit here
            eclipse_protection_enabled=False,  # by addresses; the peers of a node are chosen
        )
        self.mcache = _Cache(self.mcache.window_size, self.mcache.history_size)

    @property
    def scores(self) -> PeerScorer:
        """What this node thinks of its peers."""
        assert self.scorer is not None  # made by the constructor
        return self.scorer

    def knows(self, peer: ID) -> bool:
        """Tell whether a peer is connected. What is noted of another one, nobody forgets again."""
        return peer in self.peer_protocol

    def add_peer(self, peer_id: ID, protocol_id: TProtocol | None) -> None:
        """Add a peer; Waku's protocol is gossipsub 1.1."""
        super().add_peer(peer_id, PROTOCOL_ID_V11 if protocol_id == PROTOCOL else protocol_id)

    def _check_equivocation(self, msg: rpc_pb2.Message) -> bool:
        return True  # by sender and number, which no message has


class WakuPubsub(Pubsub):
    """Reads messages of peers, asks for the ruling on each, and forwards those that are accepted.

    It belongs to one trio loop, and ends with the service that runs it. A forked child must not use it.

    Args:
        host: of this node.
        router: to forward by.
        answer: rules on a message. It is called once for each message, however many peers send it meanwhile.
    """

    def __init__(self, host: IHost, router: WakuGossip, answer: Answer) -> None:
        super().__init__(
            host,
            router,
            strict_signing=False,
            msg_id_constructor=message_id,
            # A packet holds several messages of 150 KiB.
            max_inbound_rpc_size=8 * MAX_BYTES,
        )
        self.seen_messages.stop()
        self.seen_messages = SeenMessages()  # type: ignore[assignment]
        self.peer_queues = _Queues()
        self._waku_router = router
        self._answer = answer
        self._waiting: dict[tuple[str, bytes], list[ID]] = {}
        self._waiting_of: dict[ID, int] = {}
        self._tasks = 0
        self._rejected: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._is_rejected: set[bytes] = set()
        self.dropped = 0
        """Messages that were dropped unread, because too many waited."""

    async def publish(self, topic_id: str | list[str], data: bytes) -> None:
        """Send a message of this node into the mesh, without a ruling: `WakuPublisher` has made it.

        Args:
            topic_id: one pubsub topic.
            data: the bytes.
        """
        (topic,) = [topic_id] if isinstance(topic_id, str) else topic_id
        await self.forward(topic, data, self.my_id)

    async def forward(self, topic: str, data: bytes, peer: ID) -> None:
        """Send an accepted message into the mesh, but not to the peer that it came from."""
        message = rpc_pb2.Message(data=data, topicIDs=[topic])
        self._mark_msg_seen(message)
        await self.router.publish(peer, message)

    def notify_subscriptions(self, publish_message: rpc_pb2.Message) -> None:
        """Do nothing: the node hands accepted messages to its callers itself; here 32 may wait."""

    def _is_subscribed_to_msg(self, msg: rpc_pb2.Message) -> bool:
        """Tell whether to start a task for a message, which the reader asks once for each."""
        if not super()._is_subscribed_to_msg(msg):
            return False
        if self._tasks >= _MOST_TASKS:
            self.dropped += 1
            return False
        self._tasks += 1
        return True

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        """Get the ruling on a message of a peer, and do what it says."""
        try:
            await self._receive(msg_forwarder, msg)
        finally:
            self._tasks -= 1

    async def _receive(self, peer: ID, msg: rpc_pb2.Message) -> None:
        if self.is_peer_blacklisted(peer):
            return
        if msg.from_id or msg.seqno or msg.signature or msg.key or len(msg.topicIDs) != 1:
            self._lower_score(peer, msg)  # every peer refuses a sender here
            return
        mid = message_id(msg)
        if self._is_msg_seen(msg):
            return
        if mid in self._is_rejected:
            self._lower_score(peer, msg)
            return
        # The id says nothing about the topic: on a wrong one, the bytes must not hide those on the right one.
        place = (msg.topicIDs[0], mid)
        senders = self._waiting.get(place)
        if senders is not None:
            if peer not in senders:
                senders.append(peer)
            return
        if not self._has_room(peer):
            self.dropped += 1
            return
        self._waiting[place] = senders = [peer]
        self._waiting_of[peer] = self._waiting_of.get(peer, 0) + 1
        try:
            ruling = await self._answer(msg.topicIDs[0], msg.data, peer)
        finally:
            del self._waiting[place]
            self._waiting_of[peer] -= 1
            if not self._waiting_of[peer]:
                del self._waiting_of[peer]
        await self._act(ruling, mid, msg, senders)

    def _has_room(self, peer: ID) -> bool:
        """Tell whether one more message of a peer may wait; one peer gets half of the places."""
        return len(self._waiting) < _MOST_WAITING and self._waiting_of.get(peer, 0) < _MOST_WAITING // 2

    async def _act(self, ruling: Ruling, mid: bytes, msg: rpc_pb2.Message, senders: list[ID]) -> None:
        if ruling.gossip is Gossip.REJECT:
            if len(self._rejected) == self._rejected.maxlen:
                self._is_rejected.discard(self._rejected[0])
            self._rejected.append(mid)
            self._is_rejected.add(mid)
            for peer in senders:
                self._lower_score(peer, msg)
            return
        if ruling.why is not Why.WRONG_SHARD:
            self._mark_msg_seen(msg)
        if ruling.gossip is Gossip.ACCEPT:
            router = self._waku_router
            for peer in senders:  # they have it
                if peer in router.dont_send_message_ids:  # it may have left meanwhile
                    router.dont_send_message_ids[peer].add(mid)
            if router.knows(senders[0]):
                router.scores.on_first_delivery(senders[0], msg.topicIDs[0])
            await router.publish(senders[0], msg)

    def _lower_score(self, peer: ID, msg: rpc_pb2.Message) -> None:
        if not self._waku_router.knows(peer):
            return
        for topic in msg.topicIDs:
            if topic in self.topic_ids:  # a bounded set
                self._waku_router.scores.on_invalid_message(peer, topic)
                return
