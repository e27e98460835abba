"""Sessions: the transactions of one process on a PostgreSQL server, one that reads beside one that changes.

A call waits for its turn, for a connection and for the first answer until its own deadline; see
`rln.stores.patience`. After the first answer, each further one may take the timeout.

A connection that is dead when a transaction begins, because the server was restarted, is replaced once: so
far nothing was done. Later errors end the transaction, and the message of a change says what became of it:
before COMMIT was sent, nothing was changed; if the answer to COMMIT was lost, the change may have happened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import psycopg
from psycopg.pq import TransactionStatus

from rln.base import forks
from rln.errors import StoreUnavailable
from rln.stores.patience import Patience
from rln.stores.postgres.connection import SILENCE_FACTOR, Connection, NoAnswer
from rln.stores.postgres.settings import Access, check_settings, first_message, refusal
from rln.stores.refusals import NOTHING_CHANGED

_UNKNOWN: Final = (
    "the change may have happened or not, because the answer to COMMIT was lost: before you repeat it, ask "
    "whether it has happened (`is_member`, `was_member`, `is_slashed`, or `head` of the registry)"
)
_NOT_REPLICATED: Final = (
    "the change has happened, but the synchronous standbys have not confirmed it, so a failover may undo it: "
    "check the standbys, and ask whether it has happened (`is_member`, `was_member`, `is_slashed`)"
)


class _Session:
    """One connection and what guards it.

    Attributes:
        lock: held while the connection is used; reentrant, because the thread that holds it may fork.
        connection: None while there is none.
        suspect: the other session has lost its connection, so this one must not be trusted either.
    """

    __slots__ = ("connection", "lock", "patience", "suspect")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.patience = Patience()
        self.connection: Connection | None = None
        self.suspect = False

    def discard(self) -> None:
        """Close the connection, if there is one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.discard()


class Sessions:
    """Runs transactions. Safe to use from several threads, and across a fork.

    Transactions of one kind come one after the other. A forked child opens its own connections and never
    closes those of its parent; if it was forked within a transaction, the transaction fails in the child and
    goes on in the parent. Calls block: an event loop must make them in a thread. After `close`, each call
    fails.

    Args:
        uri: libpq's URI.
        name: names the store and the server in messages.
        secrets: passwords, which no message repeats.
    """

    def __init__(self, uri: str, name: str, secrets: Sequence[str]) -> None:
        self._uri = uri
        self._name = name
        self._secrets = secrets
        self._closed = False
        self._sessions = {access: _Session() for access in Access}
        forks.register(self)

    @contextmanager
    def transaction(self, access: Access, timeout: float) -> Iterator[Connection]:
        """Run the block in one transaction: commit at its end, roll back after an exception.

        Args:
            access: what the block does.
            timeout: seconds to wait for the beginning, counted from this call, and for each answer.

        Raises:
            StoreUnavailable: the server cannot be reached, fails, takes too long, or is not fit; the message
                says what became of the change.
        """
        session = self._sessions[access]
        with session.patience.hold(session.lock, timeout, self._name) as deadline:
            connection = self._begin(session, access, timeout, deadline)
            try:
                yield connection
            except psycopg.Error as error:
                failure = self._unavailable(error, _outcome(access, NOTHING_CHANGED))
                self._note_failure(session, error, connection)
                self._roll_back(session, connection)
                raise failure from None
            except BaseException:
                self._roll_back(session, connection)
                raise
            self._commit(session, connection, access)

    def close(self) -> None:
        """Close the connections of this process; a second call does nothing."""
        self._closed = True
        for session in self._sessions.values():
            session.discard()

    def _begin(self, session: _Session, access: Access, timeout: float, deadline: float) -> Connection:
        """Return a connection in a new transaction; replace a dead one, once."""
        if self._closed:
            raise StoreUnavailable(f"{self._name}: used after it was closed")
        if forks.unnoticed():
            raise StoreUnavailable(
                f"{self._name}: this process was forked outside Python; fork with os.fork or multiprocessing"
            )
        asked = time.monotonic()
        try:
            if session.suspect or (session.connection is not None and session.connection.closed):
                session.discard()
            if session.connection is not None:
                try:
                    return self._ask_to_begin(session.connection, access, timeout, deadline)
                except psycopg.Error as error:
                    if not session.connection.closed or isinstance(error, NoAnswer):
                        raise
                    session.discard()
            session.connection = Connection.open(self._uri, timeout, deadline)
            session.suspect = False
            return self._ask_to_begin(session.connection, access, timeout, deadline)
        except (psycopg.Error, StoreUnavailable) as error:
            session.discard()
            self._suspect_others(session)
            failure = self._unavailable(refusal(error) or error, _outcome(access, NOTHING_CHANGED))
            if time.monotonic() - asked > timeout / 4:
                self._refuse(refusal(error) or error, timeout)
            raise failure from None
        except BaseException:
            session.discard()
            raise

    @staticmethod
    def _ask_to_begin(connection: Connection, access: Access, timeout: float, deadline: float) -> Connection:
        left = deadline - time.monotonic()
        message = first_message(access, timeout, left)
        check_settings(connection.last_rows(message, deadline + timeout * (SILENCE_FACTOR - 1))[0])
        return connection

    @staticmethod
    def _roll_back(session: _Session, connection: Connection) -> None:
        """Undo a transaction; without a clear answer, the connection is closed, which also undoes it."""
        try:
            if not connection.closed:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
        finally:
            if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                session.discard()

    def _commit(self, session: _Session, connection: Connection, access: Access) -> None:
        connection.warnings.clear()
        try:
            status = connection.execute("COMMIT").statusmessage
        except psycopg.Error as error:
            session.discard()
            failure = self._unavailable(
                error, _outcome(access, NOTHING_CHANGED if _is_refusal(error) else _UNKNOWN)
            )
            self._note_failure(session, error, connection)
            raise failure from None
        except BaseException:
            session.discard()
            raise
        if access is Access.READING:
            return
        if status != "COMMIT":
            undone = StoreUnavailable(f"expected the answer COMMIT, got {status}: a statement has failed")
            raise self._unavailable(undone, NOTHING_CHANGED)
        if connection.warnings:
            raise self._unavailable(StoreUnavailable(connection.warnings[0]), _NOT_REPLICATED)

    def _note_failure(self, session: _Session, error: psycopg.Error, connection: Connection) -> None:
        """Remember that a call has waited in vain: for a silent server, or for another transaction."""
        in_vain = connection.waited > connection.timeout / 4
        if not connection.closed:
            if in_vain:
                session.patience.give_up(connection.timeout)
            return
        self._suspect_others(session)
        if in_vain:
            self._refuse(error, connection.timeout)

    def _refuse(self, error: Exception, timeout: float) -> None:
        """Refuse every call for a while: none of them is sent, so none changes anything."""
        failure = self._unavailable(error, NOTHING_CHANGED)
        for each in self._sessions.values():
            each.patience.refuse(failure, timeout)

    def _suspect_others(self, session: _Session) -> None:
        for each in self._sessions.values():
            each.suspect = each is not session

    def _unavailable(self, error: Exception, outcome: str) -> StoreUnavailable:
        """Return the error in one line, without the password, with what became of the change."""
        diagnostic = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        # What a server adds to its first line, DETAIL and CONTEXT, repeats rows with commitments.
        said = diagnostic or str(error)
        for secret in self._secrets:
            said = said.replace(secret, "***")
        said = " ".join(said.split())
        kind = "" if isinstance(error, StoreUnavailable) else f"{type(error).__name__}: "
        return StoreUnavailable(f"{self._name}: {kind}{said}{'; ' if outcome else ''}{outcome}")

    # Around a fork. Nothing is locked for it: the child uses none of what other threads may be changing.

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()

    def _after_fork(self, torn: bool) -> None:
        """Start without connections; those of the parent stay open, unused."""
        inherited, self._sessions = self._sessions, {access: _Session() for access in Access}
        for session in inherited.values():
            if session.connection is not None:
                session.connection.abandon()


def _outcome(access: Access, outcome: str) -> str:
    return outcome if access is Access.CHANGING else ""


def _is_refusal(error: psycopg.Error) -> bool:
    """Tell whether the server itself has answered COMMIT with an error, so the transaction is undone.

    An error that ends the session, or one of a pooler, tells nothing about the transaction.
    """
    state = error.sqlstate or "08000"
    return error.diag.severity_nonlocalized == "ERROR" and not state.startswith(("08", "57P"))
