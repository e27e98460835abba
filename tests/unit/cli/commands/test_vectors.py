"""`rln vectors check`: passing cases, failing cases, and files that are not vectors."""

import json

import pytest

import rln
from tests.unit.cli.terminal import run, run_json


def test_vectors_check(tmp_path):
    good = {
        "id": "a",
        "input": {"inputs": ["01" + "00" * 31]},
        "result": "valid",
        "output": rln.poseidon_hash([1]).to_bytes(32, "little").hex(),
    }
    bad = {"id": "b", "input": {"inputs": ["ff" * 32]}, "result": "invalid", "error": "range"}
    path = tmp_path / "poseidon.json"
    path.write_text(json.dumps({"origin": "here", "cases": [good, bad]}))
    assert run("vectors", "check", path).strip() == f"ok   {path}  2/2"
    wrong = [
        {**good, "output": "00" * 32},
        {**bad, "error": "length"},
        {"id": "c", "input": good["input"], "result": "invalid", "error": "range"},
        {"id": "d", "input": bad["input"], "result": "valid", "output": ""},
    ]
    path.write_text(json.dumps({"origin": "here", "cases": [good, *wrong]}))
    data = run_json("vectors", "check", tmp_path, status=1)
    assert data["missed"] == 4
    assert "1/5" in run("vectors", "check", tmp_path, status=1)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"cases": []}',
        '{"cases": [{}]}',
        '{"cases": [{"id": "a", "input": {}, "result": "valid", "output": 1}]}',
    ],
)
def test_files_that_are_not_vectors(tmp_path, content):
    path = tmp_path / "poseidon.json"
    path.write_text(content)
    run("vectors", "check", path, status=2)


def test_vectors_of_an_unknown_noun(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    assert "name: expected one of field" in run("vectors", "check", tmp_path, status=2)
    (tmp_path / "empty").mkdir()
    assert "expected .json files in the directory, got none" in run(
        "vectors", "check", tmp_path / "empty", status=2
    )
