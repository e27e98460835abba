"""Conversions between py_ecc's BN254 and our bytes.

py_ecc's FQ12 is Fp[w] / (w^12 - 18 w^6 + 82), which is our tower with u = w^6 - 9 and v = w^2.
"""

from py_ecc import optimized_bn128 as curve
from py_ecc.optimized_bn128 import FQ12

P = curve.field_modulus
R = curve.curve_order

# The exponents of w in the order of our coefficients: c0.c0 c0.c1 c0.c2 c1.c0 c1.c1 c1.c2.
ORDER = [0, 2, 4, 1, 3, 5]


def encode(values: list[int]) -> bytes:
    return b"".join(value.to_bytes(32, "little") for value in values)


def decode(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]


def fq12(values: list[int]) -> FQ12:
    """Make py_ecc's element of up to 12 coordinates in our order; the missing higher ones are zero."""
    coefficients = [0] * 12
    padded = values + [0] * (12 - len(values))
    for k, power in enumerate(ORDER):
        real, imaginary = padded[2 * k], padded[2 * k + 1]
        coefficients[power] = (coefficients[power] + real - 9 * imaginary) % P
        coefficients[power + 6] = imaginary
    return FQ12(coefficients)


def coordinates(value: FQ12) -> list[int]:
    """Return the 12 coordinates of py_ecc's element in our order."""
    c = [int(x) for x in value.coeffs]
    return [x % P for power in ORDER for x in (c[power] + 9 * c[power + 6], c[power + 6])]


def point(values: list[int]) -> bytes:
    """Encode an affine point: its coordinates, and the flag 0x80 if y > -y, where c1 is compared first."""
    data = bytearray(encode(values))
    y = values[len(values) // 2 :][::-1]
    data[-1] |= 0x80 if y > [-value % P for value in y] else 0
    return bytes(data)


def infinity(size: int) -> bytes:
    return bytes(size - 1) + b"\x40"


def g1(scalar: int) -> bytes:
    """Return scalar times the generator of G1, 64 bytes."""
    if scalar % R == 0:
        return infinity(64)
    x, y = curve.normalize(curve.multiply(curve.G1, scalar % R))
    return point([x.n, y.n])


def g2(scalar: int) -> bytes:
    """Return scalar times the generator of G2, 128 bytes."""
    if scalar % R == 0:
        return infinity(128)
    x, y = curve.normalize(curve.multiply(curve.G2, scalar % R))
    return point([int(c) for c in (*x.coeffs, *y.coeffs)])
