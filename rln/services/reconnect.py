"""Reconnect: keep a node connected to peers that are named in advance."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, NoReturn, Protocol

from rln.base.arguments import instances, sequence
from rln.base.extras import missing
from rln.errors import ParameterError
from rln.integrations.gossip_judge import LOGGER
from rln.integrations.multiaddresses import ConnectionFailed, peer_info

try:
    import trio
except ImportError as error:
    raise missing("trio", "relay", error) from error

__all__ = ["Calling", "Reconnect"]

_LOOK_SECONDS: Final = 1.0
"""Between two looks whether a peer is still there."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two calls; the pause doubles while nobody answers."""
_STABLE_SECONDS: Final = 30.0
"""After which a connection counts as one that works, so that the next pause is the first one again."""


class Calling(Protocol):
    """A node that calls others, such as a `WakuNode`."""

    @property
    def peers(self) -> Sequence[str]:
        """The names of those who are there."""

    async def connect(self, address: str) -> object:
        """Connect to a peer.

        Raises:
            ConnectionFailed: nobody answers there, or somebody else.
        """


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

    def __init__(self, node: Calling, addresses: Sequence[str]) -> None:
        for name in ("connect", "peers"):
            if not hasattr(type(node), name):
                raise ParameterError(f"node: expected an object with {name}, got {type(node).__name__}")
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
        pause, since = _FIRST_PAUSE, 0.0
        draw = random.SystemRandom()
        while True:
            if self._names[address] in self._node.peers:
                since = since or trio.current_time()
                if trio.current_time() - since > _STABLE_SECONDS:
                    pause = _FIRST_PAUSE
                await trio.sleep(_LOOK_SECONDS)
                continue
            if since:
                LOGGER.info("peer %d has gone", number)
            since = 0.0
            try:
                await self._node.connect(address)
            except ConnectionFailed as error:
                LOGGER.info("peer %d does not answer (%s)", number, type(error.__cause__).__name__)
            else:
                await trio.sleep(_LOOK_SECONDS)  # until it has said which protocols it speaks
                if self._names[address] in self._node.peers:
                    LOGGER.info("peer %d is there", number)
                    continue
                LOGGER.info("peer %d answers, and takes no part in this network's gossip", number)
            # Not all at once: peers that were restarted are called by many.
            await trio.sleep(pause * draw.uniform(0.75, 1.25))
            pause = min(2 * pause, _LONGEST_PAUSE)
