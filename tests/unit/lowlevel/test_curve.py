"""Points and the pairing: laws, encodings and refusals."""

import pytest

from rln import errors
from rln.lowlevel import curve, field

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
LARGER, INFINITY = 0x80, 0x40


def scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")


def flagged(data: bytes, flag: int) -> bytes:
    return data[:-1] + bytes([data[-1] | flag])


def point(*coordinates: int) -> bytes:
    """Encode a point; the flag says whether y is the larger root."""
    y = coordinates[len(coordinates) // 2 :][::-1]
    larger = y > tuple(-value % P for value in y)
    return flagged(b"".join(map(scalar, coordinates)), LARGER if larger else 0)


G = {
    1: point(1, 2),
    2: point(
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
}
ZERO = {1: flagged(bytes(64), INFINITY), 2: flagged(bytes(128), INFINITY)}
GROUPS = (1, 2)


def times(group: int, k: int) -> bytes:
    return curve.msm(G[group], scalar(k % R), group)


@pytest.mark.parametrize("group", GROUPS)
def test_addition_has_the_laws_of_a_group(group: int) -> None:
    g, zero, minus = G[group], ZERO[group], times(group, -1)
    assert curve.add(g, zero, group) == curve.add(zero, g, group) == g
    assert curve.add(g, minus, group) == zero
    assert curve.add(zero, zero, group) == zero
    assert curve.add(g, g, group) == times(group, 2)
    assert curve.add(times(group, 2), g, group) == curve.add(g, times(group, 2), group) == times(group, 3)


def test_known_multiples_of_the_generator() -> None:
    doubled = point(
        1368015179489954701390400359078579693043519447331113978918064868415326638035,
        9918110051302171585080402603319702774565515993150576347155970296011118125764,
    )
    assert times(1, 2) == doubled
    assert times(1, -1) == point(1, P - 2)


@pytest.mark.parametrize("group", GROUPS)
def test_msm_is_linear(group: int) -> None:
    values = [0, 1, 2, R - 1, R // 2, 2**64, 2**128 - 1, 2**200 + 12345]
    points = b"".join(times(group, 3 * i) for i in range(8))
    expected = times(group, sum(3 * i * k for i, k in enumerate(values)))
    scalars = b"".join(map(scalar, values))
    assert curve.msm(points, scalars, group) == expected
    assert curve.msm(points, scalars, group, threads=2) == expected
    assert curve.msm(b"", b"", group) == ZERO[group]


@pytest.mark.parametrize("group", GROUPS)
def test_compression_goes_there_and_back(group: int) -> None:
    n = len(G[group]) // 2
    for k in (1, 2, 3, 5, 7, -1, -2, -3):
        full = times(group, k)
        short = curve.compress(full, group)
        assert len(short) == n
        assert curve.decompress(short, group) == full
        assert short[:-1] == full[: n - 1]
        assert short[-1] == full[n - 1] | full[-1] & LARGER
    assert curve.compress(ZERO[group], group) == flagged(bytes(n), INFINITY)
    assert curve.decompress(flagged(bytes(n), INFINITY), group) == ZERO[group]


@pytest.mark.parametrize("group", GROUPS)
def test_points_that_are_none_are_refused(group: int) -> None:
    g, zero = G[group], ZERO[group]
    half = len(g) // 2
    wrong = {
        "off the curve": flagged(scalar(5) + g[32:-1] + bytes([g[-1] & 0x3F]), 0),
        "flag of the other root": g[:-1] + bytes([g[-1] ^ LARGER]),
        "infinity flag on a point": flagged(g, INFINITY),
        "zero without its flag": bytes(len(g)),
        "zero with both flags": flagged(zero, LARGER),
        "zero with a coordinate": b"\1" + zero[1:],
        "coordinate not reduced": scalar(P) + g[32:],
    }
    for what, data in wrong.items():
        kind = errors.FieldRangeError if what == "coordinate not reduced" else errors.PointError
        with pytest.raises(kind):
            curve.add(data, g, group)
        with pytest.raises(kind):
            curve.compress(data, group)
    short = {
        "no root": next(
            data for x in range(2, 50) if not_a_square(group, data := scalar(x) + bytes(half - 32))
        ),
        "both flags": flagged(bytes(half), LARGER | INFINITY),
        "coordinate not reduced": scalar(P) + bytes(half - 32),
        "infinity with a coordinate": flagged(b"\1" + bytes(half - 1), INFINITY),
    }
    for what, data in short.items():
        kind = errors.FieldRangeError if what == "coordinate not reduced" else errors.PointError
        with pytest.raises(kind):
            curve.decompress(data, group)


def not_a_square(group: int, x: bytes) -> bool:
    """Whether x^3 + b has no root, by Euler's criterion on it or on its norm."""
    if group == 1:
        value = int.from_bytes(x, "little")
        return pow(value**3 + 3, (P - 1) // 2, P) != 1
    inverse = field.evaluate("fp2", "inv", scalar(9) + scalar(1))
    cube = field.evaluate("fp2", "mul", field.evaluate("fp2", "sqr", x), x)
    y_squared = field.evaluate(
        "fp2", "add", cube, field.evaluate("fp2", "mul", scalar(3) + scalar(0), inverse)
    )
    c0, c1 = (int.from_bytes(y_squared[i : i + 32], "little") for i in (0, 32))
    return pow(c0 * c0 + c1 * c1, (P - 1) // 2, P) != 1


def test_point_of_the_twist_outside_the_subgroup_is_refused() -> None:
    refused = 0
    for x in range(1, 30):
        data = scalar(x) + bytes(32)
        if not_a_square(2, data):
            continue
        with pytest.raises(errors.PointError):
            curve.decompress(data, 2)
        refused += 1
    assert refused > 5


@pytest.mark.parametrize("group", GROUPS)
def test_lengths_are_checked(group: int) -> None:
    n = len(G[group])
    with pytest.raises(errors.EncodingError, match=rf"^a: expected {n} bytes, got {n - 1}$"):
        curve.add(G[group][:-1], G[group], group)
    with pytest.raises(errors.EncodingError, match=rf"^data: expected {n // 2} bytes, got {n}$"):
        curve.decompress(G[group], group)
    with pytest.raises(errors.EncodingError, match=r"expected \d+ bytes, got 64$"):
        curve.msm(G[group], bytes(64), group)
    with pytest.raises(errors.FieldRangeError, match=r"not a canonical number of its field$"):
        curve.msm(G[group], scalar(R), group)


def test_there_are_two_groups() -> None:
    for group in (0, 3, True):
        with pytest.raises(errors.ParameterError, match=r"^group: expected "):
            curve.add(G[1], G[1], group)


ONE = scalar(1) + bytes(384 - 32)


def test_pairing_is_bilinear_and_not_trivial() -> None:
    e = curve.pairing(G[1], G[2])
    assert e != ONE
    six = curve.pairing(times(1, 2), times(2, 3))
    assert six == curve.pairing(times(1, 6), G[2]) == curve.pairing(G[1], times(2, 6))
    square = field.evaluate("fp12", "sqr", e)
    assert six == field.evaluate("fp12", "mul", field.evaluate("fp12", "sqr", square), square)
    assert field.evaluate("fp12", "mul", e, curve.pairing(times(1, -1), G[2])) == ONE


def test_pairing_with_infinity_is_one() -> None:
    assert curve.pairing(ZERO[1], G[2]) == curve.pairing(G[1], ZERO[2]) == ONE
