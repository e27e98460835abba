"""The formulas of the tower and of the pairing are identities: the text of the headers is run on symbols."""

from typing import Any

import pytest
from sympy import ZZ
from sympy.polys.rings import ring

from tests.differential.c_text import Headers

X = 4965661367192848881
P = 36 * X**4 + 36 * X**3 + 24 * X**2 + 6 * X + 1
R = P - 6 * X**2

Memory = dict[str, Any]
Vector = list[Any]  # coefficients of 1, w, .. w^5, where w^6 = xi

# The places of w^0 .. w^5 in an fp12, and of v^0 .. v^2 in an fp6.
W = ["c0.c0", "c1.c0", "c0.c1", "c1.c1", "c0.c2", "c1.c2"]
V = ["c0", "c1", "c2"]

RING, XI, *SYMBOLS = ring("xi, a0:6, b0:6, i, z", ZZ)
A, B, INVERSE, ZETA = SYMBOLS[:6], SYMBOLS[6:12], SYMBOLS[12], SYMBOLS[13]
inverted: list[Any] = []


def invert(value: Any) -> Any:
    """Return a symbol for 1/value; the test then shows that r a = (1/value) value."""
    inverted.append(value)
    return INVERSE


FP2 = {
    "fp2_add": lambda a, b: a + b,
    "fp2_sub": lambda a, b: a - b,
    "fp2_mul": lambda a, b: a * b,
    "fp2_dbl": lambda a: 2 * a,
    "fp2_neg": lambda a: -a,
    "fp2_sqr": lambda a: a * a,
    "fp2_mul_by_nonresidue": lambda a: XI * a,
    "fp2_inv": invert,
}
TOWER = Headers(["fp6.h", "fp12.h"], FP2)


def product(a: Vector, b: Vector, period: int) -> Vector:
    """Return the schoolbook product of polynomials in a variable whose power `period` is xi."""
    r = [RING(0)] * period
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            r[(i + j) % period] += x * y * (XI if i + j >= period else 1)
    return r


def store(memory: Memory, base: str, places: list[str], values: Vector) -> None:
    memory.update({f"{base}.{place}": value for place, value in zip(places, values, strict=True)})


def load(memory: Memory, base: str, places: list[str]) -> Vector:
    return [memory[f"{base}.{place}"] for place in places]


@pytest.mark.parametrize("aliased", [False, True])
@pytest.mark.parametrize(("prefix", "places"), [("fp6", V), ("fp12", W)])
def test_products_and_squares(prefix: str, places: list[str], aliased: bool) -> None:
    n = len(places)
    for function, operands in (("mul", ["a", "b"]), ("mul", ["a", "a"]), ("sqr", ["a"])):
        memory: Memory = {}
        store(memory, "a", places, A[:n])
        store(memory, "b", places, B[:n])
        target = operands[-1] if aliased else "r"
        TOWER.run(f"{prefix}_{function}", memory, target, *operands)
        right = B[:n] if operands[-1] == "b" else A[:n]
        assert load(memory, target, places) == product(A[:n], right, n)


@pytest.mark.parametrize(("prefix", "places"), [("fp6", V), ("fp12", W)])
def test_inverses(prefix: str, places: list[str]) -> None:
    inverted.clear()
    memory: Memory = {}
    n = len(places)
    store(memory, "a", places, A[:n])
    TOWER.run(f"{prefix}_inv", memory, "a", "a")
    (norm,) = inverted
    assert norm != 0
    result = product(load(memory, "a", places), A[:n], n)
    assert result[0] == INVERSE * norm
    assert not any(result[1:])


def test_multiples_of_v_and_sparse_factors_of_fp6() -> None:
    memory: Memory = {"b0": B[0], "b1": B[1]}
    store(memory, "a", V, A[:3])
    TOWER.run("fp6_mul_by_v", memory, "r", "a")
    assert load(memory, "r", V) == product(A[:3], [0, 1, 0], 3)
    TOWER.run("fp6_mul_by_01", memory, "r", "a", "b0", "b1")
    assert load(memory, "r", V) == product(A[:3], [B[0], B[1], 0], 3)
    TOWER.run("fp6_mul_by_fp2", memory, "a", "a", "a.c1")
    assert load(memory, "a", V) == product(A[:3], [A[1], 0, 0], 3)


@pytest.mark.parametrize("target", ["r", "a"])
def test_products_with_lines(target: str) -> None:
    memory: Memory = {"l0": B[0], "l1": B[1], "l3": B[3]}
    store(memory, "a", W, A)
    TOWER.run("fp12_mul_by_line", memory, target, "a", "l0", "l1", "l3")
    assert load(memory, target, W) == product(A, [B[0], B[1], 0, B[3], 0, 0], 6)
    store(memory, "a", W, A)
    TOWER.run("fp12_mul_by_unit_line", memory, target, "a", "l1", "l3")
    assert load(memory, target, W) == product(A, [1, B[1], 0, B[3], 0, 0], 6)


def test_cyclotomic_square_is_the_square_where_the_condition_holds() -> None:
    """The p^2-power map s takes w to z w, z^2 = z - 1; cyclotomic means s(s(a)) a = s(a).

    With c = s(s(a)) a - s(a) as c0 + c1 w + c2 w^2 over Fp4, the difference between the square and what is
    computed is -2 c0 + 2 (1 - z) c1 w + 2 z c2 w^2: zero when c is.
    """
    memory: Memory = {}
    store(memory, "a", W, A)
    TOWER.run("fp12_cyclotomic_sqr", memory, "a", "a")
    computed = load(memory, "a", W)

    def frobenius(a: Vector) -> Vector:
        return [value * ZETA**i for i, value in enumerate(a)]

    twice = frobenius(frobenius(A))
    condition = [x - y for x, y in zip(product(twice, A, 6), frobenius(A), strict=True)]
    factors = [RING(-2), 2 - 2 * ZETA, 2 * ZETA] * 2
    square = product(A, A, 6)
    for i in range(6):
        difference = square[i] - computed[i] - factors[i] * condition[i]
        assert difference.rem([ZETA**2 - ZETA + 1]) == 0


def test_fp2_square_and_karatsuba() -> None:
    """This checks fp2_sqr as it is written, and the cross term of fp2_mul."""
    a0, a1, b0, b1 = A[0], A[1], B[0], B[1]
    fp = {
        "fp_add": lambda a, b: a + b,
        "fp_sub": lambda a, b: a - b,
        "fp_dbl": lambda a: 2 * a,
        "fp_mul": lambda a, b: a * b,
    }
    memory: Memory = {"a.c0": a0, "a.c1": a1}
    Headers(["fp2.h"], fp).run("fp2_sqr", memory, "a", "a")
    assert (memory["a.c0"], memory["a.c1"]) == (a0**2 - a1**2, 2 * a0 * a1)
    assert (a0 + a1) * (b0 + b1) - a0 * b0 - a1 * b1 == a0 * b1 + a1 * b0


# ---- steps of the Miller loop: points (X/Z, Y/Z) of y^2 = x^3 + b ------------------------------------

# x comes first, so that division by the curve's equation removes x^3.
STEPS, TX, TY, TZ, QX, QY, CURVE_B = ring("x, y, z, u, v, b", ZZ)
WALK = Headers(["pairing.h"], {k: v for k, v in FP2.items() if k != "fp2_mul_by_nonresidue"})
EQUATION = TX**3 + CURVE_B * TZ**3 - TY**2 * TZ


def is_zero(value: Any) -> bool:
    """Return whether the value is zero for every point of the curve."""
    return bool(value.rem([EQUATION]) == 0)


def walk_step(function: str, *more: str) -> Memory:
    memory: Memory = {"t.x": TX, "t.y": TY, "t.z": TZ, "q.x": QX, "q.y": QY, "PAIRING_TWIST_B3": 3 * CURVE_B}
    WALK.run(function, memory, "line", "t", *more)
    return memory


def check_step(memory: Memory, over: Any, under: Any, other_x: Any, other_under: Any) -> None:
    """Compare with the affine law for slope over/under, the other point's x being other_x/other_under."""
    x, y, z = memory["t.x"], memory["t.y"], memory["t.z"]
    # x' = slope^2 - x - x_other
    assert is_zero(
        x * under**2 * TZ * other_under
        - z * (over**2 * TZ * other_under - TX * under**2 * other_under - other_x * under**2 * TZ)
    )
    # y' = slope (x - x') - y
    assert is_zero(y * under * TZ - over * (TX * z - x * TZ) + TY * z * under)
    # the line y - slope x w + (slope x_T - y_T) w^3, times l0
    l0, l1, l3 = memory["line.l0"], memory["line.l1"], memory["line.l3"]
    assert is_zero(l1 * under + l0 * over)
    assert is_zero(l3 * under * TZ - l0 * (over * TX - TY * under))
    assert l0 != 0


def test_doubling_step() -> None:
    memory = walk_step("pairing_double")
    check_step(memory, 3 * TX**2, 2 * TY * TZ, TX, TZ)


def test_addition_step() -> None:
    memory = walk_step("pairing_add", "q")
    check_step(memory, TY - QY * TZ, TX - QX * TZ, QX, STEPS(1))


# ---- the final exponentiation, run on exponents ------------------------------------------------------


def test_final_power_is_the_standard_one() -> None:
    order = P**12 - 1
    powers = {
        "fp12_mul": lambda a, b: (a + b) % order,
        "fp12_cyclotomic_sqr": lambda a: 2 * a % order,
        "fp12_inv_var": lambda a: -a % order,
        "fp12_conjugate": lambda a: a * P**6 % order,
        "fp12_frobenius": lambda a: a * P % order,
        "fp12_frobenius_2": lambda a: a * P**2 % order,
        "fp12_frobenius_3": lambda a: a * P**3 % order,
        "pairing_pow_x": lambda a: a * X % order,
    }
    memory: Memory = {"a": 1}
    Headers(["pairing.h"], powers).run("pairing_final_power", memory, "r", "a")
    assert memory["r"] == order // R
    assert order % R == 0
