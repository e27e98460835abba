"""Keys on the command line: made, exported, imported, checked."""

import pytest

import rln
from tests.story import DEPTH, LIMIT_BITS, small_key
from tests.unit.cli.terminal import run, run_json


def test_setup_and_keys(tmp_path):
    key = tmp_path / "key.rlnkey"
    data = run_json("setup", "--depth", 2, "--limit-bits", 3, "--out", key)
    assert (data["depth"], data["limit_bits"], data["max_out"]) == (2, 3, None)
    assert data["provenance"] == "made here, alone"
    assert run_json("keys", "info", key)["digest"] == data["digest"]
    assert run_json("keys", "check", key)["sound"] is True
    assert "made here, alone" in run("keys", "info", key)
    for form in ("zkey", "arkzkey", "graph", "r1cs", "vk"):
        out = tmp_path / f"out.{form}"
        assert run_json("keys", "export", key, "--to", form, "--out", out)["bytes"] == out.stat().st_size
    circuit = rln.circuit.rln(2, 3)
    assert (tmp_path / "out.r1cs").read_bytes() == circuit.r1cs.encode()
    assert (tmp_path / "out.graph").read_bytes() == circuit.graph
    for form in ("zkey", "arkzkey"):
        imported = run_json(
            "keys",
            "import",
            tmp_path / f"out.{form}",
            "--graph",
            tmp_path / "out.graph",
            "--limit-bits",
            3,
            "--name",
            "a test",
            "--out",
            tmp_path / "again.rlnkey",
        )
        assert imported["provenance"] == "imported from a test"
        assert imported["digest"] == data["digest"]
        run("keys", "check", tmp_path / f"out.{form}", "--graph", tmp_path / "out.graph", "--limit-bits", 3)
        assert run_json("keys", "info", tmp_path / f"out.{form}")["public_inputs"] == 5
    message = run_json(
        "keys", "export", tmp_path / "again.rlnkey", "--to", "r1cs", "--out", tmp_path / "x", status=2
    )
    assert "constraints are unknown" in message["message"]
    vk = tmp_path / "out.vk"
    vk.rename(tmp_path / "vk.json")
    assert run_json("keys", "check", tmp_path / "vk.json")["public_inputs"] == 5
    assert run_json("keys", "info", "zerokit-20")["public_inputs"] == 5


def test_setup_of_several_slots(tmp_path):
    data = run_json(
        "setup", "--depth", 1, "--limit-bits", 1, "--max-out", 2, "--out", tmp_path / "key.rlnkey"
    )
    assert data["max_out"] == 2
    assert data["public_inputs"] == 9


@pytest.mark.parametrize(
    "arguments", [("--depth", 0), ("--depth", 33), ("--limit-bits", 17), ("--max-out", 0)]
)
def test_setup_refuses_what_no_circuit_has(tmp_path, arguments):
    error = run_json("setup", *arguments, "--out", tmp_path / "key.rlnkey", status=2)
    assert error["error"] == "ParameterError"


def test_foreign_keys_need_a_graph(files, tmp_path):
    key = tmp_path / "k.arkzkey"
    key.write_bytes(small_key().to_arkzkey())
    assert "witness graph" in run("keys", "check", key, status=2)
    key.write_bytes(small_key().to_arkzkey()[:-1])
    assert run_json("keys", "info", key, status=2)["error"] == "EncodingError"


def test_depth_and_limit_of_the_small_key(files):
    data = run_json("keys", "info", files / "key.rlnkey")
    assert (data["depth"], data["limit_bits"]) == (DEPTH, LIMIT_BITS)
