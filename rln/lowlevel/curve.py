"""Points of BN254: sums, compression, the pairing.

Group 1 has points of 64 bytes (32 compressed), group 2 of 128 (64 compressed).
"""

from __future__ import annotations

from rln.base.arguments import fixed_bytes, plain_bytes, whole
from rln.lowlevel import _call
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import lib


def _size(group: int) -> int:
    return 64 * whole(group, "group", 1, 2)


def add(a: bytes, b: bytes, group: int = 1) -> bytes:
    """Add two points.

    Raises:
        PointError: one of them is not a point of the group.
    """
    n = _size(group)
    out, fault = _call.output(n), _call.new_fault()
    status = lib.rln_point_add(group, out, n, fixed_bytes(a, n, "a"), n, fixed_bytes(b, n, "b"), n, fault)
    _call.check(status, fault, "add")
    return _call.take(out)


def msm(points: bytes, scalars: bytes, group: int = 1, threads: int | None = 1) -> bytes:
    """Sum scalars[i] * points[i]; no points give infinity. Its time depends on everything.

    Raises:
        EncodingError: not a whole number of points, or not as many scalars.
        PointError: one is not a point of the group.
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
    """Turn a point into its compressed form.

    Raises:
        PointError: not a point of the group.
    """
    n = _size(group)
    out, fault = _call.output(n // 2), _call.new_fault()
    point = fixed_bytes(point, n, "point")
    _call.check(lib.rln_point_compress(group, out, n // 2, point, n, fault), fault, "point")
    return _call.take(out)


def decompress(data: bytes, group: int = 1) -> bytes:
    """Turn a compressed point back into both coordinates.

    Raises:
        PointError: not the canonical form of a point of the group.
    """
    n = _size(group)
    out, fault = _call.output(n), _call.new_fault()
    data = fixed_bytes(data, n // 2, "data")
    _call.check(lib.rln_point_decompress(group, out, n, data, n // 2, fault), fault, "data")
    return _call.take(out)


def pairing(p: bytes, q: bytes) -> bytes:
    """Compute e(p, q), 384 bytes of Fp12; p is of group 1, q of group 2.

    Raises:
        PointError: one is not a point of its group.
    """
    out, fault = _call.output(384), _call.new_fault()
    status = lib.rln_pairing(out, 384, fixed_bytes(p, 64, "p"), 64, fixed_bytes(q, 128, "q"), 128, fault)
    _call.check(status, fault, "pairing")
    return _call.take(out)
