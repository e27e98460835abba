"""A folder of bulletins: valid ones that continue the mirror are applied, in any order of arrival."""

import os
from dataclasses import replace

import pytest

from rln.errors import GroupRefused, ParameterError
from rln.sync.bulletin import Bulletin
from rln.sync.bulletin_folder import BulletinFolder
from rln.sync.mirror import Mirror
from rln.sync.signing import RegistrarKey
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return RegistrarKey.new(tmp_path_factory.mktemp("key") / "registrar.pem")


@pytest.fixture
def scene(key, tmp_path):
    """A mirror, whoever leads it on, and five bulletins that continue one another."""
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS, min_members=1)
    steps = [registrar.change([11 + n]) for n in range(5)]
    return mirror, BulletinFolder(tmp_path, mirror, key.public_key), steps, registrar


def test_bulletins_are_taken_as_they_fit(scene, key, tmp_path):
    mirror, board, steps, registrar = scene
    paths = [tmp_path / f"{n}.bulletin" for n in range(5)]
    assert board.apply_new() == []
    for n in (1, 2):
        paths[n].write_bytes(key.sign(steps[n]))
    assert board.apply_new() == []
    paths[0].write_bytes(key.sign(steps[0]))
    assert board.apply_new() == paths[:3]
    assert mirror.step == 3
    assert board.apply_new() == []
    paths[3].write_bytes(key.sign(steps[3]))
    paths[1].unlink()
    paths[4].write_bytes(key.sign(steps[4]))
    assert board.apply_new() == paths[3:]
    assert (mirror.root, board.refused) == (registrar.tree.root, {})


def test_the_longest_way_is_taken(scene, key, tmp_path):
    mirror, board, steps, registrar = scene
    for n, step in enumerate(steps):
        (tmp_path / f"{n}.bulletin").write_bytes(key.sign(step))
    whole = replace(
        steps[0], last=5, root=registrar.tree.root, leaves=b"".join(step.leaves for step in steps)
    )
    path = tmp_path / "whole.bulletin"
    path.write_bytes(key.sign(whole))
    assert board.apply_new() == [path]
    assert mirror.step == 5


def test_a_file_that_is_being_written_is_read_when_it_is_whole(scene, key, tmp_path):
    mirror, board, steps, _ = scene
    path, data = tmp_path / "0.bulletin", key.sign(steps[0])
    path.write_bytes(data[:100])
    assert board.apply_new() == []
    assert "not signed by the key that was pinned" in board.refused[path]
    path.write_bytes(data)
    assert board.apply_new() == [path]
    assert (board.refused, mirror.step) == ({}, 1)


def test_what_is_no_bulletin_is_left_aside(scene, key, tmp_path):
    mirror, board, steps, _ = scene
    other = RegistrarKey.new(tmp_path / "other.pem")
    (tmp_path / "a.bulletin").write_bytes(other.sign(steps[0]))
    (tmp_path / "b.bulletin").write_bytes(b"")
    (tmp_path / "c.bulletin").mkdir()
    os.mkfifo(tmp_path / "d.bulletin")
    (tmp_path / "e.bulletin").symlink_to(tmp_path / "nowhere")
    (tmp_path / "f.txt").write_bytes(key.sign(steps[0]))
    most = Bulletin.most_bytes(DEPTH) + 64
    with (tmp_path / "g.bulletin").open("wb") as file:
        file.truncate(1 << 40)
    assert board.apply_new() == []
    assert {path.name for path in board.refused} == {"a.bulletin", "b.bulletin", "g.bulletin"}
    assert f"expected at most {most} bytes, got {1 << 40}" in board.refused[tmp_path / "g.bulletin"]
    (tmp_path / "a.bulletin").unlink()
    board.apply_new()
    assert {path.name for path in board.refused} == {"b.bulletin", "g.bulletin"}
    assert mirror.step == 0


def test_p1_two_groups_under_one_key_are_an_alarm(scene, key, tmp_path):
    """Threats P1: a second bulletin for a step that is here, with another root and a right signature."""
    mirror, board, steps, _ = scene
    (tmp_path / "0.bulletin").write_bytes(key.sign(steps[0]))
    board.apply_new()
    root = mirror.root
    apart = Registrar()
    (tmp_path / "1.bulletin").write_bytes(key.sign(apart.change([99])))
    with pytest.raises(GroupRefused, match=r"1\.bulletin: another root for step 1 than the mirror has"):
        board.apply_new()
    assert (mirror.step, mirror.root) == (1, root)
    # neither does one that only continues from it lead anywhere
    (tmp_path / "1.bulletin").write_bytes(key.sign(apart.change([98])))
    with pytest.raises(GroupRefused, match=r"1\.bulletin: bulletin: it continues from another root"):
        board.apply_new()
    assert (mirror.step, mirror.root) == (1, root)


def test_p1_both_groups_at_once_are_an_alarm(scene, key, tmp_path):
    mirror, board, steps, _ = scene
    (tmp_path / "0.bulletin").write_bytes(key.sign(steps[0]))
    (tmp_path / "1.bulletin").write_bytes(key.sign(Registrar().change([99])))
    with pytest.raises(GroupRefused, match="another root for step 1"):
        board.apply_new()
    assert mirror.step == 1


def test_a_signed_root_that_nothing_leads_to_is_an_alarm(scene, key, tmp_path):
    mirror, board, steps, _ = scene
    (tmp_path / "0.bulletin").write_bytes(key.sign(replace(steps[0], root=5)))
    with pytest.raises(GroupRefused, match=r"0\.bulletin: bulletin: its leaves do not lead to the root"):
        board.apply_new()
    assert mirror.step == 0


def test_the_key_and_the_directory_must_be_there(key, tmp_path):
    with pytest.raises(ParameterError, match="public key"):
        BulletinFolder(tmp_path, Mirror(DEPTH, LIMIT_BITS), bytes(32))
    board = BulletinFolder(tmp_path / "missing", Mirror(DEPTH, LIMIT_BITS), key.public_key)
    with pytest.raises(FileNotFoundError):
        board.apply_new()
