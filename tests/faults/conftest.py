"""One fork server for all tests of faults, and a directory in memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.strace import ForkServer, need_strace, run_fork_server


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    need_strace()
    with run_fork_server() as server:
        yield server


@pytest.fixture
def fast_directory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where the system has one: the tests simulate the disk, or do not need one."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else tmp_path))
    yield made
    shutil.rmtree(made)
