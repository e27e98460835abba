"""The direct form of native/gen/poseidon.py equals Poseidon as its paper defines it, as polynomials.

Each output of an S-box is a free symbol. So both forms are linear over Fr in these symbols and the inputs. If
an S-box gets the same linear form in both, up to the scale of the direct form, its outputs are the same up to
the fifth power of that scale. So equal forms at the end mean that both are the same map, for every input.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sympy import GF
from sympy.polys.rings import ring

GENERATORS = Path(__file__).resolve().parents[2] / "native" / "gen"
Form = Any  # a polynomial in z and X, of degree 1


@pytest.fixture(scope="module")
def poseidon() -> Iterator[ModuleType]:
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(GENERATORS))
        yield importlib.import_module("poseidon")
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(GENERATORS)):
                del sys.modules[name]


def times(matrix: list[list[int]], vector: list[Form]) -> list[Form]:
    return [sum((x * entry for entry, x in zip(row, vector, strict=True)), 0) for row in matrix]


class SBoxes:
    """Symbols for the outputs of the S-boxes, in the order in which both forms use them."""

    def __init__(self, gen: ModuleType, width: int) -> None:
        self.modulus, self.count = gen.R, width * gen.FULL + gen.PARTIAL[width]
        names = [f"in{i}" for i in range(1, width)] + [f"X{k}" for k in range(self.count)]
        self.ring, *found = ring(names, GF(gen.R, symmetric=False))
        self.inputs, self.outputs = found[: width - 1], found[width - 1 :]
        self.met: list[Form] = []

    def dense(self, form: Form) -> Form:
        """Meet the next S-box; one that meets a number is known."""
        self.met.append(self.ring(form))
        return self.met[-1] ** 5 if self.met[-1].is_ground else self.outputs[len(self.met) - 1]

    def direct(self, form: Form, number: int) -> Form:
        """Apply S-box `number` again, to a multiple of its form."""
        meant = self.met[number]
        leading = meant.monoms()[0]
        scale = int(form[leading]) * pow(int(meant[leading]), -1, self.modulus)
        assert scale % self.modulus
        assert form == meant * scale
        return self.outputs[number] * pow(scale, 5, self.modulus)


def dense(gen: ModuleType, width: int, boxes: SBoxes) -> Form:
    """Compute the hash round by round."""
    constants, matrix = gen.dense(width)
    first, partial = gen.FULL // 2, gen.PARTIAL[width]
    state: list[Form] = [0, *boxes.inputs]
    for number in range(gen.FULL + partial):
        state = [s + c for s, c in zip(state, constants[number * width :], strict=False)]
        inner = first <= number < first + partial
        state = [s if inner and i else boxes.dense(s) for i, s in enumerate(state)]
        state = times(matrix, state)
    return state[0]


def direct(gen: ModuleType, width: int, boxes: SBoxes) -> Form:
    """The same as poseidon_rounds.inc reads the rows."""
    rows, numbers = iter(gen.direct(width)), iter(range(boxes.count))
    n, half = width - 1, gen.FULL // 2

    def row(unit: Form, values: list[Form]) -> Form:
        constant, *factors = next(rows)
        return unit + constant + sum((v * c for v, c in zip(values, factors, strict=True)), 0)

    def layer(state: list[Form]) -> list[Form]:
        return [boxes.direct(s, next(numbers)) for s in state]

    integers = [value * pow(2, -256, gen.R) for value in boxes.inputs]
    state = [row(value, []) for value in integers]
    next(numbers)  # element 0 is a constant there
    x = layer(state)
    for _ in range(1, half):
        state = [row(x[0], x[1:]) for _ in range(width)]
        x = layer(state)
    a, read, window = row(x[0], x[1:]), x, []
    for k in range(gen.PARTIAL[width]):
        (y,) = layer([a])
        a = row(y, read)
        window = [*window, y, a]
        read = [*read, y] if k + 1 < n else window[-2 * n :]
    state = [a] + [row(read[0], read[1:]) for _ in range(n)]
    for _ in range(1, half):
        x = layer(state)
        state = [row(x[0], x[1:]) for _ in range(width)]
    hashed = row(0, layer(state))
    assert next(rows, None) is None
    assert next(numbers, None) is None
    return hashed * pow(2, 256, gen.R)


@pytest.mark.parametrize("width", range(2, 10))
def test_both_forms_are_the_same_map(poseidon: ModuleType, width: int) -> None:
    boxes = SBoxes(poseidon, width)
    plain = dense(poseidon, width, boxes)
    assert len(boxes.met) == boxes.count
    assert direct(poseidon, width, boxes) == plain


def test_a_wrong_entry_would_be_noticed(poseidon: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = SBoxes(poseidon, 3)
    plain, right = dense(poseidon, 3, boxes), poseidon.direct(3)
    for number in (0, 2, 20, 50, len(right) - 1):
        for place in range(len(right[number])):
            wrong = [[*row] for row in right]
            wrong[number][place] += 1
            monkeypatch.setattr(poseidon, "direct", lambda width, rows=wrong: rows)
            with pytest.raises(AssertionError):
                assert direct(poseidon, 3, boxes) == plain
