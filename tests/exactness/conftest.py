"""Proofs that take long to make are made once."""

import pytest

from tests.exactness.real import RealMaker


@pytest.fixture(scope="session")
def real() -> RealMaker:
    """Makes real proofs."""
    return RealMaker()
