"""Signal: the bytes that a member sends. Their hash is the x of the share.

Join the parts of a signal (method, path, body) so that no two lists of parts give the same bytes. The lists
("ab", "c") and ("a", "bc") are different messages, so they need different signals. `join_signal` joins
parts in this form, with LP(b) = length as u64 little-endian ‖ b:

    LP(domain) ‖ number of parts as u64 little-endian ‖ LP(part 1) ‖ LP(part 2) ‖ ...
"""

from __future__ import annotations

from collections.abc import Sequence

from rln.base.arguments import nonzero, plain_bytes
from rln.errors import EncodingError, ParameterError
from rln.protocol.hashing import hash_to_field


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
    joined = [length_prefixed(plain_bytes(part, f"parts[{i}]")) for i, part in enumerate(parts)]
    return b"".join([length_prefixed(domain.encode("ascii")), len(joined).to_bytes(8, "little"), *joined])
