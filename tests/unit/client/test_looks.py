"""The looks of a member's background thread: what goes wrong once may go right later."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rln.client.member import Member
from rln.client.member_directory import MemberDirectory
from rln.client.settings import MemberSettings
from rln.client.web import PlainWeb, Reply, Web
from rln.errors import NotAMember, PolicyChanged, StoreUnavailable
from rln.integrations.httpx2 import anonymous_client
from tests.support.http_provider import HttpProvider


class Broken(Web):
    """A `Web` of a program, which raises what it likes."""

    def __init__(self) -> None:
        self.calls = 0
        self.works = False

    def fetch(self, url: str, max_bytes: int) -> bytes:
        self.calls += 1
        if not self.works:
            raise ValueError("an error that no contract names")
        return PlainWeb().fetch(url, max_bytes)

    def send(self, *_: object) -> Reply:
        raise AssertionError("nothing is sent")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def quick(provider: HttpProvider, refresh: int = 1) -> None:
    """Publish a policy whose members look every second."""
    provider.world.policy = replace(provider.world.policy, version=2, refresh=refresh)
    provider.policy = provider.world.policy.sign(provider.world.registrar_key)


def test_an_unknown_error_does_not_end_the_looks(provider: HttpProvider, tmp_path: Path) -> None:
    """The thread ended without a word, and the member never saw another step."""
    quick(provider)
    web = Broken()
    path = provider.member_directory(tmp_path / "m")
    with Member.open(path, MemberSettings(web=web, threads=1)) as member:
        until(lambda: web.calls >= 2)
        provider.advance()
        provider.publish()
        web.works = True
        until(lambda: member.step == provider.step)


def test_a_store_that_is_busy_for_a_while_stops_no_member(
    provider: HttpProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was kept like a proof of dishonesty, and every later request raised it."""
    quick(provider)
    busy = [StoreUnavailable("member: another process has changed it for 30 seconds")]
    locked = MemberDirectory.locked

    def sometimes(self: MemberDirectory) -> object:
        if busy:
            raise busy.pop()
        return locked(self)

    path = provider.member_directory(tmp_path / "m")
    monkeypatch.setattr(MemberDirectory, "locked", sometimes)
    with Member.open(path, MemberSettings(threads=1)) as member, anonymous_client(member) as client:
        until(lambda: not busy)
        assert client.get(f"{provider.url}/v1/x").status_code == 200
        until(lambda: member.policy.version == 2)


def test_a_new_policy_changes_how_often_a_member_looks(provider: HttpProvider, tmp_path: Path) -> None:
    """Requests waited as long as the new policy says, for looks as rare as the old one says."""
    quick(provider)
    path = provider.member_directory(tmp_path / "m")
    with Member.open(path, MemberSettings(threads=1)) as member:
        until(lambda: any("index.json" in one.line for one in provider.published))
        assert member.policy.version == 2
        provider.advance()
        provider.publish()
        until(lambda: member.step == provider.step)


def test_whoever_waits_in_vain_is_told_why_the_looks_fail(provider: HttpProvider, tmp_path: Path) -> None:
    path = provider.member_directory(tmp_path / "m")
    (path / "group.mirror").unlink()
    provider.bulletins.clear()
    provider.policy = provider.world.policy.sign(provider.world.registrar_key)
    with (
        Member.open(path, MemberSettings(threads=1)) as member,
        pytest.raises(NotAMember, match=r"has failed: .*bulletin: expected status 200, got 404"),
    ):
        member.wait_until_admitted(2)


def test_a_policy_of_somebody_else_still_stops_the_member(provider: HttpProvider, tmp_path: Path) -> None:
    path = provider.member_directory(tmp_path / "m")
    provider.policy = replace(provider.world.policy, refresh=7).sign(provider.world.registrar_key)
    with Member.open(path, MemberSettings(threads=1)) as member, anonymous_client(member) as client:
        until(lambda: member._fault is not None)
        with pytest.raises(PolicyChanged):
            client.get(f"{provider.url}/v1/x")
