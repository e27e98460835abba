"""The C tests: each program is one case (see run.py)."""

import pytest

from tests.conftest import lacking
from tests.native import ctime, run


@pytest.fixture(scope="module")
def core() -> None:
    run.sanitized().core()


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("name", run.sanitized().names())
def test_native(name: str) -> None:
    done = run.sanitized().run(name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", run.MEMCHECKED)
def test_memcheck(name: str) -> None:
    if reason := ctime.missing():
        lacking("valgrind", reason)
    done = run.memchecked().run(name)
    assert done.returncode == 0, done.stdout + done.stderr
