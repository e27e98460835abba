"""Numbers as users type and read them: field elements are decimal, or 0x and hexadecimal digits."""

from __future__ import annotations

import re

from rln.base import scalar
from rln.errors import EncodingError

_DECIMAL = re.compile(r"(0|[1-9][0-9]*)\Z")
_HEX = re.compile(r"0x[0-9a-f]{1,64}\Z", re.IGNORECASE)


def parse(text: str, name: str) -> int:
    """Return the field element in decimal digits, or in 0x and 1 to 64 hexadecimal digits.

    Raises:
        EncodingError: the text is neither.
        FieldRangeError: the number is r or more.
    """
    if text[:2] in ("0x", "0X"):
        if not _HEX.match(text):
            raise EncodingError(f"{name}: expected 0x and 1 to 64 hexadecimal digits")
        return scalar.check(int(text, 16), name)
    if not _DECIMAL.match(text):
        raise EncodingError(
            f"{name}: expected decimal digits without leading zeros, or 0x and 1 to 64 hexadecimal digits"
        )
    return scalar.parse(text, name)


def hexadecimal(value: int) -> str:
    """Return a field element as 0x and 64 hexadecimal digits."""
    return f"0x{value:064x}"


def counted(count: int, noun: str) -> str:
    """Return a count and what is counted; the noun gets an s unless it is one thing."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
