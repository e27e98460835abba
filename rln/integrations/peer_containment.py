"""Peer containment: what one peer sends, or fails to read, ends its own connection and nothing else.

py-libp2p 0.8.1 ends the whole host when a peer sends certain bytes: a frame that does not decrypt, a name of
a stream or of a protocol that is not UTF-8, a packet that is no protobuf. And a task that is cancelled while
it writes leaves out a frame that the cipher has counted, so the other side can read nothing more. Both are
mended where all connections and streams pass.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from rln.base.arguments import instance
from rln.base.extras import missing
from rln.integrations import libp2p  # noqa: F401 - it refuses releases that need other mending

try:
    import trio
    from libp2p.abc import IHost, IMuxedConn, INetStream
    from libp2p.exceptions import BaseLibp2pError
    from libp2p.host.exceptions import StreamFailure
    from libp2p.io.exceptions import ConnectionClosedError
    from libp2p.network.swarm import Swarm
    from libp2p.peer.id import ID
except ImportError as error:
    raise missing("libp2p", "relay", error) from error

_LOGGER: Final = logging.getLogger("rln.relay")

_WRITE_SECONDS: Final = 10.0
"""For a frame, which is never left half written; then the connection is given up."""
_CLOSE_SECONDS: Final = 1.0


class OwnFailure(Exception):
    """An error of this program on its way through py-libp2p: it is no fault of a peer, and ends the host.

    Args:
        error: becomes the attribute.

    Attributes:
        error: the error.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


def contain(host: IHost) -> None:
    """Keep what goes wrong with one peer's connection from all others. Call it once, before the host runs.

    An error of a stream handler is taken for one of the peer's bytes, and closes the connection with that
    peer. A handler raises its own errors as `OwnFailure`.

    Raises:
        ParameterError: not a host of py-libp2p.
    """
    instance(host, IHost, "host")
    swarm = host.get_network()
    assert isinstance(swarm, Swarm)  # py-libp2p has no other
    add, handle, open_stream = swarm.add_conn, swarm.common_stream_handler, host.new_stream
    transports = swarm.transport_manager
    set_nursery = transports.set_background_nursery

    async def add_conn(conn: Any, *arguments: Any, **more: Any) -> Any:
        if isinstance(conn, IMuxedConn):
            _mend(conn)
        return await add(conn, *arguments, **more)

    async def handle_stream(stream: INetStream) -> None:
        own: Exception | None = None
        try:
            await handle(stream)
        except OwnFailure as failure:
            own = failure.error
        except Exception as error:  # noqa: BLE001 - of bytes of the peer
            _log(error)
            await _given_up(swarm.close_peer, stream.muxed_conn.peer_id)
        if own is not None:  # raised here, so that its context is no circle, which py-libp2p would follow
            raise own

    async def new_stream(peer: ID, protocols: Any) -> INetStream:
        try:
            return await open_stream(peer, protocols)
        except (BaseLibp2pError, OSError):
            raise
        except Exception as error:
            raise StreamFailure(f"the peer's answer cannot be read: {type(error).__name__}") from error

    def set_background_nursery(nursery: trio.Nursery) -> None:
        set_nursery(_ContainedTasks(nursery))  # type: ignore[arg-type]

    swarm.add_conn = add_conn  # type: ignore[method-assign, assignment]
    swarm.set_stream_handler(handle_stream)
    host.new_stream = new_stream  # type: ignore[method-assign, assignment]
    transports.set_background_nursery = set_background_nursery  # type: ignore[method-assign]


class _ContainedTasks:
    """A nursery for the readers of WebSockets, each of which may fail alone."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nursery, name)

    def start_soon(
        self, function: Callable[..., Awaitable[object]], *arguments: Any, name: object = None
    ) -> None:
        """Start a task whose errors end it alone."""

        async def contained() -> None:
            try:
                await function(*arguments)
            except Exception as error:  # noqa: BLE001 - of bytes of the peer
                _log(error)

        self._nursery.start_soon(contained, name=name)


def _mend(conn: Any) -> None:
    """Contain the errors of one connection's reader, and never leave a frame half written."""
    start, write = conn.start, conn.secured_conn.write
    if getattr(start, "is_contained", False):
        return
    broken = False

    async def contained() -> None:
        try:
            await start()
        except Exception as error:  # noqa: BLE001 - of bytes of the peer
            _log(error)
            await _given_up(conn.close)

    async def whole_frames(data: bytes) -> None:
        nonlocal broken
        if broken:
            raise ConnectionClosedError("an earlier frame could not be written")
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _WRITE_SECONDS) as scope:
            await write(data)
        if scope.cancelled_caught:
            broken = True
            await _given_up(conn.close)
            raise ConnectionClosedError("the peer does not read")

    contained.is_contained = True  # type: ignore[attr-defined]
    conn.start, conn.secured_conn.write = contained, whole_frames


async def _given_up(close: Callable[..., Awaitable[object]], *arguments: object) -> None:
    """Close a connection for good, however it behaves meanwhile."""
    with trio.CancelScope(shield=True, deadline=trio.current_time() + _CLOSE_SECONDS):
        try:
            await close(*arguments)
        except Exception as error:  # noqa: BLE001 - it is broken already
            _log(error)


def _log(error: Exception) -> None:
    """Note what was wrong without the peer's bytes and name."""
    _LOGGER.debug("a connection is closed: its peer sent what cannot be read (%s)", type(error).__name__)
