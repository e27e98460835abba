"""Hashing: the two hashes of the protocol, Poseidon over field elements and Keccak-256 into the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rln.base import scalar
from rln.base.arguments import plain_bytes
from rln.base.scalar import ORDER
from rln.errors import ParameterError
from rln.lowlevel import hashes

MAX_ARITY: Final = 8


def poseidon_hash(inputs: Sequence[int]) -> int:
    """Hash 1 to 8 field elements with Poseidon and circomlib's parameters.

    The time is constant in the values.

    Raises:
        ParameterError: no input, more than 8, or a `bytes` object, whose bytes would be taken for inputs.
        FieldRangeError: an input is not a field element.
    """
    if type(inputs) not in (list, tuple) and (
        not isinstance(inputs, Sequence) or isinstance(inputs, (bytes, bytearray, memoryview, str))
    ):
        raise ParameterError(f"inputs: expected a sequence of int, got {type(inputs).__name__}")
    if not 1 <= len(inputs) <= MAX_ARITY:
        raise ParameterError(f"inputs: expected 1 to {MAX_ARITY} field elements, got {len(inputs)}")
    packed: list[bytes] = []
    for value in inputs:
        if type(value) is not int or not 0 <= value < ORDER:
            scalar.check(value, f"inputs[{len(packed)}]")
        packed.append(value.to_bytes(scalar.SIZE, "little"))
    return int.from_bytes(hashes.poseidon_one(b"".join(packed), len(packed)), "little")


def hash_to_field(message: bytes) -> int:
    """Hash a message of any length to the field: Keccak-256, read little-endian, modulo r.

    Raises:
        EncodingError: not `bytes`.

    Source: zerokit `hash_to_field_le`, every version.
    """
    return int.from_bytes(hashes.hash_to_field(plain_bytes(message, "message")), "little")


def hash_to_field_big_endian(message: bytes) -> int:
    """Hash a message of any length to the field: Keccak-256, read big-endian, modulo r.

    The protocol does not use this function. zerokit's `hash_to_field_be` is the same since 3.0.0; before, it
    read little-endian.

    Raises:
        EncodingError: not `bytes`.

    Source: zerokit 3.0.0 `hash_to_field_be`.
    """
    digest = hashes.hash_to_field(plain_bytes(message, "message"), big_endian=True)
    return int.from_bytes(digest, "little")
