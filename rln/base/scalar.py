"""Scalars, the integers 0 .. r - 1 that RLN computes with, as bytes and as decimal text.

r is the order of the BN254 groups. A scalar has exactly one encoding in each form; every other encoding
is refused, above all `value + k * r`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import repeat
from typing import Final, Literal

from rln.errors import EncodingError, FieldRangeError

ORDER: Final = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""r, the order of the groups."""

COORDINATE_MODULUS: Final = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""p, the modulus of the coordinates of points."""

SIZE: Final = 32
"""Bytes of a scalar, little-endian."""

_CHUNK: Final = 1024
"""Scalars that `encode_many` packs at a time; a million at once would not fit a processor's cache."""

_LITTLE: Literal["little"] = "little"
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,77})\Z")


def check(value: object, name: str) -> int:
    """Return `value` if it is an int in 0 .. r - 1.

    Args:
        value: anything; bool and float are refused, because they are not field elements.
        name: for the message.

    Raises:
        FieldRangeError: any other value. The message does not repeat it, because it may be secret.
    """
    if type(value) is not int:
        raise FieldRangeError(f"{name}: expected an int, got {type(value).__name__}")
    if not 0 <= value < ORDER:
        raise FieldRangeError(f"{name}: expected an integer in 0 .. r - 1")
    return value


def encode(value: int, name: str = "scalar") -> bytes:
    """Check a scalar and return its 32 bytes, little-endian."""
    return check(value, name).to_bytes(SIZE, "little")


def encode_many(values: Iterable[int], name: str = "scalar") -> bytes:
    """Check scalars and return their encodings side by side."""
    listed = values if isinstance(values, list) else list(values)
    packed = []
    for start in range(0, len(listed), _CHUNK):
        chunk = listed[start : start + _CHUNK]
        if set(map(type, chunk)) != {int} or min(chunk) < 0 or max(chunk) >= ORDER:
            for value in chunk:
                check(value, name)
        packed.append(b"".join(map(int.to_bytes, chunk, repeat(SIZE), repeat(_LITTLE))))
    return b"".join(packed)


def decode(data: bytes, name: str = "scalar") -> int:
    """Return the scalar in 32 little-endian bytes.

    Raises:
        EncodingError: not 32 bytes.
        FieldRangeError: r or more.
    """
    if type(data) is not bytes:
        raise EncodingError(f"{name}: expected bytes, got {type(data).__name__}")
    if len(data) != SIZE:
        raise EncodingError(f"{name}: expected {SIZE} bytes, got {len(data)}")
    return check(int.from_bytes(data, "little"), name)


def parse(text: object, name: str = "scalar", modulus: int = ORDER) -> int:
    """Return the number in canonical decimal text: ASCII digits, no sign, no leading zero, below the modulus.

    Args:
        text: anything; only a `str` of that form is accepted.
        name: for the message.
        modulus: r, or p for the coordinate of a point.

    Raises:
        EncodingError: text of another form. The message does not repeat it, because it may be secret.
        FieldRangeError: the number is the modulus or more.
    """
    if type(text) is not str:
        raise EncodingError(f"{name}: expected a decimal string, got {type(text).__name__}")
    if not _DECIMAL.match(text):
        raise EncodingError(f"{name}: expected canonical decimal digits")
    number = int(text)
    if number >= modulus:
        raise FieldRangeError(f"{name}: expected a canonical number, which is below the modulus")
    return number
