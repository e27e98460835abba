"""One statement and one key for all figures, and the line without which a figure is not quoted."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from benchmarks.subject import THREADS, Subject
from rln.lowlevel import engine


def pytest_benchmark_update_machine_info(config, machine_info):
    """Put engine, compiler and threads beside the processor."""
    machine_info["rln"] = {"engine": engine.name(), "threads": THREADS, "compiler": _compiler()}


def pytest_terminal_summary(terminalreporter):
    """Say what the figures were measured on."""
    terminalreporter.write_line(
        f"processor: {_processor()}; engine: {engine.name()}; threads: {THREADS}; "
        f"compiler: {_compiler()}; Python {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _compiler() -> str:
    done = subprocess.run(
        [os.environ.get("CC", "cc"), "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[0]


@pytest.fixture(scope="session")
def subject(tmp_path_factory) -> Subject:
    """The statement and the key that ours and theirs share."""
    return Subject(tmp_path_factory.mktemp("subject"))


@pytest.fixture(scope="session")
def peer_key(subject):
    """groth16py's proving and verifying key, read from our exported `.zkey`."""
    groth16py = pytest.importorskip("groth16py", reason="the peer is in the extra dev")
    return groth16py.import_zkey(str(subject.zkey))
