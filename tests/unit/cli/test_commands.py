"""Every command once with good input, and each exit status."""

import json
import os
import stat

import pytest
from typer.testing import CliRunner

import rln
from rln import snarkjs, wtns
from rln.circuit import Matrix
from rln.cli.app import app
from rln.lowlevel import groth16
from rln.lowlevel.witness import Witness
from rln.statement import Statement
from tests.story import DEPTH, LIMIT_BITS, World, small_key

SECRET = 123456789123456789123456789


def run(*arguments: object, status: int = 0, stdin: bytes | None = None) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == status, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    assert str(SECRET) not in result.output
    return result.output


def run_json(*arguments: object, status: int = 0, stdin: bytes | None = None) -> dict:
    return json.loads(run(*arguments, "--json", status=status, stdin=stdin))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """key.rlnkey, vk.json, witness.json, proof.json, public.json."""
    folder = tmp_path_factory.mktemp("files")
    world = World()
    member = rln.Identity.from_secret(SECRET)
    world.group.register(member.commitment, 5)
    statement = Statement.spend(world.key.parameters, 5, (3,), world.group.proof(0), 1234, 5678)
    inputs = {"identitySecret": SECRET, **statement.inputs()}
    inputs = {
        name: value if isinstance(value, int) or len(value) > 1 else value[0]
        for name, value in inputs.items()
    }
    (folder / "witness.json").write_bytes(snarkjs.write_witness(inputs))
    world.key.save(folder / "key.rlnkey")
    (folder / "vk.json").write_bytes(world.key.verifying_key.to_json())
    run(
        "prove",
        "--key",
        folder / "key.rlnkey",
        "--input",
        folder / "witness.json",
        "--proof",
        folder / "proof.json",
        "--public",
        folder / "public.json",
    )
    return folder


def change(path, tmp_path, **changes):
    content = json.loads(path.read_text())
    content.update(changes)
    changed = tmp_path / path.name
    changed.write_text(json.dumps(content))
    return changed


def test_demo_ends_with_the_spammers_commitment():
    data = run_json("demo", "--depth", 2)
    assert data["matches"] is True
    assert data["spammer"] == data["recovered"]
    words = [step["result"] for step in data["steps"]]
    for verdict in (
        "VALID",
        "DUPLICATE",
        "RATE_LIMIT_VIOLATION",
        "INVALID, wrong signal",
        "INVALID, unknown root",
    ):
        assert verdict in words
    assert all(step["milliseconds"] >= 0 for step in data["steps"])
    text = run("demo", "--depth", 2)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 100
    assert "they match" in text


def test_doctor_knows_the_answers():
    data = run_json("doctor")
    assert data["self_test"] == dict.fromkeys(("poseidon", "keccak", "identity", "pairing"), "ok")
    assert data["engine"] in data["engines_supported"]
    assert "self-test pairing" in run("doctor")


def test_doctor_says_when_the_machine_is_wrong(monkeypatch):
    monkeypatch.setattr("rln.cli.doctor.poseidon_hash", lambda inputs: 0)
    assert run_json("doctor", status=3)["self_test"]["poseidon"] == "FAILED"


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
        ("[]", "public.json: expected 5 values as the key has, got 0"),
        ('["01","1","1","1","1"]', "public.json[0]: expected canonical decimal digits"),
        ("{", "public.json: not JSON"),
        ('["1","1","1","1"]', "expected 5 values as the key has, got 4"),
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
    assert "expected our key file" in run("verify", "--vk", junk, *names, status=2)


def test_verify_takes_keys_of_other_circuits(tmp_path):
    """The circuit a * a = b with b public, which has nothing of RLN."""
    row = {"a": [{2: 1}], "b": [{2: 1}], "c": [{1: 1}]}
    key = groth16.setup(*(Matrix.from_rows(row[name]) for name in "abc"), 3, 1)
    witness = Witness.from_wires(b"".join(rln.scalar.encode(value) for value in (1, 49, 7)))
    vk = rln.VerifyingKey.decode(key.verifying_key().encode(compressed=False), compressed=False)
    (tmp_path / "vk.json").write_bytes(vk.to_json())
    (tmp_path / "proof.json").write_bytes(snarkjs.write_proof(groth16.prove(key, witness)))
    for value, status in ((49, 0), (50, 1)):
        (tmp_path / "public.json").write_bytes(snarkjs.write_public([value]))
        names = ("--proof", tmp_path / "proof.json", "--public", tmp_path / "public.json")
        run("verify", "--vk", tmp_path / "vk.json", *names, status=status)


def test_witness_is_snarkjs_and_private(files, tmp_path):
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
        ({"more": "1"}, "more: no input"),
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


def test_foreign_keys_need_a_graph(files, tmp_path):
    key = tmp_path / "k.arkzkey"
    key.write_bytes(small_key().to_arkzkey())
    assert "witness graph" in run("keys", "check", key, status=2)
    key.write_bytes(small_key().to_arkzkey()[:-1])
    assert run_json("keys", "info", key, status=2)["error"] == "EncodingError"


def test_identity_goes_into_its_file_alone(tmp_path):
    path = tmp_path / "id.json"
    data = run_json("identity", "new", "--out", path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    content = json.loads(path.read_text())
    assert content["identityCommitment"] == data["commitment"]
    assert content["identitySecret"] not in json.dumps(data)
    assert rln.Identity.from_secret(int(content["identitySecret"])).commitment == int(data["commitment"])
    assert "File exists" in run("identity", "new", "--out", path, status=2)
    assert json.loads(path.read_text()) == content


@pytest.mark.parametrize("extended", [False, True])
def test_identity_of_a_seed_is_zerokits(tmp_path, extended):
    seed = tmp_path / "seed"
    seed.write_bytes(bytes(range(10)))
    flag = ("--extended",) if extended else ()
    data = run_json("identity", "new", "--out", tmp_path / "a", "--seed-file", seed, *flag)
    expected = rln.Identity.from_seed(bytes(range(10)), extended).commitment
    assert int(data["commitment"]) == expected
    piped = run_json(
        "identity", "new", "--out", tmp_path / "b", "--seed-file", "-", *flag, stdin=bytes(range(10))
    )
    assert piped["commitment"] == data["commitment"]
    content = json.loads((tmp_path / "a").read_text())
    assert ("identityTrapdoor" in content) is extended


def test_identity_refuses_an_empty_seed(tmp_path):
    seed = tmp_path / "seed"
    seed.write_bytes(b"")
    assert "expected a seed" in run("identity", "new", "--out", tmp_path / "a", "--seed-file", seed, status=2)
    assert not (tmp_path / "a").exists()


def test_recover(tmp_path):
    member = rln.Identity.from_secret(SECRET)
    shares = [member.share(x, 77, 3) for x in (5, 6)]
    options = [part for share in shares for part in ("--share", f"{share.x},{share.y:#x}")]
    data = run_json("recover", *options, "--out", tmp_path / "secret.json")
    assert int(data["commitment"]) == member.commitment
    assert json.loads((tmp_path / "secret.json").read_text())["identitySecret"] == str(SECRET)
    assert stat.S_IMODE(os.stat(tmp_path / "secret.json").st_mode) == 0o600
    run("recover", *options, "--nullifier", shares[0].nullifier)
    refused = run_json("recover", *options, "--nullifier", 1, status=1)
    assert refused["error"] == "RecoveryError"
    run("recover", *options[:2], *options[:2], status=1)
    for bad in (
        options[:2],
        options * 2,
        ["--share", "1", "--share", "2"],
        ["--share", "0,1", *options[2:]],
        ["--share", "01,1", *options[2:]],
        ["--share", "1,0x", *options[2:]],
    ):
        run("recover", *bad, status=2)


def test_poseidon():
    expected = "0x115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189a"
    assert run("poseidon", "1", "0x2").strip() == expected
    assert run_json("poseidon", "1", "2")["hash"] == str(int(expected, 16))
    for bad in (["01"], ["0x"], ["0xg"], [" 1"], ["1.0"], [str(rln.scalar.ORDER)], ["1"] * 9, ["１"]):
        run("poseidon", *bad, status=2)


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
def test_vectors_that_are_none(tmp_path, content):
    path = tmp_path / "poseidon.json"
    path.write_text(content)
    run("vectors", "check", path, status=2)


def test_vectors_of_an_unknown_noun(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    assert "expected a name of" in run("vectors", "check", tmp_path, status=2)
    (tmp_path / "empty").mkdir()
    assert "no .json file" in run("vectors", "check", tmp_path / "empty", status=2)


def test_machine_failures_are_three(files, tmp_path, monkeypatch):
    def no_entropy(out):
        raise rln.EntropyError("entropy: none")

    monkeypatch.setattr("rln.lowlevel.entropy.fill", no_entropy)
    assert run_json("identity", "new", "--out", tmp_path / "a", status=3)["error"] == "EntropyError"
    assert not (tmp_path / "a").exists()


def test_usage_errors_are_two():
    for arguments in (
        ("prove",),
        ("nonsense",),
        ("setup", "--depth", "x", "--out", "y"),
        ("keys", "export", "x"),
    ):
        run(*arguments, status=2)


def test_depth_and_limit_of_the_small_key(files):
    data = run_json("keys", "info", files / "key.rlnkey")
    assert (data["depth"], data["limit_bits"]) == (DEPTH, LIMIT_BITS)
