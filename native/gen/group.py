"""The two groups: curve constants, generators, endomorphisms, and the lattices that split a scalar.

G1 is y^2 = x^3 + 3 over Fp with generator (1, 2); G2 is y^2 = x^3 + 3 / (9 + u) over Fp2 with the generator
of EIP-197, which is given below. Both have order r.

Endomorphisms (Gallant, Lambert, Vanstone 2001; Galbraith, Lin, Scott 2009):
    phi(x, y) = (BETA x, y) on G1 is multiplication by LAMBDA = 36 x^3 + 18 x^2 + 6 x + 1; BETA is the
    one of the two cube roots of unity for which this holds at the generator.
    psi(x, y) = (PSI_X conj(x), PSI_Y conj(y)) on G2 is multiplication by p = 6 x^2 mod r; with z = 9 + u,
    PSI_X = z^((p-1)/3) and PSI_Y = z^((p-1)/2). psi^2 multiplies x by PSI_X conj(PSI_X), an element of Fp,
    and y by PSI_Y conj(PSI_Y) = -1. The three are FP12_FROBENIUS_1[2], _1[3] and _2[2] of tower.py.

Splitting k: let b_0 .. b_{n-1} be a basis of the lattice of relations, whose vectors v satisfy
sum v_i m^i = 0 mod r for the eigenvalue m. Write (k, 0, ..) = sum t_j b_j and c_j = round(t_j). Then
(k, 0, ..) - sum c_j b_j is short. t_j = k e_j / r for integers e_j, so c_j is computed as
(k round(2^256 e_j / r) + 2^255) >> 256, which differs from t_j by at most 1/2 + 2^254 / 2^257 = 5/8: part i
is below 5/8 sum_j |b_ji|. The signs of the basis make every e_j >= 0. The vectors come from a search among
those whose entries are c x + d with small c, d (G1: also with squares of x).
"""

from fractions import Fraction

from curve import P, R, X
from text import R256, element, header

LAMBDA = 36 * X**3 + 18 * X**2 + 6 * X + 1
G1_BASIS = [[6 * X**2 + 4 * X + 1, 2 * X + 1], [2 * X + 1, -(6 * X**2 + 2 * X)]]
G2_BASIS = [
    [2 * X, X + 1, -X, X],
    [2 * X + 1, 0, 2 * X, 1],
    [X, -X, X, 2 * X + 1],
    [1, -(2 * X + 1), -1, -2 * X],
]

Fp2 = tuple[int, int]

G2_X: Fp2 = (
    10857046999023057135944570762232829481370756359578518086990519993285655852781,
    11559732032986387107991004021392285783925812861821192530917403151452391805634,
)
G2_Y: Fp2 = (
    8495653923123431417604973247489272438418190587263600148770280649306958101930,
    4082367875863433681332203403145435568316851327593401208105741076214120093531,
)


def mul(a: Fp2, b: Fp2) -> Fp2:
    """Return the product in Fp2, u^2 = -1."""
    return (a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P


def inverse(a: Fp2) -> Fp2:
    """Return 1 / a in Fp2."""
    norm = pow(a[0] * a[0] + a[1] * a[1], -1, P)
    return a[0] * norm % P, -a[1] * norm % P


def g1_multiple(k: int) -> tuple[int, int]:
    """Return k (1, 2) on y^2 = x^3 + 3, for a k whose double-and-add meets no exceptional case."""
    x, y = 1, 2
    for bit in bin(k)[3:]:
        slope = 3 * x * x * pow(2 * y, -1, P) % P
        t = (slope * slope - 2 * x) % P
        x, y = t, (slope * (x - t) - y) % P
        if bit == "1":
            slope = (y - 2) * pow(x - 1, -1, P) % P
            t = (slope * slope - x - 1) % P
            x, y = t, (slope * (1 - t) - 2) % P
    return x, y


def determinant(rows: list[list[int]]) -> int:
    """Return the determinant, by expansion along the first row."""
    if len(rows) == 1:
        return rows[0][0]
    return sum(
        (-1) ** j * a * determinant([row[:j] + row[j + 1 :] for row in rows[1:]])
        for j, a in enumerate(rows[0])
    )


def lattice(basis: list[list[int]], eigenvalue: int) -> tuple[list[list[int]], list[int]]:
    """Return the basis, with signs that make all e_j >= 0, and the e_j, cofactors of the first column."""
    assert all(sum(v * pow(eigenvalue, i, R) for i, v in enumerate(row)) % R == 0 for row in basis)
    sign = determinant(basis) // R
    assert abs(sign) == 1, "the basis generates a smaller lattice"
    rows, estimates = [], []
    for j, row in enumerate(basis):
        minor = determinant([other[1:] for i, other in enumerate(basis) if i != j])
        e = sign * (-1) ** j * minor
        rows.append(row if e >= 0 else [-v for v in row])
        estimates.append(abs(e))
    sums = [sum(e * row[i] for e, row in zip(estimates, rows, strict=True)) for i in range(len(rows))]
    assert sums == [R] + [0] * (len(rows) - 1)
    return rows, estimates


def lattice_lines(name: str, basis: list[list[int]], eigenvalue: int) -> list[str]:
    """Return the C constants of one lattice."""
    rows, estimates = lattice(basis, eigenvalue)
    n = len(rows)
    bound = max(Fraction(5, 8) * sum(abs(row[i]) for row in rows) for i in range(n))
    bits = 1
    while bound > Fraction(7, 8) * 2**bits:
        bits += 1
    scaled = [(e * R256 * 2 + R) // (2 * R) for e in estimates]
    numbers = ",\n    ".join("{" + words(e, 4) + "}" for e in scaled)
    entries = ",\n    ".join("{" + ", ".join("{" + words(v, 2) + "}" for v in row) + "}" for row in rows)
    return [
        f"#define {name}_PARTS {n}",
        f"#define {name}_PART_BITS {bits} /* a part is below 7/8 of 2^{bits} */",
        "/* round(2^256 e_j / r) */",
        f"static const uint64_t {name}_ESTIMATES[{n}][4] = {{\n    {numbers},\n}};",
        "/* b_ji mod 2^128 */",
        f"static const uint64_t {name}_BASIS[{n}][{n}][2] = {{\n    {entries},\n}};",
    ]


def words(value: int, count: int) -> str:
    """Return an integer mod 2^(64 count) as limbs, least significant first."""
    value %= 1 << (64 * count)
    return ", ".join(f"0x{value >> (64 * i) & (1 << 64) - 1:016x}u" for i in range(count))


def fp2(a: Fp2) -> str:
    """Return the initialiser of an fp2."""
    return f"{{{element(a[0], P)}, {element(a[1], P)}}}"


def group_header() -> str:
    """Return the constants of G1 and G2."""
    z: Fp2 = (9, 1)
    b2 = mul((3, 0), inverse(z))
    cube = mul(G2_X, mul(G2_X, G2_X))
    assert mul(G2_Y, G2_Y) == ((cube[0] + b2[0]) % P, (cube[1] + b2[1]) % P)

    x, y = g1_multiple(LAMBDA)
    assert y == 2, "LAMBDA is not a cube root of unity"
    assert pow(x, 3, P) == 1
    assert (LAMBDA * LAMBDA + LAMBDA + 1) % R == 0

    body = [
        f"static const fp G1_B = {element(3, P)};",
        f"static const fp2 G2_B = {fp2(b2)}; /* 3 / (9 + u) */",
        f"static const g1_aff G1_GENERATOR = {{{element(1, P)}, {element(2, P)}}};",
        f"static const g2_aff G2_GENERATOR = {{\n    {fp2(G2_X)},\n    {fp2(G2_Y)},\n}};",
        "",
        f"static const fp G1_BETA = {element(x, P)}; /* phi(x, y) = (beta x, y) */",
        f"static const fr G1_LAMBDA = {element(LAMBDA, R)}; /* phi(P) = lambda P */",
        "",
        *lattice_lines("G1", G1_BASIS, LAMBDA),
        "",
        *lattice_lines("G2", G2_BASIS, P),
    ]
    return header(
        "RLN_MATH_GROUP_CONSTANTS_H",
        "G1, G2: curves, generators, endomorphisms, lattices.",
        "the BN254 parameter x, EIP-197's generator of G2",
        body,
    )


HEADERS = {"group_constants.h": group_header}
