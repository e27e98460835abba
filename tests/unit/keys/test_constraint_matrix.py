"""The C matrix of a key: that of our circuit, or one from an `.r1cs` file with the key's A and B."""

import pytest

import rln
from rln.circuit.parameters import CircuitParameters
from rln.circuit.r1cs import Matrix, R1cs
from rln.errors import EncodingError, ParameterError
from rln.keys.constraint_matrix import build_circuit, matrix_of_own_circuit, matrix_of_r1cs
from tests.support.small_world import DEPTH, LIMIT_BITS, SLOTS, small_key, small_multi_key


def rows(matrix: Matrix) -> list[dict[int, int]]:
    return [dict(row) for row in matrix.rows()]


def with_rows(r1cs: R1cs, name: str, changed: list[dict[int, int]]) -> bytes:
    parts = {"a": r1cs.a, "b": r1cs.b, "c": r1cs.c, name: Matrix.from_rows(changed)}
    counts = (r1cs.wires, r1cs.outputs, r1cs.public_inputs, r1cs.private_inputs)
    return R1cs(parts["a"], parts["b"], parts["c"], *counts).encode()


@pytest.mark.parametrize("key", [small_key, small_multi_key])
def test_a_key_of_ours_has_the_matrix_of_its_circuit(key):
    made = key()
    circuit = build_circuit(made.parameters)
    assert circuit.digest == made.circuit_digest
    assert matrix_of_own_circuit(made.parameters, made.circuit_digest, made.to_arkzkey()) is circuit.r1cs.c


def test_another_versions_circuit_has_none():
    made = small_key()
    assert matrix_of_own_circuit(made.parameters, "0" * 64, made.to_arkzkey()) is None


@pytest.mark.parametrize(
    "parameters",
    [
        CircuitParameters(DEPTH, LIMIT_BITS + 1),
        CircuitParameters(DEPTH + 1, LIMIT_BITS),
        CircuitParameters(DEPTH, LIMIT_BITS, SLOTS),
    ],
)
def test_a_key_that_says_it_is_of_a_circuit_and_is_not_has_none(parameters):
    digest = build_circuit(parameters).digest
    assert matrix_of_own_circuit(parameters, digest, small_key().to_arkzkey()) is None


def test_a_supplied_file_is_believed_when_a_and_b_are_the_keys():
    made = small_key()
    circuit = build_circuit(made.parameters)
    assert rows(matrix_of_r1cs(circuit.r1cs.encode(), made.to_arkzkey())) == rows(circuit.r1cs.c)


@pytest.mark.parametrize("name", ["a", "b"])
def test_any_other_a_or_b_is_refused(name):
    made = small_key()
    r1cs = build_circuit(made.parameters).r1cs
    honest = rows(getattr(r1cs, name))
    place = next(i for i, row in enumerate(honest) if row)
    wire = next(iter(honest[place]))
    changes = [
        {**honest[place], wire: honest[place][wire] + 1},
        {k: v for k, v in honest[place].items() if k != wire},
        {**honest[place], r1cs.wires - 1: 1},
    ]
    for changed in changes:
        file = with_rows(r1cs, name, [*honest[:place], changed, *honest[place + 1 :]])
        with pytest.raises(ParameterError, match="r1cs: expected the constraints of the key"):
            matrix_of_r1cs(file, made.to_arkzkey())
    other = next(i for i, row in enumerate(honest) if row != honest[place])
    swapped = list(honest)
    swapped[place], swapped[other] = honest[other], honest[place]
    file = with_rows(r1cs, name, swapped)
    with pytest.raises(ParameterError, match="r1cs"):
        matrix_of_r1cs(file, made.to_arkzkey())


def test_another_circuits_file_and_none_at_all():
    made = small_key()
    other = build_circuit(CircuitParameters(DEPTH, LIMIT_BITS + 1)).r1cs.encode()
    with pytest.raises(ParameterError, match="r1cs"):
        matrix_of_r1cs(other, made.to_arkzkey())
    with pytest.raises(EncodingError):
        matrix_of_r1cs(b"r1cs", made.to_arkzkey())


def test_the_ceremony_keys_constraints(zerokit_dir):
    """zerokit-spec 5.2: zerokit's own `.r1cs` file has the key's A and B."""
    folder = zerokit_dir / "tree_depth_20"
    file = folder / "rln.r1cs"
    if not file.is_file():
        pytest.skip("no rln.r1cs")
    key = (folder / "rln_final.arkzkey").read_bytes()
    assert len(matrix_of_r1cs(file.read_bytes(), key)) == 5820
    other = (zerokit_dir / "tree_depth_10" / "rln_final.arkzkey").read_bytes()
    with pytest.raises(ParameterError, match="r1cs"):
        matrix_of_r1cs(file.read_bytes(), other)


def test_the_own_circuit_of_every_kind():
    assert build_circuit(CircuitParameters(4, 5)) is rln.circuit.rln(4, 5)
    assert build_circuit(CircuitParameters(4, 5, 2)) is rln.circuit.rln_multi(4, 5, 2)
