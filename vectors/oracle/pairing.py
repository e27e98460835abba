"""The optimal ate pairing of BN254, as in the textbooks. Source: Vercauteren 2010; Beuchat et al. 2010.

Fp12 = Fp[w] / (w^12 - 18 w^6 + 82), 12 integers, lowest first; u = w^6 - 9. The twist maps (x, y) of
G2 to (x w^2, y w^3).
"""

from collections.abc import Iterable, Sequence

from .curve import Element2, Point, add2, inv2, mul2, sub2
from .field import P, R, X

ONE = [1] + [0] * 11
XI = (9, 1)


def mul12(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """Multiply in Fp12."""
    wide = [0] * 23
    for i, x in enumerate(a):
        if x:
            for j, y in enumerate(b):
                wide[i + j] += x * y
    for i in range(22, 11, -1):
        wide[i - 6] += 18 * wide[i]
        wide[i - 12] -= 82 * wide[i]
    return [x % P for x in wide[:12]]


def pow12(a: Sequence[int], exponent: int) -> list[int]:
    """Raise to a power in Fp12."""
    result = ONE
    for bit in format(exponent, "b"):
        result = mul12(result, result)
        if bit == "1":
            result = mul12(result, a)
    return result


def add_term(target: list[int], value: Element2, power: int) -> None:
    """Add (c0 + c1 u) w^power to target."""
    target[power] += value[0] - 9 * value[1]
    target[power + 6] += value[1]


def line(t: Point[Element2], q: Point[Element2], p: Point[int]) -> tuple[list[int], Point[Element2]]:
    """Return the line through T and Q, the tangent if they are equal, evaluated at P; and T + Q."""
    (x1, y1), (x2, y2) = t, q
    if t == q:
        square = mul2(x1, x1)
        slope = mul2(add2(add2(square, square), square), inv2(add2(y1, y1)))
    else:
        slope = mul2(sub2(y2, y1), inv2(sub2(x2, x1)))
    x3 = sub2(sub2(mul2(slope, slope), x1), x2)
    y3 = sub2(mul2(slope, sub2(x1, x3)), y1)
    value = [0] * 12
    value[0] = p[1]
    add_term(value, mul2(slope, (-p[0] % P, 0)), 1)
    add_term(value, sub2(mul2(slope, x1), y1), 3)
    return [v % P for v in value], (x3, y3)


def frobenius(q: Point[Element2]) -> Point[Element2]:
    """Return (x^p, y^p) of the untwisted point, twisted back."""
    (x, y) = q
    return (
        mul2((x[0], -x[1] % P), power2((P - 1) // 3)),
        mul2((y[0], -y[1] % P), power2((P - 1) // 2)),
    )


def power2(exponent: int) -> Element2:
    """Return (9 + u)^exponent."""
    result, base = (1, 0), XI
    while exponent:
        if exponent & 1:
            result = mul2(result, base)
        base = mul2(base, base)
        exponent >>= 1
    return result


def miller(p: Point[int], q: Point[Element2]) -> list[int]:
    """Run the Miller loop of length 6x + 2 and its two Frobenius steps."""
    f, t = ONE, q
    for bit in format(6 * X + 2, "b")[1:]:
        value, t = line(t, t, p)
        f = mul12(mul12(f, f), value)
        if bit == "1":
            value, t = line(t, q, p)
            f = mul12(f, value)
    q1 = frobenius(q)
    q2 = frobenius(q1)
    value, t = line(t, q1, p)
    f = mul12(f, value)
    value, t = line(t, (q2[0], sub2((0, 0), q2[1])), p)
    return mul12(f, value)


def product_is_one(terms: Iterable[tuple[Point[int] | None, Point[Element2] | None]]) -> bool:
    """Return whether the product of e(p, q) over the terms is 1. A term with infinity (None) gives 1."""
    f = ONE
    for p, q in terms:
        if p is not None and q is not None:
            f = mul12(f, miller(p, q))
    return pow12(f, (P**12 - 1) // R) == ONE
