"""RESP: encode commands, keep the connections to a server, and send commands and read replies on one of them.

redis-py connects, authenticates, reads replies and keeps a pool. This module builds the commands, since those
of a nullifier log always have one shape, and sends many at a time. RESP 2, by its specification.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection
from redis.exceptions import RedisError, ResponseError, TimeoutError
from redis.retry import Retry

FAULTS: Final = (RedisError, OSError)
"""The errors of a command when the server or the connection to it fails."""

_MAX_CONNECTIONS: Final = 1 << 12

Address = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How to connect to a server.

    Attributes:
        username, password: None if the server asks for none.
        database: number of the database; 0 in a cluster.
        encrypted: use TLS, and check the server's certificate against the system's authorities.
        timeout: seconds to wait for a connection or for a reply.
    """

    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    database: int
    encrypted: bool
    timeout: float


def pack(*words: bytes | int) -> bytes:
    """Encode a command."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        text = b"%d" % word if isinstance(word, int) else word
        parts.append(b"$%d\r\n%b\r\n" % (len(text), text))
    return b"".join(parts)


class Server:
    """The connections to one server. Safe to use from several threads of one process; see `Primary`."""

    def __init__(self, address: Address, settings: ConnectionSettings) -> None:
        self.address = address
        self._timeout = settings.timeout
        self._pool = ConnectionPool(
            connection_class=SSLConnection if settings.encrypted else Connection,
            max_connections=_MAX_CONNECTIONS,
            host=address[0],
            port=address[1],
            db=settings.database,
            username=settings.username,
            password=settings.password,
            socket_timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            socket_keepalive=True,
            # The caller decides what is sent again, and to which server.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    def __repr__(self) -> str:
        return f"Server({self.name})"

    @property
    def name(self) -> str:
        """Host and port, for messages."""
        return f"{self.address[0]}:{self.address[1]}"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Use one connection for a block; close it if the block fails or leaves replies unread.

        Raises:
            RedisError, OSError: `FAULTS`.
        """
        session = self.open()
        try:
            yield session
        except BaseException:
            session.abandon()
            raise
        finally:
            session.close()

    def open(self) -> Session:
        """Take a connection; the caller must close the session.

        Raises:
            RedisError, OSError: `FAULTS`.
        """
        return Session(self._pool, self._pool.get_connection(), self._timeout)

    def close(self) -> None:
        """Close the connections that are not in use; the others are closed with their sessions."""
        self._pool.disconnect(inuse_connections=False)


class Session:
    """One connection, in use by one thread."""

    def __init__(self, pool: Any, connection: Any, timeout: float) -> None:
        self._pool = pool
        self._connection = connection
        self._timeout = timeout
        self._unread = 0

    def send(self, commands: Sequence[bytes]) -> None:
        """Send encoded commands, all at once."""
        self._unread += len(commands)
        self._connection.send_packed_command([b"".join(commands)])

    def receive(self) -> list[Any]:
        """Return the replies to all sent commands: bytes, int, None, a list, or a `ResponseError`.

        Raises:
            RedisError, OSError: `FAULTS`, also if a server is still loading its data.
        """
        replies: list[Any] = []
        read = self._connection.read_response
        deadline = time.monotonic() + 2 * self._timeout
        while self._unread:
            try:
                replies.append(read(disable_decoding=True))
            except ResponseError as error:
                replies.append(error)
            self._unread -= 1
            # The socket's timeout does not end a reply that arrives bit by bit, so the whole pipeline has a
            # limit.
            if self._unread and not self._unread % 64 and time.monotonic() > deadline:
                raise TimeoutError(f"a pipeline of replies took more than {2 * self._timeout:.1f} seconds")
        return replies

    def ask(self, *commands: bytes) -> list[Any]:
        """Send encoded commands and return their replies."""
        self.send(commands)
        return self.receive()

    def abandon(self) -> None:
        """Close the connection: replies that are still on the way have no reader."""
        self._connection.disconnect()
        self._unread = 0

    def close(self) -> None:
        """Return the connection to the pool."""
        if self._unread:
            self.abandon()
        self._pool.release(self._connection)
