"""WakuHost: a host of py-libp2p as nodes and clients of a Waku network need it, in one trio loop."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from rln.base import forks
from rln.base.arguments import fixed_bytes, sequence
from rln.base.extras import missing
from rln.errors import ParameterError
from rln.integrations.multiaddresses import ConnectionFailed, check_free, multiaddress, peer_info
from rln.integrations.peer_containment import contain

try:
    import trio
    from libp2p import new_host
    from libp2p.abc import IHost
    from libp2p.crypto.secp256k1 import create_new_key_pair
    from libp2p.exceptions import BaseLibp2pError
    from libp2p.network.config import ConnectionConfig
    from multiaddr import Multiaddr
except ImportError as error:
    raise missing("libp2p", "relay", error) from error

MUXERS: Final = ("mplex", "yamux")
_CONNECT_SECONDS: Final = 15.0
_TRANSPORTS: Final = ("/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2/ws")
"""Addresses for which py-libp2p makes transports, to call peers by both. Nothing listens there."""
_CLOSE_SECONDS: Final = 5.0

_Part = TypeVar("_Part")


class WakuHost:
    """A host that calls peers over TCP and WebSocket, and listens if it is told to.

    It belongs to one trio loop, and is closed when `run` ends; another run needs another host. Outside of its
    loop, so in other threads and in a forked child, every use raises `ParameterError`.

    Args:
        name: of its owner, for errors.
        listen: multiaddresses to listen at.
        key: private key, 32 bytes for secp256k1. None: a new one each time.
        muxer: "yamux" or "mplex". None: both, and the peer chooses.

    Raises:
        InputError: an argument has the wrong type or form.
    """

    def __init__(
        self, name: str, listen: Sequence[str] = (), *, key: bytes | None = None, muxer: str | None = None
    ) -> None:
        self._name = name
        self._listen = tuple(multiaddress(one, "listen") for one in sequence(listen, "listen"))
        if muxer is not None and (type(muxer) is not str or muxer not in MUXERS):
            raise ParameterError(f"muxer: expected one of {', '.join(MUXERS)}, got {str(muxer)[:40]!r}")
        self._key = secrets.token_bytes(32) if key is None else fixed_bytes(key, 32, "key")
        self._muxer = muxer
        self._host: IHost | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._copy_watch = forks.CopyWatch()

    def __repr__(self) -> str:
        return f"WakuHost({'running' if self._host else 'not running'})"

    @asynccontextmanager
    async def run(self) -> AsyncIterator[IHost]:
        """Listen until the block ends.

        Raises:
            ConnectionFailed: an address cannot be listened at.
            ParameterError: the host has run already.
        """
        if self._token is not None:
            raise ParameterError(f"{self._name}: it runs or has run already; make another one")
        listen = [Multiaddr(one) for one in self._listen]
        for address in self._listen:
            check_free(address)
        host = new_host(
            key_pair=create_new_key_pair(self._key),
            listen_addrs=[*listen, *map(Multiaddr, _TRANSPORTS)],
            muxer_preference=None if self._muxer is None else self._muxer.upper(),  # type: ignore[arg-type]
            # Otherwise py-libp2p calls every peer again, also those that misbehaved.
            connection_config=ConnectionConfig(min_connections=0, low_watermark=0),
        )
        contain(host)
        self._token = trio.lowlevel.current_trio_token()
        async with host.run(listen_addrs=listen):
            try:
                if len(host.get_addrs()) < len(listen):  # py-libp2p logs why, and goes on
                    raise ConnectionFailed(
                        f"listen: {', '.join(self._listen)}: expected addresses for TCP, with or without "
                        "/ws at the end"
                    )
                self._host = host
                yield host
            finally:
                self._host = None
                await _close(host)

    async def connect(self, address: str) -> str:
        """Connect to a peer, and return its name.

        Args:
            address: a multiaddress that ends with `/p2p/` and the peer's name.

        Raises:
            InputError: not such an address.
            ConnectionFailed: nobody answers there, or somebody else.
        """
        host = self.running(self._host)
        info = peer_info(address)
        # Otherwise py-libp2p refuses to call for a while after a failure; how often is the caller's choice.
        host.get_network().unblock_peer(info.peer_id)  # type: ignore[attr-defined]
        try:
            with trio.fail_after(_CONNECT_SECONDS):
                await host.connect(info)
        except (BaseLibp2pError, OSError, trio.TooSlowError, ExceptionGroup) as error:
            raise ConnectionFailed(f"{address}: {type(error).__name__}; is the peer running?") from error
        return str(info.peer_id)

    @property
    def host(self) -> IHost:
        """The host of py-libp2p.

        Raises:
            ParameterError: it does not run, or this is not its loop.
        """
        return self.running(self._host)

    def running(self, part: _Part | None) -> _Part:
        """Return a part of its owner, if the owner runs and this is its loop.

        Args:
            part: None while it does not run.

        Raises:
            ParameterError: it does not run, or this is another loop, thread or process.
        """
        name = self._name
        if self._copy_watch.is_copy:
            raise ParameterError(
                f"{name}: its loop and connections are those of the process that this one was forked from; "
                f"make a {name} of its own"
            )
        if part is None:
            raise ParameterError(f"{name}: it does not run; use it inside `async with {name}.run()`")
        try:
            is_here = trio.lowlevel.current_trio_token() is self._token
        except RuntimeError:  # in no trio loop
            is_here = False
        if not is_here:
            raise ParameterError(
                f"{name}: used outside of the trio loop in which it runs; call it from there"
            )
        return part


async def _close(host: IHost) -> None:
    """Close listeners and connections, which py-libp2p leaves open when its service ends."""
    with trio.CancelScope(deadline=trio.current_time() + _CLOSE_SECONDS, shield=True):
        await host.close()
