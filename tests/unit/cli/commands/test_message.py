"""`rln message`: proofs of a member and verdicts of a verifier, from files."""

import json
import stat

import pytest

import rln
from tests.unit.cli.terminal import run, run_json

APPLICATION = ("--application", "api.example.com", "--period", 86400)


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A provider's files with one member of limit 2 at index 0, and 34 others."""
    folder = tmp_path_factory.mktemp("office")
    registry, log = f"sqlite:///{folder}/members.db", f"sqlite:///{folder}/log.db"
    key = folder / "key.rlnkey"
    run("setup", "--depth", 6, "--limit-bits", 3, "--out", key)
    run("group", "create", registry, "--depth", 6, "--limit-bits", 3)
    public = run("group", "key", "--out", folder / "registrar.pem").strip()
    common = (*APPLICATION, "--key", key, "--registrar-key", public)
    run("params", "make", *common, "--out", folder / "params.json")
    run("params", "make", *common, "--signal-format", "joined", "--out", folder / "joined.json")
    for name in ("alice", "mallory", "stranger"):
        run("identity", "new", "--out", folder / f"{name}.json")
    members = [json.loads((folder / f"{name}.json").read_text())["identityCommitment"] for name in
               ("alice", "mallory")]  # fmt: skip
    (folder / "members.csv").write_text("\n".join([*members, *map(str, range(1, 34))]))
    run("group", "register", registry, "--file", folder / "members.csv", "--limit", 2)
    (folder / "bulletins").mkdir()
    run("group", "export", registry, "--key", folder / "registrar.pem", "--out", folder / "bulletins")
    run(
        "group", "follow", folder / "bulletins", "--into", folder / "group.mirror",
        "--params", folder / "params.json", "--once",
    )  # fmt: skip
    run("log", "create", log, *APPLICATION)
    return folder


def prove(folder, tmp_path, *more, member="alice", params="params.json", status=0):
    return run_json(
        "message", "prove", "--params", folder / params, "--key", folder / "key.rlnkey",
        "--identity", folder / f"{member}.json", "--mirror", folder / "group.mirror", "--limit", 2,
        "--ids", f"sqlite:///{tmp_path}/ids.db", "--out", tmp_path / "m.proof", *more, status=status,
    )  # fmt: skip


def check(folder, proof, *more, params="params.json", status=0):
    return run_json(
        "message", "check", proof, "--params", folder / params, "--vk", folder / "key.rlnkey",
        "--log", f"sqlite:///{folder}/log.db", "--group", f"sqlite:///{folder}/members.db", *more,
        status=status,
    )  # fmt: skip


def test_a_message_is_judged_as_by_a_verifier(office, tmp_path):
    made = prove(office, tmp_path, "--never-sent", "--text", "grüße")
    proof = rln.RlnProof.decode((tmp_path / "m.proof").read_bytes())
    assert (made["nullifier"], made["root"]) == (str(proof.nullifier), str(proof.root))
    assert check(office, tmp_path / "m.proof", "--text", "grüße") == {"verdict": "valid"}
    assert check(office, tmp_path / "m.proof", "--text", "grüße", status=1) == {"verdict": "duplicate"}
    (tmp_path / "body").write_text("grüße")
    assert (
        check(office, tmp_path / "m.proof", "--file", tmp_path / "body", status=1)["verdict"] == "duplicate"
    )
    refused = check(office, tmp_path / "m.proof", "--text", "gruss", status=1)
    assert (refused["verdict"], refused["reason"]) == ("invalid", "wrong signal")


def test_the_allocator_guards_the_message_ids(office, tmp_path):
    first = prove(office, tmp_path, "--never-sent", "--text", "one")
    before = (tmp_path / "m.proof").read_bytes()
    (tmp_path / "m.proof").unlink()
    assert prove(office, tmp_path, "--again", "--text", "one")["nullifier"] == first["nullifier"]
    assert (tmp_path / "m.proof").read_bytes() == before
    missing = prove(office, tmp_path, "--again", "--text", "other", status=1)
    assert "no proof was made for this message in this epoch" in missing["reason"]
    assert (tmp_path / "m.proof").read_bytes() == before
    prove(office, tmp_path, "--text", "two")
    assert prove(office, tmp_path, "--never-sent", "--text", "three", status=1)["error"] == "RateLimitReached"


def test_an_identity_that_may_have_sent_gets_no_id(office, tmp_path):
    assert "the identity" in prove(office, tmp_path, "--text", "one", status=3)["message"]
    assert not (tmp_path / "m.proof").exists()


def test_nothing_is_spent_when_something_does_not_match(office, tmp_path):
    run("setup", "--depth", 6, "--limit-bits", 3, "--out", tmp_path / "other.rlnkey")
    for more, status, words in (
        (("--key", tmp_path / "other.rlnkey"), 2, "key digest: expected"),
        (("--limit", 3), 1, "no leaf of it with the limit"),
        (("--identity", office / "stranger.json"), 1, "no leaf"),
        (("--min-members", 36), 1, "wait until more have joined"),
        (("--file", office / "members.csv"), 2, "expected one of --text and --file, got both"),
        (("--text", "b"), 2, "parts: expected 1, because signal_format is bytes, got 2"),
        (("--ids", "memory://"), 2, "which is gone when the command ends"),
        (("--out", office / "alice.json"), 2, "expected another file than --identity"),
        (("--out", office / "params.json"), 2, "expected another file than --params"),
        (("--out", office / "log.db"), 2, "it is a nullifier log, so it is not overwritten"),
    ):
        assert (
            words in prove(office, tmp_path, "--never-sent", "--text", "a", *more, status=status)["message"]
        )
    for _ in range(2):
        prove(office, tmp_path, "--never-sent", "--text", "a")


def test_a_message_is_not_replaced_by_its_proof(office, tmp_path):
    (tmp_path / "m.proof").write_text("the message")
    said = prove(office, tmp_path, "--never-sent", "--file", tmp_path / "m.proof", status=2)["message"]
    assert "--out: expected another file than --file" in said
    assert (tmp_path / "m.proof").read_text() == "the message"


def test_a_proof_that_cannot_be_written_says_that_its_message_id_is_spent(office, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("rln.cli.output.write_file", full)
        said = prove(office, tmp_path, "--never-sent", "--text", "a", status=3)
    assert said["message"].endswith(
        "m.proof: No space left on device; the message id is spent: write the proof with --again"
    )
    prove(office, tmp_path, "--again", "--text", "a")
    prove(office, tmp_path, "--text", "b")
    assert prove(office, tmp_path, "--text", "c", status=1)["error"] == "RateLimitReached"


def test_a_joined_signal_keeps_parts_apart(office, tmp_path):
    prove(office, tmp_path, "--never-sent", "--text", "ab", "--text", "c", params="joined.json")
    refused = check(
        office, tmp_path / "m.proof", "--text", "a", "--text", "bc", params="joined.json", status=1
    )
    assert refused["reason"] == "wrong signal"
    log = f"sqlite:///{tmp_path}/log.db"
    run("log", "create", log, *APPLICATION)
    check(office, tmp_path / "m.proof", "--text", "ab", "--text", "c", "--log", log, params="joined.json")


def test_a_violation_leaves_evidence_that_slashes(office, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    audit, evidence = ("--audit", tmp_path / "audit"), tmp_path / "evidence.json"
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        prove(office, tmp_path / str(number), "--never-sent", "--text", str(number), member="mallory")
    check(office, tmp_path / "1" / "m.proof", "--text", 1, *audit)
    over = (tmp_path / "2" / "m.proof", "--text", 2)
    alone = check(office, *over, "--evidence", evidence, status=2)
    assert "--evidence: expected --audit with it" in alone["message"]
    commitment = json.loads((office / "mallory.json").read_text())["identityCommitment"]
    with monkeypatch.context() as patch:
        patch.setattr("rln.cli.commands.message.write_new_file", full)
        said = check(office, *over, *audit, "--evidence", evidence, status=3)
    assert said["message"] == (
        f"the message is a violation, but the evidence was not written: {evidence}: No space left on device; "
        "check the message again"
    )
    expected = {"verdict": "violation", "commitment": commitment, "evidence": str(evidence)}
    assert check(office, *over, *audit, "--evidence", evidence, status=1) == expected
    assert stat.S_IMODE(evidence.stat().st_mode) == 0o600
    said = check(office, *over, *audit, "--evidence", evidence, status=2)
    assert f"{evidence}: it is evidence of a violation, so it is not overwritten" in said["message"]
    checked = run_json("evidence", "verify", evidence, "--vk", office / "key.rlnkey")
    assert checked["commitment"] == commitment


def test_a_check_makes_no_log_and_no_registry(office, tmp_path):
    prove(office, tmp_path, "--never-sent", "--text", "a")
    for more in (("--log", f"sqlite:///{tmp_path}/none.db"), ("--group", f"sqlite:///{tmp_path}/none.db")):
        said = check(office, tmp_path / "m.proof", "--text", "a", *more, status=2)
        assert "none.db: No such file" in said["message"]
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "m.proof").write_bytes(b"x")
    assert (
        "expected 288 bytes in zerokit-0.9, got 1"
        in check(office, tmp_path / "m.proof", "--text", "a", status=2)["message"]
    )
