"""RlnMiddleware: each outcome, with an ASGI server in the same process."""

import asyncio
import hashlib
import logging
import time
from base64 import b64encode
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

import rln
from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.http.challenge import Challenge
from rln.http.credential import Credential, decode_base64url, encode_base64url
from rln.http.policy import open_policy
from rln.http.problem import PROBLEMS
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.provider_settings import HttpLimits
from rln.stores.memory import MemoryNullifierLog
from tests.support.asgi_driver import Exchange, http_scope
from tests.support.http_world import APPLICATION, HttpWorld
from tests.support.provider_objects import Verdicts, provider_of

BODY = b'{"prompt":"hello"}'


class Echo:
    """An application that notes its calls, and answers with the body that it got."""

    def __init__(self, *headers):
        self.scopes = []
        self.headers = [(b"x-app", b"1"), *headers]

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        if scope["type"] != "http":
            return
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": message["body"]})


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[HttpWorld]:
    made = HttpWorld(tmp_path_factory.mktemp("http"), bound_fields=("x-model",))
    yield made
    made.close()


def run(provider, *exchanges, app=None):
    """Send requests one after the other through one middleware, and return its application."""
    echo = Echo() if app is None else app

    async def all_of_them():
        middleware = RlnMiddleware(echo, provider=provider)
        for one in exchanges:
            await middleware(one.scope, one.receive, one.send)
        await middleware.close()

    asyncio.run(all_of_them())
    provider.close()
    return echo


def credential(world, body=BODY, member=0, nonce=None, **parts):
    return world.credential(world.parts(body=body, bound=(b"",), **parts), member, nonce=nonce)


def refused(world, scope, chunks=(BODY,), provider=None, **options):
    """Send a request that must not reach the application, and return the status and name of its problem."""
    made = Exchange(scope, chunks, **options)
    echo = run(provider or provider_of(world), made)
    assert not echo.scopes and made.values(b"rln-spent") == []
    return told(made)


def told(made):
    """Return the status and the name of the problem in an answer, whose form is checked."""
    (problem,) = [one for one in PROBLEMS if one.document(APPLICATION) == made.body]
    assert made.values(b"content-length") == [str(len(made.body)).encode()]
    assert made.values(b"content-type") == [b"application/problem+json"]
    assert made.values(b"cache-control") == [b"no-store"]
    assert made.values(b"x-should-retry") == [b"true" if problem.retry else b"false"]
    assert len(made.values(b"ratelimit-policy")) == 1
    assert len(made.values(b"www-authenticate")) == (problem.status == 401)
    assert len(made.values(b"retry-after")) == (problem.status == 503)
    assert made.status == problem.status
    return made.status, problem.name


def changed(value: str, place: int, byte: int) -> str:
    data = bytearray(decode_base64url(value[4:].encode(), "token"))
    data[place] ^= byte
    return f"RLN {encode_base64url(bytes(data))}"


# ---- VALID


def test_a_valid_request_reaches_the_application_once(world):
    made = Exchange(http_scope(credential(world)), (BODY[:4], b"", BODY[4:]))
    echo = run(provider_of(world), made)
    assert (made.status, made.body) == (200, BODY)
    assert made.values(b"rln-spent") == [b"?1"] and made.values(b"x-app") == [b"1"]
    assert made.values(b"ratelimit-policy") == [world.policy.rate_limit_policy.encode()]
    (scope,) = echo.scopes
    assert b"authorization" not in dict(scope["headers"])
    admitted = scope["rln"]
    assert (admitted.verdict, admitted.units) == (rln.Valid(), 1)
    assert admitted.epoch == world.clock.current()


def test_the_application_gets_the_configured_authorization(world):
    made = Exchange(http_scope(credential(world)), (BODY,))
    echo = run(provider_of(world, upstream_authorization="Bearer upstream"), made)
    headers = echo.scopes[0]["headers"]
    assert [value for name, value in headers if name == b"authorization"] == [b"Bearer upstream"]


def test_the_application_gets_the_headers_that_were_judged(world):
    scope = http_scope(credential(world))

    class Trailing(Exchange):
        async def receive(self):
            self.scope["headers"].append((b"x-model", b"late"))  # as uvicorn with httptools does
            return await super().receive()

    made = Trailing(scope, (BODY,))
    echo = run(provider_of(world), made)
    assert made.status == 200 and (b"x-model", b"late") not in echo.scopes[0]["headers"]


def test_what_the_application_says_in_the_name_of_the_protocol_is_dropped(world):
    echo = Echo(
        (b"RLN-Spent", b"?0"),
        (b"rln-other", b"1"),
        (b"www-authenticate", b'RLN realm="x"'),
        (b"www-authenticate", b'Basic realm="a", rln realm="x"'),
        (b"www-authenticate", b'Basic realm="a"'),
    )
    made = Exchange(http_scope(credential(world)), (BODY,))
    run(provider_of(world), made, app=echo)
    assert made.values(b"rln-spent") == [b"?1"] and not made.values(b"RLN-Spent")
    assert not made.values(b"rln-other") and made.values(b"www-authenticate") == [b'Basic realm="a"']


def test_other_messages_pass_as_they_are(world):
    passed = [
        {"type": "http.response.early_hint", "links": [b"</a>"]},
        {"type": "http.response.zerocopysend", "file": 3},
        {"type": "http.response.pathsend", "path": "/nowhere/x"},
        {"type": "http.response.body", "body": b"chunk", "more_body": True},
        {"type": "http.response.trailers", "headers": [(b"digest", b"1")], "more_trailers": False},
    ]
    got = []

    async def app(scope, receive, send):
        await send(passed[0])
        await send({"type": "http.response.start", "status": 206, "headers": [], "trailers": True})
        for message in passed[1:]:
            await send(message)
        got.append((await receive())["body"])
        got.append((await receive())["type"])

    made = Exchange(http_scope(credential(world)), (BODY,))
    run(provider_of(world), made, app=app)
    assert [one for one in made.sent if one["type"] != "http.response.start"] == passed
    assert made.sent[1]["trailers"] is True and made.sent[1]["status"] == 206
    assert got == [BODY, "http.disconnect"]


def test_a_failing_application_is_answered_for_and_the_server_sees_its_exception(world):
    async def app(scope, receive, send):
        raise ZeroDivisionError

    made = Exchange(http_scope(credential(world)), (BODY,))
    with pytest.raises(ZeroDivisionError):
        run(provider_of(world), made, app=app)
    assert told(made) == (500, "internal") and made.values(b"rln-spent") == [b"?1"]


def test_an_application_that_fails_after_it_began_is_not_answered_for(world):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    made = Exchange(http_scope(credential(world)), (BODY,))
    with pytest.raises(ZeroDivisionError):
        run(provider_of(world), made, app=app)
    assert [one["type"] for one in made.sent] == ["http.response.start"]


def test_an_application_that_says_nothing_is_answered_for(world):
    async def app(scope, receive, send):
        return None

    made = Exchange(http_scope(credential(world)), (BODY,))
    run(provider_of(world), made, app=app)
    assert told(made) == (500, "internal") and made.values(b"rln-spent") == [b"?1"]


# ---- refusals before the body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_everybody_gets_the_policy(world, method):
    made = Exchange(http_scope(method=method, target=b"/.well-known/rln", content_type=None))
    assert not run(provider_of(world), made).scopes
    assert made.status == 200
    if method == "GET":
        assert open_policy(made.body) == world.policy
    else:
        assert made.body == b"" and made.values(b"content-length") != [b"0"]


def test_exempt_paths_need_no_credential(world):
    scopes = [http_scope(target=target) for target in (b"/health", b"/health?x=%20", b"/health/")]
    scopes.append(http_scope(target=b"/health", path="/v1/chat/completions"))
    scopes.append(http_scope(target=b"/v1/x", path="/health"))
    made = [Exchange(scope, (BODY,)) for scope in scopes]
    echo = run(provider_of(world, exempt=("/health",)), *made)
    assert [one.status for one in made] == [200, 200, 401, 401, 401]
    assert len(echo.scopes) == 2 and not made[0].values(b"rln-spent")


@pytest.mark.parametrize("value", [None, "Bearer x", "rln x", "RLNx", "Basic RLN "])
def test_without_a_credential_the_answer_says_what_is_needed(world, value):
    made = Exchange(http_scope(value), (BODY,))
    run(provider_of(world), made)
    assert told(made) == (401, "credential-needed")
    challenge = Challenge.find([one.decode() for one in made.values(b"www-authenticate")])
    assert challenge == Challenge(APPLICATION, world.policy.digest, 1)
    assert made.given == 0  # the body is not read


def test_the_answer_to_head_has_no_body(world):
    made = Exchange(http_scope(method="HEAD"))
    run(provider_of(world), made)
    assert made.status == 401 and made.body == b""


@pytest.mark.parametrize(
    "scope",
    [
        {"target": b"//evil/x"},
        {"target": b"/v1/%63hat"},
        {"target": b"/v1/x/../chat"},
        {"target": b"/v1/a#b"},
        {"target": b"/v1/\xe9"},
        {"target": b"http://evil/v1"},
        {"target": b"*"},
        {"target": b"/v1/x?a b"},
        {"target": b"/" + b"x" * 9000},
        {"raw_path": None},
        {"raw_path": "/v1/chat/completions"},
        {"path": "/v1/other"},
        {"path": "/v1/chat/completions\ud800"},
        {"root_path": "/v1", "path": "/chat"},
        {"method": "PoSt"},
        {"method": "P\xd6ST"},
        {"method": ""},
        {"host": None},
        {"host": b"evil.example"},
        {"host": b"127.0.0.1:80"},
        {"more": [(b"host", b"127.0.0.1")]},
        {"more": [(b"authorization", b"RLN x")]},
        {"more": [(b"Authorization", b"RLN x")]},
        {"more": [(b"content-type", b"text/plain")]},
        {"more": [(b"content-encoding", b"gzip"), (b"content-encoding", b"gzip")]},
        {"more": [(b"content-digest", b"x")]},
        {"more": [(b"content-digest", b"md5=:x:, sha-256=:" + b"A" * 43 + b"=:")]},
        {"more": [(b"content-digest", b"sha-256=:" + b"A" * 43 + b"=:")] * 2},
        {"more": [(b"x-model", b"a"), (b"x-model", b"b")]},
        {"more": [(b"x-model", b"a\xff")]},
        {"content_type": b"text/\x00"},
        {"more": [(b"content-length", b"+5")]},
    ],
    ids=str,
)
def test_what_two_programs_read_differently_is_malformed(world, scope):
    made = Exchange(http_scope(credential(world), **scope), (BODY,))
    echo = run(provider_of(world), made)
    assert told(made) == (400, "malformed") and not echo.scopes and made.given == 0


@pytest.mark.parametrize(
    "value",
    [
        "RLN ",
        "RLN x",
        "RLN " + "A" * 414,
        "RLN " + "A" * 1695,
        "RLN " + "A" * 65536,
        "RLN " + "A" * 413 + "\xe9",
        "RLN  {}",
        "RLN {} ",
        "RLN {}, RLN {}",
        "RLN {}=",
        "RLN {}\t",
    ],
    ids=lambda value: value[:20],
)
def test_a_malformed_credential_is_refused(world, value):
    good = credential(world)[4:]
    assert refused(world, http_scope(value.format(good, good))) == (400, "malformed")


def test_more_units_than_the_price_are_malformed(world):
    assert refused(world, http_scope(changed(credential(world), 1, 3))) == (400, "malformed")


def test_another_key_is_named(world):
    assert refused(world, http_scope(changed(credential(world), 2, 1))) == (401, "unknown-key")


def test_another_epoch_and_another_root_are_named(world):
    value = credential(world)
    assert refused(world, http_scope(changed(value, 22 + 32, 1))) == (401, "wrong-epoch")
    assert refused(world, http_scope(changed(value, 22 + 64, 1))) == (401, "unknown-root")


def test_a_root_that_is_new_is_looked_up(world):
    async def serve():
        provider, echo = provider_of(world), Echo()
        middleware = RlnMiddleware(echo, provider=provider)
        first = Exchange(http_scope(credential(world)), (BODY,))
        await middleware(first.scope, first.receive, first.send)
        identity = rln.Identity.generate()
        world.identities.append(identity)
        world.memberships = [*world.memberships, world.group.register(identity.commitment, 5)]
        await asyncio.sleep(0.2)
        second = Exchange(http_scope(credential(world, member=len(world.identities) - 1)), (BODY,))
        await middleware(second.scope, second.receive, second.send)
        await middleware.close()
        return first.status, second.status

    assert asyncio.run(serve()) == (200, 200)


# ---- refusals with the body


def test_a_body_that_is_too_large_is_refused(world):
    limits = HttpLimits(body=16, source_buffers=64, buffers=64)
    for more, chunks in (([(b"content-length", b"17")], (b"",)), ([], (b"x" * 9, b"x" * 8))):
        made = Exchange(http_scope(credential(world), more=more), chunks)
        assert not run(provider_of(world, limits=limits), made).scopes
        assert told(made) == (413, "content-too-large") and made.values(b"connection") == [b"close"]


def test_connection_close_is_not_said_in_http_2(world):
    scope = http_scope(credential(world), more=[(b"content-length", b"99999999")], http_version="2")
    made = Exchange(scope)
    run(provider_of(world), made)
    assert made.status == 413 and not made.values(b"connection")


@pytest.mark.parametrize("chunks", [(b"",), (b"a", b"b")])
def test_a_slow_body_is_given_up(world, chunks):
    limits = HttpLimits(seconds=1)
    made = Exchange(http_scope(credential(world)), chunks, hang=True)
    assert not run(provider_of(world, limits=limits), made).scopes
    assert told(made) == (408, "timeout")


def test_a_client_that_goes_away_gets_no_answer_and_keeps_its_slot(world):
    value = credential(world)
    gone = Exchange(http_scope(value), (b"{", BODY[1:]), gone=True)
    later = Exchange(http_scope(value), (BODY,))
    run(provider_of(world), gone, later)
    assert gone.sent == [] and later.status == 200


def test_another_digest_is_malformed_and_the_right_one_passes(world):
    right = b"sha-256=:" + b64encode(hashlib.sha256(BODY).digest()) + b":"
    wrong = b"sha-256=:" + b64encode(hashlib.sha256(b"").digest()) + b":"
    made = [
        Exchange(http_scope(credential(world), more=[(b"content-digest", value)]), (BODY,))
        for value in (wrong, right)
    ]
    run(provider_of(world), *made)
    assert told(made[0]) == (400, "malformed") and made[1].status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"target": b"/v1/chat/completion"},
        {"target": b"/v1/chat/completions?a=1"},
        {"content_type": None},
        {"content_type": b"text/plain"},
        {"more": [(b"content-encoding", b"gzip")]},
        {"more": [(b"x-model", b"large")]},
    ],
    ids=str,
)
def test_a_credential_for_another_request_is_refused(world, change):
    assert refused(world, http_scope(credential(world), **change)) == (403, "wrong-signal")


def test_a_credential_for_another_body_or_nonce_is_refused(world):
    assert refused(world, http_scope(credential(world)), (BODY + b" ",)) == (403, "wrong-signal")
    assert refused(world, http_scope(changed(credential(world), 6, 1))) == (403, "wrong-signal")


def test_a_proof_that_does_not_verify_is_refused(world):
    assert refused(world, http_scope(changed(credential(world), 118 + 128, 1))) == (403, "bad-proof")


def test_a_copy_gets_409_and_a_violation_429(world):
    slashed = []
    value = credential(world)
    proof = Credential.decode(value.encode(), None).proof
    member = 39
    first, second = two_messages_with_one_id(world, member)
    made = [Exchange(http_scope(value), (BODY,)) for _ in range(2)]
    made += [Exchange(http_scope(one), (BODY,)) for one in (first, second, second)]
    echo = run(provider_of(world, slash=slashed.append), *made)
    assert [one.status for one in made] == [200, 409, 200, 429, 429] and len(echo.scopes) == 2
    assert told(made[1]) == (409, "duplicate") and told(made[3]) == (429, "quota-exceeded")
    assert [secret.commitment for secret in slashed] == [world.identities[member].commitment]
    assert proof.x not in [secret.commitment for secret in slashed]


def two_messages_with_one_id(world, member):
    """Return two credentials for the same request, of a member who has no record of the first."""
    values = []
    for _ in range(2):
        world._provers.pop(member, None)
        values.append(credential(world, member=member))
    return values


# ---- faults


class FailingLog(MemoryNullifierLog):
    """A log that raises an error for each question."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def insert_or_get_many(self, claims):
        raise self.error


@pytest.mark.parametrize(("wait", "seconds"), [(None, b"5"), (2.5, b"3"), (1e9, None)])
def test_an_unavailable_store_is_503_with_the_seconds_to_wait(world, wait, seconds):
    log = FailingLog(StoreUnavailable("down", retry_after=wait))
    made = Exchange(http_scope(credential(world)), (BODY,))
    assert not run(provider_of(world, log=log), made).scopes
    assert told(made) == (503, "unavailable")
    left = world.clock.current().end - time.time()
    (retry,) = made.values(b"retry-after")
    assert retry == (str(min(int(seconds), int(left) + 1)).encode() if seconds else retry)
    assert 1 <= int(retry) <= left + 2


def test_the_operator_is_told_once_a_minute_why_requests_get_503(world, caplog):
    exchanges = [Exchange(http_scope(credential(world)), (BODY,)) for _ in range(3)]
    run(provider_of(world, log=FailingLog(StoreUnavailable("log.db: the disk is gone"))), *exchanges)
    assert [made.status for made in exchanges] == [503] * 3
    (record,) = caplog.records
    assert record.name == "rln.http" and record.levelno == logging.ERROR
    assert "503: StoreUnavailable: log.db: the disk is gone" in record.getMessage()


@pytest.mark.parametrize("error", [IntegrityAlarm("impossible"), RuntimeError("secret 123"), rln.RlnError()])
def test_a_fault_is_500_and_the_operator_is_told_without_secrets(world, caplog, error):
    caplog.set_level(logging.CRITICAL)
    got = refused(world, http_scope(credential(world)), provider=provider_of(world, log=FailingLog(error)))
    assert got == (500, "internal")
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL and type(error).__name__ in record.getMessage()
    assert "secret 123" not in record.getMessage()


def test_an_input_error_of_the_service_is_not_blamed_on_the_client(world):
    log = FailingLog(rln.InputError("a wrong setting"))
    assert refused(world, http_scope(credential(world)), provider=provider_of(world, log=log))[0] == 500


def test_a_store_that_gives_no_roots_is_503_then_the_service_goes_on(world):
    class Roots:
        def __init__(self, roots):
            self.roots, self.fails = roots, False

        def __contains__(self, root):
            return root in self.roots

        def __len__(self):
            return 1

        def __iter__(self):
            if self.fails:
                raise StoreUnavailable("down")
            return iter(self.roots)

    async def serve():
        roots = Roots(world.group.roots)
        provider = provider_of(world, roots=roots)
        roots.fails = True
        middleware = RlnMiddleware(Echo(), provider=provider)
        value, statuses = credential(world), []
        for fails in (True, True, False):
            roots.fails = fails
            made = Exchange(http_scope(value), (BODY,))
            await middleware(made.scope, made.receive, made.send)
            statuses.append(made.status)
        await middleware.close()
        return statuses

    assert asyncio.run(serve()) == [503, 503, 200]


# ---- load


def test_bodies_share_a_budget_and_each_source_has_a_share(world):
    limits = HttpLimits(body=100, source_buffers=100, buffers=300)

    async def serve():
        echo = Echo()
        middleware = RlnMiddleware(echo, provider=provider_of(world, limits=limits))
        waiting = [
            Exchange(http_scope(credential(world, b"x" * 50), client=client), (b"x" * 50, b""), hang=True)
            for client in ("a", "a", "b", "c")
        ]
        tasks = [asyncio.create_task(middleware(one.scope, one.receive, one.send)) for one in waiting]
        await asyncio.sleep(0.3)
        judge = middleware._newest
        assert judge is not None
        used = judge.budget.used
        same, other = (
            Exchange(http_scope(credential(world), client=client), (BODY,)) for client in ("a", "d")
        )
        for one in (same, other):
            await middleware(one.scope, one.receive, one.send)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left = judge.budget.used
        await middleware.close()
        return used, same, other.status, left

    used, same, other, left = asyncio.run(serve())
    assert (used, other, left) == (200, 200, 0) and told(same) == (503, "overloaded")


def test_when_buffers_are_short_a_proof_is_verified_before_its_body(world):
    limits = HttpLimits(body=100, source_buffers=100, buffers=100)

    async def serve():
        middleware = RlnMiddleware(Echo(), provider=provider_of(world, limits=limits))
        hog = Exchange(http_scope(credential(world), client="a"), (b"x" * 51, b""), hang=True)
        task = asyncio.create_task(middleware(hog.scope, hog.receive, hog.send))
        await asyncio.sleep(0.2)
        forged = changed(credential(world), 118 + 128, 1)
        made = [
            Exchange(http_scope(value, client="b"), (BODY,))
            for value in (forged, credential(world), changed(credential(world), 119, 1))
        ]
        for one in made:
            await middleware(one.scope, one.receive, one.send)
        task.cancel()
        await middleware.close()
        return made

    bad, good, off_curve = asyncio.run(serve())
    assert told(bad) == (403, "bad-proof") and bad.given == 0
    assert good.status == 200 and off_curve.status in (400, 403) and off_curve.given == 0


def test_a_source_of_bad_proofs_is_refused(world):
    limits = HttpLimits(bad_proofs=1)
    forged = [changed(credential(world), 118 + 128, 1) for _ in range(2)]
    made = [Exchange(http_scope(one), (BODY,)) for one in forged]
    made.append(Exchange(http_scope(credential(world), client="other"), (BODY,)))
    run(provider_of(world, limits=limits), *made)
    assert [one.status for one in made] == [403, 503, 200]
    assert made[1].values(b"retry-after") == [b"1"]


# ---- other scopes, start and stop


def test_a_websocket_is_refused_and_an_unknown_scope_raises(world):
    made = Exchange({"type": "websocket", "path": "/", "headers": []})
    assert not run(provider_of(world), made).scopes
    assert made.sent == [{"type": "websocket.close", "code": 1008}]
    for kind in ("http.push", "", None, 5):
        with pytest.raises(rln.ParameterError):
            run(provider_of(world), Exchange({"type": kind}))


def test_lifespan_opens_and_closes(world):
    sent = []

    async def app(scope, receive, send):
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    async def serve():
        middleware = RlnMiddleware(app, world.directory / "rln.toml")
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive():
            return next(messages)

        async def send(message):
            sent.append((message["type"], len(middleware._judges)))

        await middleware({"type": "lifespan"}, receive, send)

    asyncio.run(serve())
    assert sent == [("lifespan.startup.complete", 1), ("lifespan.shutdown.complete", 0)]


def test_a_server_does_not_start_with_settings_that_cannot_be_used(world, tmp_path):
    text = (world.directory / "rln.toml").read_text().replace("policy.json", "missing.json")
    (tmp_path / "rln.toml").write_text(text)
    sent = []

    async def app(scope, receive, send):
        await receive()

    async def serve():
        middleware = RlnMiddleware(app, tmp_path / "rln.toml")

        async def receive():
            return {"type": "lifespan.startup"}

        async def send(message):
            sent.append(message)

        with pytest.raises(rln.ParameterError, match=r"missing\.json"):
            await middleware({"type": "lifespan"}, receive, send)
        made = Exchange(http_scope(), (BODY,))
        await middleware(made.scope, made.receive, made.send)
        return made.status

    assert asyncio.run(serve()) == 500
    assert [one["type"] for one in sent] == ["lifespan.startup.failed"]
    assert "missing.json" in sent[0]["message"]


def test_each_event_loop_has_its_own_parts_and_one_log(world):
    echo, value = Echo(), credential(world)
    middleware = RlnMiddleware(echo, provider=provider_of(world))
    statuses = []
    for _ in range(2):
        made = Exchange(http_scope(value), (BODY,))
        asyncio.run(middleware(made.scope, made.receive, made.send))
        statuses.append(made.status)
    assert statuses == [200, 409]


def test_two_hundred_requests_at_once_are_each_served_once(world):
    verdicts, echo = Verdicts(), Echo()

    async def serve():
        middleware = RlnMiddleware(echo, provider=provider_of(world, observer=verdicts))
        values = [credential(world, member=member) for member in range(10) for _ in range(4)]
        made = [Exchange(http_scope(one), (BODY,)) for one in values * 5]
        await asyncio.gather(*(middleware(one.scope, one.receive, one.send) for one in made))
        await middleware.close()
        return [one.status for one in made]

    statuses = asyncio.run(serve())
    assert statuses.count(200) == len(echo.scopes) == verdicts.valid == 40
    assert statuses.count(409) == 160


@pytest.mark.parametrize(
    "content", [None, "no toml", "unknown = 1\n"], ids=["missing", "no TOML", "unknown name"]
)
def test_a_framework_that_makes_its_middleware_at_the_start_does_not_start_with_a_bad_file(tmp_path, content):
    """Starlette makes it in the startup; a server takes an exception there for no startup, and serves."""
    path = tmp_path / "rln.toml"
    if content is not None:
        path.write_text(content)
    app = Starlette()
    app.add_middleware(RlnMiddleware, config=str(path))
    sent = []

    async def serve():
        async def receive():
            return {"type": "lifespan.startup"}

        async def send(message):
            sent.append(message)

        with pytest.raises(rln.InputError, match=r"rln\.toml"):
            await app({"type": "lifespan", "app": app}, receive, send)
        made = Exchange(http_scope(), (BODY,))
        await app(made.scope, made.receive, made.send)
        return made.status

    assert asyncio.run(serve()) == 500
    assert [one["type"] for one in sent] == ["lifespan.startup.failed"]
    assert "rln.toml" in sent[0]["message"]
    with pytest.raises(rln.InputError, match=r"rln\.toml"):
        RlnMiddleware(app, path)
