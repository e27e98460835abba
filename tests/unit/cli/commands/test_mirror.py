"""`rln group import`, `follow`, `root`, `path`: mirrors of members who follow a registrar's bulletins."""

import signal
import stat
import subprocess
import sys

import pytest

import rln
from rln.sync.signing import RegistrarKey
from tests.support.registrar import Registrar
from tests.unit.cli.bulletins import MANY, SIZE, publish
from tests.unit.cli.terminal import run, run_json


def take(office, *more, status=0):
    _, folder, public = office
    files = sorted((folder / "board").iterdir())
    into = ("--into", folder / "group.mirror", "--public-key", public)
    return run_json("group", "import", *files, *into, *SIZE, *more, status=status)


def test_bulletins_update_a_mirror(office):
    uri, folder, _ = office
    first = publish(office)
    assert first["file"] == str(folder / "board" / "000000000000-000000000001.bulletin")
    assert publish(office)["file"] is None
    run("group", "register", uri, "--commitment", 7, "--limit", 3)
    run("group", "remove", uri, "--index", 2)
    second = publish(office)
    assert (second["after"], second["last"]) == (1, 3)
    data = take(office)
    assert (data["applied"], data["step"], data["members"]) == (2, 3, MANY)
    assert data["root"] == run_json("group", "root", uri)["root"] == second["root"]
    mirror = folder / "group.mirror"
    assert stat.S_IMODE(mirror.stat().st_mode) == 0o600
    for index in (0, MANY):
        expected = run_json("group", "path", uri, "--index", index)
        assert run_json("group", "path", mirror, "--index", index) == expected
    assert run_json("group", "path", mirror, "--index", 2, status=1)["error"] == "NotAMember"
    assert take(office)["applied"] == 0
    run("group", "register", uri, "--commitment", 9, "--limit", 3)
    root = publish(office)["root"]
    assert take(office, "--expect-root", root)["applied"] == 1
    assert run_json("group", "root", mirror)["root"] == root
    assert run_json("group", "root", mirror, "--step", 4)["step"] == 4
    assert "expected 4, the mirror's current step, got 3" in run(
        "group", "root", mirror, "--step", 3, status=2
    )


def test_a_root_from_a_second_source_must_match(office):
    """Threats P1: correctly signed, but not the group that other members see."""
    _, folder, _ = office
    publish(office)
    data = take(office, "--expect-root", 5, status=1)
    assert (data["error"], "nothing was saved" in data["message"]) == ("GroupRefused", True)
    assert not (folder / "group.mirror").exists()
    take(office)
    key = RegistrarKey.load(folder / "registrar.pem")
    apart = Registrar(6)
    for file in (folder / "board").iterdir():
        file.unlink()
    (folder / "board" / "apart.bulletin").write_bytes(key.sign(apart.change([11])))
    before = (folder / "group.mirror").read_bytes()
    assert "for step 1, got 0x" in take(office, status=1)["message"]
    (folder / "board" / "apart.bulletin").write_bytes(key.sign(apart.change([12])))
    assert "it continues from another root" in take(office, status=1)["message"]
    assert (folder / "group.mirror").read_bytes() == before


def test_a_small_group_is_refused(office):
    uri, folder, _ = office
    publish(office)
    assert take(office, "--min-members", MANY + 1, status=1)["members"] == MANY
    mirror = folder / "group.mirror"
    data = run_json("group", "path", mirror, "--index", 1, "--min-members", MANY + 1, status=1)
    assert "expected at least 36 members to hide among, got 35" in data["message"]
    for index in range(4):
        run("group", "remove", uri, "--index", index)
    publish(office)
    assert take(office, status=1)["members"] == 31
    assert "expected at least 32" in run("group", "path", mirror, "--index", 9, status=1)
    run("group", "path", mirror, "--index", 9, "--min-members", 31)


def test_a_refused_bulletin_leaves_the_mirror_unchanged(office, tmp_path):
    uri, folder, public = office
    publish(office)
    take(office)
    before = (folder / "group.mirror").read_bytes()
    run("group", "register", uri, "--commitment", 7, "--limit", 3)
    file = folder / "board" / "000000000001-000000000002.bulletin"
    publish(office)
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "not signed by the key that was pinned" in take(office, status=1)["message"]
    file.write_bytes(b"")
    assert take(office, status=2)["error"] == "EncodingError"
    file.write_bytes(good)
    into = ("--into", folder / "group.mirror", *SIZE)
    other = RegistrarKey.new(tmp_path / "other.pem").public_key.hex()
    for key, status, words in (
        (other, 1, "not signed by the key"),
        ("00" * 32, 2, "point of large order"),
        ("zz", 2, "--public-key: expected 64 hexadecimal digits"),
        (public[:-2], 2, "--public-key: expected 64 hexadecimal digits"),
    ):
        said = run_json("group", "import", file, *into, "--public-key", key, status=status)
        assert words in said["message"]
    fresh = ("--into", folder / "fresh.mirror", "--public-key", public)
    assert "continues from step 0" in run("group", "import", file, *fresh, *SIZE, status=1)
    assert "expected a group of depth 20" in run("group", "import", file, *fresh, status=1)
    assert not (folder / "fresh.mirror").exists()
    assert (folder / "group.mirror").read_bytes() == before
    (folder / "group.mirror").write_bytes(before[:-1])
    assert "group.mirror: bulletin: expected" in take(office, status=2)["message"]


def test_follow_once(office):
    uri, folder, public = office
    into = ("--into", folder / "group.mirror", "--public-key", public)
    arguments = ("group", "follow", folder / "board", *into)
    assert run_json(*arguments, *SIZE, "--once")["step"] == 0
    assert not (folder / "group.mirror").exists()
    publish(office)
    text = run(*arguments, *SIZE, "--once")
    root = int(run_json("group", "root", uri)["root"])
    assert text.splitlines()[0] == f"step 1  root 0x{root:064x}"
    assert run_json("group", "root", folder / "group.mirror")["members"] == MANY
    (folder / "board" / "junk.bulletin").write_bytes(b"junk")
    data = run_json(*arguments, *SIZE, "--once", status=1)
    assert list(data["refused"]) == [str(folder / "board" / "junk.bulletin")]
    (folder / "board" / "junk.bulletin").unlink()
    (folder / "board" / "000000000000-000000000001.bulletin").rename(folder / "kept")
    (folder / "group.mirror").unlink()
    run("group", "register", uri, "--commitment", 7, "--limit", 3)
    out = ("--key", folder / "registrar.pem", "--out", folder / "board" / "late.bulletin", "--after", 1)
    run("group", "export", uri, *out)
    said = run(*arguments, *SIZE, "--once", status=1)
    assert "no bulletin continues from step 0, but there are bulletins up to step 2" in said
    (folder / "kept").rename(folder / "board" / "early.bulletin")
    data = run_json(*arguments, *SIZE, "--once")
    assert (data["applied"], data["step"], data["newest"]) == (2, 2, 2)
    assert "No such file" in run(
        "group", "follow", folder / "none", "--into", folder / "m", "--public-key", public, status=2
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_follow_runs_until_a_signal(office, number):
    uri, folder, public = office
    arguments = (
        "group", "follow", folder / "board", "--into", folder / "group.mirror", "--public-key", public,
        *SIZE, "--every", 0.1,
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "rln", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for step in (1, 2):
            publish(office)
            assert process.stdout.readline().startswith(f"step {step}  root 0x")
            run("group", "register", uri, "--commitment", 7 + step, "--limit", 3)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert out.startswith("step 2 at ")


def test_follow_ends_when_the_registrar_shows_different_groups(office):
    _, folder, public = office
    publish(office)
    key = RegistrarKey.load(folder / "registrar.pem")
    (folder / "board" / "z.bulletin").write_bytes(key.sign(Registrar(6).change([11])))
    into = ("--into", folder / "group.mirror", "--public-key", public)
    arguments = ("group", "follow", folder / "board", *into)
    data = run_json(*arguments, *SIZE, status=1)
    assert (data["error"], "shows different groups" in data["message"]) == ("GroupRefused", True)


def test_a_small_group_names_the_remedy_and_says_that_the_mirror_was_saved(office):
    """The command said that it failed, and did not say that it had saved the mirror, or what to do."""
    _, folder, public = office
    publish(office)
    arguments = (
        "group", "import", *(folder / "board").iterdir(), "--into", folder / "group.mirror",
        "--public-key", public, *SIZE, "--min-members", MANY + 1,
    )  # fmt: skip
    said = run(*arguments, status=1)
    assert (
        f"expected at least {MANY + 1}, got {MANY}; the mirror was saved; wait until more have joined" in said
    )
    assert "--min-members" in said
    assert (folder / "group.mirror").exists()
    again = run(*arguments, status=1)
    assert "the mirror was saved" not in again and "--min-members" in again
    told = run("group", "path", folder / "group.mirror", "--index", 1, "--min-members", MANY + 1, status=1)
    assert "wait until more have joined" in told and "--min-members" in told


@pytest.mark.parametrize("command", ["import", "follow"])
def test_the_depth_of_another_group_is_not_ignored(office, command):
    """`--depth` on an existing mirror was silently ignored."""
    _, folder, public = office
    publish(office)
    take(office)
    before = (folder / "group.mirror").read_bytes()
    source = (folder / "board",) if command == "follow" else tuple((folder / "board").iterdir())
    common = ("group", command, *source, "--into", folder / "group.mirror", "--public-key", public)
    common += ("--once",) if command == "follow" else ()
    run(*common, *SIZE)
    run(*common)
    for option, value, words in (
        ("--depth", 20, "group.mirror: depth: expected 20, got 6: it is the mirror of another group"),
        ("--limit-bits", 16, "group.mirror: limit bits: expected 16, got "),
    ):
        assert words in run(*common, option, value, status=2)
    assert (folder / "group.mirror").read_bytes() == before


@pytest.mark.parametrize(("option", "name"), [("--depth", "depth"), ("--limit-bits", "limit_bits")])
def test_a_size_of_0_is_refused_for_a_new_mirror(office, option, name):
    """0 was taken for "not given", and the mirror got the default size."""
    _, folder, public = office
    publish(office)
    common = ("group", "follow", folder / "board", "--into", folder / "new.mirror", "--public-key", public)
    said = run(*common, "--once", option, 0, status=2)
    assert f"{name}: expected 1 to " in said and "got 0" in said
    assert not (folder / "new.mirror").exists()


def test_the_parameters_say_who_signs_and_how_large_the_tree_is(office):
    _, folder, public = office
    publish(office)
    run("setup", *SIZE, "--out", folder / "key.rlnkey")
    make = ("params", "make", "--application", "a.example", "--period", 60, "--key", folder / "key.rlnkey")
    run(*make, "--registrar-key", public, "--out", folder / "params.json")
    run(*make, "--out", folder / "unsigned.json")
    into = ("--into", folder / "group.mirror")
    follow = ("group", "follow", folder / "board", *into, "--once", "--params")
    assert run_json(*follow, folder / "params.json")["members"] == MANY
    for arguments, words in (
        ((*follow, folder / "params.json", "--public-key", public), "--params: expected it alone"),
        (
            (*follow, folder / "unsigned.json"),
            "registrar_key: expected the key that signs bulletins, got none",
        ),
        (follow[:-1], "--public-key: expected it or --params, got neither"),
    ):
        assert words in run(*arguments, status=2)
    other = RegistrarKey.new(folder / "other.pem").public_key.hex()
    run(*make, "--registrar-key", other, "--out", folder / "other.json")
    (folder / "group.mirror").unlink()
    assert "not signed by the key that was pinned" in run(*follow, folder / "other.json", status=1)


def test_a_file_that_is_no_bulletin_is_called_by_name(office):
    _, folder, public = office
    wrong = folder / "alice.json"
    rln.Identity.generate().save(wrong)
    into = ("--into", folder / "group.mirror", "--public-key", public)
    said = run("group", "import", wrong, *into, status=2)
    assert "bulletin: expected a mirror or a bulletin, got the secret of an identity" in said
    assert not (folder / "group.mirror").exists()
