"""`rln group copy` and `--snapshot`: registries in other databases, and trees loaded from a file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import rln
from rln.stores.memory import MemoryMessageIds
from rln.stores.snapshot import read_snapshot
from tests.support.postgres_server import empty_database
from tests.support.small_world import DEPTH, LIMIT_BITS, World
from tests.unit.cli.terminal import SECRET, run, run_json

MANY = 35


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A registry of 35 members; one of them was removed and registered again."""
    uri = f"sqlite:///{tmp_path}/members.db"
    run("group", "create", uri, "--depth", 6, "--limit-bits", 4)
    (tmp_path / "many.csv").write_text("".join(f"{1000 + n},{1 + n % 5}\n" for n in range(MANY)))
    run("group", "register", uri, "--file", tmp_path / "many.csv")
    run("group", "remove", uri, "--index", 3)
    run("group", "register", uri, "--commitment", 1003, "--limit", 9)
    return uri


def test_a_registry_moves_to_a_server_and_back(uri: str, tmp_path: Path) -> None:
    server, back = empty_database(), f"sqlite:///{tmp_path}/back.db"
    data = run_json("group", "copy", uri, server)
    said = {name: run_json("group", name, uri) for name in ("list", "root")}
    assert data == {"steps": 3, "members": MANY, "root": said["root"]["root"]}
    assert run("group", "copy", server, back).splitlines() == [
        f"3 steps copied, {MANY} members",
        f"root 0x{int(data['root']):064x}",
    ]
    for copy in (server, back):
        assert {name: run_json("group", name, copy) for name in ("list", "root")} == said
        assert run_json("group", "path", copy, "--index", 35) == run_json("group", "path", uri, "--index", 35)
    assert stat.S_IMODE((tmp_path / "back.db").stat().st_mode) == 0o600
    # A second copy is refused, and changes nothing.
    again = run_json("group", "copy", uri, server, status=2)
    assert again["message"] == (
        "target: expected an empty registry, got one at step 3; choose another database"
    )
    assert run_json("group", "list", server) == said["list"]


def test_copies_that_are_refused(uri: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    run("group", "create", other, "--depth", 7, "--limit-bits", 4)
    for source, target, words in (
        (uri, "memory://", "store: expected a file or a server, got memory://"),
        (uri, uri, "expected an empty registry"),
        (
            uri,
            other,
            "expected a registry of depth 6 and limit_bits 4, got one that was created with 7 and 4",
        ),
        (f"sqlite:///{tmp_path}/nothing.db", other, "nothing.db: No such file"),
        (uri, "redis://127.0.0.1", "store: expected"),
    ):
        assert words in run_json("group", "copy", source, target, status=2)["message"], words
    assert not (tmp_path / "nothing.db").exists()


def test_a_tree_is_saved_in_a_snapshot(uri: str, tmp_path: Path) -> None:
    file = tmp_path / "group.tree"
    plain = run_json("group", "path", uri, "--index", 7)
    assert run_json("group", "path", uri, "--index", 7, "--snapshot", file) == plain
    assert read_snapshot(file).step == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for number, command in (
        (4, ("register", uri, "--commitment", 7, "--limit", 3)),
        (5, ("remove", uri, "--index", 0)),
    ):
        data = run_json("group", *command, "--snapshot", file)
        snapshot = read_snapshot(file)
        assert (snapshot.step, str(snapshot.tree.root)) == (number, data["root"])
    # An older snapshot is brought up to date.
    run("group", "remove", uri, "--index", 1)
    data = run_json("group", "path", uri, "--index", 2, "--snapshot", file)
    assert data["root"] == run_json("group", "root", uri)["root"]
    assert read_snapshot(file).step == 6
    # A refused command leaves it unchanged.
    before = file.read_bytes()
    run("group", "remove", uri, "--index", 1, "--snapshot", file, status=1)
    assert file.read_bytes() == before


def test_slash_saves_the_snapshot_too(tmp_path: Path) -> None:
    world = World()
    mallory = rln.Identity.from_secret(SECRET)
    world.group.register(mallory.commitment, 1)
    pair = [world.prover(mallory, MemoryMessageIds()).prove(signal) for signal in (b"one", b"two")]
    evidence, vk, file = (tmp_path / name for name in ("evidence.json", "vk.json", "group.tree"))
    evidence.write_bytes(rln.Evidence(*pair, world.key.verifying_key.digest).encode())
    vk.write_bytes(world.key.verifying_key.to_json())
    uri = f"sqlite:///{tmp_path}/members.db"
    run("group", "create", uri, "--depth", DEPTH, "--limit-bits", LIMIT_BITS)
    run("group", "register", uri, "--commitment", mallory.commitment, "--limit", 1, "--snapshot", file)
    assert read_snapshot(file).tree.root == world.group.root
    data = run_json("group", "slash", uri, "--evidence", evidence, "--vk", vk, "--snapshot", file)
    snapshot = read_snapshot(file)
    assert (snapshot.step, str(snapshot.tree.root)) == (2, data["root"])


@pytest.mark.parametrize("damage", ["changed", "cut"])
def test_a_damaged_snapshot_is_replaced(uri: str, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "group.tree"
    plain = run("group", "path", uri, "--index", 7, "--snapshot", file)
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]) if damage == "changed" else good[:-1])
    said = run("group", "path", uri, "--index", 7, "--snapshot", file)
    first, rest = said.split("\n", 1)
    assert first.startswith(f"rln: the snapshot is not used: snapshot: {file}: expected ")
    assert first.endswith("; the tree was built from all steps")
    assert rest == plain
    assert file.read_bytes() == good


def test_files_that_are_not_snapshots(uri: str, tmp_path: Path) -> None:
    other = tmp_path / "many.csv"
    before = other.read_bytes()
    said = run_json("group", "path", uri, "--index", 7, "--snapshot", other, status=2)
    assert said["message"] == f"{other}: it is not a snapshot, so it is not overwritten; choose another file"
    assert other.read_bytes() == before
    missing = tmp_path / "nowhere" / "group.tree"
    said = run_json("group", "remove", uri, "--index", 7, "--snapshot", missing, status=2)
    assert f"{missing}: " in said["message"]
    assert run_json("group", "root", uri)["step"] == 3
    said = run_json("group", "path", other, "--index", 7, "--snapshot", missing, status=2)
    assert said["message"] == "--snapshot: expected the URI of a registry, got the file of a mirror"
