"""Output files: an unusable one gives one line and status 2 before the work; no secret is overwritten."""

import json
import os

import pytest

from tests.unit.cli.terminal import run, write_inputs


@pytest.fixture
def files(tmp_path):
    """New key.rlnkey and witness.json for each test."""
    write_inputs(tmp_path)
    return tmp_path


def prove(files, proof, public, status=2):
    before = sorted(os.listdir(files))
    said = run(
        "prove", "--key", files / "key.rlnkey", "--input", files / "witness.json",
        "--proof", proof, "--public", public, status=status,
    )  # fmt: skip
    assert sorted(os.listdir(files)) == before
    assert said.count("\n") == 1
    return said


def test_prove_checks_both_output_files_first(files):
    missing = files / "none" / "p.json"
    assert f"rln: {missing}: No such file" in prove(files, missing, files / "u.json")
    assert f"rln: {missing}: No such file" in prove(files, files / "p.json", missing)
    assert f"rln: {files}: Is a directory" in prove(files, files / "p.json", files)


def test_two_options_cannot_name_one_file(files):
    same = files / "p.json"
    assert f"--public: expected another file than --proof, got {same}" in prove(files, same, same)
    assert "--proof: expected another file than --key" in prove(files, files / "key.rlnkey", same)
    assert "--public: expected another file than --input" in prove(files, same, files / "witness.json")
    out = ("--key", files / "key.rlnkey", "--input", files / "witness.json", "--out", files / "witness.json")
    assert "--out: expected another file than --input" in run("witness", *out, status=2)


def test_a_secret_is_never_replaced(files):
    identity = files / "id.json"
    run("identity", "new", "--out", identity, status=0)
    content = identity.read_bytes()
    key = files / "key.rlnkey"
    for command in (
        ("setup", "--depth", 1, "--limit-bits", 1, "--out", identity),
        ("keys", "export", key, "--to", "vk", "--out", identity),
        ("witness", "--key", key, "--input", files / "witness.json", "--out", identity),
    ):
        assert f"{identity}: it contains an identitySecret" in run(*command, status=2)
    assert "so it is not overwritten" in prove(files, files / "p.json", identity)
    assert identity.read_bytes() == content


@pytest.mark.parametrize("out", [".", "/", "none/key.rlnkey"])
def test_an_output_path_that_cannot_be_written(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    said = run("setup", "--depth", 1, "--limit-bits", 1, "--out", out, status=2)
    assert said.startswith(f"rln: {out}: ")
    assert said.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_the_machines_failure(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for command in (
        ("identity", "new", "--out", tmp_path / "id.json"),
        ("setup", "--depth", 1, "--limit-bits", 1, "--out", tmp_path / "key.rlnkey"),
    ):
        said = json.loads(run(*command, "--json", status=3))
        assert said == {"error": "NativeError", "message": f"{command[-1]}: No space left on device"}
    assert os.listdir(tmp_path) == []


def test_a_verifying_key_is_known_by_its_content(files):
    key, vk = files / "key.rlnkey", files / "exported.vk"
    run("keys", "export", key, "--to", "vk", "--out", vk, status=0)
    assert "public_inputs" in run("keys", "info", vk, status=0)
    assert "sound: no known fault. These checks find slips" in run("keys", "check", vk, status=0)
    said = run("witness", "--key", "zerokit-20", "--input", vk, "--out", files / "w", status=2)
    assert "the package contains only the verifying key" in said


def test_a_bad_graph_is_named(files):
    zkey, out = files / "k.zkey", files / "again.rlnkey"
    run("keys", "export", files / "key.rlnkey", "--to", "zkey", "--out", zkey, status=0)
    said = run("keys", "import", zkey, "--graph", zkey, "--out", out, status=2)
    assert "graph: expected a witness graph (wtns.graph.001), got a Groth16 .zkey over BN254" in said
    assert not out.exists()


def test_a_missing_vector_file_is_named(tmp_path):
    path = tmp_path / "none.json"
    assert run("vectors", "check", path, status=2) == f"rln: {path}: No such file or directory\n"
