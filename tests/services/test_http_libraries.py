"""requests and aiohttp against a provider that judges each credential, and answers as a script says.

Their callers retry as the SDKs for LLM APIs do. The same holds for both as for httpx and httpx2.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests

from rln.client.member import Member
from rln.client.outgoing import Outgoing
from rln.client.settings import MemberSettings
from rln.errors import AnswerLost, ParameterError, RateLimitReached, RequestRefused, RlnError
from rln.integrations import aiohttp as with_aiohttp
from rln.integrations import requests as with_requests
from rln.integrations.aiohttp_tunnel import TunnelConnector
from rln.integrations.httpx2 import anonymous_async_client
from tests.support.connect_proxy import ConnectProxy
from tests.support.http_provider import HttpProvider
from tests.support.retries import RETRIES, Retry, following, ids_used

QUIET = MemberSettings(background=False, threads=1)
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
RETRIED = (408, 409, 429)
NUMBERS = count()


@dataclass(frozen=True)
class Answered:
    """A response, read to its end."""

    status: int
    body: bytes
    pieces: int = 1


def again(status: int, told: str | None) -> bool:
    """Tell whether an SDK repeats a request after an answer."""
    return (status in RETRIED or status >= 500) if told is None else told == "true"


class WithRequests:
    """A caller of requests."""

    error: Any = requests.RequestException

    def send(
        self, member: Member, url: str, *, method: str = "POST", session: Any = None, retries: int = 2,
        **how: Any,
    ) -> Answered:  # fmt: skip
        options = how.pop("options", {})
        with session or with_requests.anonymous_session(member, **options) as made:
            while True:
                retries -= 1
                try:
                    found = made.request(method, url, **how)
                except requests.ConnectionError:
                    if retries < 0:
                        raise
                    continue
                if retries < 0 or not again(found.status_code, found.headers.get("x-should-retry")):
                    assert found.request.headers.get("Authorization") is None
                    return Answered(found.status_code, found.content)

    def stream(self, member: Member, url: str, **how: Any) -> Answered:
        with with_requests.anonymous_session(member) as session:
            with session.post(url, stream=True, **how) as found:
                pieces = list(found.iter_lines())
                return Answered(found.status_code, b"\n".join(pieces), len([one for one in pieces if one]))


class WithAiohttp:
    """A caller of aiohttp."""

    error: Any = aiohttp.ClientError

    def send(self, member: Member, url: str, **how: Any) -> Answered:
        return asyncio.run(self._send(member, url, **how))

    async def _send(
        self, member: Member, url: str, *, method: str = "POST", session: Any = None, retries: int = 2,
        **how: Any,
    ) -> Answered:  # fmt: skip
        options = how.pop("options", {})
        async with session or with_aiohttp.anonymous_session(member, **options) as made:
            while True:
                retries -= 1
                try:
                    async with made.request(method, url, **how) as found:
                        body = await found.read()
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    if retries < 0:
                        raise
                    continue
                if retries < 0 or not again(found.status, found.headers.get("x-should-retry")):
                    assert "RLN " not in repr(found.request_info)
                    return Answered(found.status, body)

    def stream(self, member: Member, url: str, **how: Any) -> Answered:
        async def go() -> Answered:
            async with with_aiohttp.anonymous_session(member) as session:
                async with session.post(url, **how) as found:
                    pieces = [one async for one in found.content]
                    return Answered(
                        found.status, b"".join(pieces), len([one for one in pieces if one.strip()])
                    )

        return asyncio.run(go())


Library = WithRequests | WithAiohttp
LIBRARIES: list[Library] = [WithRequests(), WithAiohttp()]
each_library = pytest.mark.parametrize("library", LIBRARIES, ids=["requests", "aiohttp"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProvider]:
    with HttpProvider(tmp_path_factory.mktemp("provider"), members=150) as made:
        yield made


@pytest.fixture
def provider(shared: HttpProvider) -> HttpProvider:
    """Return the provider of all these tests, with nothing seen yet."""
    shared.script.clear()
    shared.seen.clear()
    shared.shares.clear()
    shared.publish()
    return shared


@pytest.fixture
def directory(provider: HttpProvider, tmp_path: Path) -> Path:
    """Return the directory of a member that no other test uses."""
    return provider.member_directory(tmp_path / "member", next(NUMBERS))


@pytest.fixture
def member(directory: Path) -> Iterator[Member]:
    with Member.open(directory, QUIET) as made:
        yield made


@pytest.mark.parametrize("case", RETRIES, ids=str)
@each_library
def test_a_caller_that_retries_spends_each_id_on_one_x(
    provider: HttpProvider, member: Member, library: Library, case: Retry
) -> None:
    provider.script.extend(case.script)
    with following(member, provider):
        found = library.send(member, f"{provider.url}/v1/chat/completions", json=ASK)
    assert found.status == case.status
    assert len(provider.seen) == case.requests
    assert ids_used(member) == case.ids
    assert len({value[:80] for value in provider.credentials}) == case.ids  # key and nonce
    assert all(len(found) == 1 for found in provider.shares.values())


@each_library
def test_a_stream_arrives_in_its_pieces(provider: HttpProvider, member: Member, library: Library) -> None:
    found = library.stream(member, f"{provider.url}/v1/chat/completions", json={**ASK, "stream": True})
    assert found.status == 200 and found.pieces == 3 and found.body.count(b"data: ") == 3
    assert [one.verdict for one in provider.seen] == ["Valid"]


async def pieces() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


BODIES: dict[str, Callable[[bool], Any]] = {
    "none": lambda _: None,
    "bytes": lambda _: b"one two",
    "text": lambda _: "one two",
    "array of bytes": lambda _: bytearray(b"one two"),
    "form": lambda _: {"a": "b c"},
    "file": lambda _: io.BytesIO(b"one two"),
    "pieces": lambda is_async: pieces() if is_async else iter([b"one ", b"two"]),
    "large": lambda _: b"x" * (3 << 20),
    "large file": lambda _: io.BytesIO(b"x" * (3 << 20)),
}


@pytest.mark.parametrize("name", BODIES)
@each_library
def test_a_body_of_any_kind_is_covered(
    provider: HttpProvider, member: Member, library: Library, name: str
) -> None:
    """Also if it is sent again: it was read from a file, or came in pieces, only once."""
    provider.script.extend(["wrong-epoch"])
    body = BODIES[name](isinstance(library, WithAiohttp))
    assert library.send(member, f"{provider.url}/v1/x", data=body, retries=0).status == 200
    assert [one.verdict for one in provider.seen] == ["", "Valid"]
    expected = {"none": b"", "form": b"a=b+c"}.get(name, b"x" * (3 << 20) if "large" in name else b"one two")
    assert {one.body for one in provider.seen} == {expected}
    assert ids_used(member) == 2


@each_library
def test_an_upload_of_parts_is_covered(provider: HttpProvider, member: Member, library: Library) -> None:
    if isinstance(library, WithRequests):
        how: dict[str, Any] = {"files": {"file": ("a.wav", io.BytesIO(b"RIFF"))}}
    else:
        form = aiohttp.FormData()
        form.add_field("file", io.BytesIO(b"RIFF"), filename="a.wav")
        how = {"data": form}
    assert library.send(member, f"{provider.url}/v1/files", **how).status == 200
    assert b"RIFF" in provider.seen[0].body and provider.seen[0].verdict == "Valid"


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@each_library
def test_a_request_without_a_body_is_covered(
    provider: HttpProvider, member: Member, library: Library, method: str
) -> None:
    found = library.send(member, f"{provider.url}/v1/x", method=method, params={"q": "a b|c^d", "r": "é"})
    assert found.status == 200 and [one.verdict for one in provider.seen] == ["Valid"]


@each_library
def test_the_end_of_the_budget_reaches_the_caller_untouched(
    provider: HttpProvider, member: Member, library: Library
) -> None:
    for _ in range(member.limit):
        member._ids.reserve(member._identity.commitment, member._clock.current(), member.limit)
    with pytest.raises(RateLimitReached) as caught:
        library.send(member, f"{provider.url}/v1/x")
    assert caught.value.retry_after is not None and provider.seen == []


@each_library
def test_other_credentials_than_two_are_never_sent_for_one_request(
    provider: HttpProvider, member: Member, library: Library
) -> None:
    provider.script.extend(["502-spent"] * 10)
    with pytest.raises(RequestRefused, match="has had 2"):
        library.send(member, f"{provider.url}/v1/x", retries=5)
    assert len(provider.seen) == ids_used(member) == 2


@each_library
def test_a_lost_answer_is_not_bought_again_if_the_caller_wants_that(
    provider: HttpProvider, directory: Path, library: Library
) -> None:
    provider.script.extend(["drop-after"])
    with Member.open(directory, replace(QUIET, on_lost="raise")) as member:
        with pytest.raises(AnswerLost):
            library.send(member, f"{provider.url}/v1/x")
    assert [one.verdict for one in provider.seen] == ["Valid", "Duplicate"]


@each_library
def test_through_the_proxy_of_the_member_each_connection_is_a_tunnel(
    provider: HttpProvider, directory: Path, library: Library
) -> None:
    """Also to an http address: otherwise the proxy would read the request and its credential."""
    with ConnectProxy() as proxy:
        with Member.open(directory, replace(QUIET, proxy=proxy.url)) as member:
            for fresh in (False, True):
                found = library.send(
                    member, f"{provider.url}/v1/x", options={"fresh_connections": fresh, "proxy": proxy.url}
                )
                assert found.status == 200
        assert [one.rpartition("/")[0] for one in proxy.asked] == [f"CONNECT {provider.authority} HTTP"] * 2
        assert [one.port for one in provider.seen] == proxy.ports


def test_a_tunnel_of_aiohttp_is_not_opened_for_a_connection_that_cannot_be_checked() -> None:
    """Otherwise the tunnel stays open, and nobody has it."""

    async def go(proxy: ConnectProxy) -> None:
        async with aiohttp.ClientSession(connector=TunnelConnector(proxy.url, force_close=True)) as session:
            with pytest.raises(aiohttp.ClientConnectionError, match="ssl: expected True or a context"):
                await session.get("https://127.0.0.1:9/", ssl=aiohttp.Fingerprint(bytes(32)))

    with ConnectProxy() as proxy:
        asyncio.run(go(proxy))
        assert proxy.asked == []


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_the_price_of_a_long_body_is_computed_in_a_thread(
    provider: HttpProvider, member: Member, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The other streams of an event loop go on, for example those of `rln connect`."""
    computed = []
    of = Outgoing.of

    def noted(*arguments: Any) -> Outgoing:
        computed.append(threading.current_thread() is threading.main_thread())
        return of(*arguments)

    monkeypatch.setattr(Outgoing, "of", noted)

    async def through_httpx2() -> int:
        async with anonymous_async_client(member) as client:
            return (await client.post(f"{provider.url}/v1/x", content=b"x" * size)).status_code

    assert WithAiohttp().send(member, f"{provider.url}/v1/x", data=b"x" * size).status == 200
    assert asyncio.run(through_httpx2()) == 200
    assert computed == [size == 1] * 2


@each_library
def test_without_its_proxy_a_member_sends_nothing(
    provider: HttpProvider, directory: Path, library: Library
) -> None:
    with Member.open(directory, replace(QUIET, proxy="http://127.0.0.1:9")) as member:
        with pytest.raises(library.error):
            library.send(member, f"{provider.url}/v1/x", method="GET", retries=0)
    assert provider.seen == []


def test_many_threads_and_loops_share_one_member(provider: HttpProvider, member: Member) -> None:
    answers: list[int] = []

    def run(library: Library) -> None:
        answers.append(library.send(member, f"{provider.url}/v1/x", json=ASK).status)

    threads = [threading.Thread(target=run, args=(one,)) for one in LIBRARIES * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * len(threads)
    assert len(provider.shares) == len(threads) == ids_used(member)
    assert all(len(found) == 1 for found in provider.shares.values())


def test_threads_share_a_session_of_requests(provider: HttpProvider, member: Member) -> None:
    with with_requests.anonymous_session(member) as session:
        answers: list[int] = []
        url = f"{provider.url}/v1/x"
        threads = [
            threading.Thread(target=lambda: answers.append(session.post(url, data=b"x").status_code))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert answers == [200] * 4 and ids_used(member) == 4


def test_a_cancelled_request_of_aiohttp_is_sent_again_with_the_same_bytes(
    provider: HttpProvider, member: Member
) -> None:
    provider.script.extend(["hang"])

    async def go() -> int:
        async with with_aiohttp.anonymous_session(member) as session:
            url = f"{provider.url}/v1/x"
            task = asyncio.create_task(session.post(url, json=ASK))  # type: ignore[arg-type]
            while not provider.seen:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with session.post(url, json=ASK) as found:
                return found.status

    assert asyncio.run(go()) == 200
    assert len(set(provider.credentials)) == 1 and len(provider.seen) == 2


@each_library
def test_after_the_member_is_closed_each_request_is_refused(
    provider: HttpProvider, directory: Path, library: Library
) -> None:
    member = Member.open(directory, QUIET)
    member.close()
    with pytest.raises(RlnError, match="closed"):
        library.send(member, f"{provider.url}/v1/x")
    assert provider.seen == []


def test_a_closed_session_of_requests_opens_its_connections_again(
    provider: HttpProvider, member: Member
) -> None:
    """As every session of requests."""
    session = with_requests.anonymous_session(member)
    for _ in range(2):
        assert session.get(f"{provider.url}/v1/x").status_code == 200
        session.close()
    assert len({id(one.connection) for one in provider.seen}) == 2


def test_a_session_of_aiohttp_is_made_in_its_event_loop(provider: HttpProvider, member: Member) -> None:
    with pytest.raises(ParameterError, match="expected a running event loop"):
        with_aiohttp.anonymous_session(member)
