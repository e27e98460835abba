"""Circuit parameters have ranges, and say how many public values a proof has."""

import pytest

from rln.circuit.parameters import CircuitParameters
from rln.errors import ParameterError


@pytest.mark.parametrize(
    "arguments",
    [(0, 16), (33, 16), (20, 0), (20, 33), (20, 16, 0), (20, 16, 17), (True, 16), (20.0, 16), ("20", 16)],
)
def test_parameters_have_ranges(arguments):
    with pytest.raises(ParameterError):
        CircuitParameters(*arguments)


def test_parameters_say_how_many_public_values():
    assert CircuitParameters(20, 16).public_inputs == 5
    assert CircuitParameters(20, 16, 4).public_inputs == 15
    assert CircuitParameters(20, 16).largest_limit == 65536
