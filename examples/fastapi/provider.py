"""A provider: an endpoint in the form of OpenAI's, limited without knowing who calls."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from rln.integrations.asgi import RlnMiddleware

app = FastAPI()
app.add_middleware(RlnMiddleware)  # the settings are in rln.toml, or in the file that RLN_CONFIG names


@app.post("/v1/chat/completions")
async def chat(asked: dict[str, Any]) -> Any:
    """Answer in the words of the question; a real provider asks a model."""
    words = f"You asked: {asked['messages'][-1]['content']}".split(" ")
    if asked.get("stream"):
        return StreamingResponse(stream(words), media_type="text/event-stream")
    message = {"role": "assistant", "content": " ".join(words)}
    return completion("chat.completion", {"message": message, "finish_reason": "stop"})


async def stream(words: list[str]) -> AsyncIterator[str]:
    """Send one word after the other."""
    for place, word in enumerate(words):
        delta = {"content": f" {word}" if place else word}
        yield f"data: {json.dumps(completion('chat.completion.chunk', {'delta': delta}))}\n\n"
        await asyncio.sleep(0.05)
    yield "data: [DONE]\n\n"


def completion(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    """Put a choice into the form of an answer."""
    return {"id": "1", "object": kind, "created": 0, "model": "echo", "choices": [{"index": 0, **choice}]}
