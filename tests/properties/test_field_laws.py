"""The laws of a field, for both prime fields and for Fp2, Fp6 and Fp12."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.errors import FieldRangeError
from rln.lowlevel import field
from rln.lowlevel.field import FieldName
from tests.support.field_elements import P, R, elements, packed, unpacked

DEGREES: dict[FieldName, int] = {"fr": 1, "fp": 1, "fp2": 2, "fp6": 6, "fp12": 12}
MODULI: dict[FieldName, int] = {name: R if name == "fr" else P for name in DEGREES}

EXAMPLES = settings(max_examples=40)
every_field = pytest.mark.parametrize("name", DEGREES)


def one_of(name: FieldName) -> st.SearchStrategy[bytes]:
    """Draw an element of the field; in the tower often of a smaller field, or a multiple of a root."""
    coordinate = elements(MODULI[name])
    sparse = st.just(0) | coordinate
    size = DEGREES[name]
    full = st.lists(coordinate, min_size=size, max_size=size)
    return (full | st.lists(sparse, min_size=size, max_size=size)).map(packed)


class Field:
    """The operations of a field on bytes, with short names for the laws."""

    def __init__(self, name: FieldName) -> None:
        self.name = name
        self.zero = bytes(32 * DEGREES[name])
        self.one = (1).to_bytes(32 * DEGREES[name], "little")

    def add(self, a: bytes, b: bytes) -> bytes:
        return field.evaluate(self.name, "add", a, b)

    def sub(self, a: bytes, b: bytes) -> bytes:
        return field.evaluate(self.name, "sub", a, b)

    def mul(self, a: bytes, b: bytes) -> bytes:
        return field.evaluate(self.name, "mul", a, b)

    def sqr(self, a: bytes) -> bytes:
        return field.evaluate(self.name, "sqr", a)

    def neg(self, a: bytes) -> bytes:
        return field.evaluate(self.name, "neg", a)

    def inv(self, a: bytes) -> bytes:
        return field.evaluate(self.name, "inv", a)


@every_field
@EXAMPLES
@given(data=st.data())
def test_addition_is_an_abelian_group(name: FieldName, data: st.DataObject) -> None:
    f = Field(name)
    a, b, c = (data.draw(one_of(name)) for _ in range(3))
    assert f.add(a, b) == f.add(b, a)
    assert f.add(f.add(a, b), c) == f.add(a, f.add(b, c))
    assert f.add(a, f.zero) == a
    assert f.add(a, f.neg(a)) == f.zero
    assert f.sub(a, b) == f.add(a, f.neg(b)) == f.neg(f.sub(b, a))
    assert f.sub(a, a) == f.zero
    assert f.neg(f.neg(a)) == a


@every_field
@EXAMPLES
@given(data=st.data())
def test_multiplication_is_commutative_associative_and_distributes(
    name: FieldName, data: st.DataObject
) -> None:
    f = Field(name)
    a, b, c = (data.draw(one_of(name)) for _ in range(3))
    assert f.mul(a, b) == f.mul(b, a)
    assert f.mul(f.mul(a, b), c) == f.mul(a, f.mul(b, c))
    assert f.mul(a, f.one) == a
    assert f.mul(a, f.zero) == f.zero
    assert f.mul(a, f.add(b, c)) == f.add(f.mul(a, b), f.mul(a, c))
    assert f.mul(f.neg(a), b) == f.neg(f.mul(a, b))


@every_field
@EXAMPLES
@given(data=st.data())
def test_a_square_is_a_product(name: FieldName, data: st.DataObject) -> None:
    f = Field(name)
    a, b = (data.draw(one_of(name)) for _ in range(2))
    assert f.sqr(a) == f.mul(a, a)
    assert f.sqr(f.neg(a)) == f.sqr(a)
    twice = f.mul(a, b)
    assert f.sqr(f.add(a, b)) == f.add(f.add(f.sqr(a), f.sqr(b)), f.add(twice, twice))


@every_field
@EXAMPLES
@given(data=st.data())
def test_everything_but_zero_has_an_inverse(name: FieldName, data: st.DataObject) -> None:
    f = Field(name)
    a, b = (data.draw(one_of(name)) for _ in range(2))
    assert f.inv(f.zero) == f.zero
    assert f.mul(a, f.inv(a)) == (f.zero if a == f.zero else f.one)
    assert f.inv(f.inv(a)) == a
    assert f.inv(f.mul(a, b)) == f.mul(f.inv(a), f.inv(b))
    assert (f.mul(a, b) == f.zero) == (f.zero in (a, b))


@every_field
@EXAMPLES
@given(data=st.data())
def test_many_at_once_equal_one_at_a_time(name: FieldName, data: st.DataObject) -> None:
    """Zeros among the elements of a batch inversion matter most: a zero must not change its neighbours."""
    f = Field(name)
    size = data.draw(st.integers(0, 9))
    zeros = st.just(f.zero)
    lists = st.lists(one_of(name) | zeros, min_size=size, max_size=size)
    left, right = data.draw(lists), data.draw(lists)
    a, b = b"".join(left), b"".join(right)
    for function in (f.add, f.sub, f.mul):
        assert function(a, b) == b"".join(map(function, left, right))
    for alone in (f.sqr, f.neg, f.inv):
        assert alone(a) == b"".join(map(alone, left))


@every_field
@EXAMPLES
@given(data=st.data())
def test_results_are_canonical_and_are_read_back(name: FieldName, data: st.DataObject) -> None:
    f = Field(name)
    a, b = (data.draw(one_of(name)) for _ in range(2))
    for result in (f.add(a, b), f.sub(a, b), f.mul(a, b), f.sqr(a), f.neg(a), f.inv(a)):
        assert max(unpacked(result)) < MODULI[name]
        assert f.add(result, f.zero) == result


@every_field
@EXAMPLES
@given(data=st.data())
def test_an_element_has_one_encoding(name: FieldName, data: st.DataObject) -> None:
    modulus, size = MODULI[name], DEGREES[name]
    a = unpacked(data.draw(one_of(name)))
    place = data.draw(st.integers(0, size - 1))
    a[place] += data.draw(st.integers(1, (2**256 - 1 - a[place]) // modulus)) * modulus
    with pytest.raises(FieldRangeError):
        field.evaluate(name, "neg", packed(a))
    with pytest.raises(FieldRangeError):
        field.evaluate(name, "add", bytes(32 * size), packed(a))


@pytest.mark.parametrize("name", ["fr", "fp"])
@EXAMPLES
@given(data=st.data())
def test_prime_fields_are_integers_modulo_the_prime(name: FieldName, data: st.DataObject) -> None:
    f, modulus = Field(name), MODULI[name]
    a, b = (data.draw(elements(modulus)) for _ in range(2))
    for function, expected in ((f.add, a + b), (f.sub, a - b), (f.mul, a * b)):
        assert unpacked(function(packed([a]), packed([b]))) == [expected % modulus]


@EXAMPLES
@given(power=st.integers(0, 5), data=st.data())
def test_the_transform_is_linear_and_has_an_inverse(power: int, data: st.DataObject) -> None:
    size = 2**power
    vectors = st.lists(elements(R), min_size=size, max_size=size).map(packed)
    f, a, b = Field("fr"), data.draw(vectors), data.draw(vectors)
    assert field.ntt(field.ntt(a), inverse=True) == a == field.ntt(field.ntt(a, inverse=True))
    assert field.ntt(f.add(a, b)) == f.add(field.ntt(a), field.ntt(b))
