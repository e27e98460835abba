"""A load generator in a process of its own: sends prepared requests on raw connections.

    python -m benchmarks.http_load PORT CONNECTIONS FILE

FILE holds a JSON list of requests in hexadecimal. Each connection sends its share of them one after the
other. Prints one line of JSON: statuses, and the seconds that each request took; for a stream, the seconds
that each chunk was on its way.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_TIME = re.compile(rb"data: (\d+)")


class Load:
    """What one run has seen."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.gaps: list[float] = []

    async def connection(self, requests: list[bytes]) -> None:
        """Send requests on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for request in requests:
            begin = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            found = _LENGTH.search(head)
            if found is None:
                await self._stream(reader)
            else:
                await reader.readexactly(int(found[1]))
            self.seconds.append(time.perf_counter() - begin)
            self.statuses[head[9:12].decode()] += 1
        writer.close()

    async def _stream(self, reader: asyncio.StreamReader) -> None:
        while True:
            size = int(await reader.readline(), 16)
            data = await reader.readexactly(size + 2)
            if not size:
                return
            sent = _TIME.match(data)
            assert sent is not None
            self.gaps.append((time.monotonic_ns() - int(sent[1])) / 1e9)


async def run(port: int, connections: int, requests: list[bytes]) -> Load:
    """Send all requests."""
    load = Load(port)
    await asyncio.gather(*(load.connection(requests[place::connections]) for place in range(connections)))
    return load


def main() -> None:
    """Read the arguments and print the result."""
    port, connections, file = sys.argv[1:]
    requests = [bytes.fromhex(one) for one in json.loads(Path(file).read_text())]
    load = asyncio.run(run(int(port), int(connections), requests))
    print(json.dumps({"statuses": load.statuses, "seconds": load.seconds, "gaps": load.gaps}))


if __name__ == "__main__":
    main()
