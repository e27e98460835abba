"""The bench: small, so that it is quick; what it says of a machine is not looked at."""

import pytest

from rln.lowlevel import engine
from tests.unit.cli.terminal import run, run_json


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"_DEPTH": 3, "_BATCH": 2, "_PACKED": 8, "_LEAVES": 8, "_TOKENS": 2}.items():
        monkeypatch.setattr(f"rln.cli.commands.bench.{name}", size)


def test_bench_measures_every_tier():
    data = run_json("bench", "--threads", 1)
    assert data["engine"] == engine.name()
    assert data["threads"] == 1
    assert len(data["seconds"]) == 10
    assert all(seconds > 0 for seconds in data["seconds"].values())


def test_bench_speaks_to_people():
    text = run("bench")
    assert "publishing with a token" in text
    assert "Poseidon" in text
