"""A server that speaks like OpenAI's, without a model: `uvicorn tests.support.openai_upstream:app`.

It answers with as many words as the limit in the body allows, and stops at seven. Each call adds a line of
JSON to the file that RLN_CALLS names: fields and body. The words of a stream are the times of their sending.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

KEY = "Bearer the-key-of-the-upstream"
WORDS = 7
GAP = 0.05
"""Seconds between the words of a stream."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

app = FastAPI()


@app.get("/health")
async def health() -> str:
    """Answer without a key."""
    return "well"


@app.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    """Answer in the form of the API."""
    body = await request.json()
    line = json.dumps({"fields": dict(request.headers), "body": body})
    with open(os.environ["RLN_CALLS"], "a") as calls:
        calls.write(f"{line}\n")
    if request.headers.get("authorization") != KEY:
        return JSONResponse({"error": {"message": "Incorrect API key provided: sk-x"}}, 401)
    words = min(body["max_tokens"], WORDS)
    if body.get("stream"):
        return StreamingResponse(_stream(words), media_type="text/event-stream")
    message = {"role": "assistant", "content": " ".join(["word"] * words)}
    choice = {"index": 0, "message": message, "finish_reason": "length" if words < WORDS else "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": words + 1}
    return JSONResponse(
        _document("chat.completion", choice) | {"usage": usage}, headers={"X-Request-Id": "7"}
    )


async def _stream(words: int) -> Any:
    for _ in range(words):
        choice = {"index": 0, "delta": {"content": f"{time.monotonic()} "}}
        yield f"data: {json.dumps(_document('chat.completion.chunk', choice))}\n\n"
        await asyncio.sleep(GAP)
    yield "data: [DONE]\n\n"


def _document(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "object": kind, "created": 0, "model": "echo", "choices": [choice]}
