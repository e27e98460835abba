"""Connect: what it refuses, what goes on to the provider, and what comes back."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.errors import ParameterError
from rln.services import connect
from rln.services.connect import Connect, Message
from rln.services.connect_token import ConnectToken
from tests.support.http_provider import HttpProvider
from tests.support.http_world import LIMIT
from tests.support.price_routes import ROUTES

PORT = 4180
HOST = (b"host", b"127.0.0.1:4180")
QUIET = MemberSettings(background=False, threads=1)
BODY = b'{"model":"m","messages":[]}'


@dataclass
class Program:
    """One request of a program, which stays until its answer is there.

    Args:
        fields: of the request.
        leaves: the program goes away when this is set.
    """

    fields: tuple[tuple[bytes, bytes], ...]
    body: tuple[bytes, ...] = (BODY,)
    target: bytes = b"/v1/chat/completions"
    method: str = "POST"
    leaves: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[Message] = field(default_factory=list)

    async def ask(self, app: Connect) -> Program:
        path, _, query = self.target.partition(b"?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": self.method,
            "raw_path": path,
            "query_string": query,
            "headers": list(self.fields),
        }
        left = list(self.body)

        async def receive() -> Message:
            if left:
                return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}
            await self.leaves.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            self.sent.append(message)

        await app(scope, receive, send)
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def content(self) -> bytes:
        return b"".join(one.get("body", b"") for one in self.sent)

    @property
    def is_whole(self) -> bool:
        return bool(self.sent) and self.sent[-1].get("more_body") is False

    @property
    def error(self) -> Any:
        return json.loads(self.content)["error"]


class Bench:
    """A provider, a member, and the endpoint."""

    def __init__(self, provider: HttpProvider, member: Member, token: ConnectToken, shown: bytes) -> None:
        self.provider = provider
        self.member = member
        self.token = token
        self.fields = (HOST, (b"authorization", b"Bearer " + shown), (b"content-type", b"application/json"))
        self.shown = shown

    def ask(self, fields: tuple[tuple[bytes, bytes], ...] | None = None, **other: Any) -> Program:
        async def asked() -> Program:
            app = Connect(self.member, self.token, PORT)
            try:
                return await Program(self.fields if fields is None else fields, **other).ask(app)
            finally:
                await app.close()

        return asyncio.run(asyncio.wait_for(asked(), 60))


@contextmanager
def opened_bench(folder: Path, **world: Any) -> Iterator[Bench]:
    (folder / "provider").mkdir()
    with HttpProvider(folder / "provider", **world) as provider:
        directory = provider.member_directory(folder / "member")
        token = ConnectToken.of(directory)
        shown = ConnectToken.path_of(directory).read_bytes().strip()
        with Member.open(directory, QUIET) as member:
            yield Bench(provider, member, token, shown)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with opened_bench(tmp_path) as made:
        yield made


def test_a_request_goes_on_with_a_credential_and_its_answer_comes_back(bench: Bench) -> None:
    found = bench.ask()
    assert (found.status, found.is_whole) == (200, True)
    assert b'"content": "hi"' in found.content
    (seen,) = bench.provider.seen
    assert (seen.verdict, seen.body, seen.line) == ("Valid", BODY, "POST /v1/chat/completions HTTP/1.1")


@pytest.mark.parametrize("name", [b"authorization", b"Authorization", b"x-api-key", b"X-Api-Key"])
def test_clients_of_openai_and_of_anthropic_show_the_token_as_they_do(bench: Bench, name: bytes) -> None:
    value = bench.shown if name.lower() == b"x-api-key" else b"bearer  " + bench.shown
    assert bench.ask((HOST, (name, value))).status == 200


def test_a_body_in_pieces_is_sent_whole(bench: Bench) -> None:
    assert bench.ask(body=(b'{"model":', b"", b'"m"}')).status == 200
    assert bench.provider.seen[0].body == b'{"model":"m"}'


def test_a_request_without_a_body_has_none(bench: Bench) -> None:
    assert bench.ask(method="GET", target=b"/v1/models?limit=2", body=(b"",)).status == 200
    (seen,) = bench.provider.seen
    assert seen.line == "GET /v1/models?limit=2 HTTP/1.1"
    assert seen.field("content-length") is None and seen.field("transfer-encoding") is None


def test_a_field_of_the_program_is_not_sent_and_a_mark_of_the_provider_does_not_come_back(
    bench: Bench,
) -> None:
    found = bench.ask((*bench.fields, (b"x-stainless-os", b"Linux"), (b"openai-organization", b"org-1")))
    (seen,) = bench.provider.seen
    assert not {"x-stainless-os", "openai-organization", "x-api-key"} & {
        name.lower() for name, _ in seen.fields
    }
    assert bench.shown.decode() not in str(seen.fields)
    assert set(found.headers) == {b"content-type", b"content-length", b"rln-spent"}


@pytest.mark.parametrize(
    "target",
    [
        b"//evil.example/v1", b"/v1/../admin", b"/v1/%63hat", b"/v1/./x", b"http://evil.example/",
        b"/v1\\x", b"*", b"", b"/v1?a=\xff", b'/v1?a="b"', b"/v1?a=<b>", b"/v1?" + b"a" * 9000,
    ],
)  # fmt: skip
def test_a_target_that_would_not_be_sent_byte_for_byte_is_refused(bench: Bench, target: bytes) -> None:
    found = bench.ask(target=target)
    assert (found.status, found.error["code"]) == (400, "invalid-request")
    assert "target" in found.error["message"]
    assert bench.provider.seen == []


def test_a_body_that_is_too_large_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "MAX_BODY", 100)
    assert bench.ask(body=(bytes(60), bytes(40))).status == 200
    found = bench.ask(body=(bytes(60), bytes(41), bytes(1 << 20)))
    assert (found.status, found.error["code"]) == (413, "content-too-large")
    assert found.headers[b"connection"] == b"close"
    assert len(bench.provider.seen) == 1


def test_the_end_of_the_budget_is_429_with_the_time_and_no_advice_to_try_again(bench: Bench) -> None:
    member = bench.member
    for _ in range(LIMIT):
        member._ids.reserve(member._identity.commitment, member._clock.current(), LIMIT)
    found = bench.ask()
    assert (found.status, found.headers[b"x-should-retry"]) == (429, b"false")
    assert 0 < int(found.headers[b"retry-after"]) <= 3600
    assert (found.error["type"], found.error["code"]) == ("rate_limit_error", "rate-limit-reached")
    assert "wait for the next epoch" in found.error["message"]
    assert bench.provider.seen == []


def test_a_member_who_was_removed_is_told_so(bench: Bench) -> None:
    bench.provider.world.group.remove(bench.provider.world.memberships[0].index)
    bench.provider.publish()
    bench.member.follow()
    found = bench.ask()
    assert (found.status, found.error["code"]) == (403, "not-a-member")
    assert "membership has ended" in found.error["message"]


def test_a_refusal_of_the_provider_has_its_words_where_sdks_look(bench: Bench) -> None:
    bench.provider.script.append("quota-exceeded")
    found = bench.ask()
    assert (found.status, found.headers[b"x-should-retry"]) == (429, b"false")
    assert found.headers[b"content-type"] == b"application/problem+json"
    document = json.loads(found.content)
    assert document["status"] == 429 and document["type"].endswith("quota-exceeded")
    assert document["error"]["code"] == "quota-exceeded"
    assert document["error"]["message"].startswith(document["title"])
    assert int(found.headers[b"content-length"]) == len(found.content)


@pytest.mark.parametrize("action", ["foreign-409", "plain-503"])
def test_an_answer_of_somebody_else_is_handed_on_as_it_is(bench: Bench, action: str) -> None:
    bench.provider.script.append(action)
    assert bench.ask().content == {"foreign-409": b'{"error":"conflict"}', "plain-503": b"busy"}[action]


def test_a_redirect_is_followed_by_nobody(bench: Bench) -> None:
    bench.provider.script.append("redirect")
    found = bench.ask()
    assert (found.status, found.error["code"]) == (502, "redirected")
    assert b"location" not in found.headers


def test_a_request_without_an_answer_can_be_sent_again_at_no_cost(bench: Bench) -> None:
    bench.provider.script.append("drop")

    async def twice() -> list[Program]:
        app = Connect(bench.member, bench.token, PORT)
        made = [await Program(bench.fields).ask(app) for _ in range(2)]
        await app.close()
        return made

    first, second = asyncio.run(twice())
    assert (first.status, first.error["code"], first.headers[b"x-should-retry"]) == (
        502,
        "no-answer",
        b"true",
    )
    assert second.status == 200
    assert len(set(bench.provider.credentials)) == 1


def test_a_program_that_goes_away_ends_the_request_to_the_provider(bench: Bench) -> None:
    bench.provider.script.append("hang")

    async def left() -> Program:
        app = Connect(bench.member, bench.token, PORT)
        program = Program(bench.fields)
        asked = asyncio.create_task(program.ask(app))
        while not bench.provider.seen:
            await asyncio.sleep(0.01)
        program.leaves.set()
        await asked
        again = await Program(bench.fields).ask(app)
        await app.close()
        assert again.status == 200
        return program

    assert asyncio.run(asyncio.wait_for(left(), 60)).sent == []
    assert len(set(bench.provider.credentials)) == 1, "the credential of the cancelled request"


def test_a_program_that_goes_away_before_its_body_is_there_sends_nothing(bench: Bench) -> None:
    async def left() -> Program:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            raise AssertionError(message)

        scope = {"type": "http", "headers": list(bench.fields)}
        await Connect(bench.member, bench.token, PORT)(scope, receive, send)
        return Program(())

    asyncio.run(left())
    assert bench.provider.seen == []


def test_what_is_not_sold_is_refused_here_with_what_is(tmp_path: Path) -> None:
    def chat(**content: object) -> tuple[bytes]:
        return (json.dumps({"messages": [{"role": "user", "content": "hi"}], **content}).encode(),)

    with opened_bench(tmp_path, slots=8, routes=ROUTES) as bench:
        for wrong, words in (
            ({"target": b"/v1/images"}, "sells POST /v1/chat/completions, GET /v1/models"),
            ({"body": chat(model="unknown")}, "model"),
            ({"body": chat(model="small", user="me")}, "user"),
        ):
            found = bench.ask(**wrong)
            assert (found.status, found.error["code"]) == (400, "invalid-request")
            assert words in found.error["message"]
        found = bench.ask(body=chat(model="large", max_tokens=20))
        assert (found.status, found.error["code"]) == (403, "request-refused"), "7 units"
        assert "max_units" in found.error["message"]
        assert bench.provider.seen == []
        assert bench.ask(body=chat(model="small", max_tokens=20)).status == 200
        (seen,) = bench.provider.seen
        assert seen.priced is not None and seen.priced.units == 4


def test_a_lifespan_ends_with_its_connections_closed(bench: Bench) -> None:
    async def live() -> list[str]:
        app = Connect(bench.member, bench.token, PORT)
        sent: list[str] = []
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Message:
            if len(messages) == 1:
                assert (await Program(bench.fields).ask(app)).status == 200
            return messages.pop(0)

        async def send(message: Message) -> None:
            sent.append(message["type"])

        await app({"type": "lifespan"}, receive, send)
        assert app._client is None
        await app.close()
        return sent

    assert asyncio.run(live()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_it_shows_no_secret_and_cannot_be_copied(bench: Bench) -> None:
    app = Connect(bench.member, bench.token, PORT)
    assert repr(app) == "Connect(Member(api.localhost, pro))"
    for one in (app, bench.token):
        with pytest.raises(TypeError, match="secret"):
            pickle.dumps(one)
    assert bench.shown.decode() not in repr(bench.token)
    for wrong in ({"member": None}, {"token": bench.shown}, {"port": 0}, {"port": "4180"}):
        with pytest.raises(ParameterError):
            Connect(**{"member": bench.member, "token": bench.token, "port": PORT, **wrong})  # type: ignore[arg-type]
