"""Wire: the fields of a protobuf message, read strictly, and written as other implementations write them.

protobuf gives bytes that it does not understand some meaning: the last of two values, a number cut to 32
bits, a field that is skipped. Readers differ about which, so here such bytes are refused. But the peer who
forwards them may run one of those readers and mean no harm. So there are two kinds of refusal: what every
reader refuses is an `EncodingError`, and what some reader accepts is a `LaxEncoding`.
"""

from __future__ import annotations

from typing import Final

from rln.errors import EncodingError

VARINT: Final = 0
LENGTH: Final = 2
"""The two wire types of Waku's fields: a number of 7 bits a byte, and bytes after their length."""

MAX_FIELDS: Final = 64
"""Most fields of a message, also unknown ones."""

_FIXED: Final = {1: 8, 5: 4}
"""Bytes of the wire types of fixed length, which occur in unknown fields only."""
_GROUPS: Final = (3, 4)
_LONGEST_VARINT: Final = 10
_LONGEST_TAG: Final = 5
_NAMES: Final = {VARINT: "a number", LENGTH: "bytes"}

Field = tuple[int, int, int | bytes]
"""Number, wire type and value of a field."""


class LaxEncoding(EncodingError):
    """The bytes are refused here, but other implementations accept them: who forwards them may be honest."""


def read_fields(data: bytes, name: str, most: int = MAX_FIELDS) -> list[Field]:
    """Return the fields of a message, known ones and others, in the order of the bytes.

    Args:
        data: the whole message.
        name: of the message, for errors.
        most: fields.

    Raises:
        LaxEncoding: a tag of more than 5 bytes or 32 bits, field 0, a group, a number above 64 bits, or too
            many fields.
        EncodingError: the bytes end inside a field, a number of more than 10 bytes, or an impossible wire
            type.
    """
    found: list[Field] = []
    at, end = 0, len(data)
    while at < end:
        start = at
        if len(found) == most:  # so that the fields of 150 KiB cost no more than a valid message
            raise LaxEncoding(f"{name}: expected at most {most} fields, got more")
        tag, at = _read_varint(data, at, name)
        if at - start > _LONGEST_TAG or tag >> 32 or tag < 8:
            raise LaxEncoding(f"{name}: expected tags of fields 1 to 2^29 - 1, got tag {tag} at byte {start}")
        kind = tag & 7
        if kind == LENGTH:
            length, at = _read_varint(data, at, name)
            if length > end - at:
                raise EncodingError(f"{name}: field {tag >> 3}: it ends early")
            found.append((tag >> 3, kind, data[at : at + length]))
            at += length
        elif kind == VARINT:
            number, at = _read_varint(data, at, name)
            found.append((tag >> 3, kind, number))
        elif kind in _FIXED:
            length = _FIXED[kind]
            if length > end - at:
                raise EncodingError(f"{name}: field {tag >> 3}: it ends early")
            found.append((tag >> 3, kind, data[at : at + length]))
            at += length
        elif kind in _GROUPS:
            raise LaxEncoding(f"{name}: field {tag >> 3}: expected no group, got one")
        else:
            raise EncodingError(f"{name}: field {tag >> 3}: expected wire type 0 to 5, got {kind}")
    return found


def check_kind(kind: int, wanted: int, name: str) -> None:
    """Refuse a field that has another wire type than it should.

    Raises:
        LaxEncoding: another type; most implementations skip such a field.
    """
    if kind != wanted:
        raise LaxEncoding(f"{name}: expected {_NAMES[wanted]}, got wire type {kind}")


def length_field(number: int, data: bytes) -> bytes:
    """Return a field of bytes: its tag, the length, the bytes."""
    return varint(number << 3 | LENGTH) + varint(len(data)) + data


def number_field(number: int, value: int) -> bytes:
    """Return a field of a number below 2^64: its tag, the number."""
    return varint(number << 3 | VARINT) + varint(value)


def varint(value: int) -> bytes:
    """Return a number, 0 to 2^64 - 1, in as few bytes as it needs, lowest 7 bits first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    """Return the number, 0 to 2^64 - 1, that stands for a signed number of 64 bits."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unzigzag(number: int) -> int:
    """Return the signed number that a number stands for."""
    return number >> 1 ^ -(number & 1)


def _read_varint(data: bytes, at: int, name: str) -> tuple[int, int]:
    """Return the number that begins at a byte, and the place after it."""
    value = shift = 0
    for place in range(at, min(at + _LONGEST_VARINT, len(data))):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise LaxEncoding(f"{name}: expected numbers below 2^64, got a larger one at byte {at}")
            return value, place + 1
        shift += 7
    if len(data) - at < _LONGEST_VARINT:
        raise EncodingError(f"{name}: the number at byte {at} ends early")
    raise EncodingError(f"{name}: expected numbers of at most 10 bytes, got a longer one at byte {at}")
