"""Connection: a connection to PostgreSQL whose calls end, even if the server process hangs.

The server's timeouts end slow statements, the kernel's timeouts end unreachable connections. A server process
that is stopped still acknowledges bytes but never answers, so the waiting thread also looks at the time.

Nothing here relies on the session. Behind a pooler (PgBouncer, `pool_mode=transaction`) each transaction may
run in another session, and other clients use the same ones: so no statement is prepared under a name, and no
startup parameter is sent that a pooler refuses.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import psycopg
from psycopg import conninfo

from rln.base import forks
from rln.stores.sql_rows import Row

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.errors import Diagnostic

_T = TypeVar("_T")

SILENCE_FACTOR: Final = 1.2
"""Factor on the timeout for an answer. It is larger than that of a statement, so if a statement is slow, the
server ends it first, and its error tells why.
"""

_LEAST_CONNECT_SECONDS: Final = 2
"""psycopg waits at least this long for a connection."""

_inherited: list[object] = []
"""Connections of a parent process, kept so that nothing closes them."""


class NoAnswer(psycopg.OperationalError):
    """The server sent nothing for too long; the connection is closed."""


class Connection(psycopg.Connection[Row]):
    """A connection that one thread uses at a time, whose calls block; no event loop may wait for them.

    In a forked child every call on it fails, and nothing is sent: it belongs to the parent, also when the
    child calls `discard`. After it is closed, every call fails.

    Attributes:
        timeout: seconds; an answer may take SILENCE_FACTOR times as long.
        warnings: what the server has warned of since this list was cleared.
    """

    timeout: float
    warnings: list[str]
    _until: float | None
    _asked: float
    _watch: forks.CopyWatch

    @classmethod
    def open(cls, uri: str, timeout: float, deadline: float) -> Self:
        """Connect to a server.

        Args:
            uri: libpq's URI. If it names several hosts, each gets its part of the time.
            timeout: seconds to wait for an answer, on this connection.
            deadline: when to give up connecting, by the monotonic clock.

        Raises:
            psycopg.Error: no connection.
        """
        hosts = str(conninfo.conninfo_to_dict(uri).get("host") or "").count(",") + 1
        left = (deadline - time.monotonic()) / hosts
        connection = cls.connect(
            uri,
            autocommit=True,
            prepare_threshold=None,
            application_name="rln",
            connect_timeout=max(_LEAST_CONNECT_SECONDS, round(left)),
            keepalives=1,
            keepalives_idle=max(1, int(timeout)),
            keepalives_interval=1,
            keepalives_count=3,
            tcp_user_timeout=int(timeout * 1000),
        )
        connection.timeout = timeout
        connection.warnings = []
        connection._until = None
        connection._asked = time.monotonic()
        connection._watch = forks.CopyWatch()
        connection.add_notice_handler(connection._notice)
        return connection

    @property
    def waited(self) -> float:
        """Seconds since the last question was sent."""
        return time.monotonic() - self._asked

    @property
    def is_inherited(self) -> bool:
        """Whether this process was forked after the connection was opened."""
        return self._watch.is_copy

    def last_rows(self, statements: str, until: float) -> list[Row]:
        """Send statements, without values, in one message, and return the rows of the last one.

        Args:
            statements: separated by semicolons.
            until: when to give up, by the monotonic clock.
        """
        self._until = until
        try:
            cursor = self.execute(statements.encode())
        finally:
            self._until = None
        while cursor.nextset():
            pass
        return cursor.fetchall()

    def discard(self) -> None:
        """Close the connection. In a forked child keep it open instead: closing ends the parent's session."""
        if self.is_inherited:
            self.abandon()
        else:
            self.close()

    def abandon(self) -> None:
        """Keep the connection open until the process ends, and use it no more."""
        _inherited.append(self)

    def wait(self, gen: PQGen[_T], *arguments: Any, **options: Any) -> _T:
        """Run an operation of psycopg; as `psycopg.Connection.wait`.

        Raises:
            NoAnswer: nothing arrived for too long; the connection is now closed.
            OperationalError: this process has inherited the connection.
        """
        if self.is_inherited:
            gen.close()
            raise psycopg.OperationalError(
                "this process was forked within a transaction, which belongs to its parent"
            )
        self._asked = time.monotonic()
        return super().wait(self._bounded(gen), *arguments, **options)

    def _bounded(self, gen: PQGen[_T]) -> PQGen[_T]:
        """Forward an operation's waits, and end the operation when nothing arrives for too long."""
        try:
            awaited = next(gen)
            heard = time.monotonic()
            while True:
                ready = yield awaited  # NONE several times a second
                now = time.monotonic()
                if ready:
                    heard = now
                elif now > (heard + self.timeout * SILENCE_FACTOR if self._until is None else self._until):
                    gen.close()
                    self.pgconn.finish()
                    raise NoAnswer(f"no answer for {now - heard:.1f} seconds")
                awaited = gen.send(ready)
        except StopIteration as end:
            value: _T = end.value
            return value

    def _notice(self, notice: Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self.warnings.append(" ".join([notice.message_primary or "", notice.message_detail or ""]))
