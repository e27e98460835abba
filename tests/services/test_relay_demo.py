"""examples/relay: what its demo says, with and without js-waku."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEP = re.compile(r"^ *\d+ ms  (.{48})(?:  (.*))?$", re.MULTILINE)


def told(path: str) -> dict[str, str]:
    """Run the demo, and return the results of its steps by their names."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.relay.demo"],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    return {name.strip(): result for name, result in STEP.findall(done.stdout)}


def check(steps: dict[str, str], heard: str) -> None:
    commitment = steps["Mallory's commitment is"]
    assert re.fullmatch(r"0x[0-9a-f]{6}…", commitment)
    for name in "ABC":
        assert steps[f"Mallory uses a message id again; {name} prints"] == (
            f"member {commitment} exceeded the limit"
        )
    for words in ("Alice says good morning through A", "Mallory speaks", "Alice says good night"):
        assert re.fullmatch(heard, steps[words])
    assert steps["A removes Mallory from the registry"] == "2 members are left"
    assert steps["Mallory cannot prove any more"] == "refused: NotAMember"


@pytest.mark.usefixtures("node")
def test_the_demo_tells_the_story_with_a_peer_of_js_waku() -> None:
    steps = told(os.environ["PATH"])
    assert "a peer of js-waku joins B" in steps
    check(steps, r"Bob: after \d+ ms, js-waku, too")


def test_the_demo_tells_the_story_without_node(tmp_path: Path) -> None:
    steps = told(str(tmp_path))
    assert steps["a peer of js-waku"].startswith("not here")
    check(steps, r"Bob: after \d+ ms")
