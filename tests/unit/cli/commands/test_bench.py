"""`rln bench`, with small sizes so that it is quick; the measured times are not checked."""

import pytest

from rln.lowlevel import engine
from tests.unit.cli.terminal import run, run_json


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"_DEPTH": 3, "_BATCH": 2, "_PACKED": 8, "_LEAVES": 8, "_TOKENS": 2}.items():
        monkeypatch.setattr(f"rln.cli.commands.bench.{name}", size)


def test_bench_measures_every_kind_of_proof():
    data = run_json("bench", "--threads", 1)
    assert data["engine"] == engine.name()
    assert data["threads"] == 1
    assert len(data["seconds"]) == 10
    assert all(seconds > 0 for seconds in data["seconds"].values())


def test_bench_prints_a_table():
    text = run("bench")
    assert "publishing with a token" in text
    assert "Poseidon" in text
