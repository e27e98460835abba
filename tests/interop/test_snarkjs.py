"""snarkjs and this library accept each other's proofs, with the ceremony key and with a key of our own."""

import json
from pathlib import Path

import pytest

import rln
from rln.formats import snarkjs
from tests.interop import peers
from tests.support.forgeries import RELATIONS, forgeries


def test_snarkjs_accepts_our_proof_on_the_ceremony_key(node, ceremony, command, input_file, tmp_path):
    key = ceremony / "rln_final.arkzkey"
    proof, public, vk = (tmp_path / name for name in ("proof.json", "public.json", "verification_key.json"))
    files = ("--key", key, "--graph", ceremony / "graph.bin", "--input", input_file)
    command("prove", *files, "--proof", proof, "--public", public)
    command("keys", "export", key, "--graph", ceremony / "graph.bin", "--to", "vk", "--out", vk)

    done = peers.snarkjs_command(node, "groth16", "verify", vk, public, proof)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK!" in done.stdout, done.stdout + done.stderr

    values = json.loads(public.read_text())
    values[0] = str(int(values[0]) + 1)
    public.write_text(json.dumps(values))
    done = peers.snarkjs_command(node, "groth16", "verify", vk, public, proof)
    assert done.returncode != 0
    assert "OK!" not in done.stdout


def test_we_accept_the_proof_that_snarkjs_makes_with_the_ceremony_key(
    node, ceremony, command, input_file, tmp_path
):
    wtns = tmp_path / "witness.wtns"
    proof, public = tmp_path / "proof.json", tmp_path / "public.json"
    files = ("--key", ceremony / "rln_final.arkzkey", "--graph", ceremony / "graph.bin")
    command("witness", *files, "--input", input_file, "--out", wtns)
    request = {
        "call": "prove",
        "key": str(ceremony / "rln_final.zkey"),
        "witness": str(wtns),
        "proof": str(proof),
        "inputs": str(public),
    }
    peers.ask(node, "snarkjs", [request])
    assert command("verify", "--vk", "zerokit-20", "--proof", proof, "--public", public)["accepted"] is True

    values = json.loads(public.read_text())
    values[2] = str(int(values[2]) - 1)
    public.write_text(json.dumps(values))
    answer = command("verify", "--vk", "zerokit-20", "--proof", proof, "--public", public, status=1)
    assert answer["accepted"] is False


def test_snarkjs_proves_and_verifies_with_a_key_of_our_own(node, own_key, command, input_file, tmp_path):
    names = (
        "own.rlnkey",
        "own.zkey",
        "own.r1cs",
        "vk.json",
        "w.wtns",
        "p.json",
        "pub.json",
        "p2.json",
        "pub2.json",
    )
    key, zkey, r1cs, vk, wtns, proof, public, their_proof, their_public = (tmp_path / name for name in names)
    own_key.save(key)
    for kind, path in (("zkey", zkey), ("r1cs", r1cs), ("vk", vk)):
        command("keys", "export", key, "--to", kind, "--out", path)
    command("witness", "--key", key, "--input", input_file, "--out", wtns)

    checked = peers.snarkjs_command(node, "wtns", "check", r1cs, wtns)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "WITNESS IS CORRECT" in checked.stdout, checked.stdout + checked.stderr

    command("prove", "--key", key, "--input", input_file, "--proof", proof, "--public", public)
    requests = [
        {
            "call": "prove",
            "key": str(zkey),
            "witness": str(wtns),
            "proof": str(their_proof),
            "inputs": str(their_public),
        },
        {"call": "verify", "key": str(vk), "inputs": str(public), "proof": str(proof)},
        {"call": "verify", "key": str(vk), "inputs": str(public), "proof": str(their_proof)},
    ]
    signals, ours, theirs = peers.ask(node, "snarkjs", requests)
    assert (ours, theirs) == (True, True)
    assert signals == json.loads(public.read_text())
    assert command("verify", "--vk", vk, "--proof", their_proof, "--public", their_public)["accepted"] is True


@pytest.mark.parametrize("name", ["beta = k delta", "gamma = k beta", "alpha = +-gamma", "delta = k H"])
def test_snarkjs_accepts_the_forgery_with_a_key_that_we_refuse(node, command, tmp_path, name):
    """The witness that these proofs are forgeries: snarkjs does not look at the key."""
    relation = next(one for one in RELATIONS if one.name == name)
    vk, proof, public = (tmp_path / file for file in ("vk.json", "proof.json", "public.json"))
    for one in forgeries(relation, 3, seed=5):
        text = json.loads(snarkjs.write_verifying_key(one.key, bytes(384)))
        del text["vk_alphabeta_12"]
        vk.write_text(json.dumps(text))
        proof.write_bytes(snarkjs.write_proof(one.proof))
        public.write_bytes(snarkjs.write_public(one.values))
        request = {"call": "verify", "key": str(vk), "inputs": str(public), "proof": str(proof)}
        assert peers.ask(node, "snarkjs", [request]) == [True]
        files = ("--vk", vk, "--proof", proof, "--public", public)
        assert command("verify", *files, status=2)["error"] == "KeyFileError"
        assert command("keys", "check", vk, status=2)["sound"] is False


def test_snarkjs_accepts_rapidsnarks_proof_as_we_do(node, command):
    folder = Path(__file__).resolve().parents[1] / "unit" / "formats" / "files" / "rapidsnark_proof"
    vk, proof, public = (folder / f"{name}.json" for name in ("verification_key", "proof", "public"))
    request = {"call": "verify", "key": str(vk), "inputs": str(public), "proof": str(proof)}
    assert peers.ask(node, "snarkjs", [request]) == [True]
    assert command("verify", "--vk", vk, "--proof", proof, "--public", public)["accepted"] is True


def test_an_exported_key_is_the_same_after_import(own_key):
    again = rln.ProvingKey.from_zkey(own_key.to_zkey(), rln.circuit.rln(depth=20), name="own.zkey")
    assert again.to_arkzkey() == own_key.to_arkzkey()
    assert again.verifying_key == own_key.verifying_key


def test_zkey_and_arkzkey_of_the_ceremony_are_the_same_key(ceremony: Path, ceremony_key: rln.ProvingKey):
    graph = (ceremony / "graph.bin").read_bytes()
    zkey = rln.ProvingKey.from_zkey((ceremony / "rln_final.zkey").read_bytes(), graph, name="rln_final.zkey")
    assert zkey.to_arkzkey() == (ceremony / "rln_final.arkzkey").read_bytes()
    assert zkey.verifying_key == ceremony_key.verifying_key == rln.VerifyingKey.builtin("zerokit-20")
