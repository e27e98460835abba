"""Prompts of OpenAI's completions and embeddings: a text, token ids, or several of either kind."""

from __future__ import annotations

from typing import Final

from rln.errors import EncodingError
from rln.http.body_form import Tally, wrong

_LARGEST_ID: Final = (1 << 31) - 1


def prompts(value: object, name: str, _: Tally) -> object:
    """Return prompts of one form, none of them empty.

    Servers disagree about what mixed arrays are. llama.cpp computes without end when an empty text shall have
    two answers.
    """
    if type(value) is not str and type(value) is not list:
        raise wrong(name, "text or an array", value)
    several = all(_is_text(one) for one in value) or all(_is_tokens(one) for one in value)
    if not value or not (several or _is_tokens(value)):
        raise EncodingError(
            f"{name}: expected a text, an array of token ids, or an array of texts or of such arrays; "
            "nothing mixed or empty"
        )
    return value


def count(value: object) -> int:
    """Return how many prompts there are."""
    return len(value) if isinstance(value, list) and type(value[0]) is not int else 1


def _is_text(value: object) -> bool:
    return type(value) is str and bool(value)


def _is_tokens(value: object) -> bool:
    return (
        type(value) is list
        and bool(value)
        and all(type(one) is int and 0 <= one <= _LARGEST_ID for one in value)
    )
