"""`rln group`: a registrar's registry and bulletins."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import rln
from rln.stores.memory import MemoryMessageIds
from tests.support.postgres_server import empty_database
from tests.support.small_world import DEPTH, LIMIT_BITS, World
from tests.unit.cli.bulletins import MANY, SIZE, publish
from tests.unit.cli.terminal import SECRET, run, run_json


def test_members_are_registered_listed_and_removed(office):
    uri, *_ = office
    data = run_json("group", "register", uri, "--commitment", "0x7", "--limit", 3)
    assert (data["registered"], data["first_index"]) == (1, MANY)
    assert "index 36" in run("group", "register", uri, "--commitment", 8, "--limit", 3)
    removed = run_json("group", "remove", uri, "--index", 0)
    assert removed["removed"] == [{"index": 0, "commitment": "1000"}]
    assert run_json("group", "remove", uri, "--index", 0, status=1)["error"] == "NotAMember"
    data = run_json("group", "list", uri)
    assert (data["step"], len(data["members"])) == (4, MANY + 1)
    assert data["members"][0] == {"index": 1, "commitment": "1001", "limit": 2, "since_step": 1}
    lines = run("group", "list", uri).splitlines()
    assert lines[0] == "index\tcommitment\tlimit\tsince step"
    assert lines[-2] == f"36\t0x{8:064x}\t3\t3"
    assert lines[-1] == f"{MANY + 1} members at step 4"
    root = run_json("group", "root", uri)
    assert (root["root"], root["members"], root["step"]) == (removed["root"], MANY + 1, 4)
    assert run_json("group", "root", uri, "--step", 3)["root"] != root["root"]
    assert "expected 0 to 4, got 5" in run("group", "root", uri, "--step", 5, status=2)
    path = run_json("group", "path", uri, "--index", 1)
    proof = rln.MerkleProof.from_path(
        int(path["leaf"]), [int(n) for n in path["pathElements"]], [int(b) for b in path["identityPathIndex"]]
    )
    assert str(proof.root) == path["root"] == root["root"]
    assert (proof.index, proof.leaf) == (1, rln.poseidon_hash([1001, 2]))


def test_spaces_may_stand_around_the_values_of_a_line(office):
    uri, folder, _ = office
    (folder / "more.csv").write_text(" 21 , 1 \n\n22,2\t\n")
    assert run_json("group", "register", uri, "--file", folder / "more.csv")["registered"] == 2


def test_a_file_of_a_spreadsheet_begins_with_a_byte_order_mark(office):
    uri, *_ = office
    file = Path(__file__).resolve().parents[2] / "formats" / "files" / "members_bom.csv"
    assert run_json("group", "register", uri, "--file", file)["registered"] == 1
    assert run_json("group", "list", uri)["members"][-1]["commitment"] == "16"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "more.csv: expected at least one member, got none"),
        (" \n\n", "more.csv: expected at least one member, got none"),
        ("5,1\n6\n", "line 2: expected COMMITMENT,LIMIT, got no comma"),
        (
            "5,1\n\n6,x\n",
            "line 3: limit: expected decimal digits without sign, leading zeros, separators or spaces, "
            "got 'x'",
        ),
        ("5,1\n6,01\n", "line 2: limit: expected decimal digits without sign, leading zeros"),
        (
            "5," + 5000 * "1",
            "more.csv: line 1: limit: expected 0 to 10000000000, got a number of 5000 digits",
        ),
        (5000 * "1" + ",5", "line 1: "),
        ("5,1\nx,1\n", "line 2: expected decimal digits without leading zeros"),
        ("5,1\n6,17\n", "limit: expected 1 to 16, got 17"),
        ("5,1\n0,1\n", "commitment: expected a field element other than 0"),
        ("5,1\n\xff,1\n", "line 2: expected"),
    ],
)
def test_a_file_of_members_is_registered_completely_or_not_at_all(office, lines, words):
    uri, folder, _ = office
    file = folder / "more.csv"
    file.write_text(lines)
    assert words in run_json("group", "register", uri, "--file", file, status=2)["message"]
    assert run_json("group", "root", uri)["step"] == 1


def test_registrations_that_are_refused(office):
    uri, folder, _ = office
    (folder / "twice.csv").write_text("5,1\n1000,1\n")
    for arguments, status, words in (
        (("--commitment", 1000, "--limit", 1), 1, "registered already"),
        (("--commitment", 5), 2, "--limit: expected a limit for --commitment"),
        ((), 2, "expected one of --commitment and --file, got neither"),
        (("--commitment", 5, "--limit", 17), 2, "limit: expected 1 to 16"),
        (("--file", folder / "many.csv"), 1, "expected at most 29 more members, got 35"),
        (("--file", folder / "twice.csv"), 1, "registered already"),
        (("--file", folder / "missing.csv"), 2, "missing.csv: No such file"),
    ):
        said = run_json("group", "register", uri, *arguments, status=status)
        assert words in said["message"], arguments
    many = folder / "full.csv"
    many.write_text("".join(f"{n}\n" for n in range(1, 31)))
    said = run_json("group", "register", uri, "--limit", 1, "--file", many, status=1)
    assert said["error"] == "TreeFull"


def test_registries_that_do_not_exist(tmp_path, office):
    uri, *_ = office
    missing = f"sqlite:///{tmp_path}/missing.db"
    for command in ("list", "root"):
        assert "missing.db: No such file" in run("group", command, missing, status=2)
        assert "gone when the command ends" in run("group", command, "memory://", status=2)
        assert "expected one of" in run("group", command, "nowhere://x", status=2)
    assert "a file is sqlite:/// and its path" in run("group", "list", "members.db", status=2)
    assert not (tmp_path / "missing.db").exists()
    assert "expected a registry of depth 20" in run("group", "create", uri, status=2)
    assert run_json("group", "create", uri, *SIZE)["root"] == run_json("group", "root", uri)["root"]


def test_evidence_slashes(tmp_path):
    """`rln log merge` writes everything that it needs, and a second time changes nothing."""
    world = World()
    mallory = rln.Identity.from_secret(SECRET)
    world.group.register(mallory.commitment, 1)
    pair = [world.prover(mallory, MemoryMessageIds()).prove(signal) for signal in (b"one", b"two")]
    evidence, vk = tmp_path / "evidence.json", tmp_path / "vk.json"
    evidence.write_bytes(rln.Evidence(*pair, world.key.verifying_key.digest).encode())
    vk.write_bytes(world.key.verifying_key.to_json())
    uri, size = f"sqlite:///{tmp_path}/members.db", ("--depth", DEPTH, "--limit-bits", LIMIT_BITS)
    arguments = ("group", "slash", uri, "--evidence", evidence, "--vk", vk)
    run("group", "create", uri, *size)
    assert run_json(*arguments, status=1)["error"] == "NotAMember"
    run("group", "register", uri, "--commitment", mallory.commitment, "--limit", 1)
    data = run_json(*arguments)
    assert data["removed"] == [{"index": 0, "commitment": str(mallory.commitment)}]
    assert "removed already; nothing changed" in run(*arguments)
    again = ("--commitment", mallory.commitment, "--limit", 1)
    assert "slashed, its secret is public" in run("group", "register", uri, *again, status=1)
    assert run_json("group", "list", uri)["members"] == []
    evidence.write_bytes(rln.Evidence(pair[0], pair[0], world.key.verifying_key.digest).encode())
    assert run_json(*arguments, status=1)["error"] == "RecoveryError"


def test_a_registry_that_has_lost_steps_publishes_nothing(office, tmp_path):
    uri, folder, _ = office
    run("group", "register", uri, "--commitment", 7, "--limit", 3)
    publish(office)
    lost = f"sqlite:///{tmp_path}/lost.db"
    run("group", "create", lost, *SIZE)
    export = ("--key", folder / "registrar.pem", "--out", folder / "board")
    for n in range(3):
        said = run_json("group", "export", lost, *export, status=3)
        assert (said["error"], "has lost what was published" in said["message"]) == ("IntegrityAlarm", True)
        run("group", "register", lost, "--commitment", 5 + n, "--limit", 3)


def test_export_to_a_file(office, tmp_path):
    uri, folder, _ = office
    out = tmp_path / "whole.bulletin"
    arguments = ("group", "export", uri, "--key", folder / "registrar.pem", "--out", out)
    assert "steps 0 to 1" in run(*arguments)
    assert "after: expected 0 to 0, got 1" in run(*arguments, "--after", 1, status=2)
    (folder / "registrar.pem").chmod(0o644)
    assert "expected mode 0600, got 0644" in run(*arguments, status=2)
    assert "File exists" in run("group", "key", "--out", folder / "registrar.pem", status=2)


def test_a_pipe_gets_no_progress_bar_and_no_colour(office):
    uri, folder, _ = office
    (folder / "more.csv").write_text("7,1\n8,2\n")
    for arguments in (
        ("group", "register", uri, "--file", folder / "more.csv"),
        ("group", "list", uri),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "rln", *map(str, arguments)], capture_output=True, check=True
        )
        assert done.stderr == b""
        assert b"\x1b" not in done.stdout
        assert done.stdout.isascii()


def test_json_of_every_command_is_one_object(office):
    uri, *_ = office
    for command in ("list", "root"):
        assert isinstance(json.loads(run("group", command, uri, "--json")), dict)


def test_a_registry_on_a_server():
    uri = empty_database()
    assert "expected a registry, got none" in run("group", "list", uri, status=3)
    root = run_json("group", "create", uri, *SIZE)["root"]
    data = run_json("group", "register", uri, "--commitment", 7, "--limit", 3)
    assert data["first_index"] == 0
    assert run_json("group", "root", uri, "--step", 0)["root"] == root
    assert run_json("group", "list", uri)["members"][0]["commitment"] == "7"
    nobody = "postgresql://user:topsecret@127.0.0.1:1/none"
    said = run_json("group", "list", nobody, status=3)
    assert said["error"] == "StoreUnavailable"
    assert "topsecret" not in said["message"]
