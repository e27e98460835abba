"""Requests through the libraries requests and aiohttp: what links them, and where a credential may go."""

from __future__ import annotations

import asyncio
import pickle
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import yarl

from rln.client.member import Member
from rln.client.outgoing import SENT
from rln.client.settings import MemberSettings
from rln.errors import InputError, ParameterError, RequestRefused
from rln.integrations import aiohttp as with_aiohttp
from rln.integrations import requests as with_requests
from tests.support.connect_proxy import ConnectProxy
from tests.support.http_provider import HttpProvider
from tests.support.killed_child import exit_code
from tests.support.retries import ids_used

QUIET = MemberSettings(background=False, threads=1)
NUMBERS = count()
ALLOWED = {*SENT, "host", "user-agent", "content-digest", "authorization"}

Send = Callable[..., int]
"""Sends requests with one session, each (method, URL, options), and returns the status of the last answer."""


def _with_requests(member: Member, *sent: tuple[str, Any, dict[str, Any]], **options: Any) -> int:
    with with_requests.anonymous_session(member, **options) as session:
        for method, url, how in sent:
            status = session.request(method, url, **how).status_code
        assert len(session.cookies) == 0
    return status


def _with_aiohttp(member: Member, *sent: tuple[str, Any, dict[str, Any]], **options: Any) -> int:
    async def go() -> int:
        async with with_aiohttp.anonymous_session(member, **options) as session:
            for method, url, how in sent:
                async with session.request(method, url, **how) as found:
                    await found.read()
            assert len(session.cookie_jar) == 0
            return found.status

    return asyncio.run(go())


each = pytest.mark.parametrize("send", [_with_requests, _with_aiohttp], ids=["requests", "aiohttp"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProvider]:
    with HttpProvider(tmp_path_factory.mktemp("provider"), members=80) as made:
        yield made


@pytest.fixture
def provider(shared: HttpProvider) -> HttpProvider:
    """Return the provider of all these tests, with nothing seen yet."""
    shared.script.clear()
    shared.seen.clear()
    return shared


@pytest.fixture
def directory(provider: HttpProvider, tmp_path: Path) -> Path:
    """Return the directory of a member that no other test uses."""
    return provider.member_directory(tmp_path / "member", next(NUMBERS))


@pytest.fixture
def member(directory: Path) -> Iterator[Member]:
    with Member.open(directory, QUIET) as made:
        yield made


@each
def test_p4_a_library_sends_the_fields_of_the_list_and_no_others(
    provider: HttpProvider, member: Member, send: Send, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor what the environment says: a proxy, a name and password for the host."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    own = {"X-Request-Id": "7", "User-Agent": "me/1", "Accept-Language": "de", "Authorization": "Bearer sk-1"}
    how = {"json": {"a": 1}, "headers": own, "cookies": {"a": "b"}}
    assert send(member, ("POST", f"{provider.url}/v1/x", how), ("GET", f"{provider.url}/v1/x", {})) == 200
    for one in provider.seen:
        assert {name.lower() for name, _ in one.fields} <= ALLOWED
        assert one.field("user-agent") == "rln-client" and "sk-1" not in str(one.fields)
        assert (one.field("authorization") or "").startswith("RLN ")


@each
def test_p4_a_library_keeps_no_cookie(provider: HttpProvider, member: Member, send: Send) -> None:
    sent = ("GET", f"{provider.url}/v1/x", {})
    assert send(member, sent, sent) == 200
    assert [one.field("cookie") for one in provider.seen] == [None, None]


@pytest.mark.parametrize("fresh", [False, True])
@each
def test_p4_fresh_connections_of_a_library_link_no_two_requests(
    provider: HttpProvider, member: Member, send: Send, fresh: bool
) -> None:
    sent = ("POST", f"{provider.url}/v1/x", {"data": b"x"})
    assert send(member, sent, sent, sent, fresh_connections=fresh) == 200
    assert len({one.port for one in provider.seen}) == (3 if fresh else 1)


@each
def test_p4_a_library_takes_a_credential_to_no_other_origin(
    provider: HttpProvider, member: Member, send: Send
) -> None:
    port = provider.url.rpartition(":")[2]
    for url in (
        f"http://localhost:{port}/v1/x", "https://evil.example.com/v1/x", "http://127.0.0.1:1/v1/x",
        f"http://{provider.authority}@evil.example.com/v1/x", f"ftp://127.0.0.1:{port}/v1/x",
        "http://127.0.0.1/v1/x", f"http://127.0.0.1.:{port}/v1/x",
    ):  # fmt: skip
        with pytest.raises(
            (ParameterError, requests.exceptions.InvalidSchema, aiohttp.NonHttpUrlClientError)
        ):
            send(member, ("GET", url, {}))
    assert provider.seen == [] and ids_used(member) == 0


@each
def test_p4_a_library_follows_no_redirect(provider: HttpProvider, member: Member, send: Send) -> None:
    """As httpx, requests hands the answer on. The caller of aiohttp, which would follow, gets an error."""
    provider.script.extend(["redirect", "redirect"])
    sent = f"{provider.url}/v1/x"
    if send is _with_requests:
        assert send(member, ("GET", sent, {"allow_redirects": True})) == 307
    else:
        with pytest.raises(RequestRefused, match="the provider answered 307"):
            send(member, ("GET", sent, {}))
    assert send(member, ("GET", sent, {"allow_redirects": False})) == 307
    assert len(provider.seen) == ids_used(member) == 2


@each
def test_p4_a_proxy_for_one_request_or_another_than_that_of_the_fetches_is_refused(
    provider: HttpProvider, member: Member, send: Send
) -> None:
    sent = f"{provider.url}/v1/x"
    with ConnectProxy() as proxy:
        with pytest.raises(ParameterError, match="that of the member"):
            send(member, ("GET", sent, {}), proxy=proxy.url)
        how = {"proxies": {"http": proxy.url}} if send is _with_requests else {"proxy": proxy.url}
        with pytest.raises(ParameterError, match="proxy|proxies"):
            send(member, ("GET", sent, how))
        assert proxy.asked == []
    assert provider.seen == []


def test_p4_a_session_of_aiohttp_lets_no_proxy_read_a_request_to_an_http_address(
    provider: HttpProvider, directory: Path
) -> None:
    """aiohttp sends it as it is; the sessions of this library make a tunnel."""

    async def go(member: Member, proxy: str) -> None:
        async with aiohttp.ClientSession(middlewares=(with_aiohttp.RlnAuth(member),), proxy=proxy) as session:
            with pytest.raises(ParameterError, match="lets a proxy read"):
                await session.get(f"{provider.url}/v1/x")

    with ConnectProxy() as proxy, Member.open(directory, replace(QUIET, proxy=proxy.url)) as member:
        asyncio.run(go(member, proxy.url))
        assert proxy.asked == [] and provider.seen == [] and ids_used(member) == 0


@each
def test_p4_a_connection_whose_other_end_is_not_checked_gets_no_credential(
    provider: HttpProvider, member: Member, send: Send
) -> None:
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    is_requests = send is _with_requests
    choices = [{"verify": False}, {"verify": 0}] if is_requests else [{"ssl": False}, {"ssl": unchecked}]
    for how in choices:
        with pytest.raises(ParameterError, match="the other end|whose other end"):
            send(member, ("GET", f"{provider.url}/v1/x", how))
    assert provider.seen == [] and ids_used(member) == 0


def test_p4_a_certificate_of_the_client_is_not_shown(provider: HttpProvider, member: Member) -> None:
    with pytest.raises(ParameterError, match="tells who the client is"):
        _with_requests(member, ("GET", f"{provider.url}/v1/x", {"cert": "me.pem"}))
    assert provider.seen == []


@pytest.mark.parametrize("path", ["//evil/x", "/v1/%2563hat", "/v1/.x", "/v1/a%20b"])
@each
def test_e2_a_library_sends_no_target_that_two_programs_read_differently(
    provider: HttpProvider, member: Member, send: Send, path: str
) -> None:
    url: Any = f"{provider.url}{path}"
    with pytest.raises(InputError):
        send(member, ("GET", yarl.URL(url, encoded=True) if send is _with_aiohttp else url, {}))
    assert provider.seen == [] and ids_used(member) == 0


@pytest.mark.parametrize(
    "how",
    [
        {"headers": [("Content-Type", "a/b"), ("Content-Type", "c/d")]},
        {"data": b"x" * 100, "compress": True},
        {"data": b"x", "expect100": True},
        {"headers": {"Upgrade": "websocket", "Connection": "Upgrade"}},
    ],
    ids=["a field twice", "compressed", "expecting", "upgrade"],
)
def test_e2_a_request_of_aiohttp_that_no_credential_covers_costs_nothing(
    provider: HttpProvider, member: Member, how: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError):
        _with_aiohttp(member, ("POST", f"{provider.url}/v1/x", how))
    assert provider.seen == [] and ids_used(member) == 0


def test_p3_no_error_and_no_pickle_of_a_library_shows_a_credential(
    provider: HttpProvider, member: Member
) -> None:
    provider.script.extend(["internal", "internal"])

    async def go() -> str:
        async with with_aiohttp.anonymous_session(member) as session:
            with pytest.raises(aiohttp.ClientResponseError) as caught:
                await session.get(f"{provider.url}/v1/x", raise_for_status=True)
            return repr(caught.value) + repr(caught.value.request_info)

    assert "RLN " not in asyncio.run(go())
    session = with_requests.anonymous_session(member)
    found = session.get(f"{provider.url}/v1/x")
    assert "RLN " not in str(found.request.headers)
    provider.script.extend(["drop"])
    with pytest.raises(requests.ConnectionError) as lost:
        session.get(f"{provider.url}/v1/x")
    assert "RLN " not in repr(lost.value) + str(lost.value.request.headers)  # type: ignore[union-attr]
    for one in (session, session.get_adapter("https://x"), with_aiohttp.RlnAuth(member)):
        with pytest.raises(TypeError):
            pickle.dumps(one)


def test_p4_a_child_does_not_send_on_a_connection_of_its_parent(
    provider: HttpProvider, member: Member
) -> None:
    """Two processes on one connection get each other's answers, or break its encryption."""
    with with_requests.anonymous_session(member) as session:
        url = f"{provider.url}/v1/x"
        assert session.get(url).status_code == 200
        assert exit_code(lambda: session.get(url).raise_for_status()) == 0
        assert session.get(url).status_code == 200
    first, child, second = (one.port for one in provider.seen)
    assert first == second != child
