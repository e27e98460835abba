"""Roots of bulletins: the window, removals, a start in the middle, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

import rln
from rln.errors import GroupRefused, StoreUnavailable
from rln.services.bulletin_roots import BulletinRoots
from rln.sync.export import bulletin_since
from rln.sync.signing import RegistrarKey
from tests.support.small_world import DEPTH, LIMIT_BITS

SECONDS = 60.0


class Board:
    """A registrar with a clock that a test sets, and the directory of its bulletins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "board"
        self.folder.mkdir()
        self.key = RegistrarKey.new(folder / "registrar.pem")
        self.time = 1_700_000_000.0
        size = rln.WindowSize(seconds=SECONDS, now=self.now)
        self.group = rln.Group(DEPTH, LIMIT_BITS, size, now=self.now)
        self._step = 0

    def now(self) -> float:
        return self.time

    def register(self) -> rln.Identity:
        """Register a member, publish the change, and return the member."""
        identity = rln.Identity.generate()
        self.group.register(identity.commitment, 1)
        self.publish()
        return identity

    def publish(self) -> None:
        """Publish what has changed."""
        bulletin = bulletin_since(self.group.registry, self._step)
        (self.folder / f"{bulletin.last}.bulletin").write_bytes(self.key.sign(bulletin))
        self._step = bulletin.last

    def roots(self, place: Path | str | None = None, key: bytes | None = None) -> BulletinRoots:
        """Open the roots."""
        size = rln.WindowSize(seconds=SECONDS, now=self.now)
        return BulletinRoots(place or self.folder, key or self.key.public_key, DEPTH, LIMIT_BITS, size)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_a_root_is_acceptable_from_its_bulletin_until_the_window_ends(board: Board) -> None:
    board.register()
    first = board.group.root
    roots = board.roots()
    board.time += 10
    board.register()
    second = board.group.root
    assert second not in roots
    roots.refresh()
    assert list(roots) == [second, first]
    assert (roots.step, len(roots), bool(roots)) == (2, 2, True)
    board.time += SECONDS - 1
    assert first in roots
    board.time += 2
    assert list(roots) == [second]
    board.time += 1000
    assert list(roots) == [second]


def test_several_bulletins_at_once_give_all_their_roots(board: Board) -> None:
    board.register()
    roots, found = board.roots(), [board.group.root]
    for _ in range(3):
        board.time += 1
        board.register()
        found.append(board.group.root)
    roots.refresh()
    assert list(roots) == found[::-1]


def test_a_removal_retires_the_roots_before_it(board: Board) -> None:
    member = board.register()
    roots = board.roots()
    old = board.group.root
    board.time += 10
    board.group.slash(member.secret())
    board.publish()
    roots.refresh()
    assert list(roots) == [board.group.root]
    assert old not in roots
    board.time += 1
    board.register()
    roots.refresh()
    assert old not in roots
    assert len(roots) == 2


def test_a_start_accepts_what_was_replaced_within_the_window_and_no_more(board: Board) -> None:
    found = []
    for _ in range(4):
        board.register()
        found.append(board.group.root)
        board.time += 25
    assert list(board.roots()) == [found[3], found[2], found[1]]
    board.time += 20
    assert list(board.roots()) == [found[3], found[2]]
    removed = board.register()
    board.group.slash(removed.secret())
    board.time += 1
    board.publish()
    assert list(board.roots()) == [board.group.root]


def test_a_clock_of_the_registrar_that_is_ahead_keeps_no_root_for_longer(board: Board) -> None:
    board.time += 10_000
    board.register()
    board.register()
    old = board.group.registry.root_changes_after(0).roots[0][1]
    board.time -= 10_000
    roots = board.roots()
    assert old in roots
    board.time += SECONDS + 2
    assert old not in roots


def test_without_bulletins_or_with_those_of_a_different_key_nothing_opens(
    board: Board, tmp_path: Path
) -> None:
    with pytest.raises(StoreUnavailable, match="expected at least one in .*, got none yet"):
        board.roots()
    with pytest.raises(StoreUnavailable, match="they cannot be read: No such file"):
        board.roots(tmp_path / "nowhere")
    with pytest.raises(StoreUnavailable, match="bulletins: .*try again later"):
        board.roots("http://127.0.0.1:9/")
    board.register()
    other = RegistrarKey.new(tmp_path / "other.pem")
    with pytest.raises(StoreUnavailable, match="got none yet"):
        board.roots(key=other.public_key)


def test_a_contradiction_is_raised_and_the_roots_stay(board: Board) -> None:
    board.register()
    roots, root = board.roots(), board.group.root
    fork = rln.Group(DEPTH, LIMIT_BITS, rln.WindowSize(count=4))
    fork.register(7, 1)
    (board.folder / "fork.bulletin").write_bytes(board.key.sign(bulletin_since(fork.registry)))
    with pytest.raises(GroupRefused, match="different groups to different people"):
        roots.refresh()
    assert list(roots) == [root]
