"""Joining: register, be admitted, go on after an error; what is refused and in which words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.client import joining
from rln.client.member import Member
from rln.client.member_directory import MemberDirectory
from rln.client.registrar_client import RegistrarClient
from rln.client.settings import MemberSettings
from rln.client.web import PlainWeb
from rln.errors import NotAMember, ParameterError, PolicyChanged, ProviderUnavailable
from rln.http.policy import Tier
from rln.http.signal import RequestParts
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.support.http_provider import API_KEY, HttpProvider


def join(provider: HttpProvider, path: Path, quiet: MemberSettings, **other: object) -> Member:
    arguments: dict[str, object] = {"api_key": API_KEY, "tier": "pro", "settings": quiet, **other}
    return Member.join(provider.url, directory=path, **arguments)  # type: ignore[arg-type]


def parts(provider: HttpProvider) -> RequestParts:
    return provider.world.parts(body=b"hello")


def test_a_new_member_registers_is_admitted_and_proves(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    with join(provider, tmp_path / "m", quiet) as member:
        member.follow()
        assert not member.is_admitted
        with pytest.raises(NotAMember, match="wait until the registrar"):
            member.make(parts(provider), 1)
        provider.admit()
        member.follow()
        assert member.is_admitted and member.limit == 100
        assert member.make(parts(provider), 1).value.startswith("RLN ")
    assert {one.name for one in (tmp_path / "m").iterdir()} >= {
        "identity.json", "member.json", "policy.json", "provider.rlnkey", "message-ids.db", "group.mirror",
    }  # fmt: skip
    assert (tmp_path / "m" / "identity.json").stat().st_mode & 0o077 == 0
    with Member.open(tmp_path / "m", quiet) as again:
        assert again.is_admitted, "the stored mirror is enough"


def test_joining_again_goes_on_and_registers_once(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    join(provider, tmp_path / "m", quiet).close()
    join(provider, tmp_path / "m", quiet).close()
    provider.admit()
    join(provider, tmp_path / "m", quiet).close()
    assert len(provider.registrations) == 1


def test_a_crash_after_the_registration_leaves_one_registration(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    join(provider, tmp_path / "m", quiet).close()
    (tmp_path / "m" / "member.json").unlink()
    with pytest.raises(ParameterError, match="join first"):
        Member.open(tmp_path / "m", quiet)
    join(provider, tmp_path / "m", quiet).close()
    assert len(provider.registrations) == 1


def test_an_own_identity_is_kept_and_not_introduced(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    identity = rln.Identity.generate()
    with join(provider, tmp_path / "m", quiet, identity=identity) as member:
        provider.admit()
        member.follow()
        with pytest.raises(rln.StoreUnavailable, match="never seen the identity"):
            member.make(parts(provider), 1)
    with pytest.raises(ParameterError, match="has another one"):
        join(provider, tmp_path / "m", quiet, identity=rln.Identity.generate())


def test_a_slashed_identity_is_told_so(provider: HttpProvider, tmp_path: Path, quiet: MemberSettings) -> None:
    join(provider, tmp_path / "m", quiet).close()
    provider.registrations[0]["state"] = "slashed"
    with pytest.raises(ProviderUnavailable, match="this identity was slashed"):
        join(provider, tmp_path / "m", quiet)


def test_an_ended_registration_registers_anew(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    join(provider, tmp_path / "m", quiet).close()
    client = RegistrarClient(provider.world.policy.registration or "", API_KEY, PlainWeb())
    client.end("pro")
    assert [one.state for one in client.registrations()] == ["ended"]
    join(provider, tmp_path / "m", quiet).close()
    assert [one.state for one in client.registrations()] == ["ended", "pending"]


def test_another_policy_than_the_pinned_one_is_refused(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    with pytest.raises(rln.GroupRefused, match="pinned"):
        join(provider, tmp_path / "m", quiet, registrar_key=bytes([5]) + bytes(30) + b"\1")
    join(provider, tmp_path / "m", quiet, registrar_key=provider.world.registrar_key.public_key).close()
    with pytest.raises(PolicyChanged, match="another key pinned"):
        join(provider, tmp_path / "m", quiet, registrar_key=bytes([5]) + bytes(30) + b"\1")


def test_the_policy_of_somebody_else_is_refused(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    port = provider.url.rpartition(":")[2]
    with pytest.raises(ParameterError, match="the policy of somebody else"):
        Member.join(
            f"http://localhost:{port}", api_key=API_KEY, directory=tmp_path / "m", tier="pro", settings=quiet
        )
    assert not (tmp_path / "m" / "policy.json").exists()


def test_a_wrong_api_key_is_refused_in_words_and_not_repeated(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    with pytest.raises(ProviderUnavailable, match="does not know this API key; Who are you") as caught:
        join(provider, tmp_path / "m", quiet, api_key="wrong-secret")
    assert "wrong-secret" not in str(caught.value)
    with pytest.raises(ParameterError, match="api_key"):
        join(provider, tmp_path / "m", quiet, api_key="two words")


def test_the_tier_must_be_named_if_there_are_several(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    with pytest.raises(ParameterError, match="basic, pro, got none"):
        join(provider, tmp_path / "m", quiet, tier=None)
    with pytest.raises(ParameterError, match="expected one of basic, pro"):
        join(provider, tmp_path / "m", quiet, tier="gold")


def test_a_key_that_is_not_that_of_the_policy_is_refused_and_not_stored(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    right, other = provider.world.key, rln.setup(rln.circuit.rln(8, 8), threads=1)
    provider.world.key = other
    with pytest.raises(ParameterError, match="key digest"):
        join(provider, tmp_path / "m", quiet)
    assert not (tmp_path / "m" / "provider.rlnkey").exists()
    provider.world.key = right
    join(provider, tmp_path / "m", quiet).close()
    count = sum("proving-key" in one.line for one in provider.published)
    join(provider, tmp_path / "m", quiet).close()
    assert sum("proving-key" in one.line for one in provider.published) == count, "fetched once"


def test_strange_answers_of_a_registrar_are_refused(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    provider.registrations.append({"commitment": "7", "state": "new", "tier": "pro"})
    with pytest.raises(ProviderUnavailable, match="another form"):
        join(provider, tmp_path / "m", quiet)
    provider.registrations[0] = json.loads('{"commitment": "7"}')
    with pytest.raises(ProviderUnavailable, match="tier is missing"):
        join(provider, tmp_path / "m", quiet)


def test_the_limit_is_that_of_the_leaf_and_not_of_a_later_policy(
    provider: HttpProvider, tmp_path: Path, quiet: MemberSettings
) -> None:
    """With the limit of a later policy in its record, a member found no leaf, and proved never again."""
    join(provider, tmp_path / "m", quiet).close()
    provider.admit()
    policy = provider.world.policy
    later = replace(policy, version=2, tiers=(Tier("basic", 2), Tier("pro", 200)))
    provider.policy = later.sign(provider.world.registrar_key)
    with join(provider, tmp_path / "m", quiet) as member:
        member.follow()
        assert member.policy.version == 2 and member.limit == 100 and member.is_admitted


class _Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(7))
def test_a_joining_that_is_killed_between_any_two_steps_goes_on(
    provider: HttpProvider,
    tmp_path: Path,
    quiet: MemberSettings,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    is_done: bool,
) -> None:
    """Each step leaves something behind; afterwards there is one registration, and its ids count."""
    steps: list[str] = []
    places = [
        (MemberDirectory, "write_policy"), (joining, "write_file"), (SqliteMessageIds, "introduce"),
        (rln.Identity, "save"), (RegistrarClient, "challenge"), (RegistrarClient, "register"),
        (MemberDirectory, "write_record"),
    ]  # fmt: skip
    with monkeypatch.context() as patch:
        for place, name in places:
            patch.setattr(place, name, _killing(getattr(place, name), name, steps, number, is_done))
        with pytest.raises(_Killed):
            join(provider, tmp_path / "m", quiet)
    assert steps == [name for _, name in places][: number + 1]
    with join(provider, tmp_path / "m", quiet) as member:
        provider.admit()
        member.follow()
        assert member.is_admitted and member.make(parts(provider), 1).units == 1
    assert len(provider.registrations) == 1


def _killing(function: Any, name: str, steps: list[str], number: int, is_done: bool) -> Any:
    def killed(*arguments: Any, **more: Any) -> Any:
        steps.append(name)
        if len(steps) <= number:
            return function(*arguments, **more)
        if is_done:
            function(*arguments, **more)
        raise _Killed

    return killed
