"""`rln group restored`: what the operator says is noted, and the registry is used again."""

import shutil

import pytest

import rln
from rln.stores.memory import MemoryMessageIds
from tests.support.small_world import DEPTH, LIMIT_BITS, World
from tests.unit.cli.terminal import SECRET, run, run_json

MALLORY = rln.Identity.from_secret(SECRET)


@pytest.fixture
def restored(tmp_path):
    """A registry that was copied without its list of slashed members, and evidence against a member."""
    world = World()
    world.group.register(MALLORY.commitment, 1)
    pair = [world.prover(MALLORY, MemoryMessageIds()).prove(signal) for signal in (b"one", b"two")]
    evidence, vk = tmp_path / "evidence.json", tmp_path / "vk.json"
    evidence.write_bytes(rln.Evidence(*pair, world.key.verifying_key.digest).encode())
    vk.write_bytes(world.key.verifying_key.to_json())
    uri = f"sqlite:///{tmp_path}/members.db"
    run("group", "create", uri, "--depth", DEPTH, "--limit-bits", LIMIT_BITS)
    run("group", "register", uri, "--commitment", MALLORY.commitment, "--limit", 1)
    run("group", "register", uri, "--commitment", 7, "--limit", 1)
    shutil.copy2(tmp_path / "members.db", tmp_path / "copy.db")
    return f"sqlite:///{tmp_path}/copy.db", evidence, vk


def test_a_copied_registry_is_refused_by_every_command(restored):
    uri, evidence, vk = restored
    for words in (
        ("list", uri),
        ("create", uri, "--depth", DEPTH, "--limit-bits", LIMIT_BITS),
        ("register", uri, "--commitment", 9, "--limit", 1),
        ("slash", uri, "--evidence", evidence, "--vk", vk),
        ("root", uri),
    ):
        said = run("group", *words, status=3)
        assert "was restored or copied" in said
        assert "rln group restored" in said


def test_evidence_and_commitments_are_slashed(restored):
    uri, evidence, vk = restored
    data = run_json(
        "group", "restored", uri, "--evidence", evidence, "--vk", vk, "--commitment", 8, "--commitment", "0x7"
    )
    assert (data["noted"], data["step"]) == (3, 3)
    listed = run_json("group", "list", uri)
    assert listed["members"] == []
    for commitment in (MALLORY.commitment, 7, 8):
        again = ("--commitment", commitment, "--limit", 1)
        assert "slashed, its secret is public" in run("group", "register", uri, *again, status=1)
    assert run_json("group", "restored", uri, "--commitment", 8)["noted"] == 0


def test_the_operator_may_say_that_nobody_was_slashed(restored):
    uri, *_ = restored
    assert "0 slashings were missing" in run("group", "restored", uri, "--nothing-slashed")
    assert len(run_json("group", "list", uri)["members"]) == 2


def test_the_operator_must_say_something(restored):
    uri, evidence, _ = restored
    for words, said in (
        ((), "got none of them"),
        (("--nothing-slashed", "--commitment", 7), "got --nothing-slashed and slashed members"),
        (("--evidence", evidence), "--vk: expected the verifying key"),
        (("--commitment", 0), "commitment: expected a field element other than 0"),
    ):
        assert said in run("group", "restored", uri, *words, status=2)
    assert "was restored or copied" in run("group", "list", uri, status=3)


def test_a_missing_registry_is_not_created(tmp_path):
    uri = f"sqlite:///{tmp_path}/members.db"
    assert "No such file" in run("group", "restored", uri, "--nothing-slashed", status=2)
    assert list(tmp_path.iterdir()) == []
