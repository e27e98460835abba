"""Arithmetic in both prime fields, and the recovery from two shares, compared with galois."""

import galois
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.lowlevel import field
from rln.lowlevel.field import FieldName
from rln.protocol.identity import Identity
from rln.protocol.recovery import recover_secret
from tests.support.field_elements import SCALARS, P, R, elements, packed, unpacked

# A primitive element is given, because galois would have to factor the modulus less 1 to find one.
FIELDS = {
    "fr": galois.GF(R, primitive_element=5, verify=False),
    "fp": galois.GF(P, primitive_element=3, verify=False),
}
FR = FIELDS["fr"]
MODULI = {"fr": R, "fp": P}


@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=40)
@given(data=st.data())
def test_arithmetic(name: FieldName, data: st.DataObject) -> None:
    gf, size = FIELDS[name], data.draw(st.integers(1, 6))
    lists = st.lists(elements(MODULI[name]), min_size=size, max_size=size)
    left, right = data.draw(lists), data.draw(lists)
    a, b, first, second = gf(left), gf(right), packed(left), packed(right)
    for operation, expected in (("add", a + b), ("sub", a - b), ("mul", a * b)):
        assert unpacked(field.evaluate(name, operation, first, second)) == [int(x) for x in expected]
    for operation, expected in (("sqr", a**2), ("neg", -a)):
        assert unpacked(field.evaluate(name, operation, first)) == [int(x) for x in expected]
    inverses = [int(gf(x) ** -1) if x else 0 for x in left]
    assert unpacked(field.evaluate(name, "inv", first)) == inverses


@settings(max_examples=30)
@given(secret=SCALARS.filter(bool), epoch=SCALARS, x1=SCALARS.filter(bool), x2=SCALARS.filter(bool))
def test_the_line_through_two_shares_meets_zero_in_the_secret(
    secret: int, epoch: int, x1: int, x2: int
) -> None:
    x2 = x2 if x2 != x1 else x1 % (R - 1) + 1
    member = Identity.from_secret(secret)
    first, second = (member.share(x, epoch, 7) for x in (x1, x2))
    line = galois.lagrange_poly(FR([first.x, second.x]), FR([first.y, second.y]))
    assert int(line(0)) == secret == recover_secret(first, second).reveal()
    third = member.share((x1 + x2) % R or 1, epoch, 7)
    assert int(line(third.x)) == third.y


@pytest.mark.parametrize("power", [1, 2, 3, 4])
def test_the_transform_evaluates_on_the_powers_of_a_root(power: int) -> None:
    size = 2**power
    root = FR(5) ** ((R - 1) // size)
    assert int(root ** (size // 2)) == R - 1
    coefficients = [(i + 1) ** 40 % R for i in range(size)]
    polynomial = galois.Poly(FR(coefficients[::-1]))
    expected = [int(polynomial(root**i)) for i in range(size)]
    assert unpacked(field.ntt(packed(coefficients))) == expected
