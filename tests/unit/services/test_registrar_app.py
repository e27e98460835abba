"""The registrar over HTTP: strict requests, answers that say nothing about others, keys that stay secret."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import rln
from rln.errors import StoreUnavailable
from rln.services import registrar_app
from rln.services.api_keys import Account, AccountHook
from rln.services.registrar import Registrar
from rln.services.registrar_app import MAX_BODY, app_of, router_of
from tests.support.registrar_office import BASIC, Office
from tests.support.registrar_server import body_of

KEY = "the-key-of-acme-0000"
PATH = "/rln/registration"


class Desk:
    """The application of a registrar, asked without a network.

    Args:
        office: the registrar.
        app: that has its routes.
    """

    def __init__(self, office: Office, app: FastAPI) -> None:
        self.office = office
        self.app = app

    def ask(self, method: str, path: str = PATH, *, fields: Any = None, **more: Any) -> httpx.Response:
        """Send a request with the key, unless fields are given."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                headers = [("Authorization", f"Bearer {KEY}")] if fields is None else fields
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(asked())

    def application(self) -> dict[str, str]:
        """Return the body of a registration that would be accepted."""
        nonce = self.ask("POST", f"{PATH}/challenge", json={"tier": "basic"}).json()["nonce"]
        account = Account("acme", ("basic", "pro"))
        return body_of(*self.office.proof(account, rln.Identity.generate(), BASIC, bytes.fromhex(nonce)))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    account = office.account("acme")
    use(office.registrar, lambda key: account if key == KEY else None)
    yield office
    office.close()


def use(registrar: Registrar, hook: Callable[[str], Account | None]) -> None:
    """Put a function in the place of the directory."""
    registrar._directory = AccountHook(hook)


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office, app_of(office.registrar))


def problem(answer: httpx.Response, status: int, name: str) -> None:
    """Check that an answer is a problem."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
    assert answer.headers["cache-control"] == "no-store"
    assert sorted(answer.json()) == ["status", "title", "type"]
    assert answer.json()["type"] == f"https://api.localhost/rln/problems/{name}"
    assert KEY not in answer.text and "acme" not in answer.text


def test_a_customer_registers_and_leaves(desk: Desk) -> None:
    body = desk.application()
    answer = desk.ask("POST", json=body)
    assert answer.status_code == 202 and answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "tier": "basic",
        "commitment": body["commitment"],
        "limit": 2,
        "state": "pending",
        "admission": int(desk.office.time) + 12,
    }
    desk.office.round(10)
    (listed,) = desk.ask("GET").json()["registrations"]
    assert listed == {**answer.json(), "state": "member", "admission": None}
    assert desk.ask("DELETE", f"{PATH}/basic").status_code == 202
    desk.office.round()
    problem(desk.ask("DELETE", f"{PATH}/basic"), 404, "not-found")
    assert desk.ask("GET").json()["registrations"][0]["state"] == "ended"


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("Authorization", KEY)],
        [("Authorization", f"Basic {KEY}")],
        [("Authorization", f"Bearer {KEY}x")],
        [("Authorization", f"Bearer {KEY}")] * 2,
        [("Authorization", f"Bearer  {KEY}")],
        [("Authorization", "Bearer " + "a" * 600)],
        [("Authorization", f"Bearer {KEY}, Bearer {KEY}")],
        [("X-Api-Key", KEY)],
    ],
)
def test_without_exactly_one_key_nothing_is_said(desk: Desk, fields: list[tuple[str, str]]) -> None:
    for method, path, more in (
        ("GET", PATH, {}),
        ("POST", PATH, {"json": {}}),
        ("POST", f"{PATH}/challenge", {"json": {"tier": "basic"}}),
        ("DELETE", f"{PATH}/basic", {}),
    ):
        answer = desk.ask(method, path, fields=fields, **more)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", "application/json"),
        (b"{}", "application/json"),
        (b"[]", "application/json"),
        (b'{"tier":"basic","tier":"pro"}', "application/json"),
        (b'{"tier":"basic","limit":100}', "application/json"),
        (b'{"tier":7}', "application/json"),
        (b'{"tier":null}', "application/json"),
        (b'{"tier":NaN}', "application/json"),
        (b'{"tier":"BASIC"}', "application/json"),
        (b'{"tier":"basic\\n"}', "application/json"),
        (b"\xff", "application/json"),
        (b'{"tier":"basic"}', "text/plain"),
        (b"tier=basic", "application/x-www-form-urlencoded"),
        (b"[" * 1000, "application/json"),
    ],
)
def test_other_bodies_are_malformed_and_not_repeated(desk: Desk, content: bytes, media_type: str) -> None:
    fields = [("Authorization", f"Bearer {KEY}"), ("Content-Type", media_type)]
    problem(desk.ask("POST", f"{PATH}/challenge", fields=fields, content=content), 400, "malformed")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("leaf", "5", (400, "malformed")),
        ("limit", 5, (400, "malformed")),
        ("commitment", "0", (400, "malformed")),
        ("commitment", "-1", (400, "malformed")),
        ("commitment", "0x1", (400, "malformed")),
        ("commitment", 5, (400, "malformed")),
        ("commitment", "9" * 77, (409, "conflict")),
        ("commitment", "5", (403, "bad-proof")),
        ("server_nonce", "AB" * 16, (400, "malformed")),
        ("server_nonce", "00" * 16, (403, "nonce-not-open")),
        ("client_nonce", "00" * 16, (403, "bad-proof")),
        ("proof", "A" * 255, (400, "malformed")),
        ("proof", "A" * 256, (403, "bad-proof")),
        ("proof", "_" * 256, (403, "bad-proof")),
        ("tier", "pro", (403, "nonce-not-open")),
        ("tier", "gold", (403, "tier-not-allowed")),
    ],
)
def test_each_part_of_a_registration_is_checked(
    desk: Desk, name: str, value: object, expected: tuple[int, str]
) -> None:
    answer = desk.ask("POST", json={**desk.application(), name: value})
    problem(answer, *expected)
    assert desk.ask("GET").json() == {"registrations": []}


def test_bodies_are_bounded_while_they_come(desk: Desk) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1024
            yield b" " * 1024

    answer = desk.ask("POST", content=endless())
    problem(answer, 413, "content-too-large")
    assert read <= MAX_BODY + 2048


def test_a_body_that_does_not_come_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrar_app, "BODY_SECONDS", 0.05)

    async def slow() -> Any:
        yield b"{"
        await asyncio.sleep(3600)

    problem(desk.ask("POST", content=slow()), 408, "timeout")


def test_a_client_that_goes_is_no_fault(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "root_path": "", "headers": [],
        "client": None, "server": None,
    }  # fmt: skip
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(desk.app(scope, receive, send))
    assert sent[0]["status"] == 400 and caplog.text == ""


def test_too_many_attempts_say_when_to_come_again(desk: Desk) -> None:
    for _ in range(8):
        assert desk.ask("POST", f"{PATH}/challenge", json={"tier": "basic"}).status_code == 201
    answer = desk.ask("POST", f"{PATH}/challenge", json={"tier": "basic"})
    problem(answer, 429, "too-many-attempts")
    assert 299 <= int(answer.headers["retry-after"]) <= 300


@pytest.mark.parametrize("error", [ValueError, StoreUnavailable, KeyError])
def test_a_hook_that_fails_with_the_key_in_its_error_tells_nobody(
    desk: Desk, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def failing(key: str) -> Account | None:
        raise error(f"no database for {key}")

    use(desk.office.registrar, failing)
    with caplog.at_level(logging.DEBUG):
        answer = desk.ask("GET")
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert KEY not in caplog.text
    with pytest.raises(StoreUnavailable) as caught:
        desk.office.registrar.account([f"Bearer {KEY}"])
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert not any(KEY in str(one) for one in chain)


def test_faults_inside_are_answered_without_their_text(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError(f"a fault at acme with {KEY}")

    monkeypatch.setattr(desk.office.registrar, "registrations", failing)
    problem(desk.ask("GET"), 500, "internal")


def test_unknown_paths_and_methods_are_problems(desk: Desk) -> None:
    problem(desk.ask("GET", "/elsewhere"), 404, "not-found")
    answer = desk.ask("PUT")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"


def test_the_routes_work_within_another_application(office: Office) -> None:
    app = FastAPI()

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    app.include_router(router_of(office.registrar))
    desk = Desk(office, app)
    assert desk.ask("GET", "/hello").json() == "hello"
    assert desk.ask("POST", json=desk.application()).status_code == 202
    problem(desk.ask("POST", f"{PATH}/challenge", json={"tier": 7}), 400, "malformed")
    mounted = FastAPI()
    mounted.mount("/", app_of(office.registrar))
    assert Desk(office, mounted).ask("GET").status_code == 200


def test_the_document_says_what_is_there(desk: Desk) -> None:
    document = desk.app.openapi()
    assert document["openapi"].startswith("3.1")
    assert sorted(document["paths"]) == [
        "/.well-known/rln",
        "/rln/bulletins/{name}",
        "/rln/key",
        PATH,
        f"{PATH}/challenge",
        f"{PATH}/{{tier}}",
    ]
    assert "acme" not in json.dumps(document)


def test_an_index_that_is_replaced_while_it_is_read_is_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The length was that of the old index, and the content that of the new one."""
    stat = os.stat
    site = desk.office.registrar.bulletins
    desk.office.register(desk.office.account("acme"), rln.Identity.generate())
    reads: list[str] = []

    def then_replaced(path: Any, *more: Any, **options: Any) -> os.stat_result:
        found = stat(path, *more, **options)
        if str(path).endswith("index.json"):
            reads.append(str(path))
            if len(reads) == 2:  # the first one asks whether there is such a file
                desk.office.round(10)
                assert site.step == 1
        return found

    monkeypatch.setattr("starlette.responses.os.stat", then_replaced)
    answer = desk.ask("GET", "/rln/bulletins/index.json")
    assert answer.status_code == 200 and answer.json()["step"] in (0, 1)
    assert answer.headers["content-length"] == str(len(answer.content))
