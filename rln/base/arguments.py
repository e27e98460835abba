"""Checks of arguments, except of field elements, which `rln.base.scalar` checks.

An integer argument must be an `int`: `bool`, `float` and other number types are refused. A bytes argument
must be `bytes`: a buffer that another thread could change is refused.
"""

from __future__ import annotations

import re
from typing import Final

from rln.base import scalar
from rln.errors import EncodingError, ParameterError

_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")


def whole(value: int, name: str, low: int, high: int) -> int:
    """Return a count, limit or index if it is an `int` from low to high, both included.

    Raises:
        ParameterError: any other value.
    """
    if type(value) is not int:
        raise ParameterError(f"{name}: expected int, got {type(value).__name__}")
    if not low <= value <= high:
        got = value if abs(value) < 1 << 64 else f"a number of {value.bit_length()} bits"
        raise ParameterError(f"{name}: expected {low} to {high}, got {got}")
    return value


def instance(value: object, kind: type, name: str) -> None:
    """Refuse a value that is not an instance of a class.

    Raises:
        ParameterError: a value of another type; the message names both types.
    """
    if not isinstance(value, kind):
        raise ParameterError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")


def nonzero(value: int, name: str) -> int:
    """Return the value if it is a field element other than 0.

    Raises:
        FieldRangeError: not a field element.
        ParameterError: zero.
    """
    if scalar.check(value, name) == 0:
        raise ParameterError(f"{name}: expected a field element other than 0, got 0")
    return value


def plain_bytes(data: bytes, name: str) -> bytes:
    """Return the data if it is `bytes`.

    Raises:
        EncodingError: `bytearray`, `memoryview`, `str` or any other type.
    """
    if type(data) is not bytes:
        raise EncodingError(f"{name}: expected bytes, got {type(data).__name__}")
    return data


def fixed_bytes(data: bytes, length: int, name: str) -> bytes:
    """Return the data if it is exactly `length` bytes.

    Raises:
        EncodingError: another type or length.
    """
    if len(plain_bytes(data, name)) != length:
        raise EncodingError(f"{name}: expected {length} bytes, got {len(data)}")
    return data


def check_digest(value: object, name: str) -> str:
    """Return the value if it is a SHA-256 digest as 64 lower-case hexadecimal digits.

    Raises:
        EncodingError: any other value.
    """
    if type(value) is not str or not _DIGEST.match(value):
        got = repr(value[:80]) if isinstance(value, str) else type(value).__name__
        raise EncodingError(f"{name}: expected 64 lower-case hexadecimal digits, got {got}")
    return value
