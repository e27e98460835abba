"""Reconnect: keep a node connected to peers that are named in advance."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, NoReturn

from rln.base.arguments import instance, instances, sequence
from rln.base.extras import missing
from rln.integrations.gossip_judge import LOGGER
from rln.integrations.multiaddresses import ConnectionFailed, peer_info
from rln.integrations.waku_node import WakuNode

try:
    import trio
except ImportError as error:
    raise missing("trio", "relay", error) from error

__all__ = ["Reconnect"]

_LOOK_SECONDS: Final = 1.0
"""Between two looks whether a peer is still there."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two calls; the pause doubles while nobody answers."""
_STABLE_SECONDS: Final = 30.0
"""After which a connection counts as one that works, so that the next pause is the first one again."""


class Reconnect:
    """Calls peers until they are there, and again when they have gone.

    It belongs to the trio loop of its node. Other threads, and a forked child, must not use it. Nothing is
    closed: cancel `run`.

    Args:
        node: that calls them.
        addresses: multiaddresses with the names of the peers.

    Raises:
        InputError: an argument has the wrong type, or an address is none.
    """

    def __init__(self, node: WakuNode, addresses: Sequence[str]) -> None:
        instance(node, WakuNode, "node")
        found = list(sequence(addresses, "peers"))
        instances(found, str, "peers")
        self._names = {address: str(peer_info(address).peer_id) for address in found}
        self._node = node

    def __repr__(self) -> str:
        return f"Reconnect({len(self._names)} peers)"

    async def run(self) -> NoReturn:
        """Call all peers, until cancelled. No address is logged, only a peer's number among them."""
        async with trio.open_nursery() as nursery:
            for number, address in enumerate(self._names, 1):
                nursery.start_soon(self._keep, number, address)
            await trio.sleep_forever()

    async def _keep(self, number: int, address: str) -> NoReturn:
        pause, draw = 0.0, random.SystemRandom()
        while True:
            # Not all at once: peers that were restarted are called by many.
            await trio.sleep(pause * draw.uniform(0.75, 1.25))
            pause = min(2 * pause or _FIRST_PAUSE, _LONGEST_PAUSE)
            try:
                await self._node.connect(address)
            except ConnectionFailed as error:
                LOGGER.info("peer %d does not answer (%s)", number, type(error.__cause__).__name__)
                continue
            await trio.sleep(_LOOK_SECONDS)  # until it has said which protocols it speaks
            if not self._is_there(address):
                LOGGER.info("peer %d answers, and takes no part in this network's gossip", number)
                continue
            LOGGER.info("peer %d is there", number)
            since = trio.current_time()
            while self._is_there(address):
                await trio.sleep(_LOOK_SECONDS)
            LOGGER.info("peer %d has gone", number)
            if trio.current_time() - since > _STABLE_SECONDS:
                pause = _FIRST_PAUSE

    def _is_there(self, address: str) -> bool:
        return self._names[address] in self._node.peers
