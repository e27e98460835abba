"""Fp2, Fp6 and Fp12, compared with py_ecc's Fp12, on elements whose limbs are mostly at an edge."""

from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.optimized_bn128 import FQ12

from rln.lowlevel import field
from rln.lowlevel.field import FieldName
from tests.differential.bn254 import P, coordinates, decode, encode, fq12

LIMBS = st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
ELEMENTS = (
    st.sampled_from([0, 1, 2, 9, P - 1, P - 2, P // 2, P // 2 + 1, 2**253, (1 << 256) % P, -(1 << 256) % P])
    | st.lists(LIMBS, min_size=4, max_size=4).map(lambda v: sum(w << 64 * i for i, w in enumerate(v)) % P)
    | st.integers(0, P - 1)
)
TOWER: list[tuple[FieldName, int]] = [("fp2", 2), ("fp6", 6), ("fp12", 12)]


def vectors(n: int) -> st.SearchStrategy[list[int]]:
    return st.lists(ELEMENTS, min_size=n, max_size=n)


@settings(max_examples=60)
@given(a=vectors(12), b=vectors(12))
def test_arithmetic(a: list[int], b: list[int]) -> None:
    for name, n in TOWER:
        x, y = encode(a[:n]), encode(b[:n])
        ours = [
            field.evaluate(name, "add", x, y),
            field.evaluate(name, "sub", x, y),
            field.evaluate(name, "mul", x, y),
            field.evaluate(name, "sqr", x),
            field.evaluate(name, "neg", x),
        ]
        left, right = fq12(a[:n]), fq12(b[:n])
        theirs = [left + right, left - right, left * right, left * left, -left]
        for got, want in zip(ours, theirs, strict=True):
            assert decode(got) + [0] * (12 - n) == coordinates(want)


@settings(max_examples=40)
@given(a=vectors(12))
def test_inverses(a: list[int]) -> None:
    for name, n in TOWER:
        inverse = decode(field.evaluate(name, "inv", encode(a[:n])))
        if any(a[:n]):
            assert fq12(inverse) * fq12(a[:n]) == FQ12.one()
        else:
            assert not any(inverse)


def test_many_elements_at_once_are_the_same_as_one_at_a_time() -> None:
    values = [[(7919 * i + j) ** 17 % P for j in range(12)] for i in range(8)]
    packed = b"".join(map(encode, values))
    products = field.evaluate("fp12", "mul", packed, packed[384:] + packed[:384])
    for i, value in enumerate(values):
        want = coordinates(fq12(value) * fq12(values[(i + 1) % 8]))
        assert decode(products[384 * i : 384 * (i + 1)]) == want


def test_the_tower_is_the_one_of_the_header() -> None:
    u, nine_plus_u = [0, 1], [9, 1]
    v, w = [0, 0, 1, 0, 0, 0], [0] * 6 + [1] + [0] * 5
    assert decode(field.evaluate("fp2", "sqr", encode(u))) == [P - 1, 0]
    squared = field.evaluate("fp6", "sqr", encode(v))
    assert decode(field.evaluate("fp6", "mul", squared, encode(v))) == nine_plus_u + [0] * 4
    assert decode(field.evaluate("fp12", "sqr", encode(w))) == v + [0] * 6
