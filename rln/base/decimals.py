"""Decimals: numbers in text that people and programs write: options, files, URIs. Each has one form.

A number is ASCII digits, without a sign, leading zeros, separators or spaces. Seconds may have a point and up
to nine digits after it. `rln.base.scalar` reads field elements.
"""

from __future__ import annotations

import re
from typing import Final

from rln.errors import EncodingError, ParameterError

_WHOLE: Final = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")
_LONG: Final = re.compile(r"[1-9][0-9]{19,}\Z")
_SECONDS: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]{1,9})?\Z")
_SHOWN: Final = 40
"""Characters of a text that a message repeats."""


def digits(text: object) -> int | None:
    """Return the integer in decimal text of 1 to 19 digits, or None for any other text or object."""
    return int(text) if isinstance(text, str) and _WHOLE.match(text) else None


def whole(text: str, name: str, low: int, high: int) -> int:
    """Return the integer in decimal text.

    Args:
        text: the digits.
        name: for messages.
        low, high: bounds, both included and below 10^19.

    Raises:
        EncodingError: text of another form; the message repeats its beginning.
        ParameterError: a number out of bounds.
    """
    value = digits(text)
    if isinstance(text, str) and _LONG.match(text):
        raise ParameterError(f"{name}: expected {low} to {high}, got a number of {len(text)} digits")
    if value is None:
        raise EncodingError(
            f"{name}: expected decimal digits without sign, leading zeros, separators or spaces, "
            f"got {_shown(text)}"
        )
    if not low <= value <= high:
        raise ParameterError(f"{name}: expected {low} to {high}, got {value}")
    return value


def seconds(text: str, name: str, low: float, high: float) -> float:
    """Return the number of seconds in decimal text, which may have a point and 1 to 9 digits after it.

    Raises:
        EncodingError: text of another form, such as `nan` or `1e3`; the message repeats its beginning.
        ParameterError: a number out of bounds, which are included.
    """
    if type(text) is not str or not _SECONDS.match(text):
        raise EncodingError(
            f"{name}: expected decimal digits, with at most 9 after a point, without sign, leading zeros, "
            f"exponent, separators or spaces, got {_shown(text)}"
        )
    value = float(text)
    if not low <= value <= high:
        got = text if len(text) <= _SHOWN else f"a number of {len(text)} characters"
        raise ParameterError(f"{name}: expected {low} to {high}, got {got}")
    return value


def _shown(text: object) -> str:
    return repr(text[:_SHOWN]) if isinstance(text, str) else type(text).__name__
