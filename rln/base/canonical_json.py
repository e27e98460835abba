"""Strict JSON: a document has one meaning, and a value has one canonical form.

`json.loads` accepts duplicate names, NaN, floats, escapes for plain characters, lone surrogates and any
depth. Here a document is UTF-8 without a byte-order mark or backslashes; its size and its depth are
bounded, and the names in an object are distinct. Numbers are canonical integers of at most 16 digits; a
larger number is a decimal string, which `rln.base.scalar` reads.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from rln.errors import EncodingError

type_names = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    bool: "boolean",
    type(None): "null",
}

MAX_BYTES = 1 << 20
"""Most bytes of a document, unless its reader sets another bound."""

_STRING = re.compile(r'"[^"]*"')
_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,15})\Z")


def read(data: bytes, name: str, size: int = MAX_BYTES, depth: int = 8) -> object:
    """Return the value of a document.

    Args:
        data: the whole document.
        name: for messages.
        size: most bytes accepted.
        depth: most levels of nested arrays and objects.

    Returns:
        dict, list, str, int, bool or None.

    Raises:
        EncodingError: anything but one document of the form above.
    """
    if type(data) is not bytes:
        raise EncodingError(f"{name}: expected bytes, got {type(data).__name__}")
    if len(data) > size:
        raise EncodingError(f"{name}: expected at most {size} bytes, got {len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError(f"{name}: not UTF-8 at byte {error.start}") from None
    if "\\" in text:
        raise EncodingError(f"{name}: expected plain strings, got a backslash escape")
    _check_depth(text, name, depth)

    def number(digits: str) -> int:
        if not _INTEGER.match(digits):
            raise EncodingError(f"{name}: expected canonical integers of at most 16 digits")
        return int(digits)

    def no_float(_: str) -> NoReturn:
        raise EncodingError(f"{name}: expected integers, got a fraction, an exponent, NaN or Infinity")

    def distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise EncodingError(f"{name}: expected distinct names in an object, got a name twice")
        return found

    try:
        value: object = json.loads(
            text, parse_int=number, parse_float=no_float, parse_constant=no_float, object_pairs_hook=distinct
        )
    except json.JSONDecodeError as error:
        # The decoder's own error is not chained: it holds the whole document, secrets included.
        raise EncodingError(f"{name}: not JSON at line {error.lineno} column {error.colno}") from None
    return value


def _check_depth(text: str, name: str, depth: int) -> None:
    """Refuse deep nesting before it reaches the recursive decoder."""
    level = 0
    for character in re.sub(r"[^\[\]{}]", "", _STRING.sub("", text)):
        level += 1 if character in "[{" else -1
        if level > depth:
            raise EncodingError(f"{name}: expected at most {depth} levels of nesting, got more")


def write(value: object) -> bytes:
    """Return the canonical bytes of a value: names sorted, no spaces, ASCII."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def fields(
    value: object, name: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, object]:
    """Return `value` if it is an object with all `required` names and no others except `optional` ones.

    Raises:
        EncodingError: not an object, or a name is missing or unknown.
    """
    if not isinstance(value, dict):
        raise EncodingError(f"{name}: expected an object, got {type_names[type(value)]}")
    for field in required:
        if field not in value:
            raise EncodingError(f"{name}: {field} is missing")
    for field in value:
        if field not in required and field not in optional:
            raise EncodingError(f"{name}: unknown name {field[:40]!r}")
    return value


def items(value: object, name: str, count: int | None = None) -> list[object]:
    """Return `value` if it is an array, of exactly `count` items if that is given.

    Raises:
        EncodingError: not an array, or an array of another length.
    """
    if not isinstance(value, list):
        raise EncodingError(f"{name}: expected an array, got {type_names[type(value)]}")
    if count is not None and len(value) != count:
        raise EncodingError(f"{name}: expected {count} items, got {len(value)}")
    return value


def text(value: object, name: str) -> str:
    """Return `value` if it is a string."""
    if not isinstance(value, str):
        raise EncodingError(f"{name}: expected a string, got {type_names[type(value)]}")
    return value


def integer(value: object, name: str, low: int, high: int) -> int:
    """Return `value` if it is an integer from low to high, both included."""
    if type(value) is not int:
        raise EncodingError(f"{name}: expected a number, got {type_names.get(type(value), 'nothing')}")
    if not low <= value <= high:
        raise EncodingError(f"{name}: expected {low} .. {high}, got {value}")
    return value


def compact(value: object) -> bytes:
    """Return the bytes of a value without spaces, names in the given order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def pretty(value: object) -> bytes:
    """Return the bytes of a value for people to read: one name or value a line, names in the given order."""
    return (json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()
