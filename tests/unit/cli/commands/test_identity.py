"""Identities on the command line: new ones, recovered ones, and where their secrets go."""

import json
import os
import stat

import pytest

import rln
from tests.unit.cli.terminal import SECRET, run, run_json


def test_the_secret_is_only_in_its_file(tmp_path):
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
