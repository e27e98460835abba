"""Light form: how the requests and answers of light protocols are read and written, by a table of fields."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Final, Self

from rln.base.arguments import flag, plain_bytes, text, whole
from rln.errors import EncodingError, ParameterError
from rln.waku import wire
from rln.waku.message import MAX_BYTES
from rln.waku.topics import MAX_CLUSTER

MAX_REQUEST: Final = MAX_BYTES + 4096
"""Bytes of a request: a message, and a little around it."""
MAX_TEXT: Final = 1024
"""Bytes of a request's id, a topic or a description."""
HASH_BYTES: Final = 32

_RANGES: Final = {
    "cluster": (0, MAX_CLUSTER),
    "status": (0, (1 << 32) - 1),
    "action": (0, 3),
    "number": (0, (1 << 64) - 1),
    "time": (0, (1 << 63) - 1),
}
"""The least and the largest number of each kind."""


@dataclass(frozen=True, slots=True)
class LightField:
    """How a field is written.

    Attributes:
        name: of the attribute.
        kind: text, bytes (a hash), message, flag, time, or one of `_RANGES`.
        most: values of a field that may come several times; 0: it comes once.
    """

    name: str
    kind: str
    most: int = 0


class LightMessage:
    """What all requests and answers have: an immutable value that is written by a table of fields."""

    __slots__ = ()
    _FIELDS: ClassVar[Mapping[int, LightField]]

    def encode(self) -> bytes:
        """Return the bytes, without the length before them."""
        parts = []
        for number, form in self._FIELDS.items():
            value = getattr(self, form.name)
            values = value if form.most else () if value is None else (value,)
            parts += [_written(number, form.kind, one) for one in values]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the bytes, without the length before them.

        Raises:
            EncodingError: not such a message, a field twice, or a value outside its range.
        """
        name = cls.__name__
        plain_bytes(data, name)
        most = wire.MAX_FIELDS + sum(form.most for form in cls._FIELDS.values())
        found: dict[str, Any] = {}
        for number, kind, value in wire.read_fields(data, name, most):
            form = cls._FIELDS.get(number)
            if form is None:
                continue
            wanted = wire.LENGTH if form.kind in ("text", "bytes", "message") else wire.VARINT
            wire.check_kind(kind, wanted, form.name)
            read = _read(form, value)
            if form.most:
                if len(found.setdefault(form.name, [])) == form.most:
                    raise EncodingError(f"{form.name}: expected at most {form.most} of them, got more")
                found[form.name].append(read)
            elif form.name in found:
                raise EncodingError(f"{form.name}: expected it once, got it twice")
            else:
                found[form.name] = read
        try:
            return cls(**{key: tuple(one) if isinstance(one, list) else one for key, one in found.items()})
        except TypeError:
            missing = [one.name for one in fields(cls) if one.name not in found]  # type: ignore[arg-type]
            raise EncodingError(f"{name}: expected {missing[0]}, got none") from None

    def __post_init__(self) -> None:
        needed = {one.name for one in fields(self) if one.default is MISSING}  # type: ignore[arg-type]
        for form in self._FIELDS.values():
            value = getattr(self, form.name)
            if not form.most:
                if value is not None or form.name in needed:
                    _check(form, value)
                continue
            if type(value) is not tuple:
                raise ParameterError(f"{form.name}: expected a tuple, got {type(value).__name__}")
            if len(value) > form.most:
                raise EncodingError(f"{form.name}: expected at most {form.most} of them, got {len(value)}")
            for one in value:
                _check(form, one)


def _check(form: LightField, value: Any) -> None:
    if form.kind == "text":
        if len(text(value, form.name).encode("utf-8", "replace")) > MAX_TEXT:
            raise EncodingError(
                f"{form.name}: expected at most {MAX_TEXT} bytes, got {len(value)} characters"
            )
    elif form.kind == "bytes":
        if len(plain_bytes(value, form.name)) != HASH_BYTES:
            raise EncodingError(f"{form.name}: expected {HASH_BYTES} bytes, got {len(value)}")
    elif form.kind == "message":
        if len(plain_bytes(value, form.name)) > MAX_REQUEST:
            raise EncodingError(f"{form.name}: expected at most {MAX_REQUEST} bytes, got {len(value)}")
    elif form.kind == "flag":
        flag(value, form.name)
    else:
        low, high = _RANGES[form.kind]
        value = int(value) if isinstance(value, enum.IntEnum) else value
        whole(value, form.name, low, high)


def _read(form: LightField, value: int | bytes) -> Any:
    """Return a field as an attribute holds it; its range is checked when the message is made."""
    if isinstance(value, bytes):
        if form.kind != "text":
            return value
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise EncodingError(f"{form.name}: not UTF-8 at byte {error.start}") from None
    if form.kind == "flag":
        if value > 1:
            raise EncodingError(f"{form.name}: expected 0 or 1, got a larger number")
        return value == 1
    return wire.unzigzag(value) if form.kind == "time" else value


def _written(number: int, kind: str, value: Any) -> bytes:
    if kind == "text":
        return wire.length_field(number, value.encode("utf-8"))
    if kind in ("bytes", "message"):
        return wire.length_field(number, value)
    return wire.number_field(number, wire.zigzag(value) if kind == "time" else int(value))
