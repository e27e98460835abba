"""A witness between gateway and model: it sends on what passes, and writes down what passed and when.

python -m examples.llm.witness --port 8090 --model 8080 --record record.jsonl

Each line is a request, {"time", "method", "target", "fields", "body"}, or an event of a stream, {"time",
"event"}, with the time of a clock that all processes share. It holds what members ask: a provider has
no use for it, and this demo has, to show that the model sees nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from asyncio import StreamReader, StreamWriter
from typing import TextIO

from examples.llm.relay import PIECE, serve


def note(record: TextIO, **facts: object) -> None:
    """Write a line."""
    record.write(json.dumps({"time": time.monotonic(), **facts}) + "\n")
    record.flush()


async def requests(record: TextIO, reader: StreamReader, model: StreamWriter) -> None:
    """Send on each request, and write down its head and body."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        method, target, _ = first.split(" ")
        note(record, method=method, target=target, fields=sorted(fields), body=body.decode())
        model.write(head + body)
        await model.drain()


async def answers(record: TextIO, reader: StreamReader, writer: StreamWriter) -> None:
    """Send on each piece of the answers, and write down the events of streams in it."""
    while piece := await reader.read(PIECE):
        for _ in range(piece.count(b"data: ")):
            note(record, event=True)
        writer.write(piece)
        await writer.drain()


async def witness(record: TextIO, port: int, reader: StreamReader, writer: StreamWriter) -> None:
    """Stand between one connection and the model, until one of them ends it."""
    model = await asyncio.open_connection("127.0.0.1", port)
    ways = {
        asyncio.create_task(requests(record, reader, model[1])),
        asyncio.create_task(answers(record, model[0], writer)),
    }
    try:
        ended, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ended:
            if not isinstance(way.exception(), asyncio.IncompleteReadError | ConnectionError | type(None)):
                way.result()
    finally:
        for way in ways:
            way.cancel()
        for end in (model[1], writer):
            end.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", type=int, required=True)
    parser.add_argument("--record", required=True)
    asked = parser.parse_args()
    with open(asked.record, "a") as lines:
        asyncio.run(serve(asked.port, lambda *connection: witness(lines, asked.model, *connection)))
