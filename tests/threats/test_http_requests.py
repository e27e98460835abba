"""Threats F9 to F16: requests to the middleware. Whatever comes, the application is called for VALID only."""

import asyncio
import gzip
import hashlib
import itertools
import linecache
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rln
from rln.http.credential import decode_base64url, encode_base64url
from rln.http.route import Route
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.provider_settings import HttpLimits
from tests.support.asgi_driver import Exchange, http_scope
from tests.support.http_world import HttpWorld
from tests.support.interrupted import Interrupted
from tests.support.provider_objects import Verdicts, provider_of

BODY = b'{"prompt":"hello"}'
TARGET = "/v1/chat/completions"
HOSTS = ("127.0.0.1", "localhost")
NUMBERS = itertools.count()
"""Of credentials, so that no member uses up the limit."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpWorld]:
    made = HttpWorld(tmp_path_factory.mktemp("http"), bound_fields=("x-model",))
    yield made
    made.close()


class Service:
    """A provider with its middleware, and an application that counts its calls.

    Args:
        world: makes the credentials.
        changes: arguments of the provider.
    """

    def __init__(self, world: HttpWorld, **changes: object) -> None:
        self.world = world
        self.verdicts = Verdicts()
        self.calls: list[object] = []
        self.bodies: list[bytes] = []
        self.provider = provider_of(world, observer=self.verdicts, **changes)
        self.middleware = RlnMiddleware(self.app, provider=self.provider)

    async def app(self, scope, receive, send) -> None:
        self.calls.append(scope)
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the first member's answer"})

    def credential(self, body: bytes = BODY, bound: bytes = b"", **parts: str) -> str:
        member = 8 + next(NUMBERS) // 90 % 30
        return self.world.credential(self.world.parts(body=body, bound=(bound,), **parts), member)

    async def send(self, *exchanges: Exchange) -> None:
        for one in exchanges:
            await self.middleware(one.scope, one.receive, one.send)
        await self.middleware.close()

    def run(self, *exchanges: Exchange) -> list[int | None]:
        """Send requests one after the other, and return their statuses."""
        asyncio.run(self.send(*exchanges))
        self.provider.close()
        assert len(self.calls) == self.verdicts.valid
        return [one.status for one in exchanges]


def ask(credential: str | None, body: bytes = BODY, **scope) -> Exchange:
    return Exchange(http_scope(credential, **scope), (body,))


# ---- F9: the proof is for the request


def flipped(data: bytes) -> Iterator[bytes]:
    """Each way to change one byte, to lose the last one, and to have one more."""
    yield from (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data)))
    yield from (data[:-1], data + b"x")


def test_f9_one_byte_of_each_bound_part_makes_it_another_request(world: HttpWorld) -> None:
    service = Service(world)
    value = service.credential(bound=b"small", target=f"{TARGET}?a=1")
    good = {"target": f"{TARGET}?a=1".encode(), "more": [(b"x-model", b"small")]}
    requests = [ask(value, body, **good) for body in flipped(BODY)]
    for field, text in (("method", b"POST"), ("content_type", b"application/json")):
        for changed in flipped(text):
            value_ = changed.decode("latin-1") if field == "method" else changed
            requests.append(ask(value, **good, **{field: value_}))
    for target in flipped(good["target"]):
        requests.append(ask(value, **{**good, "target": target}))
    for model in flipped(b"small"):
        requests.append(ask(value, **{**good, "more": [(b"x-model", model)]}))
    requests.append(ask(value, **{**good, "more": [*good["more"], (b"content-encoding", b"gzip")]}))
    requests.append(ask(value, **{**good, "more": []}))
    requests.append(ask(value, **good))
    *refused, last = service.run(*requests)
    assert set(refused) <= {400, 403} and last == 200 and len(service.calls) == 1


def test_f9_a_credential_for_one_authority_is_not_used_at_another(tmp_path: Path) -> None:
    world = HttpWorld(tmp_path, authority=HOSTS[0])
    value = world.credential(world.parts(body=BODY))
    policy = rln.http.policy.Policy(
        2, world.policy.params, HOSTS, world.policy.tiers, world.policy.bound_fields
    )
    (tmp_path / "policy.json").write_bytes(policy.sign(world.registrar_key))
    statuses = []
    for authority in (None, HOSTS[1]):
        service = Service(world, authority=authority)
        statuses += service.run(ask(value, host=HOSTS[1].encode()))
    assert statuses == [403, 403]  # the other entries of the policy are not tried
    assert Service(world, authority=HOSTS[0]).run(ask(value, host=b"anything")) == [200]
    world.close()


def test_f9_the_number_of_units_is_the_price_exactly(tmp_path: Path) -> None:
    world = HttpWorld(tmp_path, slots=4, routes=(Route("POST", TARGET, "flat", units=2),))
    values = [world.credential(world.parts(body=BODY), units=units) for units in (1, 2, 3)]
    service = Service(world)
    made = [ask(value) for value in values]
    assert service.run(*made) == [401, 200, 400]
    assert b"units-needed" in made[0].body and b'units="2"' in made[0].values(b"www-authenticate")[0]
    assert service.calls[0]["rln"].units == 2  # type: ignore[index]
    world.close()


def test_f9_without_prices_more_than_one_unit_is_refused(tmp_path: Path) -> None:
    world = HttpWorld(tmp_path, slots=4)
    values = [world.credential(world.parts(body=BODY), units=units) for units in (2, 1)]
    service = Service(world)
    made = [ask(value) for value in values]
    assert service.run(*made) == [400, 200] and made[0].given == 0
    world.close()


# ---- F10: paths that two programs read differently


@pytest.mark.parametrize(
    "target",
    [
        b"//evil.example/v1/chat/completions",
        b"/v1/%63hat/completions",
        b"/v1/x/../chat/completions",
        b"/v1/./chat/completions",
        b"/v1//chat/completions",
        b"/v1/chat%2Fcompletions",
        b"/v1/chat/completions%3Fa",
        b"/v1\\chat/completions",
        b"/v1/chat/completions#x",
        b"/v1/chat/completions\xff",
        b"http://evil.example/v1/chat/completions",
        b"",
        b"*",
    ],
)
def test_f10_a_path_with_a_trick_is_refused_whatever_its_credential_is_for(
    world: HttpWorld, target: bytes
) -> None:
    service = Service(world)
    assert service.run(ask(service.credential(), target=target)) == [400]


def test_f10_without_the_path_as_it_was_sent_everything_is_refused(world: HttpWorld) -> None:
    service = Service(world, exempt=("/health",))
    scopes = [http_scope(service.credential()), http_scope(None, target=b"/health")]
    for scope in scopes:
        del scope["raw_path"]
    assert service.run(*(Exchange(scope, (BODY,)) for scope in scopes)) == [400, 401]


def test_f10_the_application_is_not_asked_for_another_path_than_the_one_that_was_judged(
    world: HttpWorld,
) -> None:
    service = Service(world, exempt=("/health",))
    assert service.run(
        ask(service.credential(), path="/v1/admin"),
        ask(service.credential(), path="/admin", root_path="/v1"),
        ask(None, target=b"/health", path="/v1/chat/completions"),
        ask(None, target=b"/Health"),
        ask(None, target=b"/health/"),
        ask(None, target=b"//health"),
        ask(service.credential(), method="post"),
    ) == [400, 400, 401, 401, 401, 401, 400]


# ---- F11: scopes that are no requests


def test_f11_a_websocket_is_denied(world: HttpWorld) -> None:
    service = Service(world)
    made = Exchange({"type": "websocket", "path": TARGET, "headers": []})
    asyncio.run(service.send(made))
    assert made.sent == [{"type": "websocket.close", "code": 1008}] and not service.calls


VALUES = st.one_of(
    st.none(), st.integers(), st.text(max_size=5), st.binary(max_size=5), st.just([]), st.just([1])
)
KEYS = (
    "type", "method", "path", "raw_path", "query_string", "root_path", "headers", "client", "http_version",
    "extensions",
)  # fmt: skip


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), st.sets(st.sampled_from(KEYS), max_size=2))
def test_f11_a_scope_of_any_form_does_not_reach_the_application(changes: dict, lost: set) -> None:
    service = Service(FUZZED)
    scope = {**http_scope(FUZZED_CREDENTIAL), **changes}
    for name in lost:
        scope.pop(name, None)
    if scope.get("type") == "lifespan":
        return
    made = Exchange(scope, (b"another body",))
    with suppress(Exception):  # the server notes it; the application was not called
        asyncio.run(service.send(made))
    assert not service.calls and made.status != 200
    service.provider.close()


@pytest.fixture(scope="module", autouse=True)
def _fuzzed(world: HttpWorld) -> None:
    global FUZZED, FUZZED_CREDENTIAL
    FUZZED = world
    FUZZED_CREDENTIAL = world.credential(world.parts(body=BODY, bound=(b"",)))


FUZZED: HttpWorld
FUZZED_CREDENTIAL: str


# ---- F12: fields twice, joined, folded, huge


@pytest.mark.parametrize(
    "name", [b"authorization", b"host", b"content-type", b"content-encoding", b"content-digest", b"x-model"]
)
def test_f12_two_fields_that_the_proof_covers_are_refused_even_if_they_are_equal(
    world: HttpWorld, name: bytes
) -> None:
    service = Service(world)
    digest = b"sha-256=:" + b64encode(hashlib.sha256(BODY).digest()) + b":"
    value = service.credential()
    more = {b"content-encoding": [b""] * 2, b"content-digest": [digest] * 2, b"x-model": [b""] * 2}
    once = {b"authorization": value.encode(), b"host": b"127.0.0.1", b"content-type": b"application/json"}
    fields = [(name, one) for one in more.get(name, [once.get(name, b"")])]
    assert service.run(ask(value, more=fields)) == [400]


def test_f12_joined_folded_huge_and_foreign_credentials_are_refused(world: HttpWorld) -> None:
    service = Service(world)
    value = service.credential()
    token = value[4:]
    forms = [
        f"{value}, {value}", f"{value},{value}", f"RLN {token[:200]}\r\n {token[200:]}", f"{value} ",
        f"RLN {token}=", f"RLN {token[:-1]}", f"RLN {'A' * 65536}", f"RLN {token[:-1]}\xe9",
        "RLN ", f"RLN\t{token}", f"RLN {token[:-1]}{chr(ord(token[-1]) + 1)}",
    ]  # fmt: skip
    statuses = service.run(*(ask(form) for form in forms))
    assert set(statuses) <= {400, 401} and statuses.count(401) == 1  # a tab: no credential of this scheme
    assert Service(world).run(ask(value)) == [200]


def test_f12_every_changed_byte_of_a_credential_is_refused(world: HttpWorld) -> None:
    service = Service(world, limits=HttpLimits(bad_proofs=1 << 12))
    value = service.credential()
    data = decode_base64url(value[4:].encode(), "token")
    changed = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data))]
    statuses = service.run(*(ask(f"RLN {encode_base64url(one)}") for one in changed))
    assert set(statuses) <= {400, 401, 403} and not service.calls


# ---- F13: bodies


class Endless(Exchange):
    """A client that sends for ever, as fast as the server reads."""

    async def receive(self):
        self.given += 1
        return {"type": "http.request", "body": bytes(1 << 16), "more_body": True}


def test_f13_an_endless_body_without_a_length_is_read_up_to_the_cap_only(world: HttpWorld) -> None:
    service = Service(world)
    made = Endless(http_scope(service.credential()))
    assert service.run(made) == [413]
    assert made.given == (1 << 20) // (1 << 16) + 1


def test_f13_a_body_is_never_decompressed(world: HttpWorld) -> None:
    service = Service(world)
    bomb = gzip.compress(bytes(1 << 24))
    value = service.credential(bomb, content_encoding="gzip")
    assert service.run(ask(value, bomb, more=[(b"content-encoding", b"gzip")])) == [200]
    assert service.bodies == [bomb]


def test_f13_a_slow_body_has_one_deadline_however_many_pieces_it_has(world: HttpWorld) -> None:
    service = Service(world, limits=HttpLimits(seconds=1))

    class Slow(Exchange):
        async def receive(self):
            await asyncio.sleep(0.2)
            self.given += 1
            return {"type": "http.request", "body": b"x", "more_body": True}

    made = Slow(http_scope(service.credential()))
    assert service.run(made) == [408] and made.given < 10


def test_f13_form_epoch_and_root_are_checked_before_the_body_is_read(world: HttpWorld) -> None:
    service = Service(world)
    data = decode_base64url(service.credential()[4:].encode(), "token")
    places = {0: 400, 1: 400, 2: 401, 22 + 32: 401, 22 + 64: 401}
    made = [
        Endless(http_scope(f"RLN {encode_base64url(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])}"))
        for at in places
    ]
    assert service.run(*made) == list(places.values())
    assert [one.given for one in made] == [0] * len(made)


def test_f13_forged_proofs_that_fill_the_buffers_do_not_exclude_a_member(world: HttpWorld) -> None:
    limits = HttpLimits(body=1000, source_buffers=1000, buffers=2000)
    service = Service(world, limits=limits)

    async def attack() -> tuple[list[int | None], int | None]:
        data = bytearray(decode_base64url(service.credential()[4:].encode(), "token"))
        data[22 + 96 + 128] ^= 1  # y
        forged = f"RLN {encode_base64url(bytes(data))}"
        hogs = [
            Exchange(http_scope(forged, client=f"hog {number}"), (bytes(900), b""), hang=True)
            for number in range(8)
        ]
        tasks = []
        for hog in hogs:
            tasks.append(asyncio.create_task(service.middleware(hog.scope, hog.receive, hog.send)))
            await asyncio.sleep(0.05)
        honest = ask(service.credential(), client="honest")
        await service.middleware(honest.scope, honest.receive, honest.send)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.middleware.close()
        return [hog.status for hog in hogs], honest.status

    statuses, honest = asyncio.run(attack())
    assert statuses[2:] == [403] * 6 and honest == 200
    service.provider.close()


def test_f13_one_sender_has_the_share_of_one_source_whatever_address_of_its_network_it_takes(
    world: HttpWorld,
) -> None:
    service = Service(world, limits=HttpLimits(bad_proofs=1))
    raw = bytearray(decode_base64url(service.credential()[4:].encode(), "credential"))
    raw[-32] ^= 1  # of the nullifier, so the proof does not verify
    bad = f"RLN {encode_base64url(bytes(raw))}"
    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3%eth0", "2001:db8:0:1::1", "192.0.2.9"]
    addresses += ["::ffff:192.0.2.9", "::ffff:192.0.2.10", "no:address", "no:address"]
    statuses = service.run(*(ask(bad, client=one) for one in addresses))
    assert statuses == [403, 503, 503, 403, 403, 503, 403, 403, 503]


# ---- F14: an exception of the middleware


LINES = ("asgi.py", "request_judge.py", "request_head.py", "request_body.py", "answers.py", "credential.py")


class Injected(Exception):
    """An error that nobody expects."""


class LineFault:
    """Raises an error at the n-th line of the middleware that runs in this thread.

    Args:
        place: number of the line, counted from 0.

    Attributes:
        raised: whether there was such a line.
        counts: whether it counts the bytes of bodies, so that the number is wrong without it.
    """

    def __init__(self, place: int) -> None:
        self.place, self.count, self.raised, self.counts = place, 0, False, False

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.endswith(LINES) or self.raised:
            return None
        if event == "line":
            self.count += 1
            if self.count > self.place:
                self.raised = True
                name = frame.f_code.co_filename
                self.counts = name.endswith("request_body.py") or "close" in linecache.getline(
                    name, frame.f_lineno
                )
                raise Injected
        return self


@pytest.mark.filterwarnings("ignore:coroutine 'Exchange.receive' was never awaited")
def test_f14_an_exception_at_any_line_before_the_verdict_does_not_let_a_request_pass(
    world: HttpWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "rln.http")
    value = Service(world).credential()

    async def run(place: int) -> tuple[bool, Service, Exchange]:
        service = Service(world)  # with a log of its own, so the credential is new to it
        made = Exchange(http_scope(value), (BODY[:3], BODY[3:]))
        await service.middleware._judge()
        fault = LineFault(place)
        sys.settrace(fault)
        try:
            with suppress(Injected):
                await service.middleware(made.scope, made.receive, made.send)
        finally:
            sys.settrace(None)
        judge = service.middleware._newest
        assert judge is not None
        if not fault.counts:
            assert judge.budget.used == 0
        await service.middleware.close()
        service.provider.close()
        return fault.raised, service, made

    before = sys.gettrace()
    try:
        for place in itertools.count():
            raised, service, made = asyncio.run(run(place))
            assert len(service.calls) <= service.verdicts.valid
            if not raised:
                break
            if not service.calls:
                assert made.status in (None, 500) and not (made.sent and made.values(b"rln-spent"))
    finally:
        sys.settrace(before)
    assert place > 80 and len(service.calls) == 1


def test_f14_an_alarm_is_an_error_of_the_service_and_nothing_is_served(world: HttpWorld) -> None:
    class Alarmed(rln.stores.memory.MemoryNullifierLog):
        def insert_or_get_many(self, claims):
            raise rln.IntegrityAlarm("impossible")

    service = Service(world, log=Alarmed())
    made = ask(service.credential())
    assert service.run(made) == [500] and b"impossible" not in made.body


def test_f14_a_violation_is_slashed_even_if_its_request_is_cancelled(world: HttpWorld) -> None:
    slashed, done = [], threading.Event()

    def slash(secret: rln.IdentitySecret) -> None:
        slashed.append(secret.commitment)
        done.set()

    service = Service(world, slash=slash)
    values = []
    for _ in range(2):
        world._provers.pop(7, None)
        values.append(world.credential(world.parts(body=BODY, bound=(b"",)), 7))

    async def cancelled() -> None:
        await service.middleware(*parts(ask(values[0])))
        second = ask(values[1])
        task = asyncio.create_task(service.middleware(*parts(second)))
        while not service.middleware._newest._verifier._judging:  # type: ignore[union-attr]
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert second.sent == []
        await service.middleware.close()

    asyncio.run(cancelled())
    service.provider.close()
    assert done.is_set() and slashed == [world.identities[7].commitment]


def parts(exchange: Exchange):
    return exchange.scope, exchange.receive, exchange.send


# ---- F15: cancellation


def test_f15_a_request_that_is_cancelled_anywhere_spends_its_id_at_most_once(world: HttpWorld) -> None:
    class Slow(Exchange):
        async def receive(self):
            await asyncio.sleep(0)
            return await super().receive()

    async def run(place: int) -> bool:
        service = Service(world)
        await service.middleware._judge()
        value = service.credential()
        made = Slow(http_scope(value), (BODY[:3], BODY[3:]))
        interrupted = Interrupted(service.middleware(*parts(made)), place, None)
        await asyncio.gather(asyncio.create_task(interrupted.run()), return_exceptions=True)
        await asyncio.sleep(0.02)
        spent = service.verdicts.valid
        again = ask(value)
        await service.middleware(*parts(again))
        assert again.status == (409 if spent else 200)
        assert len(service.calls) <= service.verdicts.valid == 1
        judge = service.middleware._newest
        assert judge is not None and judge.budget.used == 0
        await service.middleware.close()
        service.provider.close()
        return interrupted.reached

    reached = [asyncio.run(run(place)) for place in range(12)]
    assert sum(reached) >= 4 and not reached[-1]


# ---- F16: answers are never given twice, and say nothing about a member


def test_f16_a_copy_from_another_client_gets_no_part_of_the_first_answer(world: HttpWorld) -> None:
    service = Service(world)
    value = service.credential()
    first, copy, again = ask(value), ask(value, client="203.0.113.9"), ask(value)
    assert service.run(first, copy, again) == [200, 409, 409]
    assert first.body and first.body not in copy.body
    assert copy.sent == again.sent  # the same bytes, whoever asks


def test_f16_an_application_cannot_speak_for_the_protocol(world: HttpWorld) -> None:
    service = Service(world)

    async def app(scope, receive, send) -> None:
        headers = [(b"rln-spent", b"?0"), (b"www-authenticate", b'RLN realm="x"'), (b"x-own", b"1")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    made = ask(service.credential())
    service.middleware = RlnMiddleware(app, provider=service.provider)
    asyncio.run(service.send(made))
    assert made.values(b"rln-spent") == [b"?1"] and not made.values(b"www-authenticate")
    assert made.values(b"x-own") == [b"1"]
