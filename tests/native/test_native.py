"""The C tests, one case a program (see run.py)."""

import pytest

from tests.native import run


@pytest.fixture(scope="module")
def core() -> None:
    run.core()


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("name", run.names())
def test_native(name: str) -> None:
    done = run.run(name)
    assert done.returncode == 0, done.stdout + done.stderr
