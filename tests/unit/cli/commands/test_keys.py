"""Keys on the command line: made, exported, imported, checked."""

import hashlib

import pytest

import rln
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key
from tests.unit.cli.screen import shown
from tests.unit.cli.terminal import run, run_json


def test_setup_and_keys(tmp_path):
    key = tmp_path / "key.rlnkey"
    data = run_json("setup", "--depth", 2, "--limit-bits", 3, "--out", key)
    assert (data["depth"], data["limit_bits"], data["max_out"]) == (2, 3, None)
    assert data["provenance"] == "made here, alone"
    assert run_json("keys", "info", key)["key_digest"] == data["key_digest"]
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
            "--force",
        )
        assert imported["provenance"] == "imported from a test"
        assert imported["key_digest"] == data["key_digest"]
        run("keys", "check", tmp_path / f"out.{form}", "--graph", tmp_path / "out.graph", "--limit-bits", 3)
        assert run_json("keys", "info", tmp_path / f"out.{form}")["public_inputs"] == 5
    message = run_json(
        "keys", "export", tmp_path / "again.rlnkey", "--to", "r1cs", "--out", tmp_path / "x", status=2
    )
    assert "the constraints of this key are unknown" in message["message"]
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
def test_setup_refuses_parameters_of_no_circuit(tmp_path, arguments):
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


def test_tables_are_built_once_and_kept(tmp_path, monkeypatch):
    key = tmp_path / "key.rlnkey"
    small_key().save(key)
    monkeypatch.setenv("RLN_CACHE_DIR", str(tmp_path / "cache"))
    data = run_json("keys", "tables", key, "--threads", 1)
    assert data["key_digest"] == small_key().digest
    (file,) = (tmp_path / "cache").iterdir()
    before = file.stat()
    assert before.st_size == data["bytes"] + 128
    assert str(data["bytes"]) in run("keys", "tables", key)
    assert file.stat().st_ino == before.st_ino
    assert rln.ProvingKey.load(key).tables() is not None


def test_tables_without_a_cache_directory_are_a_failure(tmp_path):
    key = tmp_path / "key.rlnkey"
    small_key().save(key)
    assert "expected a usable cache directory" in run_json("keys", "tables", key, status=3)["message"]


def test_a_foreign_key_with_its_constraints(tmp_path, monkeypatch):
    monkeypatch.setenv("RLN_CACHE_DIR", str(tmp_path / "cache"))
    key = small_key()
    files = {"key.arkzkey": key.to_arkzkey(), "graph": key.graph_data}
    for name, circuit in (("r1cs", rln.circuit.rln(DEPTH, LIMIT_BITS)), ("other", rln.circuit.rln(1, 1))):
        files[name] = circuit.r1cs.encode()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "own.rlnkey"
    options = ("--graph", tmp_path / "graph", "--limit-bits", LIMIT_BITS)
    imported = run_json(
        "keys", "import", tmp_path / "key.arkzkey", *options, "--r1cs", tmp_path / "r1cs", "--out", out
    )
    assert imported["circuit_digest"] == key.circuit_digest
    built = run_json("keys", "tables", out)
    given = run_json("keys", "tables", tmp_path / "key.arkzkey", *options, "--r1cs", tmp_path / "r1cs")
    assert built == given
    for wrong in ("other", "graph", "nowhere"):
        run_json("keys", "tables", tmp_path / "key.arkzkey", *options, "--r1cs", tmp_path / wrong, status=2)


def test_one_file_has_one_digest_of_each_name_in_every_command(tmp_path, monkeypatch):
    """`digest` was the digest of the key here, and that of the verifying key there."""
    monkeypatch.setenv("RLN_CACHE_DIR", str(tmp_path / "cache"))
    key, json_file = tmp_path / "key.rlnkey", tmp_path / "vk.json"
    names = ("key_digest", "verifying_key_digest", "file_sha256")

    def digests(*command):
        said = run_json(*command)
        assert "digest" not in said
        return {name: said[name] for name in names}

    made = digests("setup", "--depth", 1, "--limit-bits", 1, "--out", key)
    assert made["file_sha256"] == hashlib.sha256(key.read_bytes()).hexdigest()
    loaded = rln.ProvingKey.load(key)
    assert (made["key_digest"], made["verifying_key_digest"]) == (loaded.digest, loaded.verifying_key.digest)
    assert digests("keys", "info", key) == digests("keys", "check", key) == made
    assert run_json("keys", "tables", key)["key_digest"] == made["key_digest"]
    for name in names:
        assert f"{name} " in run("keys", "info", key) and f"{name} " in run("keys", "check", key)
    run("keys", "check", key, "--sha256", made["file_sha256"])
    run("keys", "export", key, "--to", "vk", "--out", json_file)
    alone = digests("keys", "info", json_file)
    assert alone == digests("keys", "check", json_file)
    assert (alone["key_digest"], alone["verifying_key_digest"]) == (None, made["verifying_key_digest"])
    built_in = run_json("doctor")["built_in_keys"]["zerokit-20"]
    assert built_in == digests("keys", "info", "zerokit-20") == digests("keys", "check", "zerokit-20")
    assert built_in["verifying_key_digest"] in run("doctor")


def test_the_checks_of_a_key_fit_a_terminal():
    """Outcome and name have columns of their own; the later lines of a meaning are below its first."""
    columns = 100
    lines = shown("keys", "check", "zerokit-20", columns=columns)
    assert max(map(len, lines)) <= columns
    checks = lines[: lines.index("")]
    begin = checks[0].index("every point is on its curve")
    assert any(line.startswith("passed   sums in group 2") for line in checks)
    for line in checks:
        assert line.startswith("passed   ") or not line[:begin].strip(), line
        assert line[begin - 2 : begin] == "  " and line[begin] != " ", line
    assert "verifying_key_digest  6668da9c" in "\n".join(lines)
    piped = run("keys", "check", "zerokit-20")
    assert piped.count("passed ") == sum(line.startswith("passed ") for line in lines)


def test_a_failed_check_says_what_was_expected_and_what_may_be_wrong(tmp_path):
    """A sound key with the wrong --limit-bits fails the check of the proving key alone."""
    key = small_key()
    key.save(tmp_path / "key.rlnkey")
    run("keys", "export", tmp_path / "key.rlnkey", "--to", "zkey", "--out", tmp_path / "key.zkey")
    run("keys", "export", tmp_path / "key.rlnkey", "--to", "graph", "--out", tmp_path / "graph.bin")
    said = run("keys", "check", tmp_path / "key.zkey", "--graph", tmp_path / "graph.bin", status=2)
    assert "give --limit-bits. Expected: it belongs to the verifying key" in said
    assert "do not use it. Failed: proving key" in said
