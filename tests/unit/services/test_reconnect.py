"""Reconnect: when it calls a peer, and when it waits."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from rln.errors import EncodingError, ParameterError
from rln.integrations.multiaddresses import ConnectionFailed, peer_name_of
from rln.integrations.waku_node import WakuNode
from rln.services.reconnect import Reconnect
from tests.support.waku_world import WakuWorld

NAME = peer_name_of(bytes([3]) * 32)
ADDRESS = f"/ip4/127.0.0.1/tcp/1/p2p/{NAME}"


class Scripted(WakuNode):
    """A node that notes its calls; a test says who is there."""

    def __init__(self) -> None:
        world = WakuWorld()
        super().__init__(world.network, world.judge(), clock=world.clock)
        self.there: list[str] = []
        self.calls: list[float] = []
        self.answers = False

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(self.there)

    async def connect(self, address: str) -> str:
        assert address == ADDRESS
        self.calls.append(trio.current_time())
        if not self.answers:
            raise ConnectionFailed("nobody is there") from OSError("no route")
        self.there.append(NAME)
        return NAME


def played(node: Scripted, script: Any) -> None:
    """Run a script beside the calls, on a clock that jumps when all wait."""

    async def scene() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Reconnect(node, [ADDRESS]).run)
            await script()
            nursery.cancel_scope.cancel()

    trio.run(scene, clock=trio.testing.MockClock(autojump_threshold=0))


def test_the_pause_doubles_up_to_a_minute() -> None:
    node = Scripted()
    played(node, lambda: trio.sleep(600))
    pauses = [after - before for before, after in zip(node.calls, node.calls[1:], strict=False)]
    for place, pause in enumerate(pauses):
        longest = min(2.0**place, 60.0)
        assert longest * 0.75 <= pause <= longest * 1.25
    assert len(node.calls) > 12


def test_a_peer_that_goes_is_called_again_soon_if_it_was_there_for_long() -> None:
    node = Scripted()

    async def script() -> None:
        await trio.sleep(200)  # the pause is a minute now
        node.answers = True
        await trio.sleep(200)
        calls = len(node.calls)
        node.there.clear()
        node.answers = False
        await trio.sleep(10)
        assert len(node.calls) - calls >= 3
        await trio.sleep(200)

    played(node, script)


def test_a_peer_that_comes_and_goes_is_called_less_and_less() -> None:
    node = Scripted()
    node.answers = True

    async def script() -> None:
        end = trio.current_time() + 600
        while trio.current_time() < end:
            await trio.sleep(3)
            node.there.clear()

    played(node, script)
    assert len(node.calls) < 40


def test_what_is_no_node_and_no_address_is_refused() -> None:
    node = Scripted()
    with pytest.raises(EncodingError, match="address: expected a multiaddress"):
        Reconnect(node, ["/ip4/127.0.0.1/tcp/1"])
    with pytest.raises(ParameterError, match="node: expected WakuNode, got int"):
        Reconnect(5, [])  # type: ignore[arg-type]
    assert repr(Reconnect(node, [ADDRESS])) == "Reconnect(1 peers)"
