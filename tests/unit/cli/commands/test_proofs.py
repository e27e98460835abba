"""Proofs on the command line: witness, prove, verify, and errors that name the unusable file."""

import hashlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

import rln
from rln.circuit import Matrix
from rln.formats import snarkjs, wtns
from rln.lowlevel import groth16, keys
from rln.lowlevel.witness import Witness
from rln.protocol.statement import Statement
from tests.support.small_world import small_multi_key
from tests.unit.cli.terminal import SECRET, change, run, run_json


def test_prove_and_verify(files, tmp_path):
    names = ("--proof", files / "proof.json", "--public", files / "public.json")
    assert run_json("verify", "--vk", files / "vk.json", *names) == {"accepted": True}
    assert run_json("verify", "--vk", files / "key.rlnkey", *names) == {"accepted": True}
    assert run("verify", "--vk", files / "vk.json", *names) == "accepted\n"
    values = json.loads((files / "public.json").read_text())
    other = tmp_path / "public.json"
    other.write_text(json.dumps([values[1], values[0], *values[2:]]))
    refused = ("--proof", files / "proof.json", "--public", other)
    assert run_json("verify", "--vk", files / "vk.json", *refused, status=1)["accepted"] is False
    assert "refused" in run("verify", "--vk", "zerokit-20", *names, status=1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "public.json: expected 5 values, as the key has, got 0"),
        ('["01","1","1","1","1"]', "public.json[0]: expected canonical decimal digits"),
        ("{", "public.json: not JSON"),
        ('["1","1","1","1"]', "expected 5 values, as the key has, got 4"),
    ],
)
def test_verify_names_the_unusable_file(files, tmp_path, content, words):
    public = tmp_path / "public.json"
    public.write_text(content)
    error = run_json(
        "verify", "--vk", files / "vk.json", "--proof", files / "proof.json", "--public", public, status=2
    )
    assert words in error["message"]
    assert error["message"].startswith(str(public))


def test_verify_takes_the_files_of_rapidsnark():
    folder = Path(__file__).resolve().parents[2] / "formats" / "files" / "rapidsnark_proof"
    vk, proof, public = (folder / f"{name}.json" for name in ("verification_key", "proof", "public"))
    assert run_json("verify", "--vk", vk, "--proof", proof, "--public", public) == {"accepted": True}


def test_verify_names_the_unusable_proof_and_key(files, tmp_path):
    proof = change(files / "proof.json", tmp_path, pi_a=["1", "3", "1"])
    names = ("--proof", proof, "--public", files / "public.json")
    error = run_json("verify", "--vk", files / "vk.json", *names, status=2)
    assert (error["error"], error["message"].startswith(str(proof))) == ("PointError", True)
    vk = change(
        files / "vk.json", tmp_path, vk_delta_2=json.loads((files / "vk.json").read_text())["vk_gamma_2"]
    )
    error = run_json("verify", "--vk", vk, *names, status=2)
    assert (error["error"], error["message"].startswith(str(vk))) == ("KeyFileError", True)
    missing = tmp_path / "missing.json"
    assert f"{missing}: No such file" in run("verify", "--vk", missing, *names, status=2)
    assert run_json("verify", "--vk", tmp_path, *names, status=2)["error"] == "UnusableFile"
    junk = tmp_path / "junk"
    junk.write_bytes(b"\x00" * 100)
    assert "expected a key file" in run("verify", "--vk", junk, *names, status=2)


def test_verify_takes_keys_of_other_circuits(tmp_path):
    """The circuit a * a = b with b public, which is not RLN."""
    row = {"a": [{2: 1}], "b": [{2: 1}], "c": [{1: 1}]}
    key = keys.setup(*(Matrix.from_rows(row[name]) for name in "abc"), 3, 1)
    witness = Witness.from_wires(b"".join(rln.base.scalar.encode(value) for value in (1, 49, 7)))
    vk = rln.VerifyingKey.decode(key.verifying_key().encode(compressed=False), compressed=False)
    (tmp_path / "vk.json").write_bytes(vk.to_json())
    (tmp_path / "proof.json").write_bytes(snarkjs.write_proof(groth16.prove(key, witness)))
    for value, status in ((49, 0), (50, 1)):
        (tmp_path / "public.json").write_bytes(snarkjs.write_public([value]))
        names = ("--proof", tmp_path / "proof.json", "--public", tmp_path / "public.json")
        run("verify", "--vk", tmp_path / "vk.json", *names, status=status)


def test_witness_writes_a_private_file_for_snarkjs(files, tmp_path):
    out = tmp_path / "w.wtns"
    data = run_json("witness", "--key", files / "key.rlnkey", "--input", files / "witness.json", "--out", out)
    wires = wtns.read(out.read_bytes())
    assert data["wires"] * 32 == len(wires)
    assert data["public"] == json.loads((files / "public.json").read_text())
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"messageId": "5"}, "messageId"),
        ({"userMessageLimit": "17"}, "userMessageLimit"),
        ({"userMessageLimit": "0"}, "userMessageLimit"),
        ({"x": "0"}, "x"),
        ({"pathElements": ["1"]}, "pathElements: expected 3 values, got 1"),
        ({"identityPathIndex": ["0", "0", "2"]}, "identityPathIndex"),
        ({"identitySecret": "0"}, "secret"),
        ({"identitySecret": ["1", "2"]}, "identitySecret: expected 1 value, got 2"),
        ({"identitySecret": str(SECRET) + "x"}, "identitySecret"),
        ({"more": "1"}, "more: this circuit has no input"),
    ],
)
def test_unusable_witness_inputs(files, tmp_path, changes, words):
    path = change(files / "witness.json", tmp_path, **changes)
    out = ("--proof", tmp_path / "p.json", "--public", tmp_path / "u.json")
    message = run("prove", "--key", files / "key.rlnkey", "--input", path, *out, status=2)
    assert words in message
    assert str(path) in message
    assert not (tmp_path / "p.json").exists()
    assert not (tmp_path / "u.json").exists()


def test_prove_with_several_slots(tmp_path):
    """The slots that witness.json uses need not be the first ones."""
    key, member = small_multi_key(), rln.Identity.from_secret(SECRET)
    key.save(tmp_path / "key.rlnkey")
    spend = Statement.spend(key.parameters, 5, (2, 4), rln.MerkleProof(0, 5, (1, 2, 3)), 1234, 5678)
    statement = replace(spend, message_ids=(7, 2, 4), selector_used=(False, True, True))
    inputs = {name: list(values) for name, values in statement.inputs().items()}
    (tmp_path / "witness.json").write_bytes(snarkjs.write_witness({"identitySecret": SECRET, **inputs}))
    names = ("--proof", tmp_path / "p.json", "--public", tmp_path / "u.json")
    given = ("--key", tmp_path / "key.rlnkey", "--input", tmp_path / "witness.json")
    data = run_json("prove", *given, *names)
    assert data["public"] == [str(value) for value in statement.public_values(member)]
    assert run_json("verify", "--vk", tmp_path / "key.rlnkey", *names) == {"accepted": True}


@pytest.mark.parametrize(
    ("owner", "name", "result", "words"),
    [
        (rln.ProvingKey, "public_values", (1, 2, 3, 4, 5), "key.rlnkey: graph: "),
        (rln.VerifyingKey, "verify", False, "key.rlnkey: key: "),
    ],
)
def test_errors_name_a_key_that_computes_something_else(
    files, tmp_path, monkeypatch, owner, name, result, words
):
    key, out = files / "key.rlnkey", ("--proof", tmp_path / "p.json", "--public", tmp_path / "u.json")
    pin = ("--sha256", hashlib.sha256(key.read_bytes()).hexdigest())
    monkeypatch.setattr(owner, name, lambda *_: result)
    data = run_json("prove", "--key", key, *pin, "--input", files / "witness.json", *out, status=2)
    assert (data["error"], words in data["message"]) == ("KeyFileError", True)
    assert os.listdir(tmp_path) == []


def test_prove_with_a_pinned_key(files, tmp_path):
    out = ("--proof", tmp_path / "p.json", "--public", tmp_path / "u.json")
    message = run(
        "prove",
        "--key",
        files / "key.rlnkey",
        "--sha256",
        "ab" * 32,
        "--input",
        files / "witness.json",
        *out,
        status=2,
    )
    assert "expected SHA-256" in message
