"""People of the demo: members with a node of their own each, in a trio loop of a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import trio

import rln
from rln.integrations.waku_node import AcceptedMessage, WakuNode
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from rln.waku.judge import Judge
from rln.waku.network import WakuNetwork
from rln.waku.publisher import ReadyMessage, WakuPublisher

logging.getLogger("libp2p").setLevel(logging.CRITICAL)  # it complains about connections that end

TOPIC = "/demo/1/chat/proto"
PUBSUB = "/waku/2/rs/1/0"
NETWORK = WakuNetwork(cluster=1, shards=1, signal_format="waku-2025")
IDENTIFIER = b"rln/demo".ljust(32, b"\0")
CLOCK = rln.EpochClock.waku(IDENTIFIER, period=86400)


class Person:
    """A member and a node. What the node accepts is in `heard`, with the time of its arrival.

    Args:
        identity: of the member.
        group: that the member is in.
        key: proving key of the network.
    """

    def __init__(self, identity: rln.Identity, group: rln.Group, key: rln.ProvingKey) -> None:
        self.heard: dict[str, float] = {}
        self.commitment = identity.commitment
        verifier = rln.Verifier(
            key.verifying_key, roots=group.roots, log=MemoryNullifierLog(), clock=CLOCK, threads=1
        )
        judge = Judge(NETWORK, verifier, CLOCK)
        self.node = WakuNode(NETWORK, judge, clock=CLOCK, heartbeat=0.2)
        self.node.on_accepted(self._hear)
        ids = MemoryMessageIds()
        ids.introduce(identity.commitment)  # a copy of a keystore knows of no id that was used elsewhere
        seat = group.membership(identity.commitment)
        self._prover = rln.Prover(identity, seat, key, ids=ids, clock=CLOCK, path=group.proof, threads=1)
        self._written: ReadyMessage | None = None
        self._publisher = WakuPublisher(NETWORK, self._prover, judge, CLOCK)

    def _hear(self, accepted: AcceptedMessage) -> None:
        self.heard[accepted.message.payload.decode()] = time.perf_counter()

    async def meet(self, address: str) -> None:
        """Connect to a relay, and wait until both forward to each other."""
        await self.node.connect(address)
        with trio.fail_after(20):
            while not self.node.mesh(PUBSUB):
                await trio.sleep(0.05)
        await trio.sleep(1.5)  # one heartbeat of the relay

    async def write(self, words: str) -> None:
        """Make a message, to send it later."""
        self._written = await trio.to_thread.run_sync(self._publisher.make, words.encode(), TOPIC)

    async def send(self) -> None:
        """Send the message that was made."""
        assert self._written is not None
        await self.node.publish(self._written)

    async def say(self, words: str) -> None:
        """Make a message, and send it."""
        await self.write(words)
        await self.send()


class Crowd:
    """Runs the nodes of people in a thread; a context manager.

    Args:
        people: whose nodes.
    """

    def __init__(self, people: Sequence[Person]) -> None:
        self._people = people
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._run,), daemon=True)
        self._token: trio.lowlevel.TrioToken | None = None
        self._end: trio.Event | None = None

    async def _run(self) -> None:
        self._token, self._end = trio.lowlevel.current_trio_token(), trio.Event()
        async with trio.open_nursery() as nursery:
            for person in self._people:
                await nursery.start(self._keep, person)
            self._ready.set()

    async def _keep(self, person: Person, task_status: trio.TaskStatus[None]) -> None:
        assert self._end is not None
        async with person.node.run():
            task_status.started()
            await self._end.wait()

    def do(self, action: Callable[..., Any], *arguments: object) -> None:
        """Run an asynchronous function in the loop of the nodes."""
        trio.from_thread.run(action, *arguments, trio_token=self._token)

    def together(self, actions: Sequence[tuple[Callable[..., Any], str]]) -> None:
        """Run asynchronous functions in the loop of the nodes, all at the same time."""

        async def run() -> None:
            async with trio.open_nursery() as nursery:
                for action, argument in actions:
                    nursery.start_soon(action, argument)

        self.do(run)

    def __enter__(self) -> Crowd:
        self._thread.start()
        if not self._ready.wait(30):
            raise TimeoutError("the nodes of the people do not run")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._end is not None
        trio.from_thread.run_sync(self._end.set, trio_token=self._token)
        self._thread.join(30)
