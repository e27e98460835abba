"""Threats F25 and F26: requests through a gateway process, and what arrives at a raw socket behind it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rln.errors import InputError
from rln.http.target import request_target
from rln.services.gateway_settings import GatewaySettings
from rln.services.upstream_connections import UpstreamConnections
from tests.support.effort import effort
from tests.support.gateway_server import KEY, GatewayServer
from tests.support.http_servers import Reply
from tests.support.price_routes import FLAT, UPLOAD
from tests.support.raw_upstream import RawUpstream, always, reply

CHAT = json.dumps({"model": "small", "messages": [{"role": "user", "content": "hello"}]}).encode()
FREE = "/health"


@pytest.fixture(scope="module")
def server() -> Iterator[RawUpstream]:
    with RawUpstream() as made:
        yield made


@pytest.fixture(scope="module")
def running(server: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayServer]:
    directory = tmp_path_factory.mktemp("gateway")
    with GatewayServer(
        directory,
        server,
        bound_fields=("x-style",),
        top=f'exempt = ["{FREE}"]\n',
        table='fields = { anthropic-version = "2023-06-01" }\nanswer_seconds = 2\n',
    ) as made:
        yield made


@pytest.fixture
def gateway(running: GatewayServer) -> GatewayServer:
    running.upstream.requests.clear()
    running.upstream.gone.clear()
    running.upstream.answer = always(reply())
    return running


def bound(fields: bytes = b"") -> dict[str, object]:
    """What a request has with the field that the policy binds."""
    return {"bound": (b"x",), "fields": b"X-Style: x\r\n" + fields}


def chat(gateway: GatewayServer, body: bytes = CHAT, fields: bytes = b"") -> bytes:
    return gateway.request(body, **bound(fields))


def get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def problem(answer: Reply) -> str:
    return str(answer.document()["type"]).rpartition("/")[2]


def arrived(request: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Return the first line, the fields and the body of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    return line, {name.lower(): value for name, _, value in (one.partition(b": ") for one in fields)}, body


# ---- F25: the target arrives as it was sent, at the one address


@pytest.mark.parametrize(
    "line",
    [
        b"//evil.example/v1/chat/completions",
        b"//evil.example:80/v1/chat/completions",
        b"/v1/%63hat/completions",
        b"/v1/x/../chat/completions",
        b"/v1/x/%2e%2e/chat/completions",
        b"/v1/./chat/completions",
        b"/v1//chat/completions",
        b"/v1/chat/completions/",
        b"/v1/chat/completions#x",
        b"/v1/chat/completions;x",
        b"\\\\evil.example/v1/chat/completions",
        b"/v1\\chat\\completions",
        b"http://evil.example/v1/chat/completions",
        b"https://evil.example/v1/chat/completions",
        b"@evil.example/v1/chat/completions",
        b":80@evil.example/",
        b".evil.example/v1/chat/completions",
        b"evil.example:443",
        b"*",
        b"/V1/chat/completions",
        b"/v1/chat/completions\x80",
        b"/v1/chat/completions\t",
        b"/rln/../v1/chat/completions",
    ],
)
def test_f25_a_target_for_another_host_or_path_is_not_forwarded(gateway: GatewayServer, line: bytes) -> None:
    answer = gateway.ask(gateway.request(CHAT, line=line, **bound()))
    assert answer.status in (400, 404) and b"rln-spent" not in answer.head
    assert gateway.upstream.requests == []


VISIBLE = st.integers(0x21, 0x7E).map(lambda code: bytes([code]))
PIECES = st.sampled_from(
    rb"/ // .. /./ %2e %2F % ? # \ @ : evil.example a=1 & + %20 %zz [ ] | ^ { < ; http:// ~ %C3%A9 ".split(
        b" "
    )
)
TAILS = st.lists(st.one_of(VISIBLE, PIECES), max_size=12).map(b"".join)
PLACES = st.sampled_from([UPLOAD.path.encode(), FLAT.path.encode(), FREE.encode()])
TARGETS = st.one_of(
    st.tuples(PLACES, TAILS).map(lambda both: both[0] + b"?" + both[1]),
    st.tuples(PLACES, TAILS).map(b"".join),
    st.tuples(TAILS, PLACES).map(b"".join),
)


ADDRESSES = {
    origin: UpstreamConnections(GatewaySettings(origin))
    for origin in ("http://127.0.0.1:8080", "https://upstream.example", "http://[::1]:80")
}


def is_sendable(target: bytes) -> bool:
    path, _, query = target.partition(b"?")
    try:
        request_target(path, query)
    except InputError:
        return False
    return True


@settings(
    max_examples=effort(60, 2000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(target=TARGETS)
@example(target=b"/v1/models?a=%2F..%2F//x")
@example(target=b"/v1/models?")
@example(target=b"/v1/models??")
@example(target=b"/health?a=b#c")
@example(target=b"/v1/models?a=[]{}|^\"<>\\`'")
@example(target=b"/v1/models?%zz=%e9&+")
@example(target=b'/v1/models?"\xe9')
def test_f25_a_target_is_forwarded_byte_for_byte_or_refused(gateway: GatewayServer, target: bytes) -> None:
    before = len(gateway.upstream.requests)
    path, _, query = target.partition(b"?")
    route = next((one for one in (FLAT, UPLOAD) if one.path.encode() == path), None)
    if route is not None and is_sendable(target):
        covered = target if query else path  # every server drops a question mark at the end
        request = gateway.request(
            b"", method=route.method, target=covered.decode("ascii"), line=target, **bound()
        )
    else:
        request = get(target)
    answer = gateway.ask(request)
    found = gateway.upstream.targets[before:]
    if answer.status == 200:
        assert found == [target] or found == [path] == [target.removesuffix(b"?")]
        assert path in (FREE.encode(), FLAT.path.encode(), UPLOAD.path.encode())
    else:
        assert answer.status in (400, 401, 404) and found == [], (answer.status, found)
        assert not is_sendable(target) or path not in (
            FREE.encode(),
            FLAT.path.encode(),
            UPLOAD.path.encode(),
        )


@settings(max_examples=effort(500, 20_000), deadline=None)
@given(target=st.one_of(TAILS, TARGETS, TAILS.map(lambda tail: b"/" + tail)))
def test_f25_the_address_of_a_target_is_the_upstreams_and_its_text_the_same(target: bytes) -> None:
    for origin, connections in ADDRESSES.items():
        try:
            url = connections.url(target)
        except InputError:
            continue
        assert url.raw_path_qs.encode() == target
        assert f"{url.scheme}://" == origin[: origin.index("//") + 2] and url.raw_host in origin
        assert url.raw_user is None and url.raw_fragment == ""


def test_f25_a_redirect_is_not_followed(gateway: GatewayServer) -> None:
    with RawUpstream() as elsewhere:
        gateway.upstream.answer = always(reply("307 Elsewhere", b"", f"Location: {elsewhere.url}/v1/models"))
        answer = gateway.ask(gateway.request(method="GET", target=FLAT.path, **bound()))
        assert answer.status == 502 and problem(answer) == "upstream-failed"
        assert b"location" not in answer.head and elsewhere.requests == []


# ---- F26: routes, fields and answers are lists


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/models"),
        ("DELETE", "/v1/models"),
        ("POST", "/v1/files"),
    ],
)
def test_f26_what_is_not_sold_is_not_forwarded(gateway: GatewayServer, method: str, path: str) -> None:
    paid = gateway.request(CHAT, method=method, target=path, units=1, **bound())
    answer = gateway.ask(paid)
    assert answer.status == 404 and problem(answer) == "not-found" and b"rln-spent" not in answer.head
    assert gateway.upstream.requests == []


def test_f26_an_unknown_model_is_refused_before_anything_is_spent(gateway: GatewayServer) -> None:
    body = CHAT.replace(b"small", b"gigantic")
    answer = gateway.ask(gateway.request(body, units=4, **bound()))
    assert answer.status == 400 and b"rln-spent" not in answer.head and gateway.upstream.requests == []
    assert "model" in answer.document()["detail"]


def test_f26_a_free_path_is_read_alone_and_without_the_key_of_the_upstream(gateway: GatewayServer) -> None:
    assert gateway.ask(get(FREE.encode())).status == 200
    head = f"POST {FREE} HTTP/1.1\r\nHost: x\r\nContent-Length: ".encode()
    assert gateway.ask(head + b"5\r\n\r\nhello").status == 404
    assert gateway.ask(head.replace(b"POST", b"GET") + b"5\r\n\r\nhello").status == 400
    paid = gateway.request(b"", method="GET", target=FREE, units=1, **bound())
    assert gateway.ask(paid).status == 200
    assert [arrived(one)[0] for one in gateway.upstream.requests] == [b"GET /health HTTP/1.1"] * 2
    for request in gateway.upstream.requests:
        assert set(arrived(request)[1]) == {b"host", b"accept-encoding", b"anthropic-version"}


def test_f26_the_upstream_gets_nothing_that_identifies_and_no_field_of_the_clients_choice(
    gateway: GatewayServer,
) -> None:
    private = {
        "Cookie": "a=b", "User-Agent": "OpenAI/Python", "X-Stainless-OS": "Linux", "X-Request-Id": "7",
        "X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "X-Real-IP": "192.0.2.1",
        "Accept-Language": "de", "Accept-Encoding": "gzip", "Referer": "http://x/", "Origin": "http://x",
        "X-Api-Key": "mine", "OpenAI-Organization": "mine", "Anthropic-Version": "1999-01-01", "TE": "x",
        "Proxy-Authorization": "Basic x", "Traceparent": "00-1", "Idempotency-Key": "1", "Via": "x",
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in private.items()).encode()
    answer = gateway.ask(chat(gateway, fields=b"Accept: text/event-stream\r\n" + lines))
    assert answer.status == 200
    (request,) = gateway.upstream.requests
    line, fields, body = arrived(request)
    assert line == b"POST /v1/chat/completions HTTP/1.1"
    assert fields == {
        b"host": b"127.0.0.1:%d" % gateway.upstream.port,
        b"accept": b"text/event-stream",
        b"accept-encoding": b"identity",
        b"x-style": b"x",
        b"anthropic-version": b"2023-06-01",
        b"authorization": KEY.encode(),
        b"content-length": str(len(body)).encode(),
        b"content-type": b"application/json",
    }


def test_f26_a_metered_body_is_written_anew_with_the_limit_that_was_paid_for(gateway: GatewayServer) -> None:
    body = b'{ "messages": [{"content": "h\\u00e9", "role": "user"}],\n "model": "small" }'
    request = gateway.request(body, content_type="application/json; charset=utf-8", **bound())
    assert gateway.ask(request).status == 200
    _, fields, sent = arrived(gateway.upstream.requests[0])
    assert json.loads(sent) == {
        "model": "small",
        "messages": [{"role": "user", "content": "h\u00e9"}],
        "max_tokens": 20,
    }
    assert sent.isascii() and b" " not in sent and fields[b"content-type"] == b"application/json"


def test_f26_an_answer_has_the_fields_of_a_list_and_our_own(gateway: GatewayServer) -> None:
    gateway.upstream.answer = always(
        reply(
            "200 OK", b"{}", "Set-Cookie: a=b", "RLN-Spent: ?0", "RLN-Content-Digest: x", "X-Request-Id: 7",
            'WWW-Authenticate: RLN realm="x", units="9"', "X-RateLimit-Remaining-Requests: 7", "Server: x",
            "RateLimit-Policy: q", "OpenAI-Organization: ours", "X-Should-Retry: true", "CF-Ray: 1",
            "Cache-Control: public, max-age=9", "Retry-After: 3", "Alt-Svc: h3", "Link: <http://x>",
        )
    )  # fmt: skip
    answer = gateway.ask(chat(gateway))
    names = [line.partition(b":")[0] for line in answer.head.split(b"\r\n")[1:]]
    assert sorted(names) == [
        b"cache-control", b"content-length", b"content-type", b"date", b"ratelimit-policy", b"retry-after",
        b"rln-spent",
    ]  # fmt: skip
    assert b"cache-control: no-store" in answer.head
    assert b"rln-spent: ?1" in answer.head and b"units" not in answer.head.replace(b'"rln-units"', b"")


@pytest.mark.parametrize("what", ["closes", "no-http", "unauthorized", "silent"])
def test_f26_a_failure_of_the_upstream_is_told_once_and_the_credential_is_spent(
    gateway: GatewayServer, what: str
) -> None:
    def answer(connection: socket.socket, request: bytes) -> bool:
        if what == "silent":
            return not gateway.upstream.gone.wait(20)
        if what == "no-http":
            connection.sendall(b"SSH-2.0-x\r\n\r\n")
        if what == "unauthorized":
            connection.sendall(reply("401 Unauthorized", b"Incorrect API key provided: sk-our-key"))
        return False

    gateway.upstream.answer = answer
    request = chat(gateway)
    failed = gateway.ask(request)
    expected = (504, "upstream-late") if what == "silent" else (502, "upstream-failed")
    assert (failed.status, problem(failed)) == expected
    assert b"rln-spent: ?1" in failed.head and b"x-should-retry: false" in failed.head
    assert b"sk-our-key" not in failed.data and b"www-authenticate" not in failed.head
    assert gateway.ask(request).status == 409 and len(gateway.upstream.requests) == 1


def test_f26_no_answer_looks_complete_that_broke_off(gateway: GatewayServer) -> None:
    def answer(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ndata: 1\r\n")
        time.sleep(0.2)
        return False

    gateway.upstream.answer = answer
    found = gateway.ask(chat(gateway))
    assert found.status == 200 and b"data: 1" in found.data and not found.is_whole
    assert len(gateway.upstream.requests) == 1


def test_f26_nothing_is_sold_over_http_1_0_where_a_part_looks_whole(gateway: GatewayServer) -> None:
    """nginx speaks HTTP/1.0 to what is behind it unless it is told otherwise."""
    answer = gateway.ask(chat(gateway).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1))
    assert answer.status == 400 and "proxy_http_version 1.1" in str(answer.document()["detail"])
    assert gateway.upstream.requests == [] and b"rln-spent" not in answer.head
    for free in (b"/.well-known/rln", FREE.encode()):  # health checks may be old
        assert gateway.ask(get(free).replace(b"HTTP/1.1", b"HTTP/1.0")).status == 200


def test_f26_a_client_that_leaves_ends_the_request_to_the_upstream(gateway: GatewayServer) -> None:
    gateway.upstream.answer = lambda connection, request: True
    with gateway.server.connect() as connection:
        connection.sendall(chat(gateway))
        deadline = time.monotonic() + 20
        while not gateway.upstream.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        assert gateway.upstream.requests and not gateway.upstream.gone.is_set()
    assert gateway.upstream.gone.wait(1.5)  # before answer_seconds are over


def test_f26_the_log_has_no_target_and_no_secret(gateway: GatewayServer) -> None:
    gateway.upstream.answer = lambda connection, request: False
    gateway.ask(gateway.request(method="GET", target=f"{FLAT.path}?private=1", **bound()))
    text = gateway.log.read_text()
    assert f"the upstream {gateway.upstream.url} has failed" in text
    for hidden in ("private", FLAT.path, "the-key-of-the-upstream", "RLN "):
        assert hidden not in text


# ---- stopping


def test_f26_a_stop_lets_running_answers_end_and_cuts_those_that_do_not(tmp_path: Path) -> None:
    """The one that ends in time is whole; the other one does not look complete."""
    begun = threading.Barrier(3)

    def answer(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ndata: 1\r\n")
        begun.wait(20)
        if b"large" in request:
            return True
        time.sleep(0.5)
        connection.sendall(b"0\r\n\r\n")
        return True

    with RawUpstream() as server, GatewayServer(tmp_path, server, table="stop_seconds = 2\n") as gateway:
        server.answer = answer
        requests = [gateway.request(body) for body in (CHAT, CHAT.replace(b"small", b"large"))]
        replies: dict[int, Reply] = {}
        threads = [
            threading.Thread(target=lambda place=place: replies.update({place: gateway.ask(requests[place])}))
            for place in range(2)
        ]
        for thread in threads:
            thread.start()
        begun.wait(20)
        time.sleep(0.2)
        gateway.stop()
        for thread in threads:
            thread.join()
        assert replies[0].is_whole and b"data: 1" in replies[1].data and not replies[1].is_whole
        assert gateway.process.wait(20) == 0, gateway.log.read_text()
        with pytest.raises(ConnectionRefusedError):
            gateway.ask(requests[0])
