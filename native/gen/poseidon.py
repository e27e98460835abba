"""Poseidon over Fr, widths 2..9: the dense parameters, and the direct form that the C core computes.

Dense parameters (Grassi, Khovratovich, Rechberger, Roy, Schofnegger 2021, Grain LFSR; zerokit-spec 1.3):
round constants by rejection sampling, then the Cauchy matrix M[i][j] = 1 / (x_i + y_j).

Direct form. Let t be the width, n = t - 1, M = [[m, v], [u, N]], a_k the input of the S-box of partial round
k, y_k = a_k^5, and w_k the other n elements of the state at this S-box:
    a_(k+1) = m y_k + v w_k + c,        w_(k+1) = N w_k + u y_k + c'.
  Recurrence: the n inputs a_(k-n+1) .. a_k and the n outputs y_(k-n) .. y_(k-1) give n linear equations for
  w_(k-n), whose matrix has the rows v N^i. Their solution, put into the line above, gives a_(k+1) as a linear
  form in these 2n values, y_k and 1. So a partial round is one S-box and one row of 2n products; no other
  element of the state is computed.
  Ends: a_0 .. a_n are forms in the outputs z of the last full layer of S-boxes and in y_0, y_1 .. After the
  last partial round P, a_P is element 0, and the other elements are forms in the last 2n values.
  Scales: each row may be multiplied by any number; the output of its S-box is then multiplied by the fifth
  power, and the rows that read it undo this. So one coefficient of a row, that of the "unit", becomes 1
  and costs nothing. The scale of the inputs and of the hash is 2^-256: an integer is the Montgomery form of
  its product with 2^-256, so inputs and outputs are plain integers.
  Element 0 starts as 0: the output of its first S-box is part of the constants of the rows that follow.
A row is [constant, coefficients ..]; the rows have the order in which poseidon_rounds.inc reads them.
tests/differential proves with sympy that both forms are the same map.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial

from curve import R
from text import element, header

FULL = 8
PARTIAL = {2: 56, 3: 57, 4: 56, 5: 60, 6: 60, 7: 63, 8: 64, 9: 63}

Matrix = list[list[int]]


def grain(width: int, partial_rounds: int):
    """Yield the bits of the self-shrinking Grain generator for these parameters, without end."""
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
    """Return the round constants, round by round, and the matrix."""
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
    """Return the matrix product over Fr."""
    columns = list(zip(*b, strict=True))
    return [[sum(x * y for x, y in zip(row, c, strict=True)) % R for c in columns] for row in a]


def inverse(a: Matrix) -> Matrix:
    """Return the inverse over Fr, by Gauss-Jordan elimination."""
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


@dataclass(frozen=True, slots=True)
class Term:
    """A value that a row may read: its name, and the scale of the value."""

    name: str
    scale: int


Form = dict[str, int]
"""A linear form: the coefficient of each name; the name "1" is the constant."""


def combine(rows: Iterable[tuple[int, Form]]) -> Form:
    """Return the sum of forms, each times a number."""
    total: Form = {}
    for factor, form in rows:
        for name, value in form.items():
            total[name] = (total.get(name, 0) + factor * value) % R
    return total


class Derivation:
    """The rows of one width, derived in the order in which they are read.

    Args:
        width: 2..9.
    """

    def __init__(self, width: int) -> None:
        constants, self.matrix = dense(width)
        self.rounds = [constants[i : i + width] for i in range(0, len(constants), width)]
        self.width, self.n, self.half, self.partial = width, width - 1, FULL // 2, PARTIAL[width]
        self.solve = self.solution()
        self.rows: list[list[int]] = []
        self.y: list[Term] = []
        self.a_scale: list[int] = []

    def row(self, form: Form, unit: Term | None, terms: list[Term], scale: int = 0) -> int:
        """Append a row; return its scale: the given one, or the one that makes the unit's coefficient 1."""
        assert set(form) <= {"1", *(t.name for t in terms), *([unit.name] if unit else [])}
        if unit:
            scale = unit.scale * pow(form[unit.name], -1, R) % R
        coefficients = [scale * form[t.name] * pow(t.scale, -1, R) % R for t in terms]
        self.rows.append([scale * form.get("1", 0) % R, *coefficients])
        return scale

    def step(self, state: list[Form], into: int) -> list[Form]:
        """Apply the matrix to a state of forms, then add the constants of round `into`."""
        constants = self.rounds[into]
        return [
            combine([*zip(row, state, strict=True), (1, {"1": c})])
            for row, c in zip(self.matrix, constants, strict=True)
        ]

    def all(self) -> list[list[int]]:
        """Derive every row."""
        for i in range(1, self.width):
            self.row({"1": self.rounds[0][i]}, None, [], PLAIN)
        x = layer([PLAIN] * self.width)[1:]
        scales = self.full_round(1, {"1": pow(self.rounds[0][0], 5, R)}, x)
        for into in range(2, self.half):
            scales = self.full_round(into, None, layer(scales))
        self.entry(layer(scales))
        self.recurrence()
        scales = self.exit()
        for into in range(self.half + self.partial + 1, FULL + self.partial):
            scales = self.full_round(into, None, layer(scales))
        x = layer(scales)
        self.row({t.name: m for t, m in zip(x, self.matrix[0], strict=True)}, None, x, PLAIN)
        return self.rows

    def full_round(self, into: int, first: Form | None, x: list[Term]) -> list[int]:
        """Add rows from the outputs x of a layer to the inputs of round `into`; first: element 0."""
        state = ([] if first is None else [first]) + [{t.name: 1} for t in x]
        return [self.row(form, x[0], x[1:]) for form in self.step(state, into)]

    def entry(self, z: list[Term]) -> None:
        """Add the rows of the inputs a_0 .. a_n, as forms in z and y."""
        state = self.step([{t.name: 1} for t in z], self.half)
        self.a_scale.append(self.row(state[0], z[0], z[1:]))
        for j in range(1, self.n + 1):
            self.sbox()
            state = self.step([{self.y[-1].name: 1}, *state[1:]], self.half + j)
            self.a_scale.append(self.row(state[0], self.y[-1], [*z, *self.y[:-1]]))

    def sbox(self) -> None:
        """Add y_k, the output for the last a_k."""
        k = len(self.y)
        self.y.append(Term(f"y{k}", pow(self.a_scale[k], 5, R)))

    def recurrence(self) -> None:
        """Add the rows of the inputs a_(n+1) .. a_P."""
        for k in range(self.n, self.partial):
            hidden, terms = self.window(k)
            self.sbox()
            form = self.step([{self.y[k].name: 1}, *hidden], self.half + k + 1)[0]
            self.a_scale.append(self.row(form, self.y[k], terms))

    def exit(self) -> list[int]:
        """Add the rows of the other elements of the state after the partial rounds; return all scales."""
        hidden, terms = self.window(self.partial)
        return [self.a_scale[-1]] + [self.row(form, terms[0], terms[1:]) for form in hidden]

    def window(self, k: int) -> tuple[list[Form], list[Term]]:
        """Return w_k as forms in y_(k-n), a_(k-n+1), .. y_(k-1), a_k, and these terms."""
        state: list[Form] = [{}, *({f"w{i}": 1} for i in range(self.n))]
        equations, terms = [], []
        for j in range(k - self.n, k):
            state = self.step([{self.y[j].name: 1}, *state[1:]], self.half + j + 1)
            a = Term(f"a{j + 1}", self.a_scale[j + 1])
            equations.append(combine([(1, {a.name: 1}), (R - 1, known(state[0]))]))
            terms += [self.y[j], a]
        start = [combine(zip(row, equations, strict=True)) for row in self.solve]
        hidden = []
        for form in state[1:]:
            unknown = [(form.get(f"w{i}", 0), w) for i, w in enumerate(start)]
            hidden.append(combine([(1, known(form)), *unknown]))
        return hidden, terms

    def solution(self) -> Matrix:
        """Return the inverse of the matrix with the rows v N^i, i < n."""
        rows, block = [self.matrix[0][1:]], [row[1:] for row in self.matrix[1:]]
        while len(rows) < self.n:
            rows += multiply([rows[-1]], block)
        return inverse(rows)


PLAIN = pow(2, -256, R)
"""The scale of a plain integer."""


def layer(scales: list[int]) -> list[Term]:
    """Return the outputs of a layer of S-boxes from the scales of its inputs."""
    return [Term(f"x{i}", pow(scale, 5, R)) for i, scale in enumerate(scales)]


def known(form: Form) -> Form:
    """Return a form without the hidden elements of the state."""
    return {name: value for name, value in form.items() if name[0] != "w"}


@cache
def direct(width: int) -> list[list[int]]:
    """Return the rows of the direct form."""
    return Derivation(width).all()


def table(name: str, values: list[int]) -> str:
    """Return one static array of field elements."""
    rows = ",\n".join(f"    {element(v, R)}" for v in values)
    return f"static const fr {name}[{len(values)}] = {{\n{rows}\n}};"


def direct_header() -> str:
    """Return the constants that poseidon_rounds.inc reads."""
    body = [
        f"#define POSEIDON_HALF_FULL_ROUNDS {FULL // 2}",
        f"#define POSEIDON_MOST_CONSTANTS {max(sum(map(len, direct(width))) for width in PARTIAL)}",
        "",
    ]
    for width in PARTIAL:
        body.append(table(f"POSEIDON_ROWS_{width}", [x for row in direct(width) for x in row]))
    body += [
        "",
        "/* The parameters of one width; native/gen/poseidon.py explains the rows. */",
        "typedef struct poseidon_parameters {",
        "    unsigned partial_rounds, constants;",
        "    const fr *rows;",
        "} poseidon_parameters;",
        "",
        "/* Indexed by width - 2. */",
        f"static const poseidon_parameters POSEIDON_PARAMETERS[{len(PARTIAL)}] = {{",
    ]
    for width, rounds in PARTIAL.items():
        body.append(f"    {{{rounds}, {sum(map(len, direct(width)))}, POSEIDON_ROWS_{width}}},")
    body.append("};")
    return header(
        "RLN_MATH_POSEIDON_CONSTANTS_H",
        "Poseidon, direct form, widths 2..9.",
        "the Grain LFSR seeds of zerokit-spec 1.3",
        body,
    )


def dense_header() -> str:
    """Return the dense parameters, for users who build circuits or check the direct form."""
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
        "/* Indexed by width - 2. */",
        f"static const poseidon_dense POSEIDON_DENSE[{len(PARTIAL)}] = {{",
    ]
    for width, rounds in PARTIAL.items():
        body.append(f"    {{{rounds}, POSEIDON_DENSE_ROUNDS_{width}, POSEIDON_DENSE_MATRIX_{width}}},")
    body.append("};")
    return header(
        "RLN_MATH_POSEIDON_DENSE_CONSTANTS_H",
        "Poseidon, dense parameters, widths 2..9.",
        "the Grain LFSR seeds of zerokit-spec 1.3",
        body,
    )


HEADERS = {
    "poseidon_constants.h": partial(direct_header),
    "poseidon_dense_constants.h": partial(dense_header),
}
