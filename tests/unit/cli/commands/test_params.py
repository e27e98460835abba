"""`rln params`: the document that a provider publishes and members pin."""

import hashlib
import json

import pytest

import rln
from tests.support.small_world import LIMIT_BITS, small_key
from tests.unit.cli.terminal import run, run_json

REGISTRAR = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@pytest.fixture
def folder(tmp_path):
    small_key().save(tmp_path / "key.rlnkey")
    run("keys", "export", tmp_path / "key.rlnkey", "--to", "vk", "--out", tmp_path / "vk.json")
    run("setup", "--depth", 2, "--limit-bits", 1, "--out", tmp_path / "other.rlnkey")
    return tmp_path


def make(folder, *more, status=0):
    return run_json(
        "params", "make", "--application", "api.example.com", "--period", 60, "--key", folder / "key.rlnkey",
        "--out", folder / "params.json", *more, status=status,
    )  # fmt: skip


def test_what_is_made_is_what_is_shown_and_what_a_program_reads(folder):
    made = make(folder, "--registrar-key", REGISTRAR, "--skew", 7, "--signal-format", "joined")
    data = (folder / "params.json").read_bytes()
    assert made["params_digest"] == hashlib.sha256(data).hexdigest()
    params = rln.Params.decode(data, made["params_digest"])
    assert (params.registrar_key, params.skew, params.signal_format) == (REGISTRAR, 7, "joined")
    assert (params.window_count, params.window_seconds) == (None, 60)
    shown = run_json("params", "show", folder / "params.json")
    assert shown == {name: value for name, value in made.items() if name != "file"}
    info = run_json("keys", "info", folder / "key.rlnkey")
    for name in ("key_digest", "verifying_key_digest", "circuit_digest", "depth", "limit_bits", "max_out"):
        assert shown[name] == info[name]
    text = run("params", "show", folder / "params.json")
    assert f"params_digest         {params.digest}\n" in text
    assert "max_out               -\n" in text
    assert run(
        "params", "make", "--application", "a.example", "--period", 60, "--key", folder / "key.rlnkey",
        "--window-count", 5, "--out", folder / "two.json",
    ) == hashlib.sha256((folder / "two.json").read_bytes()).hexdigest() + "\n"  # fmt: skip


def test_the_limit_bits_of_a_zkey_are_those_of_the_parameters(folder):
    """`params check` wanted `--limit-bits` for a .zkey, although the document holds them."""
    for form, name in (("zkey", "key.zkey"), ("graph", "key.graph")):
        run("keys", "export", folder / "key.rlnkey", "--to", form, "--out", folder / name)
    key = ("--key", folder / "key.zkey", "--graph", folder / "key.graph")
    digest = make(folder, *key, "--limit-bits", LIMIT_BITS)["params_digest"]
    said = run_json("params", "check", folder / "params.json", "--digest", digest, *key)
    assert said == {"params_digest": digest, "differences": []}


def test_published_parameters_are_replaced_with_force_only(folder):
    make(folder)
    before = (folder / "params.json").read_bytes()
    assert (
        "it exists already, the parameters of an application"
        in make(folder, "--skew", 1, status=2)["message"]
    )
    assert (folder / "params.json").read_bytes() == before
    make(folder, "--skew", 1, "--force")
    assert (folder / "params.json").read_bytes() != before


def test_check_names_each_difference(folder):
    """Nothing compared a document, its pin and the key files: members found out when every proof failed."""
    digest = make(folder)["params_digest"]
    check = ("params", "check", folder / "params.json", "--digest")
    keys = ("--key", folder / "key.rlnkey", "--vk", folder / "vk.json")
    assert run(*check, digest, *keys) == f"as pinned: {digest}\n"
    assert run_json(*check, digest)["differences"] == []
    other = ("--key", folder / "other.rlnkey", "--vk", folder / "other.rlnkey")
    found = run_json(*check, "ab" * 32, *other, status=1)["differences"]
    for words in (
        f"params.json: digest: expected {'ab' * 32}, as pinned, got {digest}",
        "other.rlnkey: circuit: expected",
        "other.rlnkey: circuit digest: expected",
        "other.rlnkey: key digest: expected",
    ):
        assert len([line for line in found if words in line]) == 1
    assert len([line for line in found if "verifying key digest: expected" in line]) == 2
    assert run(*check, "ab" * 32, *other, status=1).splitlines() == found
    graph = run_json(*check, digest, *keys, "--graph", folder / "none", status=2)
    assert "key.rlnkey: --graph: expected none; the key file contains its own" in graph["message"]


def test_parameters_that_cannot_be_right_are_refused(folder):
    for more, words in (
        (("--registrar-key", "00" * 32), "--registrar-key: public key: expected a point of large order"),
        (("--registrar-key", "5f"), "--registrar-key: expected 64 hexadecimal digits"),
        (("--skew", -1), "'--skew': expected decimal digits without sign"),
        (("--window-seconds", 0), "window_seconds: expected"),
        (("--period", 0), "period: expected"),
        (("--application", "localhost"), "application: expected a domain name"),
    ):
        assert words in make(folder, *more, status=2)["message"]
    assert not (folder / "params.json").exists()
    make(folder)
    content = json.loads((folder / "params.json").read_bytes())
    (folder / "params.json").write_text(json.dumps(content))
    assert "canonical JSON" in run("params", "show", folder / "params.json", status=2)
    del content["form"]
    (folder / "params.json").write_text(json.dumps(content))
    assert "form: expected 2, got 1" in run("params", "show", folder / "params.json", status=2)
    said = run("params", "show", folder / "key.rlnkey", status=2)
    assert "expected the parameters of an application, got a key file of this library" in said
    assert "--digest: expected 64" in run(
        "params", "check", folder / "params.json", "--digest", "5", status=2
    )
