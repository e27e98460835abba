"""Points of BN254, compared with py_ecc."""

from __future__ import annotations

import random
from typing import Any

import pytest

from rln import errors
from rln.lowlevel import curve

bn128 = pytest.importorskip("py_ecc.bn128")

P = bn128.field_modulus
R = bn128.curve_order
INFINITY_FLAG, LARGER_FLAG = 0x40, 0x80

Point = Any
"""A point in py_ecc's form: a pair of field elements, None for infinity."""

GENERATORS = {1: bn128.G1, 2: bn128.G2}


def coordinates(element: Any) -> list[int]:
    """Return the integers of an element of Fp or Fp2."""
    return [int(c) for c in element.coeffs] if hasattr(element, "coeffs") else [int(element)]


def is_larger(element: Any) -> bool:
    """Return whether y is larger than -y; the highest coefficient that is not zero decides."""
    return next((c > P - c for c in reversed(coordinates(element)) if c), False)


def pack(point: Point, group: int, compressed: bool = False) -> bytes:
    """Write a point in the arkworks form."""
    if point is None:
        size = (32 if compressed else 64) * group
        return bytes(size - 1) + bytes([INFINITY_FLAG])
    numbers = coordinates(point[0]) + ([] if compressed else coordinates(point[1]))
    data = bytearray(b"".join(c.to_bytes(32, "little") for c in numbers))
    data[-1] |= LARGER_FLAG * is_larger(point[1])
    return bytes(data)


def negative(point: Point) -> Point:
    return None if point is None else bn128.neg(point)


def samples(group: int, count: int, seed: int) -> list[Point]:
    """Return multiples of the generator."""
    rng = random.Random(seed)
    return [bn128.multiply(GENERATORS[group], rng.randrange(1, R)) for _ in range(count)]


groups = pytest.mark.parametrize("group", [1, 2])


@groups
def test_sums_equal_py_eccs_with_infinity_in_every_position(group: int) -> None:
    a, b = samples(group, 2, seed=1)
    points = [None, a, b, negative(a), bn128.add(a, b), bn128.double(a)]
    for p in points:
        for q in points:
            expected = q if p is None else p if q is None else bn128.add(p, q)
            assert curve.add(pack(p, group), pack(q, group), group) == pack(expected, group)


@groups
def test_compressed_forms_equal_py_eccs(group: int) -> None:
    for point in [None, GENERATORS[group], *samples(group, 4, seed=2)]:
        for p in (point, negative(point)):
            full, short = pack(p, group), pack(p, group, compressed=True)
            assert curve.compress(full, group) == short
            assert curve.decompress(short, group) == full


@groups
@pytest.mark.parametrize("count", [0, 1, 2, 9, 40])
@pytest.mark.parametrize("threads", [1, 2])
def test_sums_of_multiples_equal_py_eccs(group: int, count: int, threads: int) -> None:
    """The operands include the scalars 0, 1 and r - 1, infinity, repeated and opposite points."""
    rng = random.Random(count)
    base = samples(group, 3, seed=3)
    points = [rng.choice([None, *base, negative(base[0]), negative(base[1])]) for _ in range(count)]
    scalars = [rng.choice([0, 1, 2, R - 1, R - 2, rng.randrange(R), rng.randrange(R)]) for _ in range(count)]
    totals = [0, 0, 0]
    for point, scalar in zip(points, scalars, strict=True):
        for i, p in enumerate(base):
            totals[i] += scalar if point == p else -scalar if point == negative(p) else 0
    expected = None
    for p, total in zip(base, totals, strict=True):
        term = bn128.multiply(p, total % R) if total % R else None
        expected = term if expected is None else expected if term is None else bn128.add(expected, term)
    packed = b"".join(pack(p, group) for p in points)
    numbers = b"".join(s.to_bytes(32, "little") for s in scalars)
    assert curve.msm(packed, numbers, group, threads) == pack(expected, group)


@groups
def test_the_order_of_the_group_is_r(group: int) -> None:
    g = pack(GENERATORS[group], group)
    scalars = (R - 1).to_bytes(32, "little") + (1).to_bytes(32, "little")
    assert curve.msm(g + g, scalars, group) == pack(None, group)


@groups
def test_non_canonical_forms_are_refused(group: int) -> None:
    full = pack(GENERATORS[group], group)
    zero = bytes(64 * group)
    for flags in (LARGER_FLAG, INFINITY_FLAG, LARGER_FLAG | INFINITY_FLAG):
        wrong = full[:-1] + bytes([full[-1] ^ flags])
        with pytest.raises(errors.PointError):
            curve.compress(wrong, group)
    for data in (zero, zero[:-1] + b"\xc0", zero[:-1] + b"\x80", b"\x01" + zero[1:-1] + b"\x40"):
        with pytest.raises(errors.PointError):
            curve.compress(data, group)
    short = bytes(32 * group)
    for data in (short[:-1] + b"\xc0", b"\x01" + short[1:-1] + b"\x40"):
        with pytest.raises(errors.PointError):
            curve.decompress(data, group)


@groups
def test_coordinates_that_are_not_canonical_are_refused(group: int) -> None:
    for position in range(2 * group):
        data = bytearray(pack(GENERATORS[group], group))
        data[32 * position : 32 * position + 32] = P.to_bytes(32, "little")
        with pytest.raises(errors.FieldRangeError):
            curve.compress(bytes(data), group)
        if position < group:
            with pytest.raises(errors.FieldRangeError):
                curve.decompress(bytes(data[: 32 * group]), group)


def test_points_off_the_curve_are_refused() -> None:
    off = (bn128.FQ(1), bn128.FQ(3))
    assert not bn128.is_on_curve(off, bn128.b)
    with pytest.raises(errors.PointError):
        curve.add(pack(off, 1), pack(None, 1))
    with pytest.raises(errors.PointError, match="points"):
        curve.msm(pack(bn128.G1, 1) + pack(off, 1), bytes(64))


def test_a_point_of_the_twist_outside_the_subgroup_is_refused() -> None:
    """x = 1 + 2u gives a point of y^2 = x^3 + 3 / (9 + u); r times it is not infinity."""
    for real in range(1, 40):
        x = bn128.FQ2([real, 2])
        square = x * x * x + bn128.b2
        root = square ** ((P * P + 15) // 32)
        eighth = bn128.FQ2([1, 1]) ** ((P * P - 1) // 16)
        for _ in range(16):
            if root * root == square:
                break
            root = root * eighth
        else:
            continue
        point = (x, root)
        assert bn128.is_on_curve(point, bn128.b2)
        assert bn128.multiply(point, R) is not None
        with pytest.raises(errors.PointError):
            curve.compress(pack(point, 2), 2)
        with pytest.raises(errors.PointError):
            curve.decompress(pack(point, 2, compressed=True), 2)
        with pytest.raises(errors.PointError, match="points"):
            curve.msm(pack(bn128.G2, 2) + pack(point, 2), bytes(64), 2)
        return
    pytest.fail("no point found")
