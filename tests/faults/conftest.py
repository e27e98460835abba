"""One nursery for all tests of faults, and a place that forgets nothing slowly."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.strace import Nursery, need_strace
from tests.faults.strace import nursery as opened


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    need_strace()
    with opened() as found:
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: what the disk keeps is simulated, or does not matter."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else tmp_path))
    yield made
    shutil.rmtree(made)
