"""`rln evidence verify`: prints the commitment, the reason for a refusal, or the unusable file."""

import json
import stat

import pytest

import rln
from rln.protocol.identity import Identity
from rln.stores.memory import MemoryMessageIds
from rln.verifying.evidence import Evidence
from tests.support.small_world import World
from tests.unit.cli.terminal import SECRET, run, run_json


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """vk.json, and evidence.json, same.json and forged.json against the member with SECRET."""
    folder = tmp_path_factory.mktemp("evidence")
    world = World()
    member = Identity.from_secret(SECRET)
    world.group.register(member.commitment, 1)
    first, second = (world.prover(member, MemoryMessageIds()).prove(signal) for signal in (b"one", b"two"))
    key = world.key.verifying_key
    (folder / "vk.json").write_bytes(key.to_json())
    (folder / "evidence.json").write_bytes(Evidence(first, second, key.digest).encode())
    (folder / "same.json").write_bytes(Evidence(first, first, key.digest).encode())
    lie = rln.RlnProof(second.proof, (second.y + 1) % rln.base.scalar.ORDER, *second.public_inputs[1:])
    (folder / "forged.json").write_bytes(Evidence(first, lie, key.digest).encode())
    return folder, member.commitment


def test_evidence_convicts(case, tmp_path):
    folder, commitment = case
    arguments = ("evidence", "verify", folder / "evidence.json", "--vk", folder / "vk.json")
    data = run_json(*arguments)
    assert (data["accepted"], data["commitment"], data["file"]) == (True, str(commitment), None)
    assert f"commitment 0x{commitment:064x}" in run(*arguments)
    out = tmp_path / "secret.json"
    run(*arguments, "--out", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert json.loads(out.read_text())["identitySecret"] == str(SECRET)
    assert "File exists" in run(*arguments, "--out", out, status=2)


def test_invalid_evidence_is_refused(case):
    folder, _ = case
    data = run_json("evidence", "verify", folder / "forged.json", "--vk", folder / "vk.json", status=1)
    assert (data["error"], "second proof" in data["message"]) == ("InvalidProof", True)
    data = run_json("evidence", "verify", folder / "same.json", "--vk", folder / "vk.json", status=1)
    assert (data["error"], "the same x" in data["message"]) == ("RecoveryError", True)


def test_unusable_files_are_named(case, tmp_path):
    folder, _ = case
    data = run_json("evidence", "verify", folder / "evidence.json", "--vk", "zerokit-20", status=2)
    assert data["message"].startswith(f"{folder / 'evidence.json'}: verifying key: expected")
    junk = tmp_path / "junk.json"
    for content in (b"", b"{}", (folder / "evidence.json").read_bytes()[:-1]):
        junk.write_bytes(content)
        data = run_json("evidence", "verify", junk, "--vk", folder / "vk.json", status=2)
        assert (data["error"], data["message"].startswith(f"{junk}: ")) == ("EncodingError", True)
    missing = tmp_path / "missing.json"
    said = run("evidence", "verify", missing, "--vk", folder / "vk.json", status=2)
    assert f"{missing}: No such file" in said


def test_a_file_that_is_too_long_is_not_read_to_its_end(case, tmp_path):
    """Not even one without an end."""
    folder, _ = case
    long = tmp_path / "long.json"
    long.write_bytes(b" " * ((1 << 16) + 1))
    for file in (long, "/dev/zero"):
        for command in (("evidence", "verify"), ("group", "slash", "sqlite:///none.db", "--evidence")):
            data = run_json(*command, file, "--vk", folder / "vk.json", status=2)
            assert data["error"] == "UnusableFile"
            assert data["message"] == f"{file}: expected at most 65536 bytes, got more"
    said = run_json(
        "verify", "--vk", folder / "vk.json", "--proof", long, "--public", "/dev/zero", status=2
    )  # fmt: skip
    assert said["message"] == "/dev/zero: expected at most 1048576 bytes, got more"
