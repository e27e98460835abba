"""WakuNodes: nodes on loopback in one trio loop, and what they ruled, delivered and forwarded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import trio

import rln
from rln.integrations.waku_node import WakuNode
from rln.ports import NullifierLog
from rln.stores.memory import MemoryNullifierLog
from rln.waku.publisher import ReadyMessage
from rln.waku.ruling import Ruling, Why
from tests.support.waku_world import PUBSUB, WakuWorld

DEADLINE = 20.0


def play(scene: Callable[[], Awaitable[object]]) -> None:
    """Run a scene in a trio loop of its own. One failure is raised without the groups of nurseries."""
    try:
        trio.run(scene)
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


async def until(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Wait until a condition holds; fail after a deadline that no working program needs."""
    with trio.fail_after(seconds):
        while not condition():
            await trio.sleep(0.01)


class LateRoots:
    """The roots of a node that reads the registry only when it is told to, as one behind a slow chain.

    Args:
        group: whose roots.
    """

    def __init__(self, group: rln.Group) -> None:
        self._group = group
        self._roots = list(group.roots)
        self.refreshed = 0

    def refresh(self) -> None:
        """Read the registry, in a thread of the node."""
        self.refreshed += 1
        self._roots = list(self._group.roots)

    def __contains__(self, root: object) -> bool:
        return root in self._roots

    def __iter__(self) -> Iterator[int]:
        return iter(self._roots)

    def __len__(self) -> int:
        return len(self._roots)


class Watched:
    """A node with everything that it has said.

    Args:
        world: its network.
        log: of its verifier; a new one in memory by default.
        roots: that it accepts; those of the world's group by default.
        more: arguments of `WakuNode`.
    """

    def __init__(
        self, world: WakuWorld, *, log: NullifierLog | None = None, roots: Any = None, **more: Any
    ) -> None:
        arguments = {"log": log or MemoryNullifierLog()} | ({} if roots is None else {"roots": roots})
        self.judge = world.judge(world.verifier(**arguments))
        settings = {"topics": [PUBSUB], "heartbeat": 0.1, **more}
        self.node = WakuNode(world.network, self.judge, clock=world.clock, **settings)
        self.rulings: list[Ruling] = []
        self.accepted: list[bytes] = []
        self.delivered: list[bytes] = []
        self.node.on_ruling(self.rulings.append)
        self.node.on_accepted(self._note)

    def _note(self, accepted: Any) -> None:
        self.accepted.append(accepted.message.payload)
        if accepted.ruling.delivers:
            self.delivered.append(accepted.message.payload)

    def said(self, why: Why) -> int:
        """Return how many rulings had a reason."""
        return sum(ruling.why is why for ruling in self.rulings)

    def secrets(self) -> list[int]:
        """Return the commitments of the secrets that came out."""
        verdicts = [ruling.verdict for ruling in self.rulings]
        return [one.identity_secret.commitment for one in verdicts if isinstance(one, rln.RateLimitViolation)]

    async def send(self, data: bytes, topic: str = PUBSUB) -> None:
        """Put any bytes into the mesh, as a node does that checks nothing."""
        assert self.node._pubsub is not None
        await self.node._pubsub.publish(topic, data)

    async def publish(self, message: Any) -> None:
        """Publish a message with its proof."""
        await self.node.publish(ReadyMessage(PUBSUB, message))


@asynccontextmanager
async def connected(watched: Sequence[Watched], pairs: Sequence[tuple[int, int]]) -> AsyncIterator[None]:
    """Run nodes, connect pairs of them, and wait until each pair forwards in both directions."""
    async with AsyncExitStack() as stack:
        for one in watched:
            await stack.enter_async_context(one.node.run())
        for here, there in pairs:
            await join(watched[here], watched[there])
        yield


async def join(here: Watched, there: Watched) -> None:
    """Connect two nodes that run, and wait until each forwards to the other."""
    await here.node.connect(there.node.addresses[0])
    await until(
        lambda: there.node.peer_id in here.node.mesh(PUBSUB) and here.node.peer_id in there.node.mesh(PUBSUB)
    )
