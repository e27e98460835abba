"""Light streams: one request and one answer, each with its length before it, on a stream of py-libp2p."""

from __future__ import annotations

from typing import Final

from rln.base.arguments import instance, plain_bytes
from rln.base.extras import missing
from rln.waku.light_form import MAX_REQUEST
from rln.waku.wire import varint

try:
    import trio
    from libp2p.abc import INetStream
    from libp2p.exceptions import BaseLibp2pError
    from libp2p.io.exceptions import IOException
    from libp2p.utils.varint import read_varint_prefixed_bytes_limited
except ImportError as error:
    raise missing("libp2p", "relay", error) from error

BROKEN: Final = (BaseLibp2pError, IOException, OSError, trio.TooSlowError, trio.BrokenResourceError)
"""What a stream raises when its other side is gone, or too slow."""


async def read_frame(stream: INetStream, most: int = MAX_REQUEST) -> bytes:
    """Return what the other side has sent, without its length.

    Args:
        stream: of py-libp2p.
        most: bytes of the largest one that is read.

    Raises:
        One of `BROKEN`: it is longer, has no length, or ends too early.
    """
    instance(stream, INetStream, "stream")
    return bytes(await read_varint_prefixed_bytes_limited(stream, most))


async def write_frame(stream: INetStream, data: bytes) -> None:
    """Send bytes with their length before them.

    Raises:
        One of `BROKEN`: the other side is gone.
    """
    instance(stream, INetStream, "stream")
    plain_bytes(data, "data")
    await stream.write(varint(len(data)) + data)


async def reset(stream: INetStream) -> None:
    """Give a stream up."""
    instance(stream, INetStream, "stream")
    try:
        await stream.reset()
    except BROKEN:
        return  # it is gone already
