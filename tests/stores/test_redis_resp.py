"""Sessions on a connection: if a session ends early, the next one does not get its late replies."""

from __future__ import annotations

import time

import pytest
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from rln.stores.redis.resp import ConnectionSettings, Server, Session, pack
from tests.support.proxy import Proxy
from tests.support.redis_server import HOST, empty_server


@pytest.fixture
def port() -> int:
    return int(empty_server().rpartition(":")[2])


def opened(port: int, patience: float = 1.0) -> Server:
    return Server((HOST, port), ConnectionSettings("default", None, 0, False, patience))


def test_commands_are_packed_as_the_protocol_has_them() -> None:
    assert pack(b"SET", b"a\r\nb", 70) == b"*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$2\r\n70\r\n"


def test_replies_come_in_order_and_errors_stand_among_them(port: int) -> None:
    server = opened(port)
    with server.session() as session:
        session.send([pack(b"SET", b"a", 1), pack(b"LPUSH", b"a", 2)])
        session.send([pack(b"GET", b"a"), pack(b"GET", b"b"), pack(b"MGET", b"a", b"b"), pack(b"INCR", b"a")])
        done, wrong, *others = session.receive()
    assert (done, type(wrong), others) == (b"OK", ResponseError, [b"1", None, [b"1", None], 2])
    assert repr(server) == f"Server({HOST}:{port})"


def test_a_session_that_ends_early_leaves_nothing_to_the_next(port: int) -> None:
    server = opened(port)
    with server.session() as session:
        session.send([pack(b"SET", b"a", 1), pack(b"GET", b"a")])
    with server.session() as session:
        assert session.ask(pack(b"ECHO", b"first")) == [b"first"]
        session.send([pack(b"ECHO", b"lost")])
        session.abandon()
    with pytest.raises(KeyError, match="lost too"), server.session() as session:
        _fail(session)
    with server.session() as session:
        assert session.ask(pack(b"ECHO", b"second")) == [b"second"]
    server.close()


def _fail(session: Session) -> None:
    session.send([pack(b"ECHO", b"lost too")])
    raise KeyError("lost too")


def test_replies_that_come_in_drops_end_with_our_patience(port: int) -> None:
    with Proxy(port) as proxy:
        server = opened(proxy.port, patience=0.2)
        server.open().close()
        proxy.fault = "slow_drip"
        started = time.monotonic()
        with pytest.raises(TimeoutError, match="pipeline of replies"), server.session() as session:
            session.ask(*[pack(b"ECHO", b"x")] * 4000)
        assert time.monotonic() - started < 5
        proxy.fault = "before"
        with pytest.raises(ConnectionError), server.session() as session:
            session.ask(pack(b"PING"))
