"""The middleware on real servers: whatever the server passes on, the application is called for VALID only."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rln.stores import open_log
from tests.support.http_servers import CHUNKS, COMMANDS, GAP, HttpServer, http_server
from tests.support.http_world import HttpWorld
from tests.support.price_routes import CHAT, FLAT
from tests.support.redis_server import empty_server, until

BODY = b'{"prompt":"hello"}'
TARGET = "/v1/x"
SHORT = "\n[limits]\nseconds = 1\n"


class Provider:
    """A provider's directory, its server, and credentials."""

    def __init__(self, name: str, world: HttpWorld, server: HttpServer) -> None:
        self.name, self.world, self.server = name, world, server
        self.made = 0

    def credential(self, target: str = TARGET, body: bytes = BODY, method: str = "POST") -> bytes:
        self.made += 1
        parts = self.world.parts(method, target, body)
        return self.world.credential(parts, self.made // 90).encode()

    def valid(self) -> int:
        """Return the number of VALID verdicts: each has put one share into the log."""
        log = open_log(self.world.log_uri, self.world.policy.params.clock())
        try:
            return len(log)
        finally:
            log.close()

    def calls(self) -> int:
        return sum(line.startswith(("call", "websocket")) for line in self.server.calls())


@pytest.fixture(scope="module", params=list(COMMANDS))
def provider(request, tmp_path_factory) -> Iterator[Provider]:
    world = HttpWorld(tmp_path_factory.mktemp("http"))
    with (world.directory / "rln.toml").open("a") as settings:
        settings.write(SHORT)
    with http_server(request.param, world.directory) as server:
        yield Provider(request.param, world, server)
    world.close()


def head(credential: bytes | None, *more: bytes, line: bytes = b"POST /v1/x HTTP/1.1", **changes) -> bytes:
    """Return the head of a request; `host` and `length` can be exchanged, None leaves them out."""
    fields = {"host": b"127.0.0.1", "length": len(BODY), **changes}
    lines = [line]
    if fields["host"] is not None:
        lines.append(b"Host: " + fields["host"])
    lines.append(b"Content-Type: application/json")
    if credential is not None:
        lines.append(b"Authorization: " + credential)
    if fields["length"] is not None:
        lines.append(b"Content-Length: %d" % fields["length"])
    return b"\r\n".join([*lines, *more]) + b"\r\n\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS_OF_BODY = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)

# Each gets the provider and returns the pieces to send; the second is the status, None for any refusal, "any"
# where servers differ: some write a method in capitals, drop a fragment, or pass on a trailer that has come
# with the head as a field of the head. Then the number of calls must be that of the VALID verdicts.
CASES = {
    "a good request": (lambda p: [head(p.credential()) + BODY], 200),
    "in pieces": (lambda p: [head(p.credential()), BODY[:5], BODY[5:]], 200),
    "chunked": (lambda p: [head(p.credential(), CHUNKED, length=None) + CHUNKS_OF_BODY + b"\r\n"], 200),
    "a query": (
        lambda p: [head(p.credential("/v1/x?a=%20"), line=b"POST /v1/x?a=%20 HTTP/1.1") + BODY],
        200,
    ),
    "a question mark at the end": (
        lambda p: [head(p.credential(), line=b"POST /v1/x? HTTP/1.1") + BODY],
        200,
    ),
    "no credential": (lambda p: [head(None) + BODY], 401),
    "another scheme": (lambda p: [head(b"Bearer x") + BODY], 401),
    "another body": (lambda p: [head(p.credential()) + BODY[:-1] + b"!"], 403),
    "another method": (lambda p: [head(p.credential(), line=b"PUT /v1/x HTTP/1.1") + BODY], 403),
    "a method in other letters": (
        lambda p: [head(p.credential(), line=b"PoSt /v1/x HTTP/1.1") + BODY],
        "any",
    ),
    "two credentials": (
        lambda p: [head(p.credential(), b"Authorization: " + p.credential()) + BODY],
        None,
    ),
    "a credential twice": (lambda p: [head(c := p.credential(), b"authorization: " + c) + BODY], None),
    "joined credentials": (lambda p: [head(p.credential() + b", " + p.credential()) + BODY], None),
    "a folded credential": (lambda p: [head(p.credential()[:200] + b"\r\n " + b"x" * 214) + BODY], None),
    "a folded end": (lambda p: [head(p.credential() + b"\r\n ") + BODY], "any"),
    "64 KB": (lambda p: [head(b"RLN " + b"a" * 65536) + BODY], None),
    "a zero byte": (lambda p: [head(p.credential() + b"\0") + BODY], None),
    "two hosts": (lambda p: [head(p.credential(), b"Host: evil.example") + BODY], None),
    "a host twice": (lambda p: [head(p.credential(), b"Host: 127.0.0.1") + BODY], None),
    "no host": (lambda p: [head(p.credential(), host=None) + BODY], None),
    "another host": (lambda p: [head(p.credential(), host=b"evil.example") + BODY], None),
    "HTTP/1.0 without a host": (
        lambda p: [head(p.credential(), host=None, line=b"POST /v1/x HTTP/1.0") + BODY],
        None,
    ),
    "two content types": (lambda p: [head(p.credential(), b"Content-Type: text/plain") + BODY], None),
    "a content encoding": (lambda p: [head(p.credential(), b"Content-Encoding: gzip") + BODY], 403),
    "a false digest": (
        lambda p: [head(p.credential(), b"Content-Digest: sha-256=:" + b"A" * 43 + b"=:") + BODY],
        400,
    ),
    "length and chunks": (lambda p: [head(p.credential(), CHUNKED) + CHUNKS_OF_BODY + b"\r\n"], "any"),
    "a false length and chunks": (
        lambda p: [head(p.credential(), CHUNKED, length=3) + CHUNKS_OF_BODY + b"\r\n"],
        "any",
    ),
    "a coding of the transfer": (
        lambda p: [
            head(p.credential(), b"Transfer-Encoding: gzip, chunked", length=None) + CHUNKS_OF_BODY + b"\r\n"
        ],
        "any",
    ),
    "chunks twice": (
        lambda p: [head(p.credential(), CHUNKED, CHUNKED, length=None) + CHUNKS_OF_BODY + b"\r\n"],
        "any",
    ),
    "two lengths": (lambda p: [head(p.credential(), b"Content-Length: 3") + BODY], "any"),
    "a hidden request": (
        lambda p: [head(p.credential(body=b""), length=0) + head(None) + BODY],
        200,
    ),
    "a second request without a credential": (
        lambda p: [head(p.credential()) + BODY + head(None) + BODY],
        200,
    ),
    "a credential in the trailer": (
        lambda p: [
            head(None, CHUNKED, b"Trailer: Authorization", length=None)
            + CHUNKS_OF_BODY
            + b"Authorization: "
            + p.credential()
            + b"\r\n\r\n"
        ],
        "any",
    ),
    "another type in the trailer": (
        lambda p: [
            head(p.credential(), CHUNKED, length=None)
            + CHUNKS_OF_BODY
            + b"Content-Type: text/plain\r\nX-Late: 1\r\n\r\n"
        ],
        "any",
    ),
    "a body that does not end": (lambda p: [head(p.credential()) + BODY[:5]], 408),
    "a body that is too large": (lambda p: [head(p.credential(), length=(1 << 20) + 1)], 413),
    "an upgrade to a websocket": (
        lambda p: [
            head(
                p.credential(method="GET"),
                b"Connection: Upgrade",
                b"Upgrade: websocket",
                b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                line=b"GET /v1/x HTTP/1.1",
                length=None,
            )
        ],
        "any",
    ),
}
for _target in (
    b"//evil/v1/x",
    b"//v1/x",
    b"/v1//x",
    b"/v1/%78",
    b"/v1/%2e%2e/v1/x",
    b"/v1/y/../x",
    b"/v1/./x",
    b"/v1\\x",
    b"/v1/\xc3\xa9",
    b"/v1/x%00",
    b"/v1/x%3fa",
    b"/V1/X",
    b"/v1/x/",
    b"/v1/x;a",
    b"*",
    b"v1/x",
    b"evil.example:443",
    b"http://evil.example/v1/y",
):
    CASES[f"target {_target!r}"] = (
        lambda p, target=_target: [head(p.credential(), line=b"POST " + target + b" HTTP/1.1") + BODY],
        None,
    )
for _target in (b"http://127.0.0.1/v1/x", b"/v1/x#fragment", b"/v1/x#"):
    CASES[f"target {_target!r}"] = (
        lambda p, target=_target: [head(p.credential(), line=b"POST " + target + b" HTTP/1.1") + BODY],
        "any",
    )


@pytest.mark.parametrize("case", CASES)
def test_the_application_is_called_for_valid_requests_only(provider, case):
    make, expected = CASES[case]
    calls, valid = provider.calls(), provider.valid()
    reply = provider.server.send(*make(provider))
    if expected is None:
        assert reply.status is None or 400 <= reply.status < 500
    elif expected != "any":
        assert reply.status == expected
    assert reply.status != 101
    called = provider.calls() - calls
    assert called == provider.valid() - valid
    if expected == 200:
        assert called == 1 and b"\r\nrln-spent: ?1" in reply.head
        assert "authorization" not in reply.document()["names"]
    elif expected == "any":
        # One reading of the body only, also by another server that the application passes its fields on to.
        both = {"content-length", "transfer-encoding"}
        assert not called or not both <= set(reply.document()["names"])
    else:
        assert called == 0 and b"rln-spent" not in reply.head


def test_a_copy_is_not_served_and_has_no_answer_of_the_first(provider):
    request = head(provider.credential()) + BODY
    first, second = provider.server.send(request), provider.server.send(request)
    assert (first.status, second.status) == (200, 409)
    assert b"problems/duplicate" in second.data and b"names" not in second.data


def test_a_late_field_does_not_reach_the_application(provider):
    late = CHUNKS_OF_BODY + b"X-Late: 1\r\nAuthorization: Bearer x\r\n\r\n"
    reply = provider.server.send(head(provider.credential(), CHUNKED, length=None), late)
    if reply.status == 200:  # a server may refuse trailers
        assert not {"x-late", "authorization"} & set(reply.document()["names"])


def test_a_client_that_goes_away_has_not_spent_its_credential(provider):
    credential = provider.credential()
    calls, valid = provider.calls(), provider.valid()
    with provider.server.connect() as connection:
        connection.sendall(head(credential) + BODY[:5])
        time.sleep(0.2)
    time.sleep(0.3)
    assert (provider.calls(), provider.valid()) == (calls, valid)
    assert provider.server.send(head(credential) + BODY).status == 200


def test_the_chunks_of_a_stream_keep_their_pauses(provider):
    line = b"POST /v1/stream HTTP/1.1"
    reply = provider.server.send(head(provider.credential("/v1/stream"), line=line) + BODY)
    arrived = []
    for number in range(CHUNKS):
        end = reply.data.index(b"data: %d\n\n" % number)
        arrived.append(next(at for at, size in reply.times if size > end))
    gaps = [after - before for before, after in itertools.pairwise(arrived)]
    assert min(gaps) > GAP / 4 and b"rln-spent: ?1" in reply.head


def test_the_application_learns_that_the_client_of_a_stream_has_gone(provider):
    before = len(provider.server.calls())
    with provider.server.connect() as connection:
        line = b"POST /v1/stream HTTP/1.1"
        connection.sendall(head(provider.credential("/v1/stream"), line=line) + BODY)
        connection.recv(1)
    until(lambda: "gone" in provider.server.calls()[before:], "the application to notice", 5)


# ---- several workers


def redis_log(world: HttpWorld) -> str:
    uri = empty_server()
    open_log(uri, world.policy.params.clock(), new=True).close()
    return uri


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_two_workers_of_which_one_is_killed_serve_each_credential_at_most_once(kind, tmp_path):
    world = HttpWorld(tmp_path)
    if kind == "redis":
        settings = tmp_path / "rln.toml"
        settings.write_text(settings.read_text().replace("sqlite:///log.db", redis_log(world)))
    bodies = [b'{"number":%d}' % number for number in range(120)]
    requests = []
    for number, body in enumerate(bodies):
        parts = world.parts("POST", TARGET, body)
        credential = world.credential(parts, number // 90).encode()
        requests.append(head(credential, b"Connection: close", length=len(body)) + body)
    with http_server("uvicorn-httptools", tmp_path, workers=2) as server:
        until(lambda: len(server.workers()) == 2, "two workers")
        with ThreadPoolExecutor(8) as pool:
            first = [pool.submit(server.send, one) for one in requests for _ in range(2)]
            until(lambda: len(server.calls()) > 20, "some calls")
            os.kill(server.workers()[0], signal.SIGKILL)
            statuses = [one.result().status for one in first]
            until(lambda: len(server.workers()) == 2, "a new worker")
            again = list(pool.map(server.send, requests))
            last = list(pool.map(server.send, requests))
        calls = [line for line in server.calls() if line.startswith("call")]
    world.close()
    assert set(statuses) <= {200, 409, None} and statuses.count(200) > 20
    assert {one.status for one in again} <= {200, 409}
    assert [one.status for one in last] == [409] * len(requests)  # every id is spent
    assert len(calls) == len(set(calls))  # nobody was served twice
    answered = statuses.count(200) + [one.status for one in again].count(200)
    lost = len(requests) - answered
    assert answered <= len(calls) <= len(requests) and lost <= 8  # at most what was under way


def test_workers_follow_the_settings_of_their_directory(tmp_path: Path):
    world = HttpWorld(tmp_path)
    with (tmp_path / "rln.toml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write(f'exempt = ["/health"]\n{text}')
    with http_server("uvicorn-h11", tmp_path, workers=2) as server:
        reply = server.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    world.close()
    assert reply.status == 200


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_priced_request_reaches_the_application_with_the_limit_that_was_paid_for(
    name: str, tmp_path: Path
) -> None:
    """The server announces the length of the body that came; the application gets another one."""
    world = HttpWorld(tmp_path, slots=4, routes=(CHAT, FLAT))
    body = b'{"model":"small", "messages":[{"role":"user","content":"hello"}]}'
    forwarded = b'{"model":"small","messages":[{"role":"user","content":"hello"}],"max_tokens":20}'
    parts = world.parts("POST", CHAT.path, body)
    values = [world.credential(parts, units=units).encode() for units in (3, 4)]
    line = f"POST {CHAT.path} HTTP/1.1".encode()
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with http_server(name, tmp_path) as server:
        requests = [
            head(None, line=line, length=len(body)) + body,
            head(values[0], line=line, length=len(body)) + body,
            head(values[1], CHUNKED, line=line, length=None) + chunked,
            head(values[1], line=b"POST /v1/x HTTP/1.1", length=len(body)) + body,
            head(None, line=b"GET /rln/prices HTTP/1.1", length=None),
        ]
        replies = [server.send(one) for one in requests]
        assert [one.status for one in replies] == [401, 401, 200, 404, 200]
        assert b'units="3"' in replies[0].data and b'units="4", error="units-needed"' in replies[1].data
        seen = replies[2].document()
        assert seen["body"] == len(forwarded) and "transfer-encoding" not in seen["names"]
        assert seen["names"].count("content-length") == 1
        assert server.calls() == [f"call {CHAT.path} {forwarded[:60].hex()}"]
        assert world.prices is not None
        assert replies[4].data.partition(b"\r\n\r\n")[2] == world.prices.sign(world.registrar_key)
    world.close()
