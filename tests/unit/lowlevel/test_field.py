"""The fields against Python's integers; the transform against its definition."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from rln import errors
from rln.lowlevel import field

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
MODULI: dict[field.FieldName, int] = {"fr": R, "fp": P}
SIZES: dict[field.FieldName, int] = {"fr": 1, "fp": 1, "fp2": 2, "fp6": 6, "fp12": 12}
BINARY: tuple[field.Operation, ...] = ("add", "sub", "mul")
UNARY: tuple[field.Operation, ...] = ("sqr", "neg", "inv")


def pack(values: list[int]) -> bytes:
    return b"".join(value.to_bytes(32, "little") for value in values)


def unpack(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]


def edges(modulus: int, n: int, seed: int) -> list[int]:
    """Draw n elements whose limbs are mostly 0, 1, all ones, or those of the modulus."""
    draw = random.Random(seed)
    found = [0, 1, 2, modulus - 1, modulus - 2, modulus // 2, modulus // 2 + 1, 2**256 % modulus]
    while len(found) < n:
        limbs = [
            draw.choice([0, 1, 2**64 - 1, 2**63, modulus >> 64 * i & (2**64 - 1), draw.getrandbits(64)])
            for i in range(4)
        ]
        found.append(sum(limb << 64 * i for i, limb in enumerate(limbs)) % modulus)
    return found[:n]


class Tower:
    """Fp12 from its definition: u^2 = -1, v^3 = 9 + u, w^2 = v, as nested tuples."""

    @staticmethod
    def add(a: Any, b: Any) -> Any:
        if isinstance(a, int):
            return (a + b) % P
        return tuple(Tower.add(x, y) for x, y in zip(a, b, strict=True))

    @staticmethod
    def mul(a: Any, b: Any) -> Any:
        if isinstance(a, int):
            return a * b % P
        n = len(a)
        product: list[Any] = [None] * (2 * n - 1)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                term = Tower.mul(x, y)
                product[i + j] = term if product[i + j] is None else Tower.add(product[i + j], term)
        for k in range(2 * n - 2, n - 1, -1):
            product[k - n] = Tower.add(product[k - n], Tower.fold(product[k]))
        return tuple(product[:n])

    @staticmethod
    def fold(a: Any) -> Any:
        """Multiply by the element whose root generates the next field of the tower: -1, 9 + u, v."""
        if isinstance(a, int):
            return -a % P
        if len(a) == 2:
            return Tower.mul(a, (9, 1))
        return (Tower.mul(a[2], (9, 1)), a[0], a[1])

    @staticmethod
    def nest(values: list[int]) -> Any:
        if len(values) == 1:
            return values[0]
        parts = {2: 2, 6: 3, 12: 2}[len(values)]
        size = len(values) // parts
        return tuple(Tower.nest(values[i * size : (i + 1) * size]) for i in range(parts))

    @staticmethod
    def flat(a: Any) -> list[int]:
        return [a] if isinstance(a, int) else [value for part in a for value in Tower.flat(part)]


@pytest.mark.parametrize("name", MODULI)
def test_prime_fields_equal_integers(name: field.FieldName) -> None:
    m = MODULI[name]
    left, right = edges(m, 40, 1), edges(m, 40, 2)
    a = [x for x in left for _ in right]
    b = [y for _ in left for y in right]
    binary: dict[field.Operation, Callable[[int, int], int]] = {
        "add": lambda x, y: (x + y) % m,
        "sub": lambda x, y: (x - y) % m,
        "mul": lambda x, y: x * y % m,
    }
    for operation, expected in binary.items():
        result = unpack(field.evaluate(name, operation, pack(a), pack(b)))
        assert result == [expected(x, y) for x, y in zip(a, b, strict=True)], operation
    unary: dict[field.Operation, Callable[[int], int]] = {
        "sqr": lambda x: x * x % m,
        "neg": lambda x: -x % m,
        "inv": lambda x: pow(x, m - 2, m),
    }
    for operation, law in unary.items():
        assert unpack(field.evaluate(name, operation, pack(left))) == [law(x) for x in left], operation


@pytest.mark.parametrize("name", ["fp2", "fp6", "fp12"])
def test_tower_equals_its_definition(name: field.FieldName) -> None:
    n = SIZES[name]
    left, right = edges(P, 12 * n, 3), edges(P, 12 * n, 4)
    random.Random(5).shuffle(left)
    for i in range(0, len(left), n):
        x, y = left[i : i + n], right[i : i + n]
        a, b = Tower.nest(x), Tower.nest(y)
        assert unpack(field.evaluate(name, "add", pack(x), pack(y))) == Tower.flat(Tower.add(a, b))
        assert unpack(field.evaluate(name, "mul", pack(x), pack(y))) == Tower.flat(Tower.mul(a, b))
        assert unpack(field.evaluate(name, "sqr", pack(x))) == Tower.flat(Tower.mul(a, a))
        assert unpack(field.evaluate(name, "sub", pack(x), pack(y))) == [
            (v - w) % P for v, w in zip(x, y, strict=True)
        ]
        assert unpack(field.evaluate(name, "neg", pack(x))) == [-v % P for v in x]


@pytest.mark.parametrize("name", ["fp2", "fp6", "fp12"])
def test_tower_inverse_times_itself_is_one(name: field.FieldName) -> None:
    n = SIZES[name]
    zero, one = [0] * n, [1] + [0] * (n - 1)
    cases = [[int(i == j) for j in range(n)] for i in range(n)] + [
        edges(P, n, seed)[::-1] for seed in range(6)
    ]
    for case in cases:
        inverse = field.evaluate(name, "inv", pack(case))
        assert unpack(field.evaluate(name, "mul", pack(case), inverse)) == one
    assert unpack(field.evaluate(name, "inv", pack(zero))) == zero


@pytest.mark.parametrize("name", SIZES)
def test_each_number_must_be_canonical(name: field.FieldName) -> None:
    modulus = MODULI.get(name, P)
    n = SIZES[name]
    for place in range(n):
        for value in (modulus, modulus + 1, 2**254, 2**256 - 1):
            bad = pack([0] * n + [value if i == place else 0 for i in range(n)])
            with pytest.raises(errors.FieldRangeError, match=r"^a\[1\]: not a canonical number"):
                field.evaluate(name, "sqr", bad)
            with pytest.raises(errors.FieldRangeError, match=r"^b\[1\]: not a canonical number"):
                field.evaluate(name, "add", bytes(len(bad)), bad)


@pytest.mark.parametrize("name", SIZES)
def test_lengths_must_fit(name: field.FieldName) -> None:
    size = 32 * SIZES[name]
    for n in (1, size - 1, size + 1):
        with pytest.raises(errors.EncodingError, match=rf"expected \d+ bytes, got {n}$"):
            field.evaluate(name, "sqr", bytes(n))
    for operation in BINARY:
        with pytest.raises(errors.EncodingError, match=rf"^b: expected {2 * size} bytes, got {size}$"):
            field.evaluate(name, operation, bytes(2 * size), bytes(size))
        with pytest.raises(errors.EncodingError, match=rf"^b: expected {size} bytes, got 0$"):
            field.evaluate(name, operation, bytes(size))
        assert field.evaluate(name, operation, b"", b"") == b""
    for operation in UNARY:
        assert field.evaluate(name, operation, b"") == b""


def test_unknown_names_are_refused() -> None:
    with pytest.raises(
        errors.ParameterError, match=r"^field: expected one of fr, fp, fp2, fp6, fp12, got 'fq'$"
    ):
        field.evaluate("fq", "add", b"", b"")  # type: ignore[arg-type]
    with pytest.raises(errors.ParameterError, match=r"^operation: expected one of add, .*, got 'pow'$"):
        field.evaluate("fr", "pow", b"", b"")  # type: ignore[arg-type]


def root_of_unity(k: int) -> int:
    return pow(5, (R - 1) >> k, R)


@pytest.mark.parametrize("k", range(6))
def test_transform_evaluates_the_polynomial(k: int) -> None:
    coefficients = edges(R, 2**k, 7)
    w = root_of_unity(k)
    values = [sum(c * pow(w, i * j, R) for j, c in enumerate(coefficients)) % R for i in range(2**k)]
    assert unpack(field.ntt(pack(coefficients))) == values
    assert unpack(field.ntt(pack(values), inverse=True)) == coefficients


@pytest.mark.parametrize("k", [10, 13])
def test_transform_there_and_back_changes_nothing(k: int) -> None:
    values = pack(edges(R, 2**k, 8))
    there = field.ntt(values, threads=2)
    assert there == field.ntt(values)
    assert field.ntt(there, inverse=True, threads=2) == values


@pytest.mark.parametrize("n", [0, 3, 6])
def test_transform_refuses_lengths_that_are_no_power_of_two(n: int) -> None:
    with pytest.raises(errors.ParameterError, match=f"^values: expected a power of two, .*got {n}$"):
        field.ntt(bytes(32 * n))


def test_transform_refuses_a_number_that_is_not_canonical() -> None:
    with pytest.raises(errors.FieldRangeError, match=r"\[1\]: not a canonical number of its field$"):
        field.ntt(pack([0, R]))
