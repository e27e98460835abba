"""Signal: the bytes that a message is about. x, the place on the line, is their hash.

A signal made of several parts (method, path, body) must be joined so that no two lists of parts give the same
bytes: ("ab", "c") and ("a", "bc") are different messages, and a member who may not tell them apart pays with
his secret. `join_signal` does that, with LP(b) = length as u64 little-endian ‖ b:

    LP(domain) ‖ number of parts as u64 little-endian ‖ LP(part 1) ‖ LP(part 2) ‖ ...
"""

from __future__ import annotations

from collections.abc import Sequence

from rln.base.arguments import nonzero, plain_bytes
from rln.errors import EncodingError, ParameterError
from rln.protocol.hashing import hash_to_field


def hash_signal(signal: bytes) -> int:
    """Return x of a signal: its hash to the field, never 0.

    Raises:
        EncodingError: not `bytes`.
        ParameterError: the hash is 0, at which a share would be the secret.
    """
    return nonzero(hash_to_field(plain_bytes(signal, "signal")), "x")


def length_prefixed(data: bytes) -> bytes:
    """Return LP(data): its length as u64 little-endian, then the data."""
    return len(data).to_bytes(8, "little") + data


def join_signal(domain: str, parts: Sequence[bytes]) -> bytes:
    """Join parts into a signal, injectively: two different calls never give the same bytes.

    Args:
        domain: what kind of message this is, ASCII, not empty ("example.com/chat request").
        parts: any number of byte strings, empty ones too.

    Raises:
        ParameterError: the domain is empty or not ASCII.
        EncodingError: a part is not `bytes`, or parts is itself a byte string.
    """
    if not isinstance(domain, str) or not domain or not domain.isascii():
        raise ParameterError("domain: expected a non-empty ASCII string")
    if isinstance(parts, (bytes, bytearray, memoryview, str)):
        raise EncodingError(f"parts: expected a sequence of bytes, got {type(parts).__name__}")
    joined = [length_prefixed(plain_bytes(part, f"parts[{i}]")) for i, part in enumerate(parts)]
    return b"".join([length_prefixed(domain.encode("ascii")), len(joined).to_bytes(8, "little"), *joined])
