"""Laws of the two groups and of the transform, for scalars at the edges of limbs and of r."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln import errors
from rln.lowlevel import curve, field

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
INFINITY = {1: bytes(63) + b"\x40", 2: bytes(127) + b"\x40"}
GENERATOR = {
    1: (1).to_bytes(32, "little") + (2).to_bytes(32, "little"),
    2: b"".join(
        c.to_bytes(32, "little")
        for c in (
            10857046999023057135944570762232829481370756359578518086990519993285655852781,
            11559732032986387107991004021392285783925812861821192530917403151452391805634,
            8495653923123431417604973247489272438418190587263600148770280649306958101930,
            4082367875863433681332203403145435568316851327593401208105741076214120093531,
        )
    ),
}

limbs = st.one_of(st.sampled_from([0, 1, 2, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1))
scalars = st.one_of(
    st.sampled_from([0, 1, 2, 3, R - 1, R - 2, R // 2, R // 2 + 1, 2**127, 2**128 - 1]),
    st.lists(limbs, min_size=4, max_size=4).map(lambda v: sum(x << (64 * i) for i, x in enumerate(v)) % R),
)
group_numbers = st.sampled_from([1, 2])


def le(*numbers: int) -> bytes:
    return b"".join(n.to_bytes(32, "little") for n in numbers)


def times(k: int, group: int) -> bytes:
    """Multiply the generator by k."""
    return curve.msm(GENERATOR[group], le(k), group)


@given(group_numbers, scalars, scalars)
def test_multiples_add(group: int, a: int, b: int) -> None:
    total = curve.add(times(a, group), times(b, group), group)
    assert total == times((a + b) % R, group)
    assert total == curve.add(times(b, group), times(a, group), group)
    assert total == curve.msm(GENERATOR[group] * 2, le(a, b), group)


@given(group_numbers, scalars, scalars, scalars)
def test_addition_is_associative(group: int, a: int, b: int, c: int) -> None:
    p, q, s = (times(k, group) for k in (a, b, c))
    left = curve.add(curve.add(p, q, group), s, group)
    assert left == curve.add(p, curve.add(q, s, group), group)


@given(group_numbers, scalars)
def test_a_point_and_its_negative_cancel(group: int, k: int) -> None:
    p = times(k, group)
    assert curve.add(p, times(-k % R, group), group) == INFINITY[group]
    assert curve.add(p, INFINITY[group], group) == p


@given(group_numbers, scalars, scalars)
def test_multiples_of_multiples_multiply(group: int, a: int, b: int) -> None:
    assert curve.msm(times(a, group), le(b), group) == times(a * b % R, group)


@given(group_numbers, scalars)
def test_compression_round_trips(group: int, k: int) -> None:
    p = times(k, group)
    assert curve.decompress(curve.compress(p, group), group) == p


@settings(max_examples=15)
@given(group_numbers, st.lists(st.tuples(scalars, scalars), min_size=33, max_size=80))
def test_a_long_sum_is_one_multiple(group: int, terms: list[tuple[int, int]]) -> None:
    """The sum is long enough for buckets; points repeat, cancel or are infinity, as the scalars say."""
    points = b"".join(times(a, group) for a, _ in terms)
    factors = le(*(b for _, b in terms))
    expected = times(sum(a * b for a, b in terms) % R, group)
    assert curve.msm(points, factors, group) == expected
    assert curve.msm(points, factors, group, 2) == expected


@given(group_numbers, st.integers(R, 2**256 - 1))
def test_a_scalar_that_is_not_canonical_is_refused(group: int, k: int) -> None:
    with pytest.raises(errors.FieldRangeError, match="scalars"):
        times(k, group)


@given(st.integers(0, 6), st.data())
def test_the_transform_is_linear_and_has_an_inverse(log_n: int, data: st.DataObject) -> None:
    vectors = st.lists(scalars, min_size=2**log_n, max_size=2**log_n)
    a, b = data.draw(vectors), data.draw(vectors)
    first, second = field.ntt(le(*a)), field.ntt(le(*b))
    assert field.ntt(first, inverse=True) == le(*a)
    assert field.ntt(le(*((x + y) % R for x, y in zip(a, b, strict=True)))) == field.evaluate(
        "fr", "add", first, second
    )


@given(st.integers(1, 5), st.data())
def test_the_transform_multiplies_polynomials(log_n: int, data: st.DataObject) -> None:
    half = st.lists(scalars, min_size=2 ** (log_n - 1), max_size=2 ** (log_n - 1))
    a, b = data.draw(half), data.draw(half)
    n = 2**log_n
    product = [0] * n
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] = (product[i + j] + x * y) % R
    padding = [0] * (n // 2)
    values = field.evaluate("fr", "mul", field.ntt(le(*a, *padding)), field.ntt(le(*b, *padding)))
    assert field.ntt(values, inverse=True) == le(*product)


@pytest.mark.parametrize("count", [0, 3, 6])
def test_a_transform_whose_size_is_no_power_of_two_is_refused(count: int) -> None:
    with pytest.raises(errors.ParameterError, match="a"):
        field.ntt(bytes(32 * count))
