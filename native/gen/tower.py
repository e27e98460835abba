"""The constants of the tower over Fp, of the twist and of the pairing's loops.

The tower is Fp2 = Fp[u]/(u^2 + 1), Fp6 = Fp2[v]/(v^3 - xi), Fp12 = Fp6[w]/(w^2 - v) with xi = 9 + u. So
w^6 = xi, and the p^k-power map takes c w^i (c in Fp2) to c^(p^k) xi^(i (p^k - 1) / 6) w^i: these powers of
xi are FP12_FROBENIUS_k[i].

The twist is y^2 = x^3 + 3 / xi (D type): (x, y) -> (x w^2, y w^3) maps it to y^2 = x^3 + 3 over Fp12. There
the p-power map is psi(x, y) = (conj(x) xi^((p-1)/3), conj(y) xi^((p-1)/2)) on the twist; its factors are
FP12_FROBENIUS_1[2] and [3].

Loops: the walk of G2 uses the non-adjacent form of 6x + 2; the powers f^x of the final exponentiation use
signed windows of 4 bits (odd digits below 8). Source: Vercauteren 2010, "Optimal pairings"; Hankerson,
Menezes, Vanstone 2004, algorithm 3.35.
"""

from collections.abc import Iterable
from math import gcd

from curve import P, R, X
from text import element, header

Fp2 = tuple[int, int]
XI: Fp2 = (9, 1)
WINDOW = 4


def mul(a: Fp2, b: Fp2) -> Fp2:
    """Return the product in Fp2."""
    return (a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P


def power(a: Fp2, exponent: int) -> Fp2:
    """Return a^exponent in Fp2, exponent >= 0."""
    result = (1, 0)
    for bit in bin(exponent)[2:]:
        result = mul(result, result)
        if bit == "1":
            result = mul(result, a)
    return result


def inverse(a: Fp2) -> Fp2:
    """Return 1/a in Fp2."""
    norm = pow(a[0] * a[0] + a[1] * a[1], -1, P)
    return a[0] * norm % P, -a[1] * norm % P


def signed_digits(value: int, width: int) -> list[int]:
    """Return the non-adjacent form of the given width (2: the plain one), least significant digit first."""
    digits = []
    while value:
        digit = 0
        if value & 1:
            digit = value % (1 << width)
            if digit >> (width - 1):
                digit -= 1 << width
        digits.append(digit)
        value = (value - digit) >> 1
    return digits


def fp2(a: Fp2) -> str:
    """Return the initialiser of an fp2."""
    return f"{{{element(a[0], P)}, {element(a[1], P)}}}"


def table(declaration: str, rows: Iterable[str]) -> list[str]:
    """Return the lines of an array, one row in each line."""
    return [f"static const {declaration} = {{", *(f"    {row}," for row in rows), "};"]


def fp12_header() -> str:
    """Return the powers of xi for the p, p^2 and p^3 power maps; those for p^2 are in Fp."""
    body = []
    for k in (1, 2, 3):
        powers = [power(XI, i * (P**k - 1) // 6) for i in range(6)]
        body.append(f"/* xi^(i (p^{k} - 1) / 6), i < 6 */")
        if k == 2:
            assert all(high == 0 for _, high in powers)
            body += table("fp FP12_FROBENIUS_2[6]", (element(low, P) for low, _ in powers))
        else:
            body += table(f"fp2 FP12_FROBENIUS_{k}[6]", map(fp2, powers))
    return header(
        "RLN_MATH_FP12_CONSTANTS_H", "fp12: the factors of its power maps.", "the BN254 parameter x", body
    )


def walk() -> list[int]:
    """Return the steps from Q to [6x + 2] Q + psi(Q) - psi^2(Q); the header explains the numbers."""
    steps = []
    for digit in signed_digits(6 * X + 2, 2)[-2::-1]:
        steps += [0, digit] if digit else [0]
    return [*steps, 2, 3]


def subgroup_test_is_exact() -> bool:
    """Return whether every Q on the twist whose walk ends at -psi^3(Q) has order r.

    Let f = (6x + 2) + z - z^2 + z^3; psi's polynomial is z^2 - t z + p, t = 6x^2 + 1. If f(psi) is zero on a
    point, its order divides the resultant of the two and the order r (2p - r) of the twist.
    """
    t = 6 * X * X + 1
    a, b = 6 * X + 2 + P - t * P, 1 - t + t * t - P  # f mod psi's polynomial is a + b z
    return gcd(a * a + a * b * t + b * b * P, R * (2 * P - R)) == R


def walk_is_regular(steps: Iterable[int]) -> bool:
    """Return whether T, of order r, is never infinity, nor the point that a step adds, nor its negative.

    psi multiplies by p. Then no slope has the denominator 0: r is odd, so no T has order two.
    """
    addends = {1: 1, -1: -1, 2: P, 3: -P * P}
    at = 1
    for step in steps:
        addend = addends.get(step, at)
        if at % R == 0 or (step and (at - addend) * (at + addend) % R == 0):
            return False
        at += addend
    return at % R == -(P**3) % R


def walk_is_never_exceptional() -> bool:
    """Return whether T is neither infinity nor +- the addend, for every addition and finite Q of the twist.

    If a step a + b psi + c psi^2 takes Q to infinity, the order of Q divides its resultant.
    """
    t, order = 6 * X * X + 1, R * (2 * P - R)

    def invertible(a: int, b: int = 0, c: int = 0) -> bool:
        a, b = a - c * P, b + c * t  # psi^2 = t psi - p
        return gcd(a * a + a * b * t + b * b * P, order) == 1

    k, good = 1, True
    for step in walk():
        if step in (1, -1):
            good = good and invertible(k) and invertible(k - 1) and invertible(k + 1)
        k = 2 * k if step == 0 else k + step if step in (1, -1) else k
    at_psi = invertible(k) and invertible(k, 1) and invertible(k, -1)
    return good and at_psi and all(invertible(k, 1, c) for c in (-1, 0, 1))


def walk_header() -> str:
    """Return the steps that the pairing and the subgroup test share."""
    steps = walk()
    assert subgroup_test_is_exact()
    assert walk_is_never_exceptional()
    assert walk_is_regular(steps)
    body = [
        "/* From T = Q to [6x + 2] Q + psi(Q) - psi^2(Q): 0 doubles T, 1 and -1 add Q and -Q, 2 adds psi(Q),",
        " * 3 adds -psi^2(Q). */",
        f"#define G2_WALK_STEPS {len(steps)}",
        *table("int8_t G2_WALK[G2_WALK_STEPS]", rows(steps)),
    ]
    return header("RLN_MATH_G2_WALK_CONSTANTS_H", "g2_walk: its steps.", "the BN254 parameter x", body)


def pairing_header() -> str:
    """Return the twist's constant and the digits of x."""
    digits = signed_digits(X, WINDOW)
    body = [
        f"static const fp2 PAIRING_TWIST_B3 = {fp2(mul((9, 0), inverse(XI)))}; /* 3 b = 9 / (9 + u) */",
        "",
        "/* x in signed digits, least significant first; the highest digit is 1. */",
        f"#define PAIRING_X_DIGITS {len(digits)}",
        *table("int8_t PAIRING_X[PAIRING_X_DIGITS]", rows(digits)),
    ]
    assert digits[-1] == 1
    return header(
        "RLN_MATH_PAIRING_CONSTANTS_H",
        "pairing: the twist y^2 = x^3 + b, the digits of x.",
        "the BN254 parameter x",
        body,
    )


def rows(digits: list[int]) -> list[str]:
    """Return the digits, sixteen in each row."""
    return [", ".join(f"{digit:2}" for digit in digits[i : i + 16]) for i in range(0, len(digits), 16)]


HEADERS = {
    "fp12_constants.h": fp12_header,
    "g2_walk_constants.h": walk_header,
    "pairing_constants.h": pairing_header,
}
