"""Web: one set of fields, bounds, tunnels; and what is no answer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from rln.client.registrar_client import RegistrarClient
from rln.client.web import PlainWeb
from rln.errors import ParameterError, ProviderUnavailable


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run `talk` on one connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                talk(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(5)


def read_head(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    return data


def answering(answer: bytes, seen: list[bytes]) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        seen.append(read_head(connection))
        connection.sendall(answer)

    return talk


def test_a_fetch_sends_these_bytes_and_no_others() -> None:
    seen: list[bytes] = []
    with server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", seen)) as port:
        assert PlainWeb().fetch(f"http://127.0.0.1:{port}/a", 2) == b"ok"
    assert seen == [
        f"GET /a HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        "User-Agent: rln-client\r\nConnection: close\r\n\r\n".encode()
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "too early|IncompleteRead|no answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbig", "at most 2 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbig\r\n0\r\n\r\n", "at most 2 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no", "no answer"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "got 302"),
        (b"not HTTP\r\n\r\n", "no answer"),
        (b"", "no answer"),
    ],
)
def test_what_is_no_whole_answer_is_refused(answer: bytes, words: str) -> None:
    with server(answering(answer, [])) as port, pytest.raises(ProviderUnavailable, match=words):
        PlainWeb().fetch(f"http://127.0.0.1:{port}/a", 2)


def test_a_proxy_gets_a_tunnel_and_no_request() -> None:
    seen: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        seen.append(read_head(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        seen.append(read_head(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with server(talk) as port:
        web = PlainWeb(f"http://127.0.0.1:{port}")
        assert web.fetch("http://localhost:4000/a", 2) == b"ok"
    assert seen[0].startswith(b"CONNECT localhost:4000 HTTP/1.")
    assert b"User-Agent" not in seen[0]
    assert seen[1].startswith(b"GET /a HTTP/1.1\r\nHost: localhost:4000\r\n")


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://127.0.0.1/", "https://a@example.com/", "/x", ""]
)
def test_only_private_urls_are_fetched(url: str) -> None:
    with pytest.raises(ParameterError, match="expected an absolute URL"):
        PlainWeb().fetch(url, 10)


def test_a_port_that_nobody_listens_to_is_no_answer() -> None:
    with pytest.raises(ProviderUnavailable, match="no answer"):
        PlainWeb().fetch("http://127.0.0.1:9/x", 10)


@pytest.mark.parametrize(
    "piece", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X: y\r\n", b"1\r\nx\r\n"], ids=["interim", "head", "body"]
)
def test_an_answer_in_pieces_has_one_deadline(piece: bytes) -> None:
    """Only the body had one: a provider could hold a member, and the lock of a joining, for ever."""
    begin = b"" if b"100" in piece else b"HTTP/1.1 200 OK\r\n"
    if piece.startswith(b"1"):
        begin += b"Transfer-Encoding: chunked\r\n\r\n"
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(begin)
        for _ in range(90):
            if ended.wait(0.1):
                return
            connection.sendall(piece)

    began = time.monotonic()
    with server(drip) as port:
        try:
            with pytest.raises(ProviderUnavailable, match="a whole answer within"):
                PlainWeb(seconds=0.5).fetch(f"http://127.0.0.1:{port}/x", 1 << 20)
        finally:
            ended.set()
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ("GET / HTTP/1.1\r\nX:", ("Name", "value")),
        ("GET", ("Name\r\nX", "value")),
        ("GET", ("Name", "value\r\nX: y")),
        ("GET", ("Name", "\u00e9")),
        ("GET", ("", "value")),
    ],
)
def test_what_would_end_a_line_of_the_head_is_not_sent(method: str, field: tuple[str, str]) -> None:
    with pytest.raises(ParameterError) as caught:
        PlainWeb().send(method, "http://127.0.0.1:9/x", b"", (field,), 10)
    assert field[1] not in str(caught.value) or field[1] == "value"


class StrangeWeb:
    """A `Web` of somebody else that answers with something else."""

    def fetch(self, url: str, max_bytes: int) -> bytes:
        return b""

    def send(self, *_: object) -> object:
        return (200, b"{}")


def test_another_answer_of_an_own_web_is_named() -> None:
    client = RegistrarClient("https://api.example.com/rln/registration", "a-key", StrangeWeb())
    with pytest.raises(ParameterError, match="web: the answer of send: expected Reply, got tuple"):
        client.registrations()
