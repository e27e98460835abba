"""Keccak-256, the hash to the field, Poseidon and Merkle roots."""

from __future__ import annotations

from collections.abc import Sequence

from rln.base.arguments import fixed_bytes, plain_bytes, whole
from rln.errors import EncodingError
from rln.lowlevel import _call
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import ffi, lib

MAX_ARITY = 8
_NULL = ffi.NULL


def keccak256(message: bytes) -> bytes:
    """Hash with Keccak-256, which has the original padding (unlike SHA3-256)."""
    message = plain_bytes(message, "message")
    out = _call.output(32)
    _call.check(lib.rln_keccak256(out, 32, message, len(message)), what="keccak256")
    return _call.take(out)


def hash_to_field(message: bytes, big_endian: bool = False) -> bytes:
    """Return the Keccak-256 digest, read as a little-endian (or big-endian) integer, mod r."""
    message = plain_bytes(message, "message")
    out = _call.output(32)
    _call.check(lib.rln_hash_to_field(out, 32, message, len(message), int(big_endian)), what="hash_to_field")
    return _call.take(out)


def poseidon(inputs: Sequence[bytes]) -> bytes:
    """Hash 1..8 scalars into one.

    Raises:
        ParameterError: no inputs, or more than 8.
        FieldRangeError: a scalar is not canonical.
    """
    packed = b"".join([fixed_bytes(value, 32, f"inputs[{i}]") for i, value in enumerate(inputs)])
    return poseidon_many(packed, len(inputs))


def poseidon_one(packed: bytes, arity: int) -> bytes:
    """Hash one group of scalars, with a third of the overhead of `poseidon_many`.

    An error does not say which scalar is wrong, so check the scalars first.

    Raises:
        EncodingError: the number of scalars is not the arity.
        ParameterError: the arity is not 1..8.
        FieldRangeError: a scalar is not canonical.
    """
    out = _call.output(32)
    packed = plain_bytes(packed, "packed")
    status = lib.rln_poseidon_hash_many(out, 32, packed, len(packed), arity, _NULL, _NULL)
    _call.check(status, None, "poseidon")
    return _call.take(out)


def poseidon_many(packed: bytes, arity: int, threads: int | None = 1) -> bytes:
    """Hash each group of `arity` scalars (1..8) in `packed` to one scalar.

    Raises:
        EncodingError: `packed` is not a whole number of groups.
        FieldRangeError: a scalar is not canonical.
    """
    size = _poseidon_size(plain_bytes(packed, "packed"), arity)
    out, fault = _call.output(size), _call.new_fault()
    status = lib.rln_poseidon_hash_many(out, size, packed, len(packed), arity, _threads.pool(threads), fault)
    _call.check(status, fault, "poseidon")
    return _call.take(out)


def poseidon_into(
    out: bytearray | memoryview, packed: bytes | memoryview, arity: int, threads: int | None = 1
) -> None:
    """Hash as `poseidon_many` does, and write the hashes to the start of `out` without a copy.

    No other thread may change `out`, or the memory behind `packed`, before this returns.

    Raises:
        EncodingError: `packed` is not a whole number of groups, or `out` is too small.
        FieldRangeError: a scalar is not canonical; `out` then holds zeros.
    """
    if not isinstance(packed, memoryview):
        plain_bytes(packed, "packed")
    size = _poseidon_size(packed, arity)
    if len(out) < size:
        raise EncodingError(f"out: expected {size} bytes, got {len(out)}")
    fault, source = _call.new_fault(), ffi.from_buffer("uint8_t[]", packed)
    target = ffi.from_buffer("uint8_t[]", out, require_writable=True)
    status = lib.rln_poseidon_hash_many(
        target, size, source, len(packed), arity, _threads.pool(threads), fault
    )
    _call.check(status, fault, "poseidon")


def _poseidon_size(packed: bytes | memoryview, arity: int) -> int:
    if type(arity) is not int or not 1 <= arity <= MAX_ARITY:
        whole(arity, "arity", 1, MAX_ARITY)
    return len(packed) // arity // 32 * 32


def poseidon_parameters(width: int) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    """Return Poseidon's parameters for a width of 2..9, which is the arity plus one.

    Returns:
        The number of full rounds, the number of partial rounds, the round constants (`width` for each round,
        in order), and the width * width matrix, row by row.
    """
    whole(width, "width", 2, MAX_ARITY + 1)
    counts = ffi.new("uint32_t[2]")
    status = lib.rln_poseidon_parameters(width, ffi.NULL, 0, ffi.NULL, 0, counts, counts + 1)
    _call.check(status, what="width")
    full, partial = int(counts[0]), int(counts[1])
    rounds_len, matrix_len = 32 * width * (full + partial), 32 * width * width
    rounds, matrix = _call.output(rounds_len), _call.output(matrix_len)
    status = lib.rln_poseidon_parameters(width, rounds, rounds_len, matrix, matrix_len, counts, counts + 1)
    _call.check(status, what="width")
    return full, partial, _integers(_call.take(rounds)), _integers(_call.take(matrix))


def _integers(packed: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(packed[i : i + 32], "little") for i in range(0, len(packed), 32))


def merkle_root(leaf: bytes, siblings: bytes, bits: bytes) -> bytes:
    """Compute the root of a tree of Poseidon hashes from a leaf and its path.

    Args:
        leaf: a scalar.
        siblings: a scalar for each level, starting with the leaf's sibling.
        bits: a byte for each level: 0 if the node is the left child, 1 if it is the right one.

    Raises:
        EncodingError: the numbers of bits and of siblings differ.
        ParameterError: a bit is neither 0 nor 1.
        FieldRangeError: a scalar is not canonical.
    """
    siblings, bits = plain_bytes(siblings, "siblings"), plain_bytes(bits, "bits")
    out, fault = _call.output(32), _call.new_fault()
    leaf = fixed_bytes(leaf, 32, "leaf")
    status = lib.rln_merkle_root(out, 32, leaf, 32, siblings, len(siblings), bits, len(bits), fault)
    _call.check(status, fault, "merkle_root")
    return _call.take(out)


def merkle_path(leaf: bytes, siblings: bytes, bits: bytes) -> bytes:
    """Return all nodes above a leaf, the root last; arguments as for `merkle_root`."""
    siblings, bits = plain_bytes(siblings, "siblings"), plain_bytes(bits, "bits")
    size = len(siblings) // 32 * 32
    out, fault = _call.output(size), _call.new_fault()
    leaf = fixed_bytes(leaf, 32, "leaf")
    status = lib.rln_merkle_path(out, size, leaf, 32, siblings, len(siblings), bits, len(bits), fault)
    _call.check(status, fault, "merkle_path")
    return _call.take(out)
