"""Unmodified SDKs against a provider that judges each credential, and answers as a script says.

An ordinary run has one sync and one async pair of SDK and HTTP library; RLN_EFFORT=release has all of them.
"""

from __future__ import annotations

import asyncio
import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.errors import AnswerLost, RateLimitReached, RequestRefused, RlnError
from rln.integrations import httpx as with_httpx
from rln.integrations import httpx2 as with_httpx2
from tests.support.connect_proxy import ConnectProxy
from tests.support.effort import RELEASE
from tests.support.http_provider import API_KEY, HttpProvider
from tests.support.retries import RETRIES, Retry, following, ids_used

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http-customer.md"
ASK: Any = [{"role": "user", "content": "hi"}]
QUIET = MemberSettings(background=False, threads=1)
SOUND = b"RIFF" * 1000


@dataclass(frozen=True)
class Pair:
    """One SDK over one HTTP library."""

    sdk: str
    library: str
    is_async: bool

    def __str__(self) -> str:
        return f"{self.sdk}-{self.library}-{'async' if self.is_async else 'sync'}"

    @property
    def errors(self) -> Any:
        return {"openai": openai, "anthropic": anthropic}[self.sdk]

    def client(self, member: Member, provider: HttpProvider, **other: Any) -> Any:
        adapter = {"httpx": with_httpx, "httpx2": with_httpx2}[self.library]
        make = adapter.anonymous_async_client if self.is_async else adapter.anonymous_client
        if self.sdk == "openai":
            kind = openai.AsyncOpenAI if self.is_async else openai.OpenAI
            return kind(base_url=f"{provider.url}/v1", api_key="none", http_client=make(member), **other)
        kinds = anthropic.AsyncAnthropic if self.is_async else anthropic.Anthropic
        return kinds(base_url=provider.url, api_key="none", http_client=make(member), **other)

    def ask(self, client: Any) -> str:
        """Ask once, and return the text of the answer."""
        if self.is_async:
            return asyncio.run(self._ask_async(client))
        if self.sdk == "openai":
            return str(client.chat.completions.create(model="m", messages=ASK).choices[0].message.content)
        return str(client.messages.create(model="m", max_tokens=5, messages=ASK).content[0].text)

    async def _ask_async(self, client: Any) -> str:
        async with client:
            if self.sdk == "openai":
                made = await client.chat.completions.create(model="m", messages=ASK)
                return str(made.choices[0].message.content)
            made = await client.messages.create(model="m", max_tokens=5, messages=ASK)
            return str(made.content[0].text)

    def stream(self, client: Any) -> str:
        """Ask once, and return the text of the streamed answer."""
        if self.is_async:
            return asyncio.run(self._stream_async(client))
        if self.sdk == "openai":
            pieces = client.chat.completions.create(model="m", messages=ASK, stream=True)
            return "".join(one.choices[0].delta.content or "" for one in pieces)
        with client.messages.stream(model="m", max_tokens=5, messages=ASK) as found:
            return "".join(found.text_stream)

    async def _stream_async(self, client: Any) -> str:
        async with client:
            if self.sdk == "openai":
                pieces = await client.chat.completions.create(model="m", messages=ASK, stream=True)
                return "".join([one.choices[0].delta.content or "" async for one in pieces])
            async with client.messages.stream(model="m", max_tokens=5, messages=ASK) as found:
                return "".join([one async for one in found.text_stream])


ALL = [
    Pair(sdk, library, is_async)
    for sdk in ("openai", "anthropic")
    for library in ("httpx2", "httpx")
    for is_async in (False, True)
    if (sdk, library) != ("anthropic", "httpx")  # it takes clients of httpx2 alone
]
SOME = [Pair("openai", "httpx2", False), Pair("anthropic", "httpx2", True)]
PAIRS = ALL if RELEASE else SOME


CASES = (*RETRIES, Retry(("redirect",), 1, 1, 307))
ERRORS = {
    307: "APIStatusError",
    400: "BadRequestError",
    403: "PermissionDeniedError",
    409: "ConflictError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
}
"""What both SDKs make of a status."""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[HttpProvider]:
    (tmp_path / "provider").mkdir()
    with HttpProvider(tmp_path / "provider") as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_an_sdk_that_retries_spends_each_id_on_one_x(
    provider: HttpProvider, tmp_path: Path, pair: Pair, case: Retry
) -> None:
    provider.script.extend(case.script)
    with Member.open(provider.member_directory(tmp_path / "member"), QUIET) as member:
        client = pair.client(member, provider)
        with following(member, provider):
            if case.status == 200:
                assert pair.ask(client) == "hi"
            else:
                with pytest.raises(getattr(pair.errors, ERRORS[case.status])):
                    pair.ask(client)
        used = ids_used(member)
    assert len(provider.seen) == case.requests
    assert used == case.ids, "message ids"
    assert len({value[:80] for value in provider.credentials}) == case.ids  # key and nonce
    assert all(len(found) == 1 for found in provider.shares.values())
    assert not any("elsewhere" in one.line for one in provider.seen)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_an_answer_streams(provider: HttpProvider, tmp_path: Path, pair: Pair) -> None:
    with Member.open(provider.member_directory(tmp_path / "member"), QUIET) as member:
        assert pair.stream(pair.client(member, provider)) == "hi"
    assert [one.verdict for one in provider.seen] == ["Valid"]


@pytest.mark.parametrize("pair", [one for one in PAIRS if one.sdk == "openai"], ids=str)
@pytest.mark.parametrize("script", [(), ("unavailable",), ("drop-after",), ("502-spent",)], ids=str)
def test_an_upload_is_sent_again_with_a_new_credential_if_its_bytes_differ(
    provider: HttpProvider, tmp_path: Path, pair: Pair, script: tuple[str, ...]
) -> None:
    """The SDK makes a new boundary for each attempt, so each attempt is another request."""
    provider.script.extend(script)

    def upload(client: Any) -> Any:
        return client.files.create(file=("a.wav", io.BytesIO(SOUND)), purpose="user_data")

    async def upload_async(client: Any) -> Any:
        async with client:
            return await upload(client)

    with Member.open(provider.member_directory(tmp_path / "member"), QUIET) as member:
        client = pair.client(member, provider)
        asyncio.run(upload_async(client)) if pair.is_async else upload(client)
    assert all(SOUND in one.body for one in provider.seen)
    assert len(provider.seen) == len(script) + 1
    assert all(len(found) == 1 for found in provider.shares.values())
    assert provider.seen[-1].verdict == "Valid"


def refused(member: Member, provider: HttpProvider, pair: Pair, **other: Any) -> BaseException:
    """Ask, and return the error of this library. anthropic wraps it, and tries again before."""
    with pytest.raises((RlnError, anthropic.APIConnectionError)) as caught:
        pair.ask(pair.client(member, provider, **other))
    if pair.sdk == "openai":
        return caught.value
    assert isinstance(caught.value, anthropic.APIConnectionError)
    assert isinstance(caught.value.__cause__, RlnError)
    return caught.value.__cause__


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_end_of_the_budget_reaches_the_caller_untouched(
    provider: HttpProvider, tmp_path: Path, pair: Pair
) -> None:
    with Member.open(provider.member_directory(tmp_path / "member"), QUIET) as member:
        for _ in range(member.limit):
            member._ids.reserve(member._identity.commitment, member._clock.current(), member.limit)
        error = refused(member, provider, pair)
    assert isinstance(error, RateLimitReached)
    assert error.retry_after is not None and error.retry_after > 0
    assert provider.seen == []


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_other_credentials_than_two_are_never_sent_for_one_request(
    provider: HttpProvider, tmp_path: Path, pair: Pair
) -> None:
    provider.script.extend(["502-spent"] * 10)
    with Member.open(provider.member_directory(tmp_path / "member"), QUIET) as member:
        error = refused(member, provider, pair, max_retries=4)
    assert isinstance(error, RequestRefused) and "has had 2" in str(error)
    assert len(provider.seen) == 2


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_lost_answer_is_not_bought_again_if_the_caller_wants_that(
    provider: HttpProvider, tmp_path: Path, pair: Pair
) -> None:
    provider.script.extend(["drop-after"])
    with Member.open(
        provider.member_directory(tmp_path / "member"), replace(QUIET, on_lost="raise")
    ) as member:
        error = refused(member, provider, pair)
    assert isinstance(error, AnswerLost)
    assert [one.verdict for one in provider.seen] == ["Valid", "Duplicate"]


def test_the_recipes_of_the_page_for_customers_run(
    provider: HttpProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text().replace("https://api.example.com", provider.url)
    text = text.replace("3d40…", provider.world.registrar_key.public_key.hex())
    text = text.replace("key-of-the-account", API_KEY)
    join, open_again, *recipes = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(join, names)
    names["member"].close()
    provider.admit()
    exec(open_again, names)
    member = names["member"]
    with member:
        deadline = time.monotonic() + 60
        while not member.is_admitted:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert len(recipes) == 4
        for recipe in recipes:
            exec(recipe, names)
    assert names["answer"].choices[0].message.content == "hi"
    assert capsys.readouterr().out == "hihi\nhi\n"
    assert [one.verdict for one in provider.seen] == ["Valid"] * 4


def test_many_loops_and_threads_share_one_member(provider: HttpProvider, tmp_path: Path) -> None:
    answers: list[str] = []

    def run(member: Member, pair: Pair) -> None:
        answers.append(pair.ask(pair.client(member, provider)))

    with Member.open(provider.member_directory(tmp_path / "member"), QUIET) as member:
        work: list[Callable[[], None]] = [lambda pair=pair: run(member, pair) for pair in SOME * 4]  # type: ignore[misc]
        threads = [threading.Thread(target=one) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert answers == ["hi"] * len(threads)
    assert len(provider.shares) == len(threads)
    assert all(len(found) == 1 for found in provider.shares.values())


def test_a_cancelled_request_is_sent_again_with_the_same_bytes(
    provider: HttpProvider, tmp_path: Path
) -> None:
    """The provider never answers the first one; the second asks for the same."""
    pair = Pair("openai", "httpx2", True)
    provider.script.extend(["hang"])

    async def go(member: Member) -> str:
        client = pair.client(member, provider, max_retries=0)
        task = asyncio.create_task(client.chat.completions.create(model="m", messages=ASK))
        while not provider.seen:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await pair._ask_async(client)

    with Member.open(provider.member_directory(tmp_path / "member"), QUIET) as member:
        assert asyncio.run(go(member)) == "hi"
    assert len(set(provider.credentials)) == 1 and len(provider.seen) == 2


@pytest.mark.parametrize("pair", ALL, ids=str)
def test_through_the_proxy_of_the_member_each_connection_is_a_tunnel(
    provider: HttpProvider, tmp_path: Path, pair: Pair
) -> None:
    """Also to an http address: the proxy read the request and its credential."""
    with ConnectProxy() as proxy:
        settings = replace(QUIET, proxy=proxy.url)
        with Member.open(provider.member_directory(tmp_path / "member"), settings) as member:
            assert pair.ask(pair.client(member, provider)) == "hi"
        assert [one.rpartition("/")[0] for one in proxy.asked] == [f"CONNECT {provider.authority} HTTP"]
        assert [one.port for one in provider.seen] == proxy.ports
