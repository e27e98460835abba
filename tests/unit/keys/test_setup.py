import pytest

import rln
from rln.circuit.parameters import CircuitParameters
from rln.errors import ParameterError
from rln.keys.key_file import Provenance
from rln.lowlevel import entropy
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key


def test_a_fresh_key_says_who_made_it_and_for_what():
    key, circuit = small_key(), rln.circuit.rln(DEPTH, LIMIT_BITS)
    assert key.provenance == Provenance()
    assert str(key.provenance) == "made here, alone"
    assert key.parameters == CircuitParameters(DEPTH, LIMIT_BITS)
    assert key.circuit_digest == circuit.digest
    assert key.info()["wires"] == circuit.wires
    assert key.is_pinned is False
    assert key.digest != rln.setup(circuit, threads=1).digest


def test_setup_reports_progress():
    parts: list[float] = []
    rln.setup(rln.circuit.rln(1, 1), threads=1, progress=parts.append)
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


def test_setup_needs_random_bytes(monkeypatch):
    monkeypatch.setattr(entropy, "fill", lambda out: None)
    with pytest.raises(rln.EntropyError):
        rln.setup(rln.circuit.rln(1, 1), threads=1)


def test_setup_takes_a_circuit_alone():
    with pytest.raises(ParameterError, match="^circuit: expected Circuit, got CircuitParameters$"):
        rln.setup(CircuitParameters(DEPTH, LIMIT_BITS))
