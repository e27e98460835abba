"""Identities on the command line: new ones, recovered ones, and where their secrets go."""

import json
import os
import stat

import pytest

import rln
from rln.cli.numbers import hexadecimal
from tests.unit.cli.terminal import SECRET, run, run_json


def test_the_secret_is_only_in_its_file(tmp_path):
    path = tmp_path / "id.json"
    data = run_json("identity", "new", "--out", path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    content = json.loads(path.read_text())
    assert content["identityCommitment"] == data["commitment"]
    assert content["identitySecret"] not in json.dumps(data)
    assert rln.Identity.from_secret(int(content["identitySecret"])).commitment == int(data["commitment"])
    assert "File exists; it was not replaced: choose another file" in run(
        "identity", "new", "--out", path, status=2
    )
    assert json.loads(path.read_text()) == content


@pytest.mark.parametrize("extended", [False, True])
def test_a_seed_gives_the_identity_of_zerokit(tmp_path, extended):
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
    known = ("--commitment", member.commitment)
    data = run_json("recover", *options, *known, "--out", tmp_path / "secret.json")
    assert data["verified"] is True
    assert int(data["commitment"]) == member.commitment
    assert json.loads((tmp_path / "secret.json").read_text())["identitySecret"] == str(SECRET)
    assert stat.S_IMODE(os.stat(tmp_path / "secret.json").st_mode) == 0o600
    run("recover", *options, "--nullifier", shares[0].nullifier)
    assert run_json("recover", *options)["verified"] is False
    assert run("recover", *options).startswith("unverified commitment 0x")
    assert run_json("recover", *options, "--out", tmp_path / "x", status=2)["error"] == "ParameterError"
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


def test_show_prints_the_commitment_and_never_the_secret(tmp_path):
    """Nothing read back the file that `identity new` wrote."""
    path = tmp_path / "id.json"
    for more in ((), ("--extended",)):
        path.unlink(missing_ok=True)
        made = run_json("identity", "new", "--out", path, *more)
        assert run_json("identity", "show", path) == made
        assert run("identity", "show", path) == hexadecimal(int(made["commitment"])) + "\n"
        content = json.loads(path.read_text())
        assert content["identitySecret"] not in run("identity", "show", path, "--json")
    path.chmod(0o644)
    assert "expected mode 0600, got 0644: other users may read it; run chmod 600" in run(
        "identity", "show", path, status=2
    )
    path.chmod(0o600)
    path.write_text(json.dumps({**content, "identityCommitment": "5"}))
    said = run("identity", "show", path, status=2)
    assert f"{path}: identity: identityCommitment: expected that of the secret" in said
    assert content["identitySecret"] not in said
    assert "No such file" in run("identity", "show", tmp_path / "none", status=2)


def test_load_makes_the_file_of_a_secret_from_elsewhere(tmp_path):
    member = rln.Identity.from_secret(SECRET)
    text = tmp_path / "secret.txt"
    for kept in (str(SECRET), f"{SECRET:#x}\n"):
        text.write_text(kept)
        out = tmp_path / f"{len(kept)}.json"
        load = ("identity", "load", text, "--commitment", member.commitment, "--out", out)
        assert run(*load) == hexadecimal(member.commitment) + "\n"
        assert rln.Identity.load(out) == member
    out = tmp_path / "piped.json"
    run("identity", "load", "-", "--commitment", member.commitment, "--out", out, stdin=str(SECRET).encode())
    assert rln.Identity.load(out) == member
    said = run("identity", "load", text, "--commitment", member.commitment, "--out", out, status=2)
    assert (
        said == f"rln: {out}: File exists; it was not replaced: choose another file\n"
    )  # not the fault of the text
    padded = str(SECRET).encode() + b" " * 1024
    said = run(
        "identity", "load", "-", "--commitment", member.commitment, "--out", out, stdin=padded, status=2
    )
    assert said == "rln: -: expected at most 1024 bytes, got more\n"
    refused = tmp_path / "refused.json"
    into = ("--out", refused)
    swapped = int.from_bytes(SECRET.to_bytes(32, "little"), "big") % (1 << 250)
    text.write_text(str(swapped))
    said = run("identity", "load", text, "--commitment", member.commitment, *into, status=1)
    assert "check the order of its bytes" in said and str(swapped) not in said
    for wrong in ("", "0", "x" * 2000, "-5", "0x", f"0{SECRET}"):
        text.write_text(wrong)
        run("identity", "load", text, "--commitment", member.commitment, *into, status=2)
    assert not refused.exists()
