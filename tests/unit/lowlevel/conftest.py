"""A key for the toy circuit."""

import pytest

from rln.lowlevel.keys import ProvingKeyHandle, VerifyingKeyHandle
from tests.unit.lowlevel.toy import set_up


@pytest.fixture(scope="module")
def key() -> ProvingKeyHandle:
    return set_up()


@pytest.fixture(scope="module")
def verifying_key(key: ProvingKeyHandle) -> VerifyingKeyHandle:
    return key.verifying_key()
