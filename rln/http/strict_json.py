"""Strict JSON: the body of a request has one meaning, whatever program reads it next.

Readers of JSON differ: of a repeated name some take the first value and some the last; some accept NaN, huge
numbers, halves of surrogate pairs, comments, or a byte-order mark. Here all of that is refused, and the depth
is bounded. Escapes are allowed, as clients write them: names are compared after they are decoded.

What is forwarded is never the text that came, but what `write` makes of the value that was checked.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Final, NoReturn

from rln.base.arguments import plain_bytes, text
from rln.errors import EncodingError, ParameterError

MAX_DEPTH: Final = 64
"""Most levels of nested arrays and objects."""

_LONGEST_INTEGER: Final = 21
_LARGEST: Final = 1 << 64
_LONGEST_FRACTION: Final = 64
# Possessive, and an open string ends with the text: so a hostile body costs one pass.
_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
_NO_BRACKETS: Final = re.compile(r"[^\[\]{}]++")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def read(data: bytes, name: str) -> object:
    """Return the value of a body.

    Args:
        data: the whole body.
        name: for messages, which repeat nothing of the body but a name that stands twice.

    Returns:
        dict, list, str, int, float, bool or None. Integers are below 2^64, fractions finite.

    Raises:
        EncodingError: anything but one JSON text in UTF-8 of the form above.
    """
    text(name, "name")
    try:
        content = plain_bytes(data, name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError(f"{name}: not UTF-8 at byte {error.start}") from None
    _check_depth(content, name)

    def whole(digits: str) -> int:
        if len(digits) > _LONGEST_INTEGER or not -_LARGEST < int(digits) < _LARGEST:
            raise EncodingError(f"{name}: expected integers below 2^64, got one of {len(digits)} characters")
        return int(digits)

    def fraction(digits: str) -> float:
        value = float(digits) if len(digits) <= _LONGEST_FRACTION else math.inf
        if not math.isfinite(value):
            raise EncodingError(f"{name}: expected finite numbers of at most {_LONGEST_FRACTION} characters")
        return value

    def constant(_: str) -> NoReturn:
        raise EncodingError(f"{name}: expected JSON, got NaN or Infinity")

    def distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
            raise EncodingError(f"{name}: expected each name once in an object, got {twice[:40]!r} twice")
        return found

    try:
        value: object = json.loads(
            content,
            parse_int=whole,
            parse_float=fraction,
            parse_constant=constant,
            object_pairs_hook=distinct,
        )
    except json.JSONDecodeError as error:
        # The decoder's own error is not chained: it holds the whole body.
        raise EncodingError(f"{name}: not JSON at line {error.lineno} column {error.colno}") from None
    if _SURROGATE.search(content):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise EncodingError(f"{name}: expected whole characters, got half of a surrogate pair") from None
    return value


def write(value: object) -> bytes:
    """Return the bytes of a value that `read` returned, or of parts of such values.

    They are ASCII without white space; names keep their order, which means something in a schema.

    Raises:
        ParameterError: not such a value.
    """
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError(f"value: expected what JSON has, got {type(value).__name__}") from error


def _check_depth(content: str, name: str) -> None:
    """Refuse deep nesting before it reaches the recursive decoder."""
    level = 0
    for bracket in _NO_BRACKETS.sub("", _STRING.sub("", content)):
        level += 1 if bracket in "[{" else -1
        if level > MAX_DEPTH:
            raise EncodingError(f"{name}: expected at most {MAX_DEPTH} levels of nesting, got more")
