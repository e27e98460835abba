"""A mirror that was away for longer than a site keeps its changes: it takes and compares the whole tree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import rln
from rln.client.bulletin_feed import BulletinFeed
from rln.client.web import Reply, Web
from rln.errors import GroupRefused, ProviderUnavailable
from rln.services import bulletin_site
from rln.services.bulletin_site import BulletinSite
from rln.sync.bulletin import Bulletin
from rln.sync.mirror import Mirror
from rln.sync.signing import RegistrarKey
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS


class Folder(Web):
    """Reads the files of a site, as its readers get them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.names: list[str] = []

    def fetch(self, url: str, max_bytes: int) -> bytes:
        name = url.rpartition("/")[2]
        self.names.append(name)
        try:
            data = (self.directory / name).read_bytes()
        except FileNotFoundError as error:
            raise ProviderUnavailable(name) from error
        assert len(data) <= max_bytes
        return data

    def send(self, *_: object) -> Reply:
        raise AssertionError("nothing is sent")


class Site:
    """A group, its site, and a feed of it."""

    def __init__(self, directory: Path) -> None:
        self.group = rln.Group(8, 8, interval=0)
        self.key = RegistrarKey.new(directory / "registrar.pem")
        self.directory = directory / "site"
        self.open()
        self.web = Folder(self.directory)
        self.feed = BulletinFeed("https://example.com/b/", self.key.public_key, self.web)

    def open(self) -> None:
        self.site = BulletinSite(self.directory, self.group.registry, self.key)

    def change(self, remove: int | None = None) -> None:
        self.group.register(rln.Identity.generate().commitment, 1)
        if remove is not None:
            self.group.remove(remove)
        self.site.publish()


def test_a_reader_that_was_away_for_long_takes_the_whole_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 128 changes without a look, a member was never able to follow again."""
    monkeypatch.setattr(bulletin_site, "CHAIN", 3)
    site = Site(tmp_path)
    mirrors = [Mirror(8, 8, min_members=1) for _ in range(30)]
    for number, mirror in enumerate(mirrors):
        site.change(number - 1 if number % 3 == 2 else None)
        assert site.feed.update(mirror)
    for mirror in mirrors:
        site.feed.update(mirror)
        assert (mirror.step, mirror.root) == (site.site.step, site.group.root)
        assert len(mirror) == len(mirrors[-1])
        assert not site.feed.update(mirror)


def test_a_reader_goes_on_after_the_site_was_deleted(tmp_path: Path) -> None:
    """The message of a damaged site tells its operator to delete it."""
    site = Site(tmp_path)
    site.change()
    old = Mirror(8, 8, min_members=1)
    site.feed.update(old)
    site.change(0)
    for path in site.directory.iterdir():
        path.unlink()
    site.open()
    site.change()
    assert site.feed.update(old) and old.root == site.group.root
    assert site.web.names[-1].startswith("0-")


def whole(registrar: Registrar, *leaves: int, step: int = 9) -> Bulletin:
    other = Mirror(DEPTH, LIMIT_BITS, min_members=1)
    other.apply(registrar.change(leaves))
    return replace(other.whole(), last=step)


def test_a_whole_tree_that_cannot_have_come_from_the_mirror_is_refused() -> None:
    mirror = Mirror(DEPTH, LIMIT_BITS, min_members=1)
    registrar = Registrar()
    mirror.apply(registrar.change([11, 12, 13]))
    mirror.apply(registrar.change([14], gone=[1]))
    before = (mirror.step, mirror.root, len(mirror))
    for leaves in ([11, 0, 13], [11, 12, 13, 14], [21, 0, 13, 14], [11, 0, 14, 13, 15]):
        with pytest.raises(GroupRefused, match="different groups"):
            mirror.catch_up(whole(Registrar(), *leaves))
        assert (mirror.step, mirror.root, len(mirror)) == before
    for wrong in (
        replace(whole(Registrar(), 11, 0, 13, 14, 15), before=5),
        replace(whole(Registrar(), 11, 0, 13, 14, 15), root=5),
        whole(Registrar(), 11, 0, 13, 14, 15, step=2),
        registrar.change([15]),
    ):
        with pytest.raises(GroupRefused):
            mirror.catch_up(wrong)
        assert (mirror.step, mirror.root, len(mirror)) == before
    mirror.catch_up(whole(Registrar(), 11, 0, 0, 14, 15))
    assert (mirror.step, len(mirror)) == (9, 3) and mirror.leaf(2) == 0
