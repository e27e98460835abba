"""The keys and statements of all figures, and the machine that they were measured on."""

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.subject import SUBJECTS, PeerKeys, Subject, Subjects
from rln.lowlevel import engine


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Record the engine and the compiler beside the processor."""
    machine_info["rln"] = {"engine": engine.name(), "compiler": _compiler()}


@cache
def _compiler() -> str:
    done = subprocess.run(
        [os.environ.get("CC", "cc"), "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[0]


@pytest.fixture(scope="session")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Subjects:
    """Make a subject by its name, on first use."""
    directory = tmp_path_factory.mktemp("subjects")
    made: dict[str, Subject] = {}

    def subject(name: str) -> Subject:
        if name not in made:
            made[name] = SUBJECTS[name](Path(directory))
        return made[name]

    return subject


@pytest.fixture(scope="session")
def subject(subjects: Subjects) -> Subject:
    """Make the subject with our own key."""
    return subjects("own key")


@pytest.fixture(scope="session")
def peer_keys() -> PeerKeys:
    """Read groth16py's proving and verifying key of a subject from its `.zkey`."""
    groth16py = pytest.importorskip("groth16py", reason="the peer is in the extra dev")
    return cache(lambda subject: groth16py.import_zkey(str(subject.zkey)))


@pytest.fixture(scope="session")
def engine_name() -> str:
    """Name the engine in use."""
    return engine.name()
