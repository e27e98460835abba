"""Checks of arguments, except of field elements, which `rln.base.scalar` checks.

An integer argument must be an `int`: `bool`, `float` and other number types are refused. A bytes argument
must be `bytes`: a buffer that another thread could change is refused. A list must not be text or bytes, whose
parts would be taken for its elements.
"""

from __future__ import annotations

import math
import os
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from rln.base import scalar
from rln.errors import EncodingError, ParameterError

MAX_THREADS: Final = 256
"""The largest number of threads for one computation."""

MAX_TIME: Final = 1 << 62
"""The latest unix time in seconds that is used: SQLite's integers have 63 bits."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
_TEXT: Final = (str, bytes, bytearray, memoryview)
_Value = TypeVar("_Value")


def whole(value: int, name: str, low: int, high: int) -> int:
    """Return a count, limit or index if it is an `int` from low to high, both included.

    Raises:
        ParameterError: any other value.
    """
    if type(value) is not int:
        raise ParameterError(f"{name}: expected int, got {type(value).__name__}")
    if not low <= value <= high:
        raise ParameterError(f"{name}: expected {low} to {high}, got {shown(value)}")
    return value


def shown(value: object) -> str:
    """Return a value for a message, in at most 40 characters; a huge number by its size."""
    if isinstance(value, int) and abs(value) >= 1 << 64:  # `repr` refuses numbers of many digits
        return f"a number of {value.bit_length()} bits"
    try:
        return f"{value!r:.40}"
    except Exception:  # noqa: BLE001 - a message about a wrong value must not fail because of the value
        return type(value).__name__


def is_real(value: object) -> bool:
    """Tell whether a value is a finite `float`, or an `int` of at most 64 bits."""
    return math.isfinite(value) if type(value) is float else type(value) is int and value.bit_length() <= 64


def real(value: float, name: str) -> float:
    """Return a finite number.

    Raises:
        ParameterError: any other value.
    """
    if not is_real(value):
        raise ParameterError(f"{name}: expected a finite number, got {shown(value)}")
    return value


def unix_time(value: float, name: str) -> float:
    """Return what a clock has answered if it is a time: finite seconds since 1970.

    Raises:
        ParameterError: any other value.
    """
    if (type(value) is not float and not _is_number(value)) or not 0 <= value <= MAX_TIME:
        raise ParameterError(f"{name}: expected finite seconds since 1970, got {shown(value)}")
    return value


def _is_number(value: object) -> bool:
    """Tell whether a value is an `int`, or of a type that derives from `float`, as that of numpy does."""
    return isinstance(value, (int, float)) and type(value) is not bool


def flag(value: bool, name: str) -> bool:
    """Return the value if it is True or False.

    Raises:
        ParameterError: any other value, also one that counts as true or false.
    """
    if type(value) is not bool:
        raise ParameterError(f"{name}: expected bool, got {type(value).__name__}")
    return value


def text(value: str, name: str) -> str:
    """Return the value if it is a `str`.

    Raises:
        ParameterError: any other type.
    """
    if type(value) is not str:
        raise ParameterError(f"{name}: expected str, got {type(value).__name__}")
    return value


def thread_count(value: int | None, name: str = "threads") -> int | None:
    """Return a number of threads, 1 to 256, or None, which is one for each processor.

    Raises:
        ParameterError: any other value.
    """
    return value if value is None else whole(value, name, 1, MAX_THREADS)


def file_path(value: Path | str | os.PathLike[str], name: str) -> Path:
    """Return the path that the value names.

    Raises:
        ParameterError: not a `str` or a path of `str`, or text that the system takes for no path.
    """
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str):
        raise ParameterError(f"{name}: expected a path, got {type(value).__name__}")
    path = Path(value)
    try:
        usable = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # a lone surrogate that does not stand for a byte
        usable = False
    if not usable:
        raise ParameterError(f"{name}: expected a path without NUL and lone surrogates, got {shown(value)}")
    return path


def sequence(values: Sequence[_Value], name: str) -> Sequence[_Value]:
    """Return the values if they are a sequence, but not text or bytes.

    Raises:
        ParameterError: any other type.
    """
    if type(values) not in (list, tuple, array) and (
        not isinstance(values, Sequence) or isinstance(values, _TEXT)
    ):
        raise ParameterError(f"{name}: expected a sequence, got {type(values).__name__}")
    return values


def iterable(values: Iterable[_Value], name: str) -> Iterable[_Value]:
    """Return the values if one can iterate over them, and they are not text, bytes or a mapping.

    Raises:
        ParameterError: any other type.
    """
    if (
        not isinstance(values, Iterable)
        or isinstance(values, (*_TEXT, Mapping))
        or isinstance(values, type)  # an enumeration, for example
    ):
        raise ParameterError(f"{name}: expected some values, got {type(values).__name__}")
    return values


def pairs(values: Iterable[tuple[object, ...]], size: int, name: str) -> None:
    """Refuse a list that has anything in it but pairs, or tuples of another size.

    Raises:
        ParameterError: another value; the message names its place.
    """
    for place, value in enumerate(values):
        if not isinstance(value, (tuple, list)) or len(value) != size:
            raise ParameterError(f"{name}[{place}]: expected {size} values, got {_size_of(value)}")


def _size_of(value: object) -> str:
    """Return for a message how many values there are, or the type of what is no tuple."""
    return f"{len(value)}" if isinstance(value, (tuple, list)) else type(value).__name__


def instance(value: object, kind: type, name: str) -> None:
    """Refuse a value that is not an instance of a class.

    Raises:
        ParameterError: a value of another type; the message names both types.
    """
    if not isinstance(value, kind):
        raise ParameterError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")


def instances(values: Iterable[object], kind: type, name: str) -> None:
    """Refuse values that are not all instances of a class.

    Raises:
        ParameterError: a value of another type; the message names its place.
    """
    for place, value in enumerate(values):
        if not isinstance(value, kind):
            raise ParameterError(f"{name}[{place}]: expected {kind.__name__}, got {type(value).__name__}")


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
