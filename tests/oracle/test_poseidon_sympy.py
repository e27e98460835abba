"""The optimised partial rounds of native/gen/poseidon.py are the dense ones: an identity of polynomials.

The S-box stays unknown: its outputs are free symbols X0, X1, ... and so are the values z that leave the last
full round before. Then both forms are linear over Fr in these symbols. Where every S-box meets the same form
in both, it gives the same output, round after round, whatever the S-box is; so equal forms behind the last
partial round mean that both are the same map, for every input.
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


def dense(gen: ModuleType, width: int, z: list[Form], outputs: list[Form]) -> tuple[list[Form], list[Form]]:
    """Inputs of the partial S-boxes, and what enters the S-boxes of the full round behind them."""
    constants, matrix = gen.dense(width)
    rounds = [constants[i : i + width] for i in range(0, len(constants), width)]
    first = gen.FULL // 2
    state, inputs = times(matrix, z), []
    for number, output in enumerate(outputs, first):
        state = [s + c for s, c in zip(state, rounds[number], strict=True)]
        inputs.append(state[0])
        state = times(matrix, [output, *state[1:]])
    return inputs, [s + c for s, c in zip(state, rounds[first + len(outputs)], strict=True)]


def optimised(
    gen: ModuleType, width: int, z: list[Form], outputs: list[Form]
) -> tuple[list[Form], list[Form]]:
    """The same in the form that the C core computes."""
    tables = gen.optimised(width)

    def rows(name: str, length: int) -> list[list[int]]:
        return [tables[name][i : i + length] for i in range(0, len(tables[name]), length)]

    state, inputs = times(rows("ENTRY", width), z), []
    rounds = zip(tables["PARTIAL"], rows("SPARSE", 2 * width - 1), outputs, strict=True)
    for constant, sparse, output in rounds:
        inputs.append(state[0] + constant)
        row, column = sparse[:width], sparse[width:]
        head = times([row], [output, *state[1:]])
        state = head + [s + output * w for s, w in zip(state[1:], column, strict=True)]
    full = rows("FULL", width)
    return inputs, [s + c for s, c in zip(state, full[gen.FULL // 2], strict=True)]


def symbols(gen: ModuleType, width: int) -> tuple[list[Form], list[Form]]:
    count = gen.PARTIAL[width]
    names = [f"z{i}" for i in range(width)] + [f"X{k}" for k in range(count)]
    _, *found = ring(names, GF(gen.R, symmetric=False))
    return found[:width], found[width:]


@pytest.mark.parametrize("width", range(2, 10))
def test_partial_rounds_are_the_same_map(poseidon: ModuleType, width: int) -> None:
    z, outputs = symbols(poseidon, width)
    plain, fast = (form(poseidon, width, z, outputs) for form in (dense, optimised))
    assert len(plain[0]) == poseidon.PARTIAL[width]
    assert plain == fast
    assert all(sum(powers) <= 1 for form in plain[1] for powers in form.monoms())


@pytest.mark.parametrize("width", range(2, 10))
def test_full_rounds_keep_their_constants_and_matrix(poseidon: ModuleType, width: int) -> None:
    constants, matrix = poseidon.dense(width)
    tables = poseidon.optimised(width)
    half = poseidon.FULL // 2
    assert tables["MATRIX"] == [x for row in matrix for x in row]
    assert tables["FULL"][: half * width] == constants[: half * width]
    behind = half * width + width  # the first round behind the partial ones takes up what they passed on
    assert tables["FULL"][behind:] == constants[-(half - 1) * width :]


def test_a_wrong_entry_would_be_noticed(poseidon: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    z, outputs = symbols(poseidon, 3)
    right = poseidon.optimised(3)
    for name in ("ENTRY", "PARTIAL", "SPARSE"):
        for place in (0, len(right[name]) - 1):
            wrong = {**right, name: [*right[name]]}
            wrong[name][place] += 1
            monkeypatch.setattr(poseidon, "optimised", lambda width, tables=wrong: tables)
            assert optimised(poseidon, 3, z, outputs) != dense(poseidon, 3, z, outputs)
