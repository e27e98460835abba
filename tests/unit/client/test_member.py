"""Member: what it opens, follows, refuses and wipes."""

from __future__ import annotations

import os
import pickle
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import rln
from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.errors import GroupRefused, NotAMember, ParameterError, PolicyChanged, ProviderUnavailable
from rln.http.policy import Tier
from rln.sync.bulletin import Bulletin
from tests.support.http_provider import HttpProvider
from tests.support.http_world import LIMIT


def test_a_member_follows_the_group(provider: HttpProvider, tmp_path: Path, quiet: MemberSettings) -> None:
    path = provider.member_directory(tmp_path / "m")
    with Member.open(path, quiet) as member:
        assert (member.step, member.policy) == (1, provider.world.policy)
        provider.advance()
        provider.publish()
        member.follow()
        assert member.step == 2
    with Member.open(path, quiet) as member:
        assert member.step == 2, "what was learnt is stored"


def test_the_limit_ends_with_the_seconds_to_wait(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
        parts = provider.world.parts(body=b"hello")
        for _ in range(LIMIT):
            member._ids.reserve(member._identity.commitment, member._clock.current(), LIMIT)
        with pytest.raises(rln.RateLimitReached) as caught:
            member.make(parts, 1)
        assert caught.value.retry_after is not None
        assert 0 <= caught.value.retry_after <= provider.world.policy.params.period


def test_a_group_below_its_minimum_is_refused_with_the_remedy(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    path = provider.member_directory(tmp_path / "m", min_members=1000)
    with Member.open(path, quiet) as member, pytest.raises(GroupRefused, match="wait until more have joined"):
        member.make(provider.world.parts(), 1)


def test_a_removed_member_is_told_so(provider: HttpProvider, tmp_path: Path, quiet: MemberSettings) -> None:
    with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
        member.make(provider.world.parts(), 1)
        provider.world.group.remove(provider.world.memberships[0].index)
        provider.publish()
        member.follow()
        assert not member.is_admitted
        with pytest.raises(NotAMember, match="the membership has ended"):
            member.make(provider.world.parts(), 1)


def test_a_signed_higher_version_is_taken(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    path = provider.member_directory(tmp_path / "m")
    second = replace(provider.world.policy, version=2, tiers=(Tier("pro", LIMIT),))
    with Member.open(path, quiet) as member:
        provider.policy = second.sign(provider.world.registrar_key)
        member.follow()
        assert member.policy == second
        provider.policy = provider.world.policy.sign(provider.world.registrar_key)
        member.follow()
        assert member.policy == second, "an older one is that of a cache"
    with Member.open(path, quiet) as member:
        assert member.policy == second


@pytest.mark.parametrize("kind", ["same version", "other key", "other parameters"])
def test_another_policy_stops_the_member(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings, kind: str
) -> None:
    policy, key = provider.world.policy, provider.world.registrar_key
    if kind == "other key":
        key = rln.sync.signing.RegistrarKey.new(tmp_path / "other.pem")
        policy = replace(policy, params=replace(policy.params, registrar_key=key.public_key.hex()), version=2)
    elif kind == "other parameters":
        policy = replace(policy, params=replace(policy.params, period=60), version=2)
    else:
        policy = replace(policy, tiers=(Tier("pro", LIMIT),))
    with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
        provider.policy = policy.sign(key)
        with pytest.raises(PolicyChanged):
            member.follow()
        with pytest.raises(PolicyChanged):
            member.make(provider.world.parts(), 1)


@pytest.mark.parametrize("document", [b"{}", b"", b"<html>We are back soon</html>"])
def test_a_page_in_the_place_of_the_policy_only_delays(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings, document: bytes
) -> None:
    """One page of a proxy, and every request was refused until the program started anew."""
    with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
        right, provider.policy = provider.policy, document
        with pytest.raises(ProviderUnavailable, match="policy"):
            member.follow()
        assert member.make(provider.world.parts(), 1).units == 1
        provider.policy = right
        member.follow()


def test_a_provider_that_shows_another_group_stops_the_member(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
        provider.advance()
        provider.publish()
        name = "1-2.bulletin"
        right = Bulletin.decode(provider.bulletins[name][:-64])
        provider.bulletins[name] = provider.world.registrar_key.sign(replace(right, before=5))
        with pytest.raises(GroupRefused, match="different groups"):
            member.follow()
        with pytest.raises(GroupRefused, match="different groups"):
            member.make(provider.world.parts(), 1)


@pytest.mark.parametrize("damage", [b"", b"garbage" * 30, None])
def test_a_damaged_bulletin_only_delays(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings, damage: bytes | None
) -> None:
    with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
        provider.advance()
        provider.publish()
        right = provider.bulletins["1-2.bulletin"]
        provider.bulletins["1-2.bulletin"] = right[:-1] + bytes([right[-1] ^ 1]) if damage is None else damage
        with pytest.raises(ProviderUnavailable):
            member.follow()
        assert member.make(provider.world.parts(), 1).step == 1
        provider.bulletins["1-2.bulletin"] = right
        member.follow()
        assert member.step == 2


def test_an_index_with_a_gap_is_an_error_and_leads_nowhere_else(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
        provider.index.clear()
        provider.step = 9
        with pytest.raises(ProviderUnavailable, match="no bulletin that continues from 1"):
            member.follow()
        provider.index.append({"after": 1, "last": 9, "name": "../../.well-known/rln"})
        with pytest.raises(rln.EncodingError, match="ends in .bulletin"):
            member.follow()


def test_the_background_thread_follows_and_ends(provider: HttpProvider, tmp_path: Path) -> None:
    with Member.open(provider.member_directory(tmp_path / "m"), MemberSettings(threads=1)):
        deadline = time.monotonic() + 20
        while len(provider.published) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [one.line.split()[1] for one in provider.published[:2]] == [
            "/.well-known/rln", "/rln/bulletins/index.json",
        ]  # fmt: skip
        names = [one.name for one in threading.enumerate()]
        assert "rln-follower" in names
    assert "rln-follower" not in [one.name for one in threading.enumerate()]


def test_a_forked_child_goes_on(provider: HttpProvider, tmp_path: Path) -> None:
    with Member.open(provider.member_directory(tmp_path / "m"), MemberSettings(threads=1)) as member:
        parts = provider.world.parts(body=b"hello")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                made = member.make(parts, 1).value
                alive = "rln-follower" in [one.name for one in threading.enumerate()]
                os.write(write, f"{made} {alive}".encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            of_child = pipe.read().decode()
        os.waitpid(child, 0)
        assert of_child.startswith("RLN ") and of_child.endswith(" True")
        assert member.make(parts, 1).value not in of_child


def test_a_closed_member_refuses(provider: HttpProvider, tmp_path: Path, quiet: MemberSettings) -> None:
    member = Member.open(provider.member_directory(tmp_path / "m"), quiet)
    member.close()
    member.close()
    with pytest.raises(ParameterError, match="closed"):
        member.make(provider.world.parts(), 1)
    with pytest.raises(ParameterError, match="closed"):
        member.follow()


def test_a_member_shows_no_secret(provider: HttpProvider, tmp_path: Path, quiet: MemberSettings) -> None:
    with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
        made = member.make(provider.world.parts(), 1)
        assert repr(member) == "Member(api.localhost, pro)"
        assert made.value not in repr(made)
        with pytest.raises(TypeError):
            pickle.dumps(member)


def test_several_units_are_one_proof(tmp_path: Path, quiet: MemberSettings) -> None:
    (tmp_path / "p").mkdir()
    with HttpProvider(tmp_path / "p", slots=4) as provider:
        with Member.open(provider.member_directory(tmp_path / "m"), quiet) as member:
            assert member.make(provider.world.parts(), 3).units == 3


def test_a_directory_without_a_member_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="join first"):
        Member.open(tmp_path)
    with pytest.raises(ParameterError, match="join first"):
        Member.open(tmp_path / "none")


@pytest.mark.parametrize(
    "proxy", ["socks5://h:1", "http://h", "http://u:p@h:1", "https://h:1", "h:1", "http://h:x"]
)
def test_a_proxy_of_another_form_is_refused(proxy: str) -> None:
    with pytest.raises(ParameterError, match="http://host:port"):
        MemberSettings(proxy=proxy)
