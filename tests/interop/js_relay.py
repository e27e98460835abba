"""JsRelay: a relay node of js-waku as a process, driven by JSON lines from a trio loop."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from tests.interop.peers import HERE
from tests.support.waku_nodes import DEADLINE, until
from tests.support.waku_world import PUBSUB, TOPIC


class JsRelay:
    """One node; `running` makes it.

    Attributes:
        messages: that gossip brought to it.
        address: where it listens.
        peer: its name.
    """

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._complaints = b""
        self._has_ended = False
        self._answers: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.address = self.peer = ""

    async def read(self) -> None:
        """Collect what it says, until it ends."""
        assert self._process.stdout is not None
        rest = b""
        async for piece in self._process.stdout:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"{"):
                    said = json.loads(line)
                    (self.messages if said["event"] == "message" else self._answers).append(said)
        self._has_ended = True

    async def read_errors(self) -> None:
        """Keep the end of what it complains about, to tell why it has ended."""
        assert self._process.stderr is not None
        async for piece in self._process.stderr:
            self._complaints = (self._complaints + piece)[-4000:]

    async def ask(self, command: str, **more: object) -> dict[str, Any]:
        """Send a command, and return its answer."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps({"command": command, **more}).encode() + b"\n")
        return await self.answer(command)

    async def answer(self, event: str) -> dict[str, Any]:
        """Wait for an answer."""
        await until(lambda: bool(self._answers) or self._has_ended, DEADLINE)
        assert self._answers, f"node has ended: {self._complaints.decode(errors='replace')}"
        answer = self._answers.pop(0)
        assert answer["event"] == event, answer
        return answer


@asynccontextmanager
async def running(node: Path, *, muxer: str = "yamux", transport: str = "tcp") -> AsyncIterator[JsRelay]:
    """Start a node, and stop it at the end."""
    shard = int(PUBSUB.rpartition("/")[2])
    options = {"topic": PUBSUB, "contentTopic": TOPIC, "shard": shard, "muxer": muxer, "transport": transport}
    command = [str(node), "--import", "./polyfill.mjs", "waku_relay.mjs", json.dumps(options)]
    process = await trio.lowlevel.open_process(
        command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with trio.open_nursery() as nursery:
        relay = JsRelay(process)
        nursery.start_soon(relay.read)
        nursery.start_soon(relay.read_errors)
        try:
            ready = await relay.answer("ready")
            relay.address, relay.peer = ready["addresses"][0], ready["peer"]
            yield relay
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
            nursery.cancel_scope.cancel()
