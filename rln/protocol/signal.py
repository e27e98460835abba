"""Signal: the bytes that a member sends. Their hash is the x of the share.

Join the parts of a signal (method, path, body) so that no two lists of parts give the same bytes. The lists
("ab", "c") and ("a", "bc") are different messages, so they need different signals. `join_signal` joins
parts in this form, with LP(b) = length as u64 little-endian ‖ b:

    LP(domain) ‖ number of parts as u64 little-endian ‖ LP(part 1) ‖ LP(part 2) ‖ ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rln.base.arguments import nonzero, plain_bytes
from rln.errors import EncodingError, ParameterError
from rln.protocol.hashing import hash_to_field

SIGNAL_FORMATS: Final = ("bytes", "joined")
"""How the bytes of a signal follow from a message. In every format, x is the hash of the whole signal.

"bytes": the signal is the message. "joined": the signal is what `join_signal` makes of the message's parts.
"""

_LENGTH: Final = 8
"""Bytes of a length."""


def hash_signal(signal: bytes) -> int:
    """Return the x of a signal: its hash as a field element, never 0.

    Raises:
        EncodingError: the signal is not `bytes`.
        ParameterError: the hash is 0; a share at x = 0 would reveal the secret.
    """
    return nonzero(hash_to_field(plain_bytes(signal, "signal")), "x")


def length_prefixed(data: bytes) -> bytes:
    """Return LP(data): its length as u64 little-endian, then the data."""
    return len(data).to_bytes(8, "little") + data


def join_signal(domain: str, parts: Sequence[bytes]) -> bytes:
    """Join parts into a signal injectively: different domains or parts never give the same bytes.

    Args:
        domain: the kind of message, ASCII, not empty ("example.com/chat request").
        parts: any number of byte strings, which may be empty.

    Raises:
        ParameterError: the domain is empty or not ASCII.
        EncodingError: a part is not `bytes`, or `parts` is itself a byte string.
    """
    if not isinstance(domain, str) or not domain or not domain.isascii():
        raise ParameterError("domain: expected a non-empty ASCII string")
    if isinstance(parts, (bytes, bytearray, memoryview, str)) or not isinstance(parts, Sequence):
        raise EncodingError(f"parts: expected a sequence of bytes, got {type(parts).__name__}")
    joined = [length_prefixed(domain.encode("ascii")), len(parts).to_bytes(_LENGTH, "little")]
    for place, part in enumerate(parts):
        if type(part) is not bytes:
            plain_bytes(part, f"parts[{place}]")
        joined += (len(part).to_bytes(_LENGTH, "little"), part)
    return b"".join(joined)


def check_format(format: str) -> str:
    """Return the name of a signal format.

    Raises:
        ParameterError: there is no such format.
    """
    if format not in SIGNAL_FORMATS:
        known = ", ".join(SIGNAL_FORMATS)
        raise ParameterError(f"signal_format: expected one of {known}, got {str(format)[:40]!r}")
    return format


def check_signal(signal: bytes, format: str) -> bytes:
    """Return a signal if it has a format; every signal has the format "bytes".

    Args:
        signal: any bytes.
        format: one of `SIGNAL_FORMATS`.

    Raises:
        EncodingError: not `bytes`, or bytes that `join_signal` never makes where it must have made them.
        ParameterError: there is no such format.
    """
    plain_bytes(signal, "signal")
    if check_format(format) == "joined" and not _is_joined(signal):
        raise EncodingError(
            "signal: expected one that join_signal made, as the parameters say, got other bytes"
        )
    return signal


def _is_joined(signal: bytes) -> bool:
    size = len(signal)
    at = _LENGTH + int.from_bytes(signal[:_LENGTH], "little")
    domain = signal[_LENGTH:at]
    if not domain or not domain.isascii() or at + _LENGTH > size:
        return False
    # Each part takes at least the bytes of its length, so a false count ends the loop early.
    count, at = int.from_bytes(signal[at : at + _LENGTH], "little"), at + _LENGTH
    while count and at <= size:
        end = at + _LENGTH
        at = end + int.from_bytes(signal[at:end], "little")
        count -= 1
    return count == 0 and at == size
