"""A Waku node in a process of its own, for `bench_waku.py`.

    python -m benchmarks.waku_node JUDGE FILE

JUDGE is `rln`, or `yes`: that one accepts everything and looks at nothing. FILE holds the `WakuTraffic`.
Answers JSON lines.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trio

from benchmarks.waku_traffic import CLOCK, NETWORK, PUBSUB, WakuTraffic
from rln.integrations.waku_node import WakuNode
from rln.verifying.source_limit import Source
from rln.waku.judge import Judge
from rln.waku.message import WakuMessage
from rln.waku.publisher import ReadyMessage
from rln.waku.ruling import Ruling, Why

DEADLINE = 60.0
"""Seconds for what should take a moment."""
YES = Ruling(Why.VALID)


class YesJudge(Judge):
    """A validator that says yes."""

    def rule_many(
        self, messages: Sequence[tuple[str, bytes]], peers: Sequence[Source] | None = None
    ) -> list[Ruling]:
        """Accept all messages."""
        return [YES] * len(messages)


class Node:
    """A node, what it has accepted, and its answers.

    Args:
        traffic: messages that it can send.
        judge: rules on what it gets.
    """

    def __init__(self, traffic: WakuTraffic, judge: Judge) -> None:
        self._traffic = traffic
        self._node = WakuNode(NETWORK, judge, clock=CLOCK, topics=[PUBSUB], muxer="yamux")
        self._node.on_ruling(self._count)
        self._whys: Counter[str] = Counter()
        self._answers: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "address": self._address,
            "connect": self._connect,
            "send": self._send,
            "used": self._used,
        }

    def _count(self, ruling: Ruling) -> None:
        self._whys[ruling.why.value] += 1

    async def serve(self) -> None:
        """Answer lines until there are no more."""
        async with self._node.run(), trio.lowlevel.FdStream(os.dup(0)) as stream:
            rest = b""
            async for piece in stream:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    question: dict[str, Any] = json.loads(line)
                    print(json.dumps(await self._answers[question.pop("ask")](**question)), flush=True)

    async def _address(self) -> dict[str, Any]:
        """Answer where this node listens."""
        return {"address": self._node.addresses[0]}

    async def _connect(self, address: str) -> dict[str, Any]:
        """Connect to another node, and wait until messages are forwarded to it."""
        await self._node.connect(address)
        with trio.fail_after(DEADLINE):
            while not self._node.mesh(PUBSUB):
                await trio.sleep(0.01)
        return {}

    async def _send(self, first: int, count: int, rate: float) -> dict[str, Any]:
        """Send messages, so many a second."""
        start = trio.current_time()
        for number in range(count):
            await trio.sleep_until(start + number / rate)
            message = WakuMessage.decode(self._traffic.messages[first + number])
            await self._node.publish(ReadyMessage(PUBSUB, message))
        return {}

    async def _used(self, rulings: int) -> dict[str, Any]:
        """Wait for that many rulings. Answer how many there were of each kind, and the seconds of CPU."""
        with trio.fail_after(DEADLINE):
            while self._whys.total() < rulings:
                await trio.sleep(0.05)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {"rulings": self._whys, "cpu": usage.ru_utime + usage.ru_stime}


def main() -> None:
    """Run one node."""
    judge, file = sys.argv[1:]
    traffic = WakuTraffic.read(Path(file))
    trio.run(Node(traffic, traffic.judge({"rln": Judge, "yes": YesJudge}[judge])).serve)


if __name__ == "__main__":
    main()
