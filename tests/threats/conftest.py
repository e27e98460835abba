"""One key for RLN(20, 16), a world with this key, and a proof: for all tests of this folder."""

import pytest

import rln
from tests.threats.full_world import FullWorld


@pytest.fixture(scope="session")
def key() -> rln.ProvingKey:
    """A key that is made here, once in a run."""
    return rln.setup(rln.circuit.rln())


@pytest.fixture
def full_world(key: rln.ProvingKey) -> FullWorld:
    """A group of depth 20 without members, a clock with a fixed time, an empty log."""
    return FullWorld(key)


@pytest.fixture(scope="session")
def sample_proof(key: rln.ProvingKey) -> rln.RlnProof:
    """A proof for the signal b"sample"."""
    full_world = FullWorld(key)
    return full_world.prover(full_world.join()).prove(b"sample")
