"""WakuNode: one node of a Waku network, which forwards what its judge accepts.

    node = WakuNode(network, judge, clock=clock, refresh=group.follow)
    node.on_accepted(lambda accepted: print(accepted.message.payload))
    async with node.run():
        await node.connect("/ip4/192.0.2.7/tcp/60000/p2p/16Uiu2...")
        await trio.sleep_forever()

Programs on asyncio run it by `rln.integrations.trio_guest`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from rln.base.arguments import instance, plain_bytes, sequence, text
from rln.base.extras import missing
from rln.base.injected import callback
from rln.errors import ParameterError
from rln.integrations.gossip_judge import LOGGER, GossipJudge
from rln.integrations.libp2p import WakuGossip, WakuPubsub
from rln.integrations.multiaddresses import network_prefix, peer_name
from rln.integrations.waku_host import WakuHost
from rln.protocol.epoch import EpochClock
from rln.verifying.source_limit import check_source
from rln.waku.judge import Judge
from rln.waku.message import WakuMessage
from rln.waku.network import WakuNetwork
from rln.waku.parked import ParkedMessage
from rln.waku.publisher import ReadyMessage
from rln.waku.ruling import Gossip, Ruling, Why
from rln.waku.topics import PubsubTopic

try:
    import trio
    from libp2p.abc import IHost
    from libp2p.exceptions import BaseLibp2pError
    from libp2p.peer.id import ID
    from libp2p.tools.anyio_service import background_trio_service
except ImportError as error:
    raise missing("libp2p", "relay", error) from error

_MOST_LEFT: Final = 4096
"""Peers whose connections are refused after misconduct; a new name costs nothing, so more help nobody."""
_HEARTBEATS: Final = (0.05, 60.0)


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """A message that this node forwards.

    Attributes:
        pubsub_topic: that it came on.
        data: its bytes.
        message: the same, decoded.
        ruling: of the judge. `ruling.delivers` says whether to hand it to applications.
        peer: who sent it to this node. None: this node has published it.

    Raises:
        ParameterError: one of them has the wrong type.
    """

    pubsub_topic: str
    data: bytes
    message: WakuMessage
    ruling: Ruling
    peer: str | None

    def __post_init__(self) -> None:
        text(self.pubsub_topic, "pubsub_topic")
        instance(self.data, bytes, "data")
        instance(self.message, WakuMessage, "message")
        instance(self.ruling, Ruling, "ruling")
        if self.peer is not None:
            text(self.peer, "peer")


class WakuNode:
    """One node. It belongs to one trio loop, and is closed when `run` ends; another run needs another node.

    Outside of its loop, so in other threads and in a forked child, every use raises `ParameterError`.

    Args:
        network: the rules of the network.
        judge: of this node.
        clock: of the network.
        topics: pubsub topics to take part in. None: all shards of the network.
        listen: multiaddresses to listen at; TCP, or WebSocket with `/ws` at the end.
        key: the node's private key, 32 bytes for secp256k1. None: a new one each time.
        muxer: "yamux" or "mplex". None: both, and the peer chooses.
        refresh: brings the newest roots, called in a thread when messages wait for them; see `GossipJudge`.
        heartbeat: seconds between two looks at the mesh, 0.05 to 60.

    Raises:
        InputError: an argument has the wrong type or form, or is outside its range.
    """

    def __init__(
        self,
        network: WakuNetwork,
        judge: Judge,
        *,
        clock: EpochClock,
        topics: Sequence[str] | None = None,
        listen: Sequence[str] = ("/ip4/127.0.0.1/tcp/0",),
        key: bytes | None = None,
        muxer: str | None = None,
        refresh: Callable[[], object] | None = None,
        heartbeat: float = 1.0,
    ) -> None:
        instance(network, WakuNetwork, "network")
        if topics is None:
            topics = [str(PubsubTopic(network.cluster, shard)) for shard in range(network.shards)]
        self._topics = tuple(text(one, "topics") for one in sequence(topics, "topics"))
        if not self._topics:
            raise ParameterError("topics: expected at least one pubsub topic, got none")
        if not sequence(listen, "listen"):
            raise ParameterError("listen: expected at least one address, got none")
        self._waku_host = WakuHost("node", listen, key=key, muxer=muxer)
        if type(heartbeat) not in (int, float) or not _HEARTBEATS[0] <= heartbeat <= _HEARTBEATS[1]:
            raise ParameterError("heartbeat: expected seconds, 0.05 to 60")
        self._gossip_judge = GossipJudge(judge, clock, refresh=refresh)
        self._heartbeat = heartbeat
        self._accepted: list[Callable[[AcceptedMessage], object]] = []
        self._ruled: list[Callable[[Ruling], object]] = []
        self._router: WakuGossip | None = None
        self._pubsub: WakuPubsub | None = None
        self._left: dict[ID, None] = {}

    def __repr__(self) -> str:
        return f"WakuNode({len(self._topics)} topics, {'running' if self._pubsub else 'not running'})"

    def on_accepted(self, call: Callable[[AcceptedMessage], object]) -> None:
        """Call a function with each message that this node forwards or publishes, before it leaves.

        It runs in the node's loop and must not wait. An error of it ends the node.

        Raises:
            ParameterError: not a function.
        """
        callback(call, "call")
        self._accepted.append(call)

    def on_ruling(self, call: Callable[[Ruling], object]) -> None:
        """Call a function with each ruling, also on parked messages: first PARK, then what became of them.

        It runs in the node's loop and must not wait. An error of it ends the node.

        Raises:
            ParameterError: not a function.
        """
        callback(call, "call")
        self._ruled.append(call)

    @property
    def topics(self) -> tuple[str, ...]:
        """The pubsub topics that it takes part in."""
        return self._topics

    @property
    def host(self) -> IHost:
        """The host of py-libp2p, for further protocols.

        Raises:
            ParameterError: the node does not run.
        """
        return self._waku_host.host

    @property
    def addresses(self) -> tuple[str, ...]:
        """Multiaddresses by which peers reach this node."""
        return tuple(str(one) for one in self.host.get_addrs())

    @property
    def peer_id(self) -> str:
        """The name of this node, made from its public key."""
        return str(self.host.get_id())

    @property
    def peers(self) -> tuple[str, ...]:
        """The names of the peers that speak this protocol, too."""
        return tuple(str(one) for one in self._waku_host.running(self._pubsub).peers)

    @property
    def dropped(self) -> int:
        """How many messages were dropped unread, because too many waited."""
        return self._waku_host.running(self._pubsub).dropped

    def mesh(self, pubsub_topic: str) -> tuple[str, ...]:
        """Return the names of the peers to which messages of a topic are forwarded."""
        router = self._waku_host.running(self._router)
        return tuple(str(one) for one in router.mesh.get(text(pubsub_topic, "pubsub_topic"), ()))

    def score(self, peer: str) -> float:
        """Return what this node thinks of a peer: 0, or less for what it sent."""
        return self._waku_host.running(self._router).scores.score(peer_name(peer), list(self._topics))

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Listen, and take part in the network, until the block ends.

        Raises:
            ConnectionFailed: an address cannot be listened at.
            IntegrityAlarm: a store is damaged: the node has stopped.
        """
        async with AsyncExitStack() as stack:
            host = await stack.enter_async_context(self._waku_host.run())
            router = WakuGossip(self._heartbeat)
            pubsub = WakuPubsub(host, router, self._answer)
            await stack.enter_async_context(background_trio_service(router))
            await stack.enter_async_context(background_trio_service(pubsub))
            await pubsub.wait_until_ready()
            for topic in self._topics:
                await pubsub.subscribe(topic)
            nursery = await stack.enter_async_context(trio.open_nursery())
            nursery.start_soon(self._gossip_judge.run, self._settled)
            self._router, self._pubsub = router, pubsub
            try:
                yield
            finally:
                self._router = self._pubsub = None
                nursery.cancel_scope.cancel()

    async def connect(self, address: str) -> str:
        """Connect to a peer, and return its name.

        Args:
            address: a multiaddress that ends with `/p2p/` and the peer's name.

        Raises:
            InputError: not such an address.
            ConnectionFailed: nobody answers there, or somebody else.
        """
        return await self._waku_host.connect(address)

    async def publish(self, ready: ReadyMessage) -> int:
        """Send a message of this node, which its own judge has accepted, and return to how many peers.

        Raises:
            ParameterError: not a `ReadyMessage`.
        """
        instance(ready, ReadyMessage, "ready")
        pubsub = self._waku_host.running(self._pubsub)
        ruling = Ruling(Why.NEW_HERE)  # judged when it was made; its sender has it
        self._hand_out(AcceptedMessage(ready.pubsub_topic, ready.data, ready.message, ruling, None))
        await pubsub.publish(ready.pubsub_topic, ready.data)
        return len(self.mesh(ready.pubsub_topic))

    async def submit(self, pubsub_topic: str, data: bytes, peer: str) -> Ruling:
        """Rule on a message that came by another way than gossip. If it is accepted, it is forwarded.

        PARK means that the proof holds for a root that is not known here: its sender may renew it. A peer
        that sends too much of what no honest peer sends is disconnected.

        Raises:
            InputError: an argument has the wrong type.
        """
        text(pubsub_topic, "pubsub_topic")
        plain_bytes(data, "data")
        text(peer, "peer")
        check_source(peer)
        pubsub = self._waku_host.running(self._pubsub)
        ruling = await self._gossip_judge.rule(pubsub_topic, data, peer)
        self._tell(pubsub_topic, data, ruling, peer)
        if ruling.gossip is Gossip.ACCEPT:
            await pubsub.forward(pubsub_topic, data, pubsub.my_id)
        if self._gossip_judge.is_misconduct(ruling, peer):
            for one in self.host.get_connected_peers():
                if str(one) == peer:
                    await self._leave(one)
        return ruling

    # ---- rulings

    async def _answer(self, pubsub_topic: str, data: bytes, peer: ID) -> Ruling:
        ruling = await self._gossip_judge.rule(pubsub_topic, data, str(peer), self._prefix(peer))
        self._tell(pubsub_topic, data, ruling, str(peer))
        if self._gossip_judge.is_misconduct(ruling, str(peer)):
            await self._leave(peer)
        return ruling

    async def _settled(self, parked: ParkedMessage, ruling: Ruling) -> None:
        assert isinstance(parked.peer, str)
        self._tell(parked.pubsub_topic, parked.data, ruling, parked.peer)
        if ruling.gossip is Gossip.ACCEPT and self._pubsub is not None:
            await self._pubsub.forward(parked.pubsub_topic, parked.data, peer_name(parked.peer))

    def _tell(self, pubsub_topic: str, data: bytes, ruling: Ruling, peer: str) -> None:
        for ruled in self._ruled:
            ruled(ruling)
        if ruling.gossip is Gossip.ACCEPT:
            self._hand_out(AcceptedMessage(pubsub_topic, data, WakuMessage.decode(data), ruling, peer))

    def _hand_out(self, accepted: AcceptedMessage) -> None:
        for call in self._accepted:
            call(accepted)

    async def _leave(self, peer: ID) -> None:
        """Disconnect a peer that has sent too much of what no honest peer sends, and listen to it no more."""
        pubsub = self._pubsub
        if pubsub is None or peer in self._left:
            return
        self._left[peer] = None
        if len(self._left) > _MOST_LEFT:
            oldest = next(iter(self._left))
            del self._left[oldest]
            pubsub.remove_from_blacklist(oldest)
        LOGGER.warning("a peer is disconnected: it has sent too many messages that others refuse, too")
        pubsub.add_to_blacklist(peer)
        try:
            await self.host.disconnect(peer)
        except (BaseLibp2pError, OSError) as error:
            LOGGER.warning("a peer could not be disconnected: %s", type(error).__name__)

    def _prefix(self, peer: ID) -> str | None:
        """Return the network prefix of a peer's address: names of peers cost nothing, prefixes do."""
        connections = self.host.get_network().get_connections(peer)
        for connection in connections:
            remote = getattr(connection.muxed_conn, "secured_conn", None)
            found = remote.get_remote_address() if remote is not None else None
            if found is not None:
                return network_prefix(found[0])
        return None
