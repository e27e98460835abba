"""Routes of price lists for tests."""

from __future__ import annotations

from dataclasses import replace

from rln.http.route import Route

CHAT = Route(
    "POST",
    "/v1/chat/completions",
    "openai-chat",
    models=(("large", 4), ("small", 1)),
    prompt_bytes=1000,
    output_tokens=10,
    default_tokens=20,
)
"""A chat with "small" costs 3 units at least, and 4 without a limit."""

FLAT = Route("GET", "/v1/models", "flat", units=1)
UPLOAD = Route("POST", "/v1/audio/transcriptions", "flat", units=2)
BULK = replace(CHAT, path="/v1/bulk", prompt_bytes=1 << 20)
"""A chat whose body may be as large as any."""
ROUTES = (CHAT, FLAT, UPLOAD, BULK)
