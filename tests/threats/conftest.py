"""One key for RLN(20, 16), and one stage with it, for all of this directory."""

import pytest

import rln
from tests.threats.full_world import Stage


@pytest.fixture(scope="session")
def key() -> rln.ProvingKey:
    """A fresh key, made here."""
    return rln.setup(rln.circuit.rln())


@pytest.fixture
def stage(key: rln.ProvingKey) -> Stage:
    """A group of depth 20 without members, a clock that stands still, an empty log."""
    return Stage(key)


@pytest.fixture(scope="session")
def told(key: rln.ProvingKey) -> rln.RlnProof:
    """A proof for the signal b"told"."""
    stage = Stage(key)
    return stage.prover(stage.join()).prove(b"told")
