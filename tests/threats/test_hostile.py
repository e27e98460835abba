"""Threats D7: hostile key and graph files need little memory and time, and are refused with a clear error."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import rln
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key
from tests.threats import hostile

ROOT = Path(__file__).resolve().parent.parent.parent
ENOUGH = {"own-rehashed": "60"}


@pytest.fixture(scope="module")
def files(key: rln.ProvingKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small good file of each format, and the large files of RLN(20, 16)."""
    directory = tmp_path_factory.mktemp("hostile")
    circuits = {"small": rln.circuit.rln(DEPTH, LIMIT_BITS), "large": rln.circuit.rln()}
    for size, made in (("small", small_key()), ("large", key)):
        forms = {
            "arkzkey": made.to_arkzkey(),
            "zkey": made.to_zkey(),
            "graph": made.graph_data,
            "r1cs": circuits[size].r1cs.encode(),
            "own": made.encode(),
            "own-rehashed": made.encode(),
            "vk": made.verifying_key.encode(),
            "vk-json": made.verifying_key.to_json(),
        }
        for form, data in forms.items():
            (directory / f"{size}.{form}").write_bytes(data)
    return directory


def run_hostile(form: str, path: Path, kind: str, most: str) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.threats.hostile", form, str(path), kind, "1", most]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, f"the loader ended its process: {done.returncode} {done.stderr[-2000:]}"
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("form", hostile.LOADERS)
@pytest.mark.parametrize("kind", hostile.KINDS)
def test_d7_damaged_files_are_refused_or_loaded_within_bounds(files: Path, form: str, kind: str) -> None:
    found = run_hostile(
        form, files / f"small.{form}", kind, ENOUGH.get(form, "120" if kind == "count" else "300")
    )
    assert found["wrong"] == []
    assert found["failed"] == 0
    assert found["refused"] > 0


@pytest.mark.parametrize("form", ["arkzkey", "zkey", "graph", "r1cs"])
def test_d7_large_files_with_wrong_counts_are_refused(files: Path, form: str) -> None:
    found = run_hostile(form, files / f"large.{form}", "count", "60")
    assert found["wrong"] == []
    assert found["failed"] == 0
    assert found["refused"] > 0
