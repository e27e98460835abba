"""Poseidon over Fr, widths 2..9: the dense parameters, and the optimised form that the C core computes.

Dense parameters (Grassi, Khovratovich, Rechberger, Roy, Schofnegger 2021, Grain LFSR; zerokit-spec 1.3):
round constants by rejection sampling, then the Cauchy matrix M[i][j] = 1 / (x_i + y_j).

Optimised form. In a partial round only element 0 meets the S-box, so whatever acts on elements 1..t-1 alone
commutes with it.
  Constants: adding (0, c) before the S-box is adding M (0, c) after the round. So the constants of elements
  1..t-1 travel forward through all partial rounds into the first full round behind them; each partial round
  keeps one constant, for element 0.
  Matrices: write M = [[m, v], [w, N]] = S D with S = [[m, v N^-1], [w, 1]] (sparse) and D = [[1, 0], [0, N]].
  D commutes with the S-box before it and joins the matrix of the round before: that one is now D M, which is
  split the same way. What is left over in front of the first partial round makes the last full round's
  matrix D M ("entry matrix").
  So a partial round is: s0 = (s0 + c)^5; (s0, s_i) = (m s0 + sum v'_i s_i, s_i + w_i s0).
tests/oracle proves with sympy that both forms are the same map.
"""

from functools import cache, partial

from curve import R
from text import element, header

FULL = 8
PARTIAL = {2: 56, 3: 57, 4: 56, 5: 60, 6: 60, 7: 63, 8: 64, 9: 63}

Matrix = list[list[int]]


def grain(width: int, partial_rounds: int):
    """The self-shrinking Grain generator's bits for these parameters, without end."""
    state = 0
    fields = ((1, 2), (0, 4), (254, 12), (width, 12), (FULL, 10), (partial_rounds, 10), ((1 << 30) - 1, 30))
    for value, bits in fields:
        state = state << bits | value
    taps = [79 - i for i in (62, 51, 38, 23, 13, 0)]
    mask = (1 << 80) - 1

    def step() -> int:
        nonlocal state
        bit = 0
        for tap in taps:
            bit ^= state >> tap
        bit &= 1
        state = (state << 1 | bit) & mask
        return bit

    for _ in range(160):
        step()
    while True:
        if step():
            yield step()
        else:
            step()


@cache
def dense(width: int) -> tuple[list[int], Matrix]:
    """Round constants, round by round, and the matrix."""
    bits = grain(width, PARTIAL[width])

    def candidate() -> int:
        value = 0
        for _ in range(254):
            value = value << 1 | next(bits)
        return value

    constants: list[int] = []
    while len(constants) < width * (FULL + PARTIAL[width]):
        value = candidate()
        if value < R:
            constants.append(value)
    xs = [candidate() % R for _ in range(width)]
    ys = [candidate() % R for _ in range(width)]
    return constants, [[pow(x + y, -1, R) for y in ys] for x in xs]


def multiply(a: Matrix, b: Matrix) -> Matrix:
    """The matrix product over Fr."""
    columns = list(zip(*b, strict=True))
    return [[sum(x * y for x, y in zip(row, c, strict=True)) % R for c in columns] for row in a]


def inverse(a: Matrix) -> Matrix:
    """The inverse over Fr by Gauss-Jordan elimination."""
    n = len(a)
    rows = [[*row, *(int(i == j) for j in range(n))] for i, row in enumerate(a)]
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        scale = pow(rows[i][i], -1, R)
        rows[i] = [x * scale % R for x in rows[i]]
        for k in range(n):
            if k != i and rows[k][i]:
                factor = rows[k][i]
                rows[k] = [(x - factor * y) % R for x, y in zip(rows[k], rows[i], strict=True)]
    return [row[n:] for row in rows]


@cache
def optimised(width: int) -> dict[str, list[int]]:
    """The optimised form, flat: full constants, partial constants, matrix, entry matrix, sparse rounds."""
    constants, matrix = dense(width)
    rounds = [constants[i : i + width] for i in range(0, len(constants), width)]
    half, count = FULL // 2, PARTIAL[width]
    partial_constants = []
    carried = [0] * width
    for k in range(half, half + count):
        c = [(a + b) % R for a, b in zip(rounds[k], carried, strict=True)]
        partial_constants.append(c[0])
        carried = [sum(matrix[i][j] * c[j] for j in range(1, width)) % R for i in range(width)]
    rounds[half + count] = [(a + b) % R for a, b in zip(rounds[half + count], carried, strict=True)]

    sparse: list[list[int]] = []
    current = matrix
    for _ in range(count):
        corner, v = current[0][0], current[0][1:]
        w, block = [row[0] for row in current[1:]], [row[1:] for row in current[1:]]
        (v_sparse,) = multiply([v], inverse(block))
        sparse.append([corner, *v_sparse, *w])
        joined = [[1] + [0] * (width - 1)] + [[0, *row] for row in block]
        current = multiply(joined, matrix)
    sparse.reverse()
    full = rounds[:half] + rounds[half + count :]
    return {
        "FULL": [x for row in full for x in row],
        "PARTIAL": partial_constants,
        "MATRIX": [x for row in matrix for x in row],
        "ENTRY": [x for row in current for x in row],
        "SPARSE": [x for row in sparse for x in row],
    }


def table(name: str, values: list[int]) -> str:
    """One static array of field elements."""
    rows = ",\n".join(f"    {element(v, R)}" for v in values)
    return f"static const fr {name}[{len(values)}] = {{\n{rows}\n}};"


def optimised_header() -> str:
    """What the permutation in poseidon.h reads."""
    body = [f"#define POSEIDON_HALF_FULL_ROUNDS {FULL // 2}", ""]
    for width in PARTIAL:
        for name, values in optimised(width).items():
            body.append(table(f"POSEIDON_{name}_{width}", values))
    body += [
        "",
        "/* One width's parameters: see native/gen/poseidon.py for what each array holds. */",
        "typedef struct poseidon_parameters {",
        "    unsigned partial_rounds;",
        "    const fr *full, *partial, *matrix, *entry, *sparse;",
        "} poseidon_parameters;",
        "",
        "/* Indexed by the width less 2. */",
        f"static const poseidon_parameters POSEIDON_PARAMETERS[{len(PARTIAL)}] = {{",
    ]
    names = ("FULL", "PARTIAL", "MATRIX", "ENTRY", "SPARSE")
    for width, rounds in PARTIAL.items():
        arrays = ", ".join(f"POSEIDON_{name}_{width}" for name in names)
        body.append(f"    {{{rounds}, {arrays}}},")
    body.append("};")
    return header("RLN_MATH_POSEIDON_CONSTANTS_H", "Poseidon, optimised form, widths 2..9.",
                  "the Grain LFSR seeds of zerokit-spec 1.3", body)


def dense_header() -> str:
    """The dense parameters, for people who build circuits or check us."""
    body = [f"#define POSEIDON_FULL_ROUNDS {FULL}", ""]
    for width in PARTIAL:
        constants, matrix = dense(width)
        body.append(table(f"POSEIDON_DENSE_ROUNDS_{width}", constants))
        body.append(table(f"POSEIDON_DENSE_MATRIX_{width}", [x for row in matrix for x in row]))
    body += [
        "",
        "typedef struct poseidon_dense {",
        "    unsigned partial_rounds;",
        "    const fr *rounds, *matrix;",
        "} poseidon_dense;",
        "",
        "/* Indexed by the width less 2. */",
        f"static const poseidon_dense POSEIDON_DENSE[{len(PARTIAL)}] = {{",
    ]
    for width, rounds in PARTIAL.items():
        body.append(f"    {{{rounds}, POSEIDON_DENSE_ROUNDS_{width}, POSEIDON_DENSE_MATRIX_{width}}},")
    body.append("};")
    return header("RLN_MATH_POSEIDON_DENSE_CONSTANTS_H", "Poseidon, dense parameters, widths 2..9.",
                  "the Grain LFSR seeds of zerokit-spec 1.3", body)


HEADERS = {
    "poseidon_constants.h": partial(optimised_header),
    "poseidon_dense_constants.h": partial(dense_header),
}
