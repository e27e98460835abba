"""A proxy that makes tunnels (CONNECT), so that a provider does not see from where its members call.

python -m examples.llm.relay --port 3128 [--address 127.0.0.2]

A relay should be run by somebody else than the provider. This one is for a trial on one machine: it calls
from an address of its own, and prints who asked for which tunnel. It sees no request of https, only where to.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable

PIECE = 1 << 16


async def pipe(reader: StreamReader, writer: StreamWriter) -> None:
    """Send on all that comes, each piece at once, then the end."""
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


async def serve(port: int, handle: Callable[[StreamReader, StreamWriter], Awaitable[None]]) -> None:
    """Handle connections until a signal comes."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(handle, "127.0.0.1", port)
    await stop.wait()
    server.close()


async def relay(address: str, reader: StreamReader, writer: StreamWriter) -> None:
    """Make the tunnel that a connection asks for, and keep it until both sides have ended."""
    try:
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split(" ", 2)
        if method != "CONNECT":
            writer.write(b"HTTP/1.1 405 only CONNECT\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = target.rpartition(":")
        far = await asyncio.open_connection(host, int(port), local_addr=(address, 0))
        print(f"{writer.get_extra_info('peername')[0]} asked for a tunnel to {target}", flush=True)
        writer.write(b"HTTP/1.1 200 tunnel\r\n\r\n")
        async with asyncio.TaskGroup() as ways:
            ways.create_task(pipe(reader, far[1]))
            ways.create_task(pipe(far[0], writer))
    except* (OSError, asyncio.IncompleteReadError) as errors:
        print(f"no tunnel, or it broke: {errors.exceptions[0]!r}", flush=True)
    finally:
        writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3128)
    parser.add_argument("--address", default="127.0.0.2")
    asked = parser.parse_args()
    asyncio.run(serve(asked.port, lambda *connection: relay(asked.address, *connection)))
