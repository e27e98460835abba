"""Programs that know nothing of this library, through `rln connect`, to a provider with a verifier."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from rln.client.member import Member
from rln.client.settings import MemberSettings
from tests.support.connect_server import ConnectServer, spend_all
from tests.support.http_provider import HttpProvider
from tests.support.http_world import LIMIT

MESSAGES: Any = [{"role": "user", "content": "hi"}]
ASK = json.dumps({"model": "m", "messages": MESSAGES})
STREAM = json.dumps({"model": "m", "messages": MESSAGES, "stream": True})
QUIET = MemberSettings(background=False, threads=1)


@dataclass
class Served:
    """A provider, and an endpoint of one of its members."""

    provider: HttpProvider
    server: ConnectServer


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    (folder / "provider").mkdir()
    with HttpProvider(folder / "provider") as provider:
        with ConnectServer(provider.member_directory(folder / "member"), folder / "log") as server:
            yield Served(provider, server)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("connect")) as made:
        yield made


@pytest.fixture
def provider(shared: Served) -> HttpProvider:
    for kept in (shared.provider.seen, shared.provider.script, shared.provider.shares):
        kept.clear()
    return shared.provider


@pytest.fixture
def server(shared: Served) -> ConnectServer:
    return shared.server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """One whose budget or process the test ends."""
    with served(tmp_path) as made:
        yield made


def curl(server: ConnectServer, *arguments: str) -> str:
    done = subprocess.run(
        [
            "curl", "-sS", "--noproxy", "*", "--max-time", "60", "-H", "Content-Type: application/json",
            "-H", f"Authorization: Bearer {server.token}", *arguments,
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def next_id(directory: Path) -> int:
    """Return how many message ids were used, and use one."""
    with Member.open(directory, QUIET) as member:
        return member._ids.reserve(member._identity.commitment, member._clock.current(), LIMIT).start


def openai_client(server: ConnectServer, **other: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.token, **other)


def test_curl_gets_an_answer_and_a_stream(provider: HttpProvider, server: ConnectServer) -> None:
    chat, first = f"{server.url}/v1/chat/completions", next_id(server.directory)
    assert json.loads(curl(server, chat, "-d", ASK))["choices"][0]["message"]["content"] == "hi"
    events = curl(server, "-N", chat, "-d", STREAM)
    assert events.count("data: ") == 3 and "data: [DONE]" in events
    assert [one.verdict for one in provider.seen] == ["Valid", "Valid"]
    assert provider.seen[0].body == ASK.encode()
    assert next_id(server.directory) - first == 1 + 2


def test_curl_waits_for_the_permission_to_send_a_large_body(
    provider: HttpProvider, server: ConnectServer, tmp_path: Path
) -> None:
    """curl sends `Expect: 100-continue` before a body of more than a megabyte."""
    large = tmp_path / "large.json"
    large.write_text(json.dumps({"model": "m", "messages": MESSAGES, "pad": "x" * (3 << 20)}))
    found = curl(server, f"{server.url}/v1/chat/completions", "--data-binary", f"@{large}")
    assert json.loads(found)["choices"][0]["message"]["content"] == "hi"
    assert provider.seen[0].body == large.read_bytes()


def test_the_openai_client_needs_nothing_but_address_and_token(
    provider: HttpProvider, server: ConnectServer
) -> None:
    with openai_client(server) as client:
        made = client.chat.completions.create(model="m", messages=MESSAGES)
        assert made.choices[0].message.content == "hi"
        pieces = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert "".join(one.choices[0].delta.content or "" for one in pieces) == "hi"
    assert [one.verdict for one in provider.seen] == ["Valid", "Valid"]
    sent = {name.lower() for one in provider.seen for name, _ in one.fields}
    assert not {name for name in sent if name.startswith(("x-", "openai-", "cookie"))}
    assert {one.field("user-agent") for one in provider.seen} == {"rln-client"}


def test_the_anthropic_client_needs_nothing_but_address_and_token(
    provider: HttpProvider, server: ConnectServer
) -> None:
    with anthropic.Anthropic(base_url=server.url, api_key=server.token) as client:
        made = client.messages.create(model="m", max_tokens=5, messages=MESSAGES)
        assert made.content[0].text == "hi"  # type: ignore[union-attr]
        with client.messages.stream(model="m", max_tokens=5, messages=MESSAGES) as found:
            assert "".join(found.text_stream) == "hi"
    assert [one.verdict for one in provider.seen] == ["Valid", "Valid"]


def test_async_clients_share_the_endpoint(provider: HttpProvider, server: ConnectServer) -> None:
    async def ask(number: int, client: openai.AsyncOpenAI) -> str:
        messages: Any = [{"role": "user", "content": str(number)}]
        made = await client.chat.completions.create(model="m", messages=messages)
        return str(made.choices[0].message.content)

    async def all_at_once() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.token) as client:
            return await asyncio.gather(*(ask(number, client) for number in range(10)))

    first = next_id(server.directory)
    assert asyncio.run(all_at_once()) == ["hi"] * 10
    assert len(provider.shares) == next_id(server.directory) - first - 1 == 10
    assert all(len(found) == 1 for found in provider.shares.values())


@pytest.mark.parametrize(
    ("script", "credentials"),
    [
        (("unavailable", "overloaded"), 1),
        (("plain-503",), 1),
        (("drop",), 1),
        (("drop-after",), 2),
        (("wrong-epoch",), 2),
        (("502-spent",), 2),
    ],
    ids=str,
)
def test_a_client_that_retries_spends_each_id_on_one_x(
    provider: HttpProvider, server: ConnectServer, script: tuple[str, ...], credentials: int
) -> None:
    first = next_id(server.directory)
    provider.script.extend(script)
    with openai_client(server) as client:
        made = client.chat.completions.create(model="m", messages=MESSAGES)
    assert made.choices[0].message.content == "hi"
    assert len({value[:80] for value in provider.credentials}) == credentials
    assert next_id(server.directory) - first - 1 == credentials
    assert all(len(found) == 1 for found in provider.shares.values())


def test_the_end_of_the_budget_is_told_once_and_in_words(own: Served) -> None:
    provider, server = own.provider, own.server
    spend_all(server.directory)
    with openai_client(server) as client, pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="m", messages=MESSAGES)
    assert "wait for the next epoch" in str(caught.value)
    assert caught.value.code == "rate-limit-reached"
    assert int(caught.value.response.headers["retry-after"]) > 0
    with anthropic.Anthropic(base_url=server.url, api_key=server.token) as other:
        with pytest.raises(anthropic.RateLimitError, match="wait for the next epoch"):
            other.messages.create(model="m", max_tokens=5, messages=MESSAGES)
    assert provider.seen == []


def test_the_words_of_the_provider_reach_the_caller(provider: HttpProvider, server: ConnectServer) -> None:
    provider.script.append("bad-proof")
    with openai_client(server) as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model="m", messages=MESSAGES)
    assert caught.value.code == "bad-proof"
    assert "proof" in str(caught.value)


def test_a_stream_that_breaks_off_has_no_end(provider: HttpProvider, server: ConnectServer) -> None:
    provider.script.append("break")
    done = subprocess.run(
        [
            "curl", "-sS", "--noproxy", "*", "--max-time", "60", "-H", f"x-api-key: {server.token}",
            f"{server.url}/v1/chat/completions", "-d", STREAM,
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode in (18, 56), "curl says that a part is missing"
    assert "data: " in done.stdout and "[DONE]" not in done.stdout


def test_two_endpoints_and_a_program_share_the_ids_of_one_directory(own: Served, tmp_path: Path) -> None:
    provider, server = own.provider, own.server
    with ConnectServer(server.directory, tmp_path / "log-2") as second:
        assert second.token == server.token
        for one in (server, second, server, second):
            with openai_client(one) as client:
                client.chat.completions.create(model="m", messages=MESSAGES)
        spend_all(server.directory)
        for one in (server, second):
            with openai_client(one) as client, pytest.raises(openai.RateLimitError):
                client.chat.completions.create(model="m", messages=MESSAGES)
    assert len(provider.shares) == 4
    assert all(len(found) == 1 for found in provider.shares.values())


def test_a_stop_lets_a_request_end(own: Served) -> None:
    provider, server = own.provider, own.server
    provider.script.append("slow")
    program = subprocess.Popen(
        [
            "curl", "-sS", "--noproxy", "*", "--max-time", "60", "-H", f"x-api-key: {server.token}",
            f"{server.url}/v1/chat/completions", "-d", ASK,
        ],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    while not provider.seen:
        assert program.poll() is None
    assert server.stop() == 0
    assert b'"content": "hi"' in program.communicate()[0]
    assert "Traceback" not in server.log.read_text()
