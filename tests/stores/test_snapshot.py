"""Snapshots of a group's tree: one that is incomplete or of another registry is not used."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.errors import EncodingError, IntegrityAlarm, ParameterError, StoreUnavailable
from rln.group.events import Step
from rln.group.group import Group
from rln.group.replica import TreeSnapshot
from rln.merkle.state import TreeState
from rln.merkle.tree import MerkleTree
from rln.stores.groups import close_group, open_group
from rln.stores.snapshot import read_snapshot, write_snapshot

DEPTH = 9


def open_at(folder: Path, snapshot: Path | None = None, **options: object) -> Group:
    uri = f"sqlite:///{folder / 'members.db'}"
    return open_group(uri, DEPTH, now=time.time, snapshot=snapshot, **options)  # type: ignore[arg-type]


def filled(folder: Path, count: int = 300) -> Group:
    group = open_at(folder)
    group.register_many([(1000 + n, n % 7 + 1) for n in range(count)])
    return group


@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 129, 255, 256, 300, 511, 512])
def test_a_tree_comes_back_whole(count: int, tmp_path: Path) -> None:
    group = Group(DEPTH)
    group.register_many([(n + 1, 1) for n in range(count)])
    write_snapshot(group.picture(), tmp_path / "snapshot")
    picture = read_snapshot(tmp_path / "snapshot")
    assert (picture.step, picture.tree.root) == (int(count > 0), group.root)
    tree = MerkleTree.from_state(picture.tree)
    assert (tree.root, tree.next_index) == (group.root, count)
    assert [tree.proof(index) for index in range(count)] == [group.proof(index) for index in range(count)]


@given(st.integers(0, 64), st.lists(st.integers(0, 63), max_size=6), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_a_tree_from_its_state_changes_as_the_tree_does(count: int, gone: list[int], more: int) -> None:
    tree = MerkleTree(6)
    tree.extend(range(1, count + 1))
    state = tree.state()
    again = MerkleTree.from_state(TreeState(6, count, tuple(bytes(level) for level in state.levels)))
    more = min(more, 64 - count)
    for one in (tree, again):
        for index in gone:
            one.delete(index)
        one.extend(range(100, 100 + more))
    assert again.root == tree.root
    assert [again.proof(index) for index in range(64)] == [tree.proof(index) for index in range(64)]


@pytest.mark.parametrize("levels", [(), (bytes(32),), (bytes(64), bytes(32), bytes(64))])
def test_nodes_that_are_no_tree(levels: tuple[bytes, ...]) -> None:
    with pytest.raises(ParameterError, match="^levels: "):
        TreeState(2, 2, levels)


def test_a_group_opens_from_a_snapshot_without_building(tmp_path: Path) -> None:
    group = filled(tmp_path)
    root, roots, proof = group.root, list(group.roots), group.proof(77)
    close_group(group, tmp_path / "snapshot")
    seen: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = open_at(tmp_path, tmp_path / "snapshot", progress=seen.append)
    assert seen == [1.0]
    assert (again.root, list(again.roots), again.proof(77), len(again)) == (root, roots, proof, 300)
    again.register(5, 5)
    assert again.root == open_at(tmp_path).root


def test_an_older_snapshot_is_caught_up_with(tmp_path: Path) -> None:
    group = filled(tmp_path)
    write_snapshot(group.picture(), tmp_path / "snapshot")
    for n in range(5):
        group.register(n + 1, 1)
    group.remove(3)
    again = open_at(tmp_path, tmp_path / "snapshot")
    assert (again.root, list(again.roots)) == (group.root, list(group.roots))


def test_changes_never_reach_the_file(tmp_path: Path) -> None:
    close_group(filled(tmp_path), tmp_path / "snapshot")
    before = (tmp_path / "snapshot").read_bytes()
    group = open_at(tmp_path, tmp_path / "snapshot")
    for index in (0, 128, 299):
        group.remove(index)
    group.register_many([(n + 1, 1) for n in range(200)])
    assert (tmp_path / "snapshot").read_bytes() == before
    assert group.root == open_at(tmp_path).root


def assert_not_used(folder: Path, message: str) -> None:
    with pytest.warns(UserWarning, match=f"^the snapshot is not used: {message}"):
        group = open_at(folder, folder / "snapshot")
    assert group.root == open_at(folder).root


def test_a_snapshot_newer_than_the_registry_is_not_used(tmp_path: Path) -> None:
    group = filled(tmp_path)
    write_snapshot(TreeSnapshot(2, group.picture().tree), tmp_path / "snapshot")
    assert_not_used(tmp_path, "snapshot: .* expected step 1 or earlier, got 2")


def test_a_snapshot_of_another_group_is_not_used(tmp_path: Path) -> None:
    filled(tmp_path)
    other = Group(DEPTH)
    other.register(5, 5)
    write_snapshot(other.picture(), tmp_path / "snapshot")
    assert_not_used(tmp_path, "snapshot: .* its root is not the root of step 1")
    write_snapshot(Group(DEPTH - 1).picture(), tmp_path / "snapshot")
    assert_not_used(tmp_path, "snapshot: .* expected depth 9, got 8")


def test_nodes_that_do_not_belong_together_do_not_fit_the_next_step(tmp_path: Path) -> None:
    group = filled(tmp_path)
    tree = group.picture().tree
    levels = [bytes(32) + bytes(level)[32:] if len(level) > 32 else bytes(level) for level in tree.levels]
    write_snapshot(TreeSnapshot(1, TreeState(DEPTH, 300, tuple(levels))), tmp_path / "snapshot")
    group.remove(1)
    assert_not_used(tmp_path, "registry: the events of step 2 do not give its root")


def test_every_bit_counts(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    path = tmp_path / "snapshot"
    close_group(open_at(tmp_path), path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (place % 8,) if place >= 64 else range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(EncodingError, match="^snapshot: "):
                read_snapshot(path)
    path.write_bytes(whole)
    assert read_snapshot(path).step == 1


def test_every_length_counts(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    close_group(filled(tmp_path, 3), path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(EncodingError, match="^snapshot: .*expected"):
            read_snapshot(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(EncodingError, match="expected .* bytes, got"):
        read_snapshot(path)
    assert_not_used(tmp_path, "snapshot: ")


@pytest.mark.parametrize("leaves", [0, 513, 1 << 32, (1 << 64) - 1])
@pytest.mark.parametrize("depth", [0, 9, 33, 255])
def test_huge_counts_cost_nothing(leaves: int, depth: int, tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    close_group(filled(tmp_path, 3), path)
    whole = bytearray(path.read_bytes())
    whole[9] = depth
    whole[24:32] = leaves.to_bytes(8, "little")
    path.write_bytes(whole)
    with pytest.raises(EncodingError, match="^snapshot: "):
        read_snapshot(path)


def test_what_is_no_file_of_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    close_group(filled(tmp_path, 3), path)
    os.chmod(path, 0o620)
    with pytest.raises(StoreUnavailable, match="other users may write it"):
        read_snapshot(path)
    os.chmod(path, 0o644)
    read_snapshot(path)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(StoreUnavailable, match="^snapshot: "):
        read_snapshot(tmp_path / "link")
    with pytest.raises(StoreUnavailable, match="^snapshot: "):
        read_snapshot(tmp_path / "missing")
    with pytest.raises(StoreUnavailable, match="regular file"):
        read_snapshot(tmp_path)


def test_where_it_cannot_be_written_the_old_one_stays(tmp_path: Path) -> None:
    group = filled(tmp_path, 3)
    with pytest.raises(StoreUnavailable, match="^snapshot: "):
        write_snapshot(group.picture(), tmp_path / "nowhere" / "snapshot")
    with pytest.raises(StoreUnavailable, match="^snapshot: "):
        close_group(group, tmp_path)
    with pytest.raises(StoreUnavailable, match="closed"):
        group.register(5, 5)


def test_a_registry_that_lies_is_not_believed_with_a_snapshot_either(tmp_path: Path) -> None:
    group = filled(tmp_path, 3)
    with group.registry.change() as change:
        head = change.head()
        change.append(Step(head.number + 1, 12345, head.at, head.events + 1), ())
    close_group(group, tmp_path / "snapshot")
    with pytest.warns(UserWarning, match="not used"), pytest.raises(IntegrityAlarm, match="its root"):
        open_at(tmp_path, tmp_path / "snapshot")
