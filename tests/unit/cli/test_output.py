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


def test_an_existing_key_is_replaced_with_force_only(files):
    """A second `rln setup` at the same path silently replaced the key that all members had."""
    key = files / "key.rlnkey"
    export = ("keys", "export", key, "--to", "zkey", "--out", files / "k.zkey")
    run(*export, status=0)
    run("keys", "export", key, "--to", "graph", "--out", files / "graph", status=0)
    small = ("--depth", 1, "--limit-bits", 1, "--out", key)
    before = key.read_bytes()
    for command in (
        ("setup", *small),
        ("keys", "import", files / "k.zkey", "--graph", files / "graph", "--limit-bits", 4, "--out", key),
    ):
        said = run(*command, status=2)
        assert f"{key}: it exists already, a key file of this library; choose another file" in said
        assert key.read_bytes() == before
    assert "it exists already, a Groth16 .zkey" in run(*export, status=2)
    run(*export, "--force", status=0)
    run("setup", *small, "--force", status=0)
    assert key.read_bytes() != before


def test_a_witness_is_replaced_with_force_only(files):
    out = files / "w.wtns"
    witness = ("witness", "--key", files / "key.rlnkey", "--input", files / "witness.json", "--out", out)
    run(*witness, status=0)
    assert f"{out}: it exists already, a .wtns file" in run(*witness, status=2)
    run(*witness, "--force", status=0)


def test_a_key_does_not_replace_what_it_is_made_of(files):
    key, zkey, graph = files / "key.rlnkey", files / "k.zkey", files / "graph"
    run("keys", "export", key, "--to", "zkey", "--out", zkey)
    run("keys", "export", key, "--to", "graph", "--out", graph)
    before = zkey.read_bytes()
    said = run(
        "keys", "import", zkey, "--graph", graph, "--limit-bits", 4, "--out", zkey, "--force", status=2
    )
    assert f"--out: expected another file than FILE, got {zkey} for both" in said
    assert zkey.read_bytes() == before


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("links", [True, False])
def test_what_appears_after_the_check_is_not_replaced(tmp_path, monkeypatch, force, links):
    """Another process made an identity at the path while the key was being written."""
    out, fsync = tmp_path / "key.rlnkey", os.fsync

    def meanwhile(descriptor):
        out.write_text("the only record")
        fsync(descriptor)

    def no_links(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fsync", meanwhile)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    said = run("setup", "--depth", 1, "--limit-bits", 1, "--out", out, *force, status=2)
    assert said == f"rln: {out}: File exists; it was not replaced: choose another file\n"
    assert out.read_text() == "the only record"
    assert os.listdir(tmp_path) == [out.name]


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_no_output_replaces_a_store_a_private_key_or_evidence(files, force):
    """Any command with an output file could be pointed at the registry, and destroyed it."""
    registry, pem, key = files / "members.db", files / "registrar.pem", files / "key.rlnkey"
    run("group", "create", f"sqlite:///{registry}", "--depth", 3, status=0)
    run("group", "key", "--out", pem, status=0)
    for file, kind in ((registry, "a member registry"), (pem, "a private key in PEM")):
        before = file.read_bytes()
        for command in (
            ("setup", "--depth", 1, "--limit-bits", 1, "--out", file, *force),
            ("keys", "export", key, "--to", "vk", "--out", file, *force),
        ):
            assert f"{file}: it is {kind}, so it is not overwritten" in run(*command, status=2)
        assert f"{file}: it is {kind}" in prove(files, files / "p.json", file)
        assert file.read_bytes() == before
    assert f"{key}: it is a key file" in run(
        "group", "export", f"sqlite:///{registry}", "--key", pem, "--out", key, status=2
    )


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
