"""The constraints in a key of zerokit's layout."""

import pytest

import rln
from rln.formats import arkzkey
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key, small_multi_key


@pytest.mark.parametrize("several", [False, True])
def test_a_key_holds_the_matrices_a_and_b_of_its_circuit(several):
    key = small_multi_key() if several else small_key()
    circuit = (
        rln.circuit.rln_multi(DEPTH, LIMIT_BITS, key.parameters.max_out)
        if several
        else rln.circuit.rln(DEPTH, LIMIT_BITS)
    )
    found = arkzkey.read_constraints(key.to_arkzkey())
    assert (found.wires, found.public_values) == (circuit.wires, circuit.public_inputs)
    for rows, matrix in ((found.a, circuit.r1cs.a), (found.b, circuit.r1cs.b)):
        assert len(rows) == circuit.constraints
        assert [[(wire, int.from_bytes(value, "little")) for wire, value in row] for row in rows] == list(
            matrix.rows()
        )
