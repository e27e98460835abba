"""The groups of BN254 and the bytes of their points.

G1: y^2 = x^3 + 3 over Fp. G2: y^2 = x^3 + 3/(9 + u) over Fp2 = Fp[u]/(u^2 + 1). A point is (x, y), or None
for infinity; an element of Fp2 is (c0, c1). Compressed bytes: zerokit-spec 7.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .field import P, R, Refused

Element2 = tuple[int, int]
"""c0 + c1 u."""

Element = TypeVar("Element", int, Element2)
Point = tuple[Element, Element]
"""x and y of a point other than infinity."""

INFINITY, LARGER = 0x40, 0x80


def add2(a: Element2, b: Element2) -> Element2:
    """Add in Fp2."""
    return (a[0] + b[0]) % P, (a[1] + b[1]) % P


def sub2(a: Element2, b: Element2) -> Element2:
    """Subtract in Fp2."""
    return (a[0] - b[0]) % P, (a[1] - b[1]) % P


def mul2(a: Element2, b: Element2) -> Element2:
    """Multiply in Fp2."""
    return (a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P


def inv2(a: Element2) -> Element2:
    """Invert in Fp2."""
    norm = pow(a[0] * a[0] + a[1] * a[1], -1, P)
    return a[0] * norm % P, -a[1] * norm % P


def pow2(a: Element2, exponent: int) -> Element2:
    """Raise to a power in Fp2."""
    result = (1, 0)
    for bit in format(exponent, "b"):
        result = mul2(result, result)
        if bit == "1":
            result = mul2(result, a)
    return result


B2 = mul2((3, 0), inv2((9, 1)))
G1 = (1, 2)
G2 = (
    (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
)


@dataclass(frozen=True)
class Field(Generic[Element]):
    """The operations that the group law needs.

    Attributes:
        b: the constant of the curve y^2 = x^3 + b.
        zero: the zero of the field.
        add, sub, mul, inv: the arithmetic.
    """

    b: Element
    zero: Element
    add: Callable[[Element, Element], Element]
    sub: Callable[[Element, Element], Element]
    mul: Callable[[Element, Element], Element]
    inv: Callable[[Element], Element]


Fp = Field[int](
    b=3,
    zero=0,
    add=lambda a, b: (a + b) % P,
    sub=lambda a, b: (a - b) % P,
    mul=lambda a, b: a * b % P,
    inv=lambda a: pow(a, -1, P),
)
Fp2 = Field[Element2](b=B2, zero=(0, 0), add=add2, sub=sub2, mul=mul2, inv=inv2)


def on_curve(f: Field[Element], point: Point[Element]) -> bool:
    """Return whether y^2 = x^3 + b."""
    x, y = point
    return f.mul(y, y) == f.add(f.mul(f.mul(x, x), x), f.b)


def finite(point: Point[Element] | None) -> Point[Element]:
    """Return a point that cannot be infinity where this is called."""
    assert point is not None
    return point


def negate(f: Field[Element], point: Point[Element]) -> Point[Element]:
    """Return -P."""
    return point[0], f.sub(f.zero, point[1])


def add(f: Field[Element], p: Point[Element] | None, q: Point[Element] | None) -> Point[Element] | None:
    """Return P + Q by the chord and tangent rule, for all cases."""
    if p is None or q is None:
        return q or p
    if p[0] == q[0]:
        if p[1] != q[1] or p[1] == f.zero:
            return None
        square = f.mul(p[0], p[0])
        slope = f.mul(f.add(f.add(square, square), square), f.inv(f.add(p[1], p[1])))
    else:
        slope = f.mul(f.sub(q[1], p[1]), f.inv(f.sub(q[0], p[0])))
    x = f.sub(f.sub(f.mul(slope, slope), p[0]), q[0])
    return x, f.sub(f.mul(slope, f.sub(p[0], x)), p[1])


def multiply(f: Field[Element], p: Point[Element] | None, k: int) -> Point[Element] | None:
    """Return k P for k >= 0. k is not reduced, so this also tests the order of a point."""
    result = None
    for bit in format(k, "b"):
        result = add(f, result, result)
        if bit == "1":
            result = add(f, result, p)
    return result


def _coordinate(data: bytes) -> int:
    value = int.from_bytes(data, "little")
    if value >= P:
        raise Refused("range")
    return value


def _flags(data: bytes) -> tuple[int, bytes]:
    """Split the two flag bits off the last byte."""
    flags = data[-1] & 0xC0
    if flags == 0xC0:
        raise Refused("point")
    return flags, data[:-1] + bytes([data[-1] & 0x3F])


def decode_g1(data: bytes) -> Point[int]:
    """Decode 32 bytes to a point other than infinity."""
    flags, data = _flags(data)
    x = _coordinate(data)
    if flags == INFINITY:
        raise Refused("point")
    square = (x**3 + 3) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        raise Refused("point")
    return x, y if (y > P - y) == (flags == LARGER) else P - y


def sqrt2(a: Element2) -> Element2:
    """Return a square root in Fp2 by the complex method for p = 3 mod 4; Refused if there is none."""
    norm_root = pow(a[0] * a[0] + a[1] * a[1], (P + 1) // 4, P)
    for sign in (1, -1):
        half = (a[0] + sign * norm_root) * pow(2, -1, P) % P
        c0 = pow(half, (P + 1) // 4, P)
        if c0 and c0 * c0 % P == half:
            candidate = (c0, a[1] * pow(2 * c0, -1, P) % P)
        else:
            candidate = (0, pow(-a[0] % P, (P + 1) // 4, P))
        if mul2(candidate, candidate) == a:
            return candidate
    raise Refused("point")


def decode_g2(data: bytes) -> Point[Element2]:
    """Decode 64 bytes to a point of the subgroup other than infinity."""
    flags, data = _flags(data)
    x = (_coordinate(data[:32]), _coordinate(data[32:]))
    if flags == INFINITY:
        raise Refused("point")
    y = sqrt2(add2(mul2(mul2(x, x), x), B2))
    other = sub2((0, 0), y)
    larger = (y[1], y[0]) > (other[1], other[0])
    point = x, y if larger == (flags == LARGER) else other
    if multiply(Fp2, point, R) is not None:
        raise Refused("point")
    return point


def encode_g1(point: Point[int]) -> bytes:
    """Encode a point other than infinity in 32 bytes."""
    x, y = point
    return (x | (LARGER << 248 if y > P - y else 0)).to_bytes(32, "little")


def encode_g2(point: Point[Element2]) -> bytes:
    """Encode a point other than infinity in 64 bytes."""
    x, y = point
    other = sub2((0, 0), y)
    larger = (y[1], y[0]) > (other[1], other[0])
    return x[0].to_bytes(32, "little") + (x[1] | (LARGER << 248 if larger else 0)).to_bytes(32, "little")
