"""Points of BN254: sums, compression and the pairing.

A point of group 1 has 64 bytes (32 compressed), one of group 2 has 128 (64 compressed).
"""

from __future__ import annotations

from typing import Final

from rln.base import scalar
from rln.base.arguments import fixed_bytes, plain_bytes, whole
from rln.lowlevel import _call
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import lib

GENERATOR_1: Final = (1).to_bytes(32, "little") + (2).to_bytes(32, "little")
"""The generator of group 1, (1, 2). Source: EIP-196."""

GENERATOR_2: Final = b"".join(
    number.to_bytes(32, "little")
    for number in (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    )
)
"""The generator of group 2. Source: EIP-197. Its y is the smaller one of y and -y, so no flag is set."""

MINUS_ONE: Final = (scalar.ORDER - 1).to_bytes(scalar.SIZE, "little")
"""The scalar that gives the opposite of a point."""


def _size(group: int) -> int:
    return 64 * whole(group, "group", 1, 2)


def add(a: bytes, b: bytes, group: int = 1) -> bytes:
    """Add two points.

    Raises:
        PointError: a value is not a point of the group.
    """
    n = _size(group)
    out, fault = _call.output(n), _call.new_fault()
    status = lib.rln_point_add(group, out, n, fixed_bytes(a, n, "a"), n, fixed_bytes(b, n, "b"), n, fault)
    _call.check(status, fault, "add")
    return _call.take(out)


def msm(points: bytes, scalars: bytes, group: int = 1, threads: int | None = 1) -> bytes:
    """Sum scalars[i] * points[i]; without points the sum is infinity. The time depends on all arguments.

    Raises:
        EncodingError: not a whole number of points, or not the same number of scalars.
        PointError: a value is not a point of the group.
        FieldRangeError: a scalar is not canonical.
    """
    n = _size(group)
    points, scalars = plain_bytes(points, "points"), plain_bytes(scalars, "scalars")
    out, fault = _call.output(n), _call.new_fault()
    pool = _threads.pool(threads)
    status = lib.rln_point_msm(group, out, n, points, len(points), scalars, len(scalars), pool, fault)
    _call.check(status, fault, "msm")
    return _call.take(out)


def compress(point: bytes, group: int = 1) -> bytes:
    """Compress a point.

    Raises:
        PointError: not a point of the group.
    """
    n = _size(group)
    out, fault = _call.output(n // 2), _call.new_fault()
    point = fixed_bytes(point, n, "point")
    _call.check(lib.rln_point_compress(group, out, n // 2, point, n, fault), fault, "point")
    return _call.take(out)


def decompress(data: bytes, group: int = 1) -> bytes:
    """Decompress a point to both coordinates.

    Raises:
        PointError: not the canonical form of a point of the group.
    """
    n = _size(group)
    out, fault = _call.output(n), _call.new_fault()
    data = fixed_bytes(data, n // 2, "data")
    _call.check(lib.rln_point_decompress(group, out, n, data, n // 2, fault), fault, "data")
    return _call.take(out)


def pairing(p: bytes, q: bytes) -> bytes:
    """Compute e(p, q) for p of group 1 and q of group 2: an element of Fp12 as 384 bytes.

    Raises:
        PointError: a value is not a point of its group.
    """
    out, fault = _call.output(384), _call.new_fault()
    status = lib.rln_pairing(out, 384, fixed_bytes(p, 64, "p"), 64, fixed_bytes(q, 128, "q"), 128, fault)
    _call.check(status, fault, "pairing")
    return _call.take(out)
