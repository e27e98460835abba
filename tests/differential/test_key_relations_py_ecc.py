"""Forgeries with related keys, verified with py_ecc's pairing and with the oracle's decoder alone."""

import pytest

from rln.lowlevel.keys import VerifyingKeyHandle
from tests.differential.test_groth16_py_ecc import holds
from tests.support.field_elements import R
from tests.support.forgeries import RELATIONS, Relation, forgeries


@pytest.mark.slow
@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_a_forgery_holds_for_its_values_alone(relation: Relation) -> None:
    """The C core itself refuses delta = +-gamma, so the third key is taken, whose factor is another one."""
    *_, one = forgeries(relation, 3, seed=6)
    key = VerifyingKeyHandle.decode(one.key, False).encode(True)
    assert holds(key, one.values, one.proof)
    assert not holds(key, (*one.values[:4], (one.values[4] + 1) % R), one.proof)
