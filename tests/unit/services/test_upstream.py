"""Upstream: real aiohttp, and a server on a raw socket that keeps what arrives."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rln
from rln.errors import ParameterError
from rln.http.policy import Policy, Tier
from rln.integrations.admission import KEY
from rln.services.gateway_settings import GatewaySettings
from rln.services.upstream import Upstream, UpstreamLost
from tests.support.asgi_driver import http_scope
from tests.support.http_world import APPLICATION, AUTHORITY, http_key
from tests.support.raw_upstream import RawUpstream, always, reply

BODY = b'{"prompt":"hello"}'
TARGET = b"/v1/chat/completions"


@pytest.fixture
def server() -> Iterator[RawUpstream]:
    with RawUpstream() as made:
        yield made


def policy(*bound: str) -> Policy:
    key = http_key()
    params = rln.Params.of(
        key,
        APPLICATION,
        3600,
        window_seconds=60,
        registrar_key=bytes(range(32)),
        signal_format="joined",
    )
    return Policy(1, params, (AUTHORITY,), (Tier("basic", 2),), bound_fields=bound)


class Client:
    """A client of an ASGI application, which stays until it leaves.

    Args:
        body: of the request.
        admitted: whether the middleware has let it through.
        scope: more of the scope.
    """

    def __init__(self, body: bytes = BODY, *, admitted: bool = True, **scope) -> None:
        self.scope = http_scope(**scope)
        if admitted:
            self.scope[KEY] = "admitted"
        self.body = [{"type": "http.request", "body": body, "more_body": False}]
        self.left = asyncio.Event()
        self.sent: list[dict] = []
        self.heard: Callable[[dict], None] = lambda message: None

    async def receive(self):
        if self.body:
            return self.body.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message) -> None:
        self.sent.append(message)
        self.heard(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def fields(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def content(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


def ask(server: RawUpstream, *clients: Client, bound: tuple[str, ...] = (), **settings) -> Upstream:
    """Send requests one after the other."""
    upstream = Upstream(GatewaySettings(**{"upstream": server.url, **settings}), policy(*bound))

    async def run() -> None:
        try:
            for client in clients:
                await upstream(client.scope, client.receive, client.send)
        finally:
            await upstream.close()

    asyncio.run(run())
    return upstream


def fields_of(request: bytes) -> list[bytes]:
    return sorted(line.lower() for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])


# ---- the request


def test_a_request_arrives_with_its_body_and_the_fields_of_the_list(server: RawUpstream) -> None:
    private = [
        (b"accept", b"text/event-stream"), (b"user-agent", b"OpenAI/Python"), (b"cookie", b"a=b"),
        (b"x-stainless-os", b"Linux"), (b"x-request-id", b"7"), (b"x-forwarded-for", b"192.0.2.1"),
        (b"forwarded", b"for=192.0.2.1"), (b"x-real-ip", b"192.0.2.1"), (b"content-digest", b"x"),
        (b"accept-language", b"de"), (b"rln-spent", b"?1"), (b"te", b"trailers"), (b"connection", b"x"),
        (b"accept-encoding", b"gzip"), (b"x-model", b"small"), (b"via", b"x"), (b"traceparent", b"y"),
    ]  # fmt: skip
    client = Client(target=TARGET + b"?a=1", more=private)
    client.scope["headers"].append((b"authorization", b"Bearer upstream"))
    ask(
        server,
        client,
        bound=("x-model",),
        authorization_field="x-api-key",
        fields=(("anthropic-version", "2023-06-01"),),
    )
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions?a=1 HTTP/1.1\r\n") and body == BODY
    assert fields_of(request) == sorted(
        [
            b"host: 127.0.0.1:%d" % server.port,
            b"accept: text/event-stream",
            b"accept-encoding: identity",
            b"anthropic-version: 2023-06-01",
            b"content-length: 18",
            b"content-type: application/json",
            b"x-api-key: bearer upstream",
            b"x-model: small",
        ]
    )


def test_a_body_without_bytes_has_a_length_and_a_get_has_none(server: RawUpstream) -> None:
    ask(server, Client(b""), Client(b"", method="GET", content_type=None))
    assert b"content-length: 0" in fields_of(server.requests[0])
    assert fields_of(server.requests[1]) == [
        b"accept-encoding: identity",
        b"host: 127.0.0.1:%d" % server.port,
    ]


def test_a_body_in_pieces_arrives_whole(server: RawUpstream) -> None:
    client = Client()
    client.body = [
        {"type": "http.request", "body": BODY[:3], "more_body": True},
        {"type": "http.request", "body": BODY[3:]},
    ]
    ask(server, client)
    assert server.requests[0].endswith(BODY)


def test_a_free_request_gets_no_authorization_and_may_only_read(server: RawUpstream) -> None:
    free = [
        Client(
            b"", admitted=False, method="GET", target=b"/v1/models", more=[(b"authorization", b"Bearer x")]
        ),
        Client(b"", admitted=False, method="POST", target=b"/v1/models"),
        Client(BODY, admitted=False, method="GET", target=b"/v1/models"),
    ]
    endless = Client(admitted=False, method="GET")
    endless.body = [{"type": "http.request", "body": b"", "more_body": True}]
    ask(server, *free, endless)
    assert [one.status for one in (*free, endless)] == [200, 404, 400, 400]
    (request,) = server.requests
    assert b"authorization" not in request.lower() and b"content-type" not in request.lower()


@pytest.mark.parametrize("value", [b"\xe9", b"a\x00", b"a\x7f", b"a\r\nx: y"])
def test_a_field_of_other_bytes_is_refused(server: RawUpstream, value: bytes) -> None:
    client = Client(more=[(b"accept", value)])
    ask(server, client)
    assert client.status == 400 and server.requests == []


def test_a_field_of_the_settings_must_not_be_bound_by_the_policy() -> None:
    for settings in (
        GatewaySettings("http://127.0.0.1", fields=(("x-model", "small"),)),
        GatewaySettings("http://127.0.0.1", authorization_field="x-model"),
    ):
        with pytest.raises(ParameterError, match="none that the policy binds, got 'x-model'"):
            Upstream(settings, policy("x-model"))


# ---- the answer


def test_an_answer_passes_with_the_fields_of_the_list(server: RawUpstream) -> None:
    server.answer = always(
        reply(
            "418 Teapot", b"tea", "Cache-Control: public, max-age=60", "Retry-After: 9", "Server: x",
            "X-Request-Id: 7", "Set-Cookie: a=b", "RLN-Spent: ?1", "WWW-Authenticate: RLN realm=x",
            "Openai-Organization: org", "X-RateLimit-Remaining: 5", "Location: http://x/",
            "Access-Control-Allow-Origin: *", "Date: x",
        )
    )  # fmt: skip
    client = Client()
    ask(server, client)
    assert client.status == 418 and client.content == b"tea"
    assert client.sent[0]["headers"] == [
        (b"content-type", b"application/json"),
        (b"content-length", b"3"),
        (b"retry-after", b"9"),
        (b"cache-control", b"no-store"),
    ]


def test_caches_may_keep_what_is_free(server: RawUpstream) -> None:
    server.answer = always(reply("200 OK", b"[]", "Cache-Control: public, max-age=60"))
    client = Client(b"", admitted=False, method="GET", target=b"/v1/models")
    ask(server, client)
    assert client.fields[b"cache-control"] == b"public, max-age=60"


def test_an_encoded_answer_stays_encoded(server: RawUpstream) -> None:
    server.answer = always(reply("200 OK", b"not gzip", "Content-Encoding: gzip"))
    client = Client()
    ask(server, client)
    assert client.content == b"not gzip" and client.fields[b"content-encoding"] == b"gzip"


def test_the_answer_to_head_has_the_length_and_no_body(server: RawUpstream) -> None:
    server.answer = always(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    clients = [Client(b"", method="HEAD"), Client(b"", method="HEAD")]
    ask(server, *clients)
    assert [(one.fields[b"content-length"], one.content) for one in clients] == [(b"500", b"")] * 2
    assert server.connections == 1


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary", "304 Not Modified", "401 No", "407 No"])
def test_a_redirect_or_a_refusal_of_the_gateway_is_a_failure(server: RawUpstream, status: str) -> None:
    server.answer = always(reply(status, b"", f"Location: {server.url}/elsewhere"))
    client = Client()
    ask(server, client)
    assert client.status == 502 and b"upstream-failed" in client.content
    assert client.fields[b"x-should-retry"] == b"false" and client.fields[b"cache-control"] == b"no-store"
    assert len(server.requests) == 1 and b"location" not in client.fields


def test_chunks_pass_one_by_one_when_they_come(server: RawUpstream) -> None:
    heard: list[bytes] = []
    late: list[int] = []

    def answer(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            connection.sendall(b"8\r\ndata: %d\n\r\n" % number)
            deadline = time.monotonic() + 10
            while len(heard) <= number and time.monotonic() < deadline:
                time.sleep(0.005)
            late.append(len(heard) - number)  # the client had this piece before the next one was sent
        connection.sendall(b"0\r\n\r\n")
        return True

    server.answer = answer
    client = Client()
    client.heard = lambda message: heard.append(message["body"]) if message.get("body") else None
    ask(server, client)
    assert heard == [b"data: %d\n" % number for number in range(5)] and late == [1] * 5
    assert client.sent[-1] == {"type": "http.response.body", "body": b""}


@pytest.mark.parametrize(
    "cut",
    [
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b""),
        (b"Content-Length: 50\r\n\r\nhello", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"zz\r\n"),
    ],
    ids=["chunks", "length", "wrong-chunk"],
)
def test_an_answer_that_breaks_off_has_no_end(server: RawUpstream, cut: tuple[bytes, bytes]) -> None:
    def answer(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + cut[0])
        time.sleep(0.1)
        connection.sendall(cut[1])
        return False

    server.answer = answer
    client = Client()
    with pytest.raises(UpstreamLost):
        ask(server, client)
    assert client.status == 200 and client.sent[-1].get("more_body", True)
    assert len(server.requests) == 1


def test_an_answer_that_stops_midway_breaks_off_after_answer_seconds(server: RawUpstream) -> None:
    def answer(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        return not server.gone.wait(20)

    server.answer = answer
    client = Client()
    with pytest.raises(UpstreamLost):
        ask(server, client, answer_seconds=1)
    assert client.sent[-1]["body"] == b"hello" and client.sent[-1]["more_body"]


# ---- failures


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("used", [False, True], ids=["new-connection", "kept-connection"])
def test_a_request_is_never_sent_twice(server: RawUpstream, method: str, used: bool) -> None:
    def answer(connection: socket.socket, request: bytes) -> bool:
        if used and len(server.requests) == 1:
            connection.sendall(reply())
            return True
        return False

    server.answer = answer
    clients = [Client(b"", method=method) for _ in range(1 + used)]
    ask(server, *clients)
    assert clients[-1].status == 502 and len(server.requests) == len(clients)


def test_a_connection_is_tried_three_times_and_a_late_server_gets_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = Client()
    upstream = Upstream(GatewaySettings(f"http://127.0.0.1:{port}"), policy())
    begin = time.monotonic()
    with caplog.at_level(logging.ERROR):
        asyncio.run(upstream(client.scope, client.receive, client.send))
    assert client.status == 502 and time.monotonic() - begin >= 0.5
    assert f"the upstream http://127.0.0.1:{port} has failed: ClientConnectorError" in caplog.text
    assert "/v1/" not in caplog.text

    client = Client()

    async def run() -> None:
        asking = asyncio.ensure_future(upstream(client.scope, client.receive, client.send))
        await asyncio.sleep(0.05)
        late = await asyncio.start_server(respond, "127.0.0.1", port)
        await asking
        await upstream.close()
        late.close()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply())

    asyncio.run(run())
    assert client.status == 200


def test_a_server_that_says_nothing_is_late(server: RawUpstream) -> None:
    server.answer = lambda connection, request: not server.gone.wait(20)
    client = Client(method="GET", body=b"")
    ask(server, client, answer_seconds=1)
    assert client.status == 504 and b"upstream-late" in client.content
    assert client.fields[b"x-should-retry"] == b"false" and len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"nothing of HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"",
    ],
    ids=["no-http", "two-lengths", "a-long-field", "nothing"],
)
def test_what_is_no_answer_is_a_failure(server: RawUpstream, answer: bytes) -> None:
    def respond(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(answer)
        return False

    server.answer = respond
    client = Client()
    ask(server, client)
    assert client.status == 502 and len(server.requests) == 1


def test_a_certificate_that_is_not_trusted_is_a_failure(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    with pytest.raises(ParameterError, match=r"ca: .*: No such file"):
        Upstream(GatewaySettings("https://127.0.0.1", ca=ca), policy())
    ca.write_text("no certificate")
    with pytest.raises(ParameterError, match="ca: "):
        Upstream(GatewaySettings("https://127.0.0.1", ca=ca), policy())


# ---- ends


@pytest.mark.parametrize("moment", ["before-the-answer", "within-the-answer"])
def test_a_client_that_leaves_ends_the_request_to_the_upstream(server: RawUpstream, moment: str) -> None:
    def answer(connection: socket.socket, request: bytes) -> bool:
        if moment == "within-the-answer":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        return True

    server.answer = answer
    client = Client()
    upstream = Upstream(GatewaySettings(server.url), policy())

    async def run() -> None:
        asking = asyncio.ensure_future(upstream(client.scope, client.receive, client.send))
        while not server.requests or (moment == "within-the-answer" and len(client.sent) < 2):
            await asyncio.sleep(0.01)
        client.left.set()
        await asking
        assert await asyncio.to_thread(server.gone.wait, 20)
        await upstream.close()

    asyncio.run(run())
    assert client.sent == [] or client.sent[-1]["more_body"]


def test_a_cancelled_request_ends_the_request_to_the_upstream(server: RawUpstream) -> None:
    server.answer = lambda connection, request: True
    client = Client()
    upstream = Upstream(GatewaySettings(server.url), policy())

    async def run() -> None:
        asking = asyncio.ensure_future(upstream(client.scope, client.receive, client.send))
        while not server.requests:
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await asyncio.to_thread(server.gone.wait, 20)
        assert len(asyncio.all_tasks()) == 1
        await upstream.close()

    asyncio.run(run())


def test_each_event_loop_has_connections_of_its_own(server: RawUpstream) -> None:
    upstream = Upstream(GatewaySettings(server.url), policy())
    for number in range(1, 3):
        clients = [Client(), Client()]

        async def run(clients: list[Client] = clients) -> None:
            for client in clients:
                await upstream(client.scope, client.receive, client.send)
            await upstream.close()

        asyncio.run(run())
        assert [one.status for one in clients] == [200, 200] and server.connections == number


def test_the_lifespan_closes_the_connections(server: RawUpstream) -> None:
    upstream = Upstream(GatewaySettings(server.url), policy())
    client = Client()
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    answered: list[str] = []

    async def receive():
        if len(events) == 1:
            await upstream(client.scope, client.receive, client.send)
        return events.pop(0)

    async def send(message) -> None:
        answered.append(message["type"])

    asyncio.run(upstream({"type": "lifespan"}, receive, send))
    assert answered == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert client.status == 200 and server.gone.wait(20)
    with pytest.raises(ParameterError, match="http or lifespan"):
        asyncio.run(upstream({"type": "websocket"}, receive, send))
