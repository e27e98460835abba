"""`rln log`: opens logs as verifiers do, and finds violators across the audit files of several nodes."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import rln
from rln.audit.files import AuditFiles
from rln.base.scalar import ORDER
from rln.stores import open_mark
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from rln.stores.sqlite.log import holds_log
from tests.support.redis_server import RedisServer, empty_server
from tests.support.small_world import PERIOD, World
from tests.unit.cli.terminal import SECRET, run, run_json

CLOCK = ("--application", "story.example", "--period", 60)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Audit files of two nodes, vk.json, and a member who overspent: one valid message to each node."""
    folder = tmp_path_factory.mktemp("nodes")
    world = World()
    (folder / "vk.json").write_bytes(world.key.verifying_key.to_json())
    mallory = rln.Identity.from_secret(SECRET)
    world.group.register(mallory.commitment, 1)
    alice = world.join(2)
    ids = MemoryMessageIds()
    messages = []
    for node in ("one", "two"):
        audit = AuditFiles(folder / node, world.key.verifying_key)
        verifier = world.verifier(log=MemoryNullifierLog(), audit=audit)
        for identity, signal, allocator in (
            (mallory, f"spam {node}".encode(), MemoryMessageIds()),
            (alice, f"hello {node}".encode(), ids),
        ):
            proof = world.prover(identity, allocator).prove(signal)
            assert verifier.submit(proof, signal) == rln.Valid()
            messages.append(proof)
        audit.close()
    return folder, world, mallory.commitment, messages


def test_merge_finds_who_overspent_on_two_nodes(nodes, tmp_path):
    folder, _, commitment, _ = nodes
    arguments = ("log", "merge", folder / "one", folder / "two", "--vk", folder / "vk.json")
    data = run_json(*arguments, "--evidence", tmp_path / "evidence")
    (found,) = data["violators"]
    assert (data["files"], data["messages"], data["refused"]) == (2, 4, 0)
    assert (data["cut"], data["damaged"]) == ([], {})
    assert (found["commitment"], found["violations"]) == (str(commitment), 1)
    file = tmp_path / "evidence" / f"0x{commitment:064x}.json"
    assert found["evidence"] == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    checked = run_json("evidence", "verify", file, "--vk", folder / "vk.json")
    assert checked["commitment"] == str(commitment)
    text = run(*arguments)
    assert text.splitlines() == [
        "commitment\tviolations\tevidence",
        f"0x{commitment:064x}\t1\t",
        "violators: 1, in 4 messages of 2 files",
    ]


def test_one_node_alone_convicts_nobody(nodes):
    folder, *_ = nodes
    for files in ([folder / "one"], [folder / "two"], [folder / "one", folder / "one"]):
        text = run("log", "merge", *files, "--vk", folder / "vk.json")
        assert text.startswith("violators: 0, in ")


def test_a_cut_message_and_a_damaged_one_are_left_out(nodes, tmp_path):
    folder, _, commitment, _ = nodes
    (file,) = (folder / "one").iterdir()
    (other,) = (folder / "two").iterdir()
    data = file.read_bytes()
    cut, damaged = tmp_path / "cut.audit", tmp_path / "damaged.audit"
    cut.write_bytes(data[:-1])
    found = run_json("log", "merge", cut, other, "--vk", folder / "vk.json")
    assert (found["messages"], found["cut"], len(found["violators"])) == (3, [str(cut)], 1)
    damaged.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    found = run_json("log", "merge", damaged, other, "--vk", folder / "vk.json", status=1)
    assert "damaged" in found["damaged"][str(damaged)]
    assert [one["commitment"] for one in found["violators"]] == [str(commitment)]
    said = run("log", "merge", damaged, other, "--vk", folder / "vk.json", status=1)
    assert "all other messages were read" in said
    start = data.index(b"\n") + 1
    damaged.write_bytes(data[:start] + b"?" + data[start + 1 :] + data[start:])
    found = run_json("log", "merge", damaged, other, "--vk", folder / "vk.json", status=1)
    assert found["messages"] == 5, "what follows a damaged message is read"


def test_forged_records_in_a_file_frame_nobody(nodes, tmp_path):
    """Threats A13: a node writes any messages under the nullifier of an honest member."""
    folder, world, commitment, messages = nodes
    honest = messages[1]
    audit = AuditFiles(tmp_path / "three", world.key.verifying_key)
    epoch = world.clock.current()
    for x in (1, 2, ORDER - 1):
        audit.append_many([(epoch, rln.RlnProof(honest.proof, 5, honest.root, honest.nullifier, x,
                                                honest.external_nullifier))])  # fmt: skip
    audit.close()
    data = run_json(
        "log", "merge", tmp_path / "three", folder / "one", folder / "two", "--vk", folder / "vk.json"
    )
    assert [one["commitment"] for one in data["violators"]] == [str(commitment)]
    assert data["refused"] == 3


def test_unusable_audit_files_are_named(nodes, tmp_path):
    folder, *_ = nodes
    junk = tmp_path / "junk.audit"
    junk.write_bytes(b"junk")
    for arguments, words in (
        ((junk, "--vk", folder / "vk.json"), f"{junk}: expected an audit file"),
        ((tmp_path / "missing", "--vk", folder / "vk.json"), "missing: No such file"),
        ((folder / "one", "--vk", "zerokit-20"), "expected verifying key"),
        (
            (folder / "one", "--vk", folder / "vk.json", "--evidence", tmp_path / "no" / "where"),
            "No such file or directory",
        ),
    ):
        assert words in run_json("log", "merge", *arguments, status=2)["message"]
    link = tmp_path / "link.audit"
    link.symlink_to(next((folder / "one").iterdir()))
    assert run_json("log", "merge", link, "--vk", folder / "vk.json")["messages"] == 2
    link.unlink()
    (tmp_path / "empty").mkdir()
    message = run_json("log", "merge", tmp_path / "empty", "--vk", folder / "vk.json", status=2)["message"]
    assert "expected files whose names end in .audit, got none" in message


def test_a_damaged_file_of_a_directory_hides_no_violation_in_the_others(nodes, tmp_path):
    """Threats F20."""
    folder, _, commitment, _ = nodes
    shutil.copytree(folder / "one", tmp_path / "one")
    (tmp_path / "one" / "junk.audit").write_bytes(b"junk")
    (tmp_path / "one" / "folder.audit").mkdir()
    arguments = (tmp_path / "one", folder / "two", "--vk", folder / "vk.json")
    found = run_json("log", "merge", *arguments, status=1)
    assert [one["commitment"] for one in found["violators"]] == [str(commitment)]
    assert sorted(Path(name).name for name in found["damaged"]) == ["folder.audit", "junk.audit"]
    said = run("log", "merge", *arguments, status=1)
    assert "junk.audit: expected an audit file, got other content" in said
    lines = run("log", "export", tmp_path / "one", status=2)
    assert len([line for line in lines.splitlines() if line.startswith("{")]) == 2
    assert "expected an audit file" in lines


def test_export_writes_a_line_a_message(nodes, tmp_path):
    folder, world, _, messages = nodes
    lines = [json.loads(line) for line in run("log", "export", folder / "one", folder / "two").splitlines()]
    assert [line["x"] for line in lines] == [str(message.x) for message in messages]
    first = lines[0]
    assert first["epoch"] == world.clock.current().index
    assert first["period"] == PERIOD
    assert first["proof"] == messages[0].proof.hex()
    assert first["shares"] == [{"nullifier": str(messages[0].nullifier), "y": str(messages[0].y)}]
    assert first["verifying_key"] == world.key.verifying_key.digest
    out = tmp_path / "lines"
    data = run_json("log", "export", folder / "one", "--out", out)
    assert data == {"messages": 2, "file": str(out)}
    assert [json.loads(line) for line in out.read_text().splitlines()] == lines[:2]


def test_export_prints_one_json_object_if_you_ask_for_one(nodes, tmp_path):
    """`--json` without `--out` was ignored: it printed lines, and after a failure no JSON at all."""
    folder, *_ = nodes
    lines = [json.loads(line) for line in run("log", "export", folder / "one").splitlines()]
    assert run_json("log", "export", folder / "one") == {"messages": 2, "lines": lines}
    (tmp_path / "junk.audit").write_bytes(b"junk")
    assert "expected an audit file" in run_json("log", "export", tmp_path, status=2)["message"]


def test_a_closed_output_pipe_is_no_failure(nodes):
    folder, *_ = nodes
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as nobody:
        command = [sys.executable, "-m", "rln", "log", "export", str(folder / "one")]
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_log_that_is_new_and_one_that_may_have_been_lost(tmp_path):
    new, lost = f"sqlite:///{tmp_path}/new.db", f"sqlite:///{tmp_path}/lost.db"
    said = run("log", "stats", new, *CLOCK, status=2)
    assert "No such file" in said and "if a log was lost, do not: start a verifier" in said
    assert not (tmp_path / "new.db").exists()
    assert set(run_json("log", "create", new, *CLOCK)["epochs"].values()) == {"served"}
    data = run_json("log", "stats", new, *CLOCK)
    assert (data["shares"], set(data["epochs"].values())) == (0, {"served"})
    assert data["servers"] == []
    assert data["retention_seconds"] == 60 + 2 * 20 + 60
    before = (tmp_path / "new.db").read_bytes()
    again = run_json("log", "create", new, *CLOCK, status=2)["message"]
    assert again.startswith(f"{tmp_path}/new.db: the log exists already, and nothing was changed")
    assert (tmp_path / "new.db").read_bytes() == before
    rln.stores.open_log(lost, rln.EpochClock("story.example", 60)).close()
    states = run_json("log", "stats", lost, *CLOCK)["epochs"].values()
    assert "served" not in states
    epochs = len(run_json("log", "stats", new, *CLOCK)["epochs"])
    said = run("log", "stats", new, *CLOCK).splitlines()
    assert said[0] == "epoch\tstate" and all(line.endswith("\tserved") for line in said[1 : epochs + 1])
    assert said[-4:-1] == [
        f"log                 {tmp_path}/new.db",
        "shares              0",
        "retention_seconds   160",
    ]


def test_purge_drops_epochs_that_are_never_acceptable_again(tmp_path):
    uri = f"sqlite:///{tmp_path}/log.db"
    clock = rln.EpochClock("story.example", 60)
    log = rln.stores.open_log(uri, clock, new=True)
    now = clock.current()
    for index in (now.index - 10, now.index):
        log.insert_or_get(clock.epoch(index), [rln.Share(1, 2, 3 + index)])
    log.close()
    data = run_json("log", "purge", uri, *CLOCK)
    assert data["dropped"] == 1
    assert abs(data["horizon"] - clock.horizon()) < 60
    assert run_json("log", "stats", uri, *CLOCK)["shares"] == 1
    assert run_json("log", "purge", uri, *CLOCK)["dropped"] == 0
    run("log", "purge", uri, "--application", "story", "--period", 60, status=2)


def test_logs_that_are_refused(tmp_path):
    for uri, words in (
        ("memory://", "gone when the command ends"),
        ("nowhere://x", "expected one of"),
    ):
        for command in ("create", "stats", "purge"):
            assert words in run_json("log", command, uri, *CLOCK, status=2)["message"]
    (tmp_path / "junk.db").write_bytes(b"junk" * 100)
    (tmp_path / "junk.db").chmod(0o600)
    error = run_json("log", "stats", f"sqlite:///{tmp_path}/junk.db", *CLOCK, status=3)
    assert error["error"] == "StoreUnavailable"


def test_logs_on_servers(tmp_path):
    uri = empty_server()
    states = run_json("log", "stats", uri, *CLOCK)["epochs"].values()
    assert all("was open at" in state for state in states)
    assert "expected a nullifier log, got no record of one" in run("log", "purge", uri, *CLOCK, status=2)
    assert RedisServer.at(uri).dbsize() == 0
    data = run_json("log", "create", uri, *CLOCK)
    assert (data["shares"], set(data["epochs"].values())) == (None, {"served"})
    assert run_json("log", "purge", uri, *CLOCK)["dropped"] is None
    assert set(run_json("log", "stats", uri, *CLOCK)["epochs"].values()) == {"served"}
    (server,) = run_json("log", "stats", uri, *CLOCK)["servers"]
    assert (server["role"], server["appendonly"], server["eviction"]) == ("master", True, "noeviction")
    assert server["keys"] == RedisServer.at(uri).dbsize()
    lines = run("log", "stats", uri, *CLOCK).splitlines()
    assert lines[0].split("\t")[:3] == ["name", "role", "version"]
    assert lines[1].split("\t")[:2] == [server["name"], "master"]
    assert lines[2] == "primaries; `keys` counts the whole database"
    assert f"log                 {server['name']}" in lines and "shares              -" in lines
    assert "RedisNullifierLog" not in "".join(lines)
    keys = RedisServer.at(uri).dbsize()
    again = run_json("log", "create", uri, *CLOCK, status=2)
    assert again["message"].startswith(f"{server['name']}: the log exists already, and nothing was changed")
    assert RedisServer.at(uri).dbsize() == keys
    other = ("--application", "other.example", "--period", 60)
    assert set(run_json("log", "create", uri, *other)["epochs"].values()) == {"served"}
    nobody = run_json("log", "stats", "redis://user:topsecret@127.0.0.1:1", *CLOCK, status=3)
    assert nobody["error"] == "StoreUnavailable"
    assert "topsecret" not in nobody["message"]


def test_a_file_that_holds_only_a_mark_gets_a_log_from_create_and_from_nothing_else(tmp_path):
    path = tmp_path / "log.db"
    uri = f"sqlite:///{path}"
    open_mark(uri).close()
    before = path.read_bytes()
    for command in ("stats", "purge"):
        assert "got a file with a high-water mark only" in run("log", command, uri, *CLOCK, status=2)
        assert path.read_bytes() == before
        assert not holds_log(path)
    assert set(run_json("log", "create", uri, *CLOCK)["epochs"].values()) == {"served"}
    assert holds_log(path)
    assert run_json("log", "stats", uri, *CLOCK)["shares"] == 0
    assert "the log exists already" in run("log", "create", uri, *CLOCK, status=2)


def test_stats_makes_nothing_of_a_file_that_is_no_log(tmp_path):
    empty, other = tmp_path / "empty.db", tmp_path / "members.db"
    empty.touch(0o600)
    run("group", "create", f"sqlite:///{other}")
    before = other.read_bytes()
    for command in ("stats", "create"):
        assert "got an empty file" in run("log", command, f"sqlite:///{empty}", *CLOCK, status=3)
        said = run("log", command, f"sqlite:///{other}", *CLOCK, status=3)
        assert "this file is a member registry, expected a nullifier log" in said
    assert (empty.read_bytes(), other.read_bytes()) == (b"", before)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "empty.db",
        "members.db",
        "members.db-slashed",
    ]
