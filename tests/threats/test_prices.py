"""Threats F24 and P8: what a request costs, and who says so."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.client.member import Member
from rln.client.member_directory import MemberDirectory
from rln.client.settings import MemberSettings
from rln.errors import InputError, ParameterError, PolicyChanged, ProviderUnavailable, RequestRefused
from rln.http.credential import Credential
from rln.http.price_list import PRICES, PriceList
from rln.http.route import Route
from rln.integrations import request_judge
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.httpx2 import anonymous_client
from rln.sync.signing import RegistrarKey
from tests.support.asgi_driver import Exchange, http_scope
from tests.support.http_provider import API_KEY, HttpProvider
from tests.support.http_world import LIMIT, HttpWorld
from tests.support.price_routes import BULK, CHAT, FLAT, ROUTES
from tests.support.provider_objects import Verdicts, provider_of

SLOTS = 16
QUIET = MemberSettings(background=False, threads=1)
MESSAGES = [{"role": "user", "content": "hello"}]


def chat(**more: object) -> bytes:
    return json.dumps({"model": "small", "messages": MESSAGES, **more}).encode()


# ---- F24: at the provider --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpWorld]:
    made = HttpWorld(tmp_path_factory.mktemp("prices"), slots=SLOTS, routes=ROUTES, period=1 << 20)
    yield made
    made.close()


class Till:
    """A provider that sells, its middleware, and an application that keeps what it gets."""

    def __init__(self, world: HttpWorld, **changes: object) -> None:
        self.world = world
        self.verdicts = Verdicts()
        self.calls: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.provider = provider_of(world, observer=self.verdicts, **changes)
        self.middleware = RlnMiddleware(self.app, provider=self.provider)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls.append(scope)
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def ask(self, body: bytes = b"", units: int | None = None, **scope: Any) -> Exchange:
        """Return a request with a good credential of so many units; None: without one."""
        return self._exchange(body, units, scope, self._good)

    def ask_in_vain(self, body: bytes, units: int | None, **scope: Any) -> Exchange:
        """Return a request whose credential has all that is looked at before its proof."""
        return self._exchange(body, units, scope, self._similar)

    def _exchange(self, body: bytes, units: int | None, scope: dict[str, Any], make: Any) -> Exchange:
        value = None
        if units is not None:
            parts = {
                "method": scope.get("method", "POST"),
                "target": scope.get("target", CHAT.path.encode()).decode("latin-1"),
                "content_type": (scope.get("content_type", b"application/json") or b"").decode(),
                "content_encoding": dict(scope.get("more", ())).get(b"content-encoding", b"").decode(),
            }
            value = make(parts, body, units)
        return Exchange(http_scope(value, **scope), (body,))

    def _good(self, parts: dict[str, str], body: bytes, units: int) -> str:
        # Each member has units for a few requests.
        used = self.world.__dict__.setdefault("used", {})
        member = next(one for one in range(20) if used.get(one, 0) + units <= LIMIT)
        used[member] = used.get(member, 0) + units
        return self.world.credential(self.world.parts(body=body, **parts), member, units)

    def _similar(self, _: dict[str, str], __: bytes, units: int) -> str:
        kept = self.world.__dict__.setdefault("kept", {})
        if units not in kept:
            kept[units] = self.world.credential(self.world.parts(body=b"another one"), 39, units)
        return str(kept[units])

    async def _send(self, *exchanges: Exchange) -> None:
        for one in exchanges:
            await self.middleware(one.scope, one.receive, one.send)
        await self.middleware.close()

    def run(self, *exchanges: Exchange) -> list[int | None]:
        """Send requests one after the other, and return their statuses."""
        asyncio.run(self._send(*exchanges))
        assert len(self.calls) == self.verdicts.valid
        return [one.status for one in exchanges]


@pytest.fixture
def till(world: HttpWorld) -> Iterator[Till]:
    made = Till(world)
    yield made
    made.provider.close()


def detail(exchange: Exchange) -> str:
    return str(json.loads(exchange.body)["detail"])


HOSTILE = {
    "another name of the limit": chat(max_tokens=10, n_predict=1000),
    "the limit twice": chat(max_tokens=10).replace(b"}]", b'}], "max_tokens": 900'),
    "both limits": chat(max_tokens=10, max_completion_tokens=900),
    "another spelling": chat(MAX_TOKENS=10),
    "no integer": chat(max_tokens=10.5),
    "a text": chat(max_tokens="10"),
    "below zero": chat(max_tokens=-1),
    "no tokens": chat(max_tokens=0),
    "a model without a price": chat(model="huge"),
    "who asks": chat(user="alice"),
    "what is kept": chat(store=True),
    "a hosted tool": chat(tools=[{"type": "web_search"}]),
    "no JSON": b"max_tokens=10",
    "two values": chat() + b" {}",
    "NaN": chat(temperature=float("nan")),
    "deep": b'{"model":"small","messages":' + b"[" * 4000 + b"]" * 4000 + b"}",
    "a list": b"[]",
    "empty": b"",
    "not UTF-8": chat(temperature=1).replace(b"hello", b"\xff"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_f24_a_body_with_something_that_has_no_price_is_refused_and_told_why(till: Till, name: str) -> None:
    for units in (3, 4, SLOTS):
        exchange = till.ask_in_vain(HOSTILE[name], units)
        assert till.run(exchange) == [400]
        assert detail(exchange)
    assert till.calls == [] and till.verdicts.valid == till.verdicts.violations == 0


@pytest.mark.parametrize(
    "scope",
    [
        {"more": [(b"content-encoding", b"gzip")]},
        {"more": [(b"content-encoding", b"identity")]},
        {"content_type": b"text/plain"},
        {"content_type": b"application/json; charset=utf-16"},
        {"content_type": b"multipart/form-data; boundary=x"},
        {"content_type": None},
        {"target": CHAT.path.encode() + b"?beta=true"},
    ],
)
def test_f24_a_metered_body_that_another_program_may_read_differently_is_refused(
    till: Till, scope: dict[str, Any]
) -> None:
    assert till.run(till.ask_in_vain(chat(), 4, **scope)) == [400]


def test_f24_the_application_gets_the_limit_that_was_paid_for(till: Till) -> None:
    """Without a limit in the body, the upstream would go on for as long as it likes."""
    (status,) = till.run(till.ask(chat(), 4, more=[(b"content-digest", _digest(chat()))]))
    assert status == 200
    body = json.loads(till.bodies[0])
    assert body == {"model": "small", "messages": MESSAGES, "max_tokens": 20}
    names = dict(till.calls[0]["headers"])
    assert names[b"content-length"] == str(len(till.bodies[0])).encode()
    assert names[b"content-type"] == b"application/json" and b"content-digest" not in names
    assert till.calls[0]["rln"].units == 4


def _digest(body: bytes) -> bytes:
    return b"sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()) + b":"


def test_f24_the_units_are_the_price_exactly(till: Till) -> None:
    """Fewer are 401 with the price, more are 400, and both spend nothing."""
    body = chat(max_tokens=25, n=2)  # 1 + 1 + 2 * 3
    exchanges = [*(till.ask_in_vain(body, units) for units in (1, 7, 9, SLOTS)), till.ask(body, 8)]
    assert till.run(*exchanges) == [401, 401, 400, 400, 200]
    for exchange in exchanges[:2]:
        (value,) = exchange.values(b"www-authenticate")
        assert b'units="8", error="units-needed"' in value
    assert "costs 8" in detail(exchanges[2]) and "has 9" in detail(exchanges[2])
    assert till.verdicts.valid == 1


def test_f24_a_refused_price_spends_nothing(till: Till) -> None:
    """The same credential is good once the same request is sent for its price."""
    body = chat(max_tokens=10)
    short, good = till.ask(body, 2), till.ask(body, 3)
    again = Exchange(good.scope, (body,))
    assert till.run(short, good, again) == [401, 200, 409]


def test_f24_a_request_that_no_proof_can_pay_is_too_large(till: Till) -> None:
    assert till.run(till.ask_in_vain(chat(max_tokens=1 << 20), SLOTS)) == [413]


@pytest.mark.parametrize("units", [None, 1])
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", b"/v1/files"),
        ("GET", CHAT.path.encode()),
        ("PUT", CHAT.path.encode()),
        ("HEAD", FLAT.path.encode()),
        ("POST", CHAT.path.encode() + b"/"),
        ("POST", b"/V1/chat/completions"),
        ("POST", b"/v1/%63hat/completions"),
        ("POST", b"/v1/x/../chat/completions"),
        ("POST", b"//v1/chat/completions"),
        ("POST", PRICES.encode()),
        ("POST", b"/"),
    ],
)
def test_f24_what_is_not_sold_is_not_found_and_its_body_not_read(
    till: Till, method: str, target: bytes, units: int | None
) -> None:
    exchange = till.ask_in_vain(b"x", units, method=method, target=target)
    assert till.run(exchange) == [404]
    assert exchange.given == 0 and till.calls == []


def test_f24_a_challenge_says_the_least_price_of_its_route(till: Till) -> None:
    exchanges = [till.ask(chat()), till.ask(method="GET", target=FLAT.path.encode()), till.ask(chat(), 1)]
    exchanges[2].scope["headers"][-1] = (b"authorization", b"Bearer x")
    assert till.run(*exchanges) == [401, 401, 401]
    for exchange, units in zip(exchanges, (3, 1, 3), strict=True):
        assert f'units="{units}"'.encode() in exchange.values(b"www-authenticate")[0]
    assert exchanges[0].given == 0


def test_f24_a_flat_route_takes_any_body_as_it_came(till: Till) -> None:
    more = [(b"content-encoding", b"gzip")]
    scope = {"target": b"/v1/audio/transcriptions?a=1", "content_type": b"multipart/form-data; boundary=x"}
    assert till.run(till.ask(b"\x00\xff", 2, more=more, **scope)) == [200]
    assert till.bodies == [b"\x00\xff"]
    assert (b"content-encoding", b"gzip") in till.calls[0]["headers"]


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of the thread of each price that is computed."""
    names: list[str] = []
    price = Route.price

    def noting(*asked: Any) -> Any:
        names.append(threading.current_thread().name)
        return price(*asked)

    monkeypatch.setattr(Route, "price", noting)
    return names


def test_f24_a_large_body_is_not_read_for_somebody_who_is_no_member(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a megabyte of JSON takes up to a thousand times as long as to see that a proof is none."""
    large = chat(messages=[{"role": "user", "content": "x" * 1_000_000}])
    names = noted(monkeypatch)
    good = till.ask(large, 4, target=BULK.path.encode())
    name, value = good.scope["headers"][-1]
    spoiled = [*good.scope["headers"][:-1], (name, _with_another_proof(till, value))]
    assert till.run(Exchange({**good.scope, "headers": spoiled}, (large,))) == [403]
    assert names == []
    assert till.run(good) == [200]
    assert len(names) == 1 and names[0].startswith("rln-http")


@pytest.mark.parametrize("is_announced", [True, False])
def test_f24_a_body_that_no_proof_can_pay_is_not_parsed(
    till: Till, monkeypatch: pytest.MonkeyPatch, is_announced: bool
) -> None:
    """Its length alone costs more. If it is announced, the body is not even read."""
    names = noted(monkeypatch)
    most = (SLOTS - 2) * (CHAT.prompt_bytes or 0)
    for size, status in ((most, 400), (most + 1, 413)):
        length = [(b"content-length", str(size).encode())] if is_announced else []
        exchange = till.ask_in_vain(b"x" * size, SLOTS, more=length)
        assert till.run(exchange) == [status]
        assert (exchange.given == 0) == (is_announced and status == 413)
    assert len(names) == 1


def _with_another_proof(till: Till, value: bytes) -> bytes:
    found = Credential.decode(value, SLOTS)
    other = Credential.decode(till._similar({}, b"", 4).encode(), SLOTS).proof.proof
    return replace(found, proof=replace(found.proof, proof=other)).encode().encode()


def test_f24_a_body_is_read_in_a_thread_if_that_takes_long(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = noted(monkeypatch)
    monkeypatch.setattr(request_judge, "_IN_LOOP", len(chat()))
    assert till.run(till.ask(chat(), 4), till.ask(chat(n=1), 4)) == [200, 200]
    assert names[0] == threading.main_thread().name and names[1].startswith("rln-http")


FIELDS = st.fixed_dictionaries(
    {"model": st.sampled_from(["small", "large", "huge"]), "messages": st.just(MESSAGES)},
    optional={
        "max_tokens": st.one_of(st.integers(-1, 200), st.just(1 << 30), st.just("9"), st.none()),
        "max_completion_tokens": st.integers(1, 60),
        "n": st.integers(0, 5),
        "n_predict": st.integers(0, 100),
        "stream": st.booleans(),
        "temperature": st.floats(0, 2),
    },
)


@settings(max_examples=60, deadline=None)
@given(FIELDS, st.integers(-1, 2))
def test_f24_whatever_is_asked_the_application_never_gets_more_than_was_paid_for(
    world: HttpWorld, fields: dict[str, Any], more: int
) -> None:
    body = json.dumps(fields).encode()
    try:
        price: int | None = CHAT.price(b"application/json", b"", b"", body).units
    except InputError:
        price = None
    units = min(max((price or 5) + min(more, 1), 1), SLOTS)
    till = Till(world)
    (status,) = till.run((till.ask if units == price else till.ask_in_vain)(body, units))
    till.provider.close()
    assert (status == 200) == (units == price) == (len(till.bodies) == 1)
    for got in map(json.loads, till.bodies):
        paid = (units - dict(CHAT.models)[got["model"]] - 1) * (CHAT.output_tokens or 0)
        assert got.get("n", 1) * got["max_tokens"] <= paid and "max_completion_tokens" not in got


# ---- P8: at the member -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProvider]:
    with HttpProvider(tmp_path_factory.mktemp("shop"), slots=SLOTS, routes=ROUTES, period=1 << 20) as made:
        yield made


@pytest.fixture
def provider(shop: HttpProvider) -> Iterator[HttpProvider]:
    """The shop as it was in the beginning; each test has members of its own."""
    signed = shop.policy, shop.prices
    yield shop
    shop.policy, shop.prices = signed
    shop.script.clear()
    shop.seen.clear()
    shop.published.clear()


NUMBERS = itertools.count()
"""Of members."""


@pytest.fixture
def member(provider: HttpProvider, tmp_path: Path) -> Iterator[Member]:
    with Member.open(provider.member_directory(tmp_path / "member", next(NUMBERS)), QUIET) as made:
        yield made


def ids_used(member: Member) -> int:
    return member._ids.reserve(member._identity.commitment, member._clock.current(), 1 << 16).start


def publish(
    provider: HttpProvider, version: int, *routes: Route, key: RegistrarKey | None = None
) -> PriceList:
    made = PriceList(provider.world.policy.application, version, routes or ROUTES)
    provider.prices = made.sign(key or provider.world.registrar_key)
    return made


COSTLIER = replace(CHAT, models=(("large", 4), ("small", 2)))


def test_p8_a_member_pays_what_the_signed_list_says(provider: HttpProvider, member: Member) -> None:
    client = anonymous_client(member)
    answer = client.post(
        f"{provider.url}{CHAT.path}", content=chat(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 200 and ids_used(member) == 4
    assert provider.seen[0].priced is not None and provider.seen[0].priced.units == 4


def test_p8_two_price_lists_of_one_version_stop_the_member(provider: HttpProvider, member: Member) -> None:
    publish(provider, 1, COSTLIER)
    with pytest.raises(PolicyChanged, match="version 1"):
        member.follow()
    with pytest.raises(PolicyChanged, match="version 1"):
        anonymous_client(member).get(f"{provider.url}{FLAT.path}")
    assert provider.seen == [] and ids_used(member) == 0


@pytest.mark.parametrize("kind", ["key", "application"])
def test_p8_a_price_list_of_somebody_else_stops_the_member(
    provider: HttpProvider, member: Member, tmp_path: Path, kind: str
) -> None:
    if kind == "key":
        publish(provider, 2, key=RegistrarKey.new(tmp_path / "other.pem"))
    else:
        other = PriceList("other.localhost", 2, ROUTES)
        provider.prices = other.sign(provider.world.registrar_key)
    with pytest.raises(PolicyChanged, match="prices"):
        member.follow()
    with pytest.raises(PolicyChanged, match="prices"):
        anonymous_client(member).get(f"{provider.url}{FLAT.path}")
    assert provider.seen == []


@pytest.mark.parametrize("document", [b"", b"{}", b"<html>We are back soon</html>"])
def test_p8_a_page_in_the_place_of_the_list_only_delays(
    provider: HttpProvider, member: Member, document: bytes
) -> None:
    provider.prices, right = document, provider.prices
    with pytest.raises(ProviderUnavailable, match="prices"):
        member.follow()
    provider.prices = right
    assert anonymous_client(member).get(f"{provider.url}{FLAT.path}").status_code == 200


def test_p8_a_signed_higher_version_is_taken_and_an_older_one_is_not(
    provider: HttpProvider, member: Member, tmp_path: Path
) -> None:
    second = publish(provider, 2, COSTLIER, FLAT)
    member.follow()
    assert member.prices == second
    publish(provider, 1)
    member.follow()
    assert member.prices == second, "an older one is that of a cache"
    member.close()
    with Member.open(tmp_path / "member", QUIET) as again:
        assert again.prices == second


def test_p8_a_challenge_never_changes_what_a_member_pays(provider: HttpProvider, member: Member) -> None:
    """A provider that asks one member for more than the others learns nothing, and gets nothing more."""
    client = anonymous_client(member)
    provider.script.extend(["units-needed"] * 3)
    for _ in range(3):
        with pytest.raises(PolicyChanged, match="asks for 2; nothing more was sent"):
            client.get(f"{provider.url}{FLAT.path}")
    assert len(set(provider.credentials)) == 1
    assert provider.published == [], "no answer makes a member fetch anything"
    assert client.get(f"{provider.url}{FLAT.path}").status_code == 200
    assert ids_used(member) == 1, "what was refused is not lost"


def test_p8_a_new_price_is_paid_after_the_next_scheduled_look(provider: HttpProvider, member: Member) -> None:
    client = anonymous_client(member)
    body = {"content": chat(), "headers": {"content-type": "application/json"}}
    publish(provider, 2, COSTLIER, FLAT)
    with pytest.raises(PolicyChanged, match="costs 4 by the pinned price list, and the provider asks for 5"):
        client.post(f"{provider.url}{CHAT.path}", **body)
    member.follow()
    with pytest.raises(RequestRefused, match="raise max_units"):
        client.post(f"{provider.url}{CHAT.path}", **body)
    member.requests.max_units = 5
    assert client.post(f"{provider.url}{CHAT.path}", **body).status_code == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_tokens": 30}, r"costs 5, more than max_units, 4; .*raise max_units"),
        ({"max_tokens": 200}, "one proof has 16; ask for less"),
        ({"user": "alice"}, "user: "),
        ({"model": "huge"}, "model: expected one of large, small"),
        ({"n_predict": 5}, "n_predict: "),
    ],
)
def test_p8_what_a_member_would_not_pay_or_not_get_is_told_before_anything_is_sent(
    provider: HttpProvider, member: Member, change: dict[str, Any], message: str
) -> None:
    with pytest.raises((RequestRefused, InputError), match=message):
        anonymous_client(member).post(
            f"{provider.url}{CHAT.path}", content=chat(**change), headers={"content-type": "application/json"}
        )
    assert provider.seen == [] and ids_used(member) == 0


def test_p8_a_route_that_is_not_sold_is_told_before_anything_is_sent(
    provider: HttpProvider, member: Member
) -> None:
    with pytest.raises(
        ParameterError, match="sells POST /v1/chat/completions, GET /v1/models.*got POST '/v1/x"
    ):
        anonymous_client(member).post(f"{provider.url}/v1/x")
    assert provider.seen == [] and ids_used(member) == 0


def test_p8_the_fetches_of_two_members_are_byte_identical(provider: HttpProvider, tmp_path: Path) -> None:
    found = []
    for number in range(2):
        provider.published.clear()
        with Member.open(provider.member_directory(tmp_path / f"m{number}", next(NUMBERS)), QUIET) as one:
            one.follow()
            one.follow()
        found.append([(seen.line, seen.fields, seen.body) for seen in provider.published])
    assert found[0] == found[1]
    assert [line for line, _, _ in found[0]].count(f"GET {PRICES} HTTP/1.1") == 2


def test_p8_a_policy_is_not_taken_without_the_prices_that_it_names(tmp_path: Path) -> None:
    """Else a member would pay one unit where the others pay by the list, until the next look."""
    (tmp_path / "p").mkdir()
    with HttpProvider(tmp_path / "p", slots=SLOTS) as provider:
        path = provider.member_directory(tmp_path / "m")
        world = provider.world
        second = replace(world.policy, version=2, prices=f"{provider.url}{PRICES}")
        provider.policy = second.sign(world.registrar_key)
        with Member.open(path, QUIET) as member:
            with pytest.raises(ProviderUnavailable, match=PRICES):
                member.follow()
            assert (member.policy.version, member.prices) == (1, None)
            made = publish(provider, 1)
            member.follow()
            assert (member.policy.version, member.prices) == (2, made)
        MemberDirectory(path).path.joinpath("prices.json").unlink()
        with Member.open(path, QUIET) as member:
            with pytest.raises(PolicyChanged, match="none is pinned yet"):
                anonymous_client(member).get(f"{provider.url}{FLAT.path}")
            assert provider.seen == []


def test_p8_a_list_that_was_named_before_is_still_pinned(provider: HttpProvider, member: Member) -> None:
    """A policy without prices in between does not make a member forget which list was version 1."""
    world = provider.world
    right = provider.prices
    for version, prices in ((2, None), (3, world.policy.prices)):
        provider.policy = replace(world.policy, version=version, prices=prices).sign(world.registrar_key)
        provider.prices = right
        if version == 3:
            publish(provider, 1, COSTLIER)
            with pytest.raises(PolicyChanged, match="version 1"):
                member.follow()
        else:
            member.follow()
            assert member.prices is None


def test_p8_joining_pins_the_list_that_is_in_force(provider: HttpProvider, tmp_path: Path) -> None:
    arguments: Any = {"api_key": API_KEY, "tier": "pro", "settings": QUIET}
    with Member.join(provider.url, directory=tmp_path / "new", **arguments) as made:
        assert made.prices == provider.world.prices
    publish(provider, 1, COSTLIER)
    with pytest.raises(PolicyChanged, match="version 1"):
        Member.join(provider.url, directory=tmp_path / "new", **arguments)
