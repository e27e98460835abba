"""The member's side over HTTP: what is sent again, what links requests, what a provider can demand."""

from __future__ import annotations

import base64
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

import rln
from rln.client.answer import Answer
from rln.client.member import Member
from rln.client.outgoing import SENT
from rln.client.requests import MAX_RENEWALS
from rln.client.settings import MemberSettings
from rln.client.web import PlainWeb
from rln.errors import (
    AnswerLost,
    GroupRefused,
    InputError,
    NotAMember,
    ParameterError,
    PolicyChanged,
    ProviderUnavailable,
    RequestRefused,
)
from rln.http import problem
from rln.http.challenge import Challenge
from rln.http.policy import Policy, Tier
from rln.integrations.httpx2 import RlnAuth, anonymous_client
from rln.sync.bulletin import Bulletin
from rln.sync.signing import RegistrarKey
from tests.support.http_provider import API_KEY, HttpProvider
from tests.support.http_world import LIMIT, http_key

QUIET = MemberSettings(background=False, threads=1)
ASK: Any = [{"role": "user", "content": "a prompt that nobody else has"}]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[HttpProvider]:
    (tmp_path / "provider").mkdir()
    with HttpProvider(tmp_path / "provider") as made:
        yield made


@pytest.fixture
def member(provider: HttpProvider, tmp_path: Path) -> Iterator[Member]:
    with Member.open(provider.member_directory(tmp_path / "member"), QUIET) as made:
        yield made


def sdk(provider: HttpProvider, client: httpx2.Client, **other: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="sk-secret", http_client=client, **other)


def ids_used(member: Member) -> int:
    return member._ids.reserve(member._identity.commitment, member._clock.current(), 1 << 16).start


# ---- E2: requests that are sent again --------------------------------------------------------------


def test_e2_an_sdk_that_repeats_an_upload_with_another_body_uses_no_id_twice(
    provider: HttpProvider, member: Member
) -> None:
    """Each attempt has a new multipart boundary. The first one was accepted, and its answer was lost."""
    provider.script.extend(["drop-after", "drop-after"])
    client = sdk(provider, anonymous_client(member))
    client.files.create(file=("a.txt", b"same bytes"), purpose="user_data")
    assert len({one.body for one in provider.seen}) == 3
    assert len(provider.shares) == ids_used(member) == 3
    assert all(len(found) == 1 for found in provider.shares.values())


def test_e2_a_retry_in_an_sdk_sends_the_same_bytes_and_not_a_second_message(
    provider: HttpProvider, member: Member
) -> None:
    provider.script.extend(["drop", "unavailable"])
    sdk(provider, anonymous_client(member)).chat.completions.create(model="m", messages=ASK)
    assert len(set(provider.credentials)) == 1 and len(provider.seen) == 3
    assert ids_used(member) == 1


def test_e2_a_provider_that_answers_with_failures_gets_two_credentials_and_not_the_budget(
    provider: HttpProvider, member: Member
) -> None:
    """Plan 13.7: the SDK would buy one with each of its attempts."""
    provider.script.extend(["502-spent"] * 50)
    with pytest.raises(RequestRefused, match="has had 2"):
        sdk(provider, anonymous_client(member), max_retries=5).chat.completions.create(
            model="m", messages=ASK
        )
    assert ids_used(member) == 2


@pytest.mark.parametrize("advances", [False, True], ids=["silent", "advancing"])
def test_e2_a_provider_that_never_knows_the_root_gets_three_renewals_and_no_id(
    provider: HttpProvider, member: Member, monkeypatch: pytest.MonkeyPatch, advances: bool
) -> None:
    """Plan 13.7: whoever slashes themselves once a second must not burn the ids of others."""
    provider.script.extend(["unknown-root"] * 50)
    monkeypatch.setattr(type(member), "patience", property(lambda _: 0.3))
    client = anonymous_client(member)
    sleep = time.sleep

    def look(seconds: float) -> None:
        if advances:
            provider.advance()
            provider.publish()
            member.follow()
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", look)
    with pytest.raises(RequestRefused, match="3 renewed" if advances else "no newer step"):
        client.post(f"{provider.url}/v1/x", json={})
    assert len(provider.seen) == (1 + MAX_RENEWALS if advances else 1)
    assert ids_used(member) == 1


def test_e2_an_epoch_that_ends_after_a_lost_answer_does_not_hide_that_it_was_lost(
    provider: HttpProvider, tmp_path: Path
) -> None:
    """Plan 13.8: the first sending may have been accepted; the second is refused for its epoch."""
    provider.script.extend(["drop", "wrong-epoch"])
    path = provider.member_directory(tmp_path / "m")
    with Member.open(path, replace(QUIET, on_lost="raise")) as member:
        client = sdk(provider, anonymous_client(member))
        with pytest.raises(AnswerLost):
            client.chat.completions.create(model="m", messages=ASK)
        assert len(provider.seen) == 2 and ids_used(member) == 1


@pytest.mark.parametrize("status", [401, 409])
@pytest.mark.parametrize("kind", ["application/json", problem.MEDIA_TYPE])
def test_e2_an_upstream_that_imitates_a_refusal_gets_no_second_credential(status: int, kind: str) -> None:
    """Plan 13.10: only the problem types of the application count, and none beside `RLN-Spent`."""
    app, mine = "api.example.com", problem.DUPLICATE if status == 409 else problem.WRONG_EPOCH
    challenge = Challenge(app, bytes(32), 1, "wrong-epoch").encode()
    own, other = mine.document(app), mine.document("evil.example.com")

    def read(body: bytes, **more: str) -> Answer:
        fields = {"content-type": kind, "content-length": str(len(body)), "www-authenticate": challenge}
        return Answer.read(app, status, [*fields.items(), *more.items()], body)

    assert read(other).problem is None
    assert read(b'{"type":"about:blank"}').problem is None
    assert read(b"\xff").problem is None
    assert read(own, **{"rln-spent": "?1"}).problem is None
    assert (read(own).problem is mine) == (kind == problem.MEDIA_TYPE)


def test_e2_a_credential_of_a_parent_process_is_not_sent_by_its_child(
    provider: HttpProvider, member: Member
) -> None:
    parts = provider.world.parts(body=b"x")
    sending = member.requests.begin(parts)
    value = sending.prepare()
    sending.close()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, member.requests.begin(parts).prepare().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read().decode() != value
    os.waitpid(child, 0)
    assert member.requests.begin(parts).prepare() == value


@pytest.mark.parametrize("name", ["Content-Type", "Content-Encoding"])
def test_e2_a_request_with_a_field_twice_is_not_sent(
    provider: HttpProvider, member: Member, name: str
) -> None:
    """Plan 13.13: the proof would cover one of the two, and a program behind the check may read the other."""
    with pytest.raises(ParameterError, match="one field of this name"):
        anonymous_client(member).post(f"{provider.url}/v1/x", headers=[(name, "a/b"), (name, "c/d")])
    assert provider.seen == [] and ids_used(member) == 0


@pytest.mark.parametrize("path", ["//evil/x", "/v1/%63hat", "/v1/.x"])
def test_e2_a_target_that_two_programs_read_differently_is_not_sent(
    provider: HttpProvider, member: Member, path: str
) -> None:
    with pytest.raises(InputError):
        anonymous_client(member).post(httpx2.URL(provider.url).copy_with(raw_path=path.encode()))
    assert ids_used(member) == 0


# ---- P1: groups and policies for one member --------------------------------------------------------


def test_p1_a_group_that_only_one_member_sees_is_refused(provider: HttpProvider, member: Member) -> None:
    provider.advance()
    provider.publish()
    right = Bulletin.decode(provider.bulletins["1-2.bulletin"][:-64])
    provider.bulletins["1-2.bulletin"] = provider.world.registrar_key.sign(replace(right, before=5))
    with pytest.raises(GroupRefused, match="different groups"):
        member.follow()
    with pytest.raises(GroupRefused, match="different groups"):
        anonymous_client(member).get(f"{provider.url}/v1/x")
    assert provider.seen == []


def test_p1_a_small_group_is_refused_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    with HttpProvider(tmp_path / "p", members=31) as provider:
        path = provider.member_directory(tmp_path / "m")
        with Member.open(path, QUIET) as member, pytest.raises(GroupRefused, match="accept a smaller group"):
            anonymous_client(member).get(f"{provider.url}/v1/x")
        assert provider.seen == []


def test_p1_a_policy_for_one_member_is_refused(provider: HttpProvider, member: Member) -> None:
    provider.policy = replace(provider.world.policy, tiers=(Tier("pro", LIMIT),)).sign(
        provider.world.registrar_key
    )
    with pytest.raises(PolicyChanged, match="two policies have version 1"):
        member.follow()
    with pytest.raises(PolicyChanged):
        anonymous_client(member).get(f"{provider.url}/v1/x")


def test_p1_a_policy_is_never_taken_because_an_answer_names_it(
    provider: HttpProvider, member: Member
) -> None:
    """Plan 13.9."""
    second = replace(provider.world.policy, version=2)
    provider.policy = second.sign(provider.world.registrar_key)
    provider.world.policy = second  # of challenges
    provider.script.extend(["wrong-epoch"])
    with pytest.raises(PolicyChanged, match="the next scheduled look"):
        anonymous_client(member).get(f"{provider.url}/v1/x")
    assert member.policy.version == 1 and provider.published == []
    member.follow()
    assert member.policy.version == 2


def test_p1_a_provider_cannot_be_joined_under_the_name_of_another(
    provider: HttpProvider, tmp_path: Path
) -> None:
    """Plan 13.12: the policy of api.localhost, served by a host that is not in it."""
    url = provider.url.replace("127.0.0.1", "localhost")
    with pytest.raises(ParameterError, match="the policy of somebody else"):
        Member.join(url, api_key=API_KEY, directory=tmp_path / "m", tier="pro", settings=QUIET)


def test_p1_a_provider_without_prices_gets_one_unit_whatever_it_asks_for(
    provider: HttpProvider, member: Member
) -> None:
    provider.script.extend(["units-needed"])
    with pytest.raises(PolicyChanged, match="costs 1 by the pinned price list, and the provider asks for 2"):
        anonymous_client(member).get(f"{provider.url}/v1/x")
    assert ids_used(member) == 1


# ---- P2: fetches that tell who asks ----------------------------------------------------------------


def test_p2_the_fetches_of_two_members_are_byte_identical(provider: HttpProvider, tmp_path: Path) -> None:
    """Also the second time, although the provider has set cookies and validators."""
    found = []
    for number in range(2):
        provider.published.clear()
        with Member.open(provider.member_directory(tmp_path / f"m{number}", number), QUIET) as member:
            member.follow()
            member.follow()
        found.append([(one.line, one.fields, one.body) for one in provider.published])
    first, second = found
    assert first == second and first[:2] == first[2:]
    names = {name.lower() for _, fields, _ in first for name, _ in fields}
    assert names == {"host", "accept", "accept-encoding", "user-agent", "connection"}


def test_p2_a_refused_root_triggers_no_fetch(
    provider: HttpProvider, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plan 13.5: the time of a fetch after a 401 tells which connection made the request."""
    monkeypatch.setattr(type(member), "patience", property(lambda _: 0.3))
    provider.advance()
    provider.publish()
    provider.script.extend(["unknown-root"])
    with pytest.raises(RequestRefused):
        anonymous_client(member).get(f"{provider.url}/v1/x")
    assert provider.published == []


def test_p2_fetches_take_the_way_of_the_requests_and_nothing_from_the_environment(
    provider: HttpProvider, member: Member, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    member.follow()
    assert anonymous_client(member).get(f"{provider.url}/v1/x").status_code == 200
    with pytest.raises(ParameterError, match="that of the member"):
        anonymous_client(member, proxy="http://127.0.0.1:9")
    path = provider.member_directory(tmp_path / "n", 1)
    with Member.open(path, replace(QUIET, proxy="http://127.0.0.1:9")) as other:
        with pytest.raises(ProviderUnavailable):
            other.follow()
        with pytest.raises(httpx2.ConnectError):
            anonymous_client(other).get(f"{provider.url}/v1/x")


def test_p2_a_fetch_follows_no_redirect_and_reads_no_more_than_its_bound(provider: HttpProvider) -> None:
    """Plan 13.13."""
    provider.script.extend(["redirect"])
    with pytest.raises(ProviderUnavailable, match="expected status 200, got 307"):
        PlainWeb().fetch(f"{provider.url}/v1/x", 1 << 20)
    with pytest.raises(ProviderUnavailable, match="expected at most 10 bytes"):
        PlainWeb().fetch(f"{provider.url}/.well-known/rln", 10)


# ---- P3: what a member keeps -----------------------------------------------------------------------


def test_p3_nothing_that_a_member_stores_tells_what_was_asked(provider: HttpProvider, tmp_path: Path) -> None:
    """Whoever finds the secret can recompute all nullifiers; the files must not link them to prompts."""
    path = tmp_path / "m"
    Member.join(provider.url, api_key=API_KEY, directory=path, tier="pro", settings=QUIET).close()
    provider.admit()
    with Member.open(path, QUIET) as member:
        member.follow()
        sdk(provider, anonymous_client(member)).chat.completions.create(model="m", messages=ASK)
    token = provider.credentials[-1].removeprefix("RLN ")
    nonce = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[6:22]
    stored = b"".join(one.read_bytes() for one in path.iterdir())
    for secret in (ASK[0]["content"].encode(), b"/v1/chat", nonce, nonce.hex().encode(), API_KEY.encode()):
        assert secret not in stored


# ---- P4: what links requests -----------------------------------------------------------------------


def test_p4_an_sdk_sends_the_fields_of_the_list_and_no_others(provider: HttpProvider, member: Member) -> None:
    client = sdk(provider, anonymous_client(member), organization="org-1", project="proj-1",
                 default_headers={"X-Request-Id": "7", "Cookie": "a=b", "User-Agent": "me/1"})  # fmt: skip
    client.chat.completions.create(model="m", messages=ASK, extra_headers={"X-Trace": "1"})
    fields = provider.seen[0].fields
    allowed = {*SENT, "host", "user-agent", "content-digest", "authorization"}
    assert {name.lower() for name, _ in fields} <= allowed
    assert provider.seen[0].field("user-agent") == "rln-client"
    assert "sk-secret" not in str(fields) and "org-1" not in str(fields)
    assert (provider.seen[0].field("content-digest") or "").startswith("sha-256=:")


def test_p4_a_bound_field_is_sent_and_covered(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    with HttpProvider(tmp_path / "p", bound_fields=("x-model",)) as provider:
        with Member.open(provider.member_directory(tmp_path / "m"), QUIET) as member:
            answer = anonymous_client(member).get(f"{provider.url}/v1/x", headers={"X-Model": "large"})
        assert answer.status_code == 200 and provider.seen[0].field("x-model") == "large"


def test_p4_cookies_are_neither_kept_nor_sent(provider: HttpProvider, member: Member) -> None:
    client = anonymous_client(member)
    for _ in range(2):
        assert "set-cookie" in client.get(f"{provider.url}/v1/x").headers
    assert len(client.cookies) == 0
    assert [one.field("cookie") for one in provider.seen] == [None, None]


@pytest.mark.parametrize("fresh", [False, True])
def test_p4_fresh_connections_link_no_two_requests(
    provider: HttpProvider, member: Member, fresh: bool
) -> None:
    client = anonymous_client(member, fresh_connections=fresh)
    for _ in range(3):
        assert client.get(f"{provider.url}/v1/x").status_code == 200
    assert len({id(one.connection) for one in provider.seen}) == (3 if fresh else 1)


def test_p4_a_credential_goes_to_no_other_origin(provider: HttpProvider, member: Member) -> None:
    port = provider.url.rpartition(":")[2]
    for url in (
        f"http://localhost:{port}/v1/x", "https://evil.example.com/v1/x", "http://127.0.0.1:1/v1/x",
        f"ftp://127.0.0.1:{port}/v1/x", f"http://user@evil.example.com:{port}/",
    ):  # fmt: skip
        with pytest.raises((ParameterError, httpx2.UnsupportedProtocol)):
            anonymous_client(member).get(url)
    assert provider.seen == [] and ids_used(member) == 0


def test_p4_a_redirect_takes_no_credential_along(provider: HttpProvider, member: Member) -> None:
    """Plan 13.13: the target may be anywhere, and the same bytes there would link."""
    provider.script.extend(["redirect"])
    assert anonymous_client(member).get(f"{provider.url}/v1/x").status_code == 307
    assert len(provider.seen) == 1


def test_p4_the_clock_of_a_provider_changes_nothing(provider: HttpProvider, member: Member) -> None:
    """Plan 13.13: a member takes no time from `Date`; another epoch for one member would mark them."""
    before = member._clock.current()
    provider.script.extend(["wrong-epoch"])
    assert anonymous_client(member).get(f"{provider.url}/v1/x").status_code == 200
    assert member._clock.current() == before


def test_p4_the_times_of_the_fetches_depend_on_no_request(provider: HttpProvider, member: Member) -> None:
    for _ in range(3):
        anonymous_client(member).get(f"{provider.url}/v1/x")
    assert provider.published == []


def test_p4_a_removed_member_learns_it_from_the_group_and_asks_nobody(
    provider: HttpProvider, member: Member
) -> None:
    provider.world.group.remove(provider.world.memberships[0].index)
    provider.publish()
    member.follow()
    with pytest.raises(NotAMember):
        httpx2.Client(auth=RlnAuth(member)).get(f"{provider.url}/v1/x")
    assert provider.seen == []


@pytest.mark.parametrize("name", ["registration", "bulletins", "proving_key"])
def test_p4_a_policy_sends_no_member_to_a_service_of_their_own_machine(name: str) -> None:
    """A member fetched any path of http://localhost that a provider named, and posted to it."""
    for host in ("localhost:9200", "127.0.0.1", "[::1]:80"):
        for scheme in ("http", "https"):
            with pytest.raises(ParameterError, match=f"^{name}: expected a URL that is not at the machine"):
                _policy("api.example.com", **{name: f"{scheme}://{host}/x/"})
            assert getattr(_policy("api.localhost", **{name: f"{scheme}://{host}/x/"}), name)


@pytest.mark.parametrize(
    "name", ["cookie", "user-agent", "x-api-key", "api-key", "referer", "origin", "from", "x-stainless-os"]
)
def test_p4_a_policy_that_binds_a_field_that_tells_who_sends_it_is_none(name: str) -> None:
    """Each bound field is sent, so the next version of a policy could ask for the SDK's key and machine."""
    with pytest.raises(ParameterError, match="does not tell who sends it"):
        _policy("api.example.com", bound_fields=(name,))


def _policy(application: str, **other: Any) -> Policy:
    with tempfile.TemporaryDirectory() as folder:
        key = RegistrarKey.new(Path(folder) / "registrar.pem")
    params = rln.Params.of(
        http_key(), application, 60, window_seconds=60, registrar_key=key.public_key, signal_format="joined"
    )
    return Policy(1, params, (application,), (Tier("pro", 1),), **other)
