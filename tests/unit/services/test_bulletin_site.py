"""BulletinSite: every reader comes from any published step to the newest, and the index stays small."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.services import bulletin_site
from rln.services.bulletin_site import CHAIN, INDEX, BulletinSite
from rln.stores import open_members
from rln.stores.groups import build_group
from rln.sync.signing import RegistrarKey, open_bulletin

DEPTH, LIMIT_BITS = 8, 4


class Reader:
    """A member's client, with the directory in the place of HTTP."""

    def __init__(self, site: BulletinSite, key: RegistrarKey) -> None:
        self.site, self.key = site, key
        self.mirror = rln.Mirror(DEPTH, LIMIT_BITS, min_members=1)

    def follow(self) -> None:
        index = json.loads(self.site.path(INDEX).read_bytes())  # type: ignore[union-attr]
        while self.mirror.step < index["step"]:
            parts = [one for one in index["bulletins"] if one["after"] == self.mirror.step]
            if not parts:
                self.mirror = rln.Mirror(DEPTH, LIMIT_BITS, min_members=1)
                continue
            path = self.site.path(max(parts, key=lambda one: one["last"])["name"])
            assert path is not None
            self.mirror.apply(open_bulletin(path.read_bytes(), self.key.public_key))


@pytest.fixture
def key(tmp_path: Path) -> RegistrarKey:
    return RegistrarKey.new(tmp_path / "registrar.pem")


def test_readers_of_any_age_come_to_the_newest_step(tmp_path: Path, key: RegistrarKey) -> None:
    group = rln.Group(DEPTH, LIMIT_BITS)
    site = BulletinSite(tmp_path / "site", group.registry, key)
    assert json.loads((tmp_path / "site" / INDEX).read_bytes()) == {"bulletins": [], "step": 0}
    readers = []
    for number in range(3 * CHAIN):
        group.register(1000 + number, 1) if number % 5 else group.register_many(
            [(1000 + number, 1), (9000 + number, 2)]
        )
        if number % 7 == 3:
            group.remove(number)
        assert site.publish() and not site.publish()
        readers.append(Reader(site, key))
        if number % 16 == 0:
            readers[-1].follow()
        if number % 40 == 39:
            site = BulletinSite(tmp_path / "site", group.registry, key)  # a restart
    index = json.loads((tmp_path / "site" / INDEX).read_bytes())
    assert len(index["bulletins"]) <= 2 * CHAIN + 1 and index["step"] == group.registry.head().number
    for reader in readers[::11]:
        reader.site = site
        reader.follow()
        assert reader.mirror.root == group.root


def test_old_files_go_after_an_hour(
    tmp_path: Path, key: RegistrarKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulletin_site, "CHAIN", 2)
    group = rln.Group(DEPTH, LIMIT_BITS)
    site = BulletinSite(tmp_path / "site", group.registry, key)
    for number in range(20):
        group.register(1000 + number, 1)
        site.publish()
    assert len(list((tmp_path / "site").iterdir())) > 20
    for path in (tmp_path / "site").iterdir():
        os.utime(path, (0, 0))
    group.register(2000, 1)
    site.publish()
    named = {one["name"] for one in json.loads((tmp_path / "site" / INDEX).read_bytes())["bulletins"]}
    assert {path.name for path in (tmp_path / "site").iterdir()} == {INDEX, *named}


def test_nothing_else_is_served(tmp_path: Path, key: RegistrarKey) -> None:
    site = BulletinSite(tmp_path / "site", rln.Group(DEPTH, LIMIT_BITS).registry, key)
    for name in (
        "",
        ".",
        "..",
        "../registrar.pem",
        "/etc/passwd",
        "index.json/",
        "0-1-00.bulletin",
        "\0",
        "index.JSON",
    ):
        assert site.path(name) is None


@pytest.mark.parametrize("same_steps", [False, True])
def test_a_restored_registry_is_an_alarm(tmp_path: Path, key: RegistrarKey, same_steps: bool) -> None:
    group = rln.Group(DEPTH, LIMIT_BITS)
    group.register(1, 1)
    group.register(2, 1)
    BulletinSite(tmp_path / "site", group.registry, key).publish()
    other = rln.Group(DEPTH, LIMIT_BITS)
    other.register(3, 1)
    if same_steps:
        other.register(4, 1)
    with pytest.raises(IntegrityAlarm, match="restored or exchanged"):
        BulletinSite(tmp_path / "site", other.registry, key)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"bulletins":[{"after":0,"last":1,"name":"../x"}],"step":1}', b"[" * 99]
)
def test_a_damaged_index_is_unavailable(tmp_path: Path, key: RegistrarKey, content: bytes) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / INDEX).write_bytes(content)
    with pytest.raises(StoreUnavailable, match="delete the directory"):
        BulletinSite(tmp_path / "site", rln.Group(DEPTH, LIMIT_BITS).registry, key)


@pytest.mark.parametrize("fail_at", range(3))
def test_a_disk_that_fails_leaves_the_old_index_whole(
    tmp_path: Path, key: RegistrarKey, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    group = build_group(open_members(f"sqlite:///{tmp_path}/members.db", DEPTH, LIMIT_BITS), now=lambda: 1e9)
    site = BulletinSite(tmp_path / "site", group.registry, key)
    group.register(1, 1)
    site.publish()
    monkeypatch.setattr(bulletin_site, "CHAIN", 0)
    calls, write = 0, bulletin_site.write_file

    def failing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == fail_at + 1:
            raise OSError(28, "No space left on device")
        write(*arguments)

    monkeypatch.setattr(bulletin_site, "write_file", failing)
    group.register(2, 1)
    with pytest.raises(StoreUnavailable, match="No space left"):
        site.publish()
    reader = Reader(site, key)
    reader.follow()
    assert reader.mirror.step == 1
    site.publish()
    reader.follow()
    assert reader.mirror.root == group.root
    group.registry.close()
