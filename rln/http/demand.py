"""Demand: what a metered body asks for, found by the adapter of its API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MOST_TOKENS: Final = 1 << 20
"""The largest limit of output tokens. Some servers count modulo 2^32."""

MOST_CHOICES: Final = 128
"""The largest number of answers to one prompt."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the price of a body depends on, and what to forward.

    Attributes:
        model: its name.
        limit: output tokens of one choice that the body asks for; None: it names no limit.
        choices: how many answers it asks for.
        images: how many images the model has to read.
        content: all other fields, checked.
        thinking: tokens of the limit that are for thinking, so the limit must be larger.
    """

    model: str
    limit: int | None
    choices: int
    images: int
    content: dict[str, object] = field(repr=False)
    thinking: int = 0
