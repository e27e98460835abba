"""The pairing's values, equal to py_ecc's bit for bit, and its laws; once for each engine."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc import optimized_bn128 as py_ecc
from py_ecc.optimized_bn128 import FQ12

from rln import errors
from rln.lowlevel import curve, engine
from tests.differential.bn254 import P, R, coordinates, decode, encode, fq12, g1, g2, infinity, point

X = 4965661367192848881
EDGES = [1, 2, 3, R - 1, R - 2, (R - 1) // 2, X, 6 * X + 2, 6 * X * X, P % R]
SCALARS = st.sampled_from(EDGES) | st.integers(1, R - 1)
ONE = encode([1] + [0] * 11)


@pytest.fixture(scope="module", params=engine.supported(), autouse=True)
def each_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    before = engine.name()
    engine.choose(request.param)
    yield
    engine.choose(before)


@pytest.fixture(scope="module")
def base() -> FQ12:
    return py_ecc.pairing(py_ecc.G2, py_ecc.G1)


def test_the_generators_value(base: FQ12) -> None:
    assert decode(curve.pairing(g1(1), g2(1))) == coordinates(base)
    assert base**R == FQ12.one()
    assert base != FQ12.one()


@settings(max_examples=4)
@given(a=SCALARS, b=SCALARS)
def test_values_of_other_points(a: int, b: int) -> None:
    p, q = py_ecc.multiply(py_ecc.G1, a), py_ecc.multiply(py_ecc.G2, b)
    assert decode(curve.pairing(g1(a), g2(b))) == coordinates(py_ecc.pairing(q, p))


@settings(max_examples=25)
@given(a=SCALARS, b=SCALARS)
def test_bilinearity(base: FQ12, a: int, b: int) -> None:
    value = fq12(decode(curve.pairing(g1(a), g2(b))))
    assert value == base ** (a * b % R)
    assert value * fq12(decode(curve.pairing(g1(-a), g2(b)))) == FQ12.one()
    assert curve.pairing(g1(a), g2(-b)) == curve.pairing(g1(-a), g2(b))


def test_infinity_gives_one() -> None:
    assert curve.pairing(infinity(64), g2(5)) == ONE
    assert curve.pairing(g1(5), infinity(128)) == ONE
    assert curve.pairing(infinity(64), infinity(128)) == ONE


def twist_point() -> bytes:
    """Return a point of the twist with a small x; it is outside the subgroup."""
    for x in range(1, 100):
        square = py_ecc.FQ2([x, 1]) ** 3 + py_ecc.b2
        real, imaginary = (int(c) for c in square.coeffs)
        norm = pow(real * real + imaginary * imaginary, (P + 1) // 4, P)
        for half in ((real + norm) * (P + 1) // 2 % P, (real - norm) * (P + 1) // 2 % P):
            y0 = pow(half, (P + 1) // 4, P)
            y1 = imaginary * pow(2 * y0, -1, P) % P
            if py_ecc.FQ2([y0, y1]) ** 2 == square:
                return point([x, 1, y0, y1])
    raise AssertionError("no point found")


def test_points_outside_the_subgroup_are_refused() -> None:
    outside = twist_point()
    coefficients = decode(outside[:-1] + bytes([outside[-1] & 0x3F]))
    affine = (py_ecc.FQ2(coefficients[:2]), py_ecc.FQ2(coefficients[2:]), py_ecc.FQ2.one())
    assert py_ecc.is_on_curve(affine, py_ecc.b2)
    assert not py_ecc.is_inf(py_ecc.multiply(affine, R))
    with pytest.raises(errors.PointError):
        curve.pairing(g1(1), outside)
