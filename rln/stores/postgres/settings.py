"""Settings: what a transaction needs from the server, set for it alone and read back by its first message.

Another client of a pooler may have changed any setting of the session and left it so. So the first message of
each transaction begins it with its isolation level and access mode, takes the role and the search path that
the server's configuration gives to this login, sets the timeouts and `synchronous_commit` until the end of
the transaction, and returns what a durable commit needs. It costs no round trip more than BEGIN alone.

The temporary tables of the session come last in the search path. Otherwise a temporary table of another
client could stand for one of ours, and what we write there would be lost.
"""

from __future__ import annotations

import enum
from typing import Final

from psycopg import errors

from rln.errors import StoreUnavailable
from rln.stores.sql_rows import Row

_STATEMENT_FACTOR: Final = 1.1
"""Factor on the timeout for a statement. It is larger than 1, so if a statement waits for a lock, the lock
timeout ends it first, and the error names the lock.
"""

_DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")
"""Settings that must be on. We set the last one ourselves; `off` loses commits in a crash, `local` does not
wait for standbys.
"""

_SETTINGS: Final = (
    "SET LOCAL role TO DEFAULT; SET LOCAL search_path TO DEFAULT; "
    "SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('full_page_writes'),"
    " set_config('synchronous_commit', 'on', true),"
    " set_config('lock_timeout', '{lock}', true), set_config('statement_timeout', '{statement}', true),"
    " set_config('idle_in_transaction_session_timeout', '0', true),"
    " set_config('search_path',"
    " concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true)"
)


class Access(enum.Enum):
    """What a transaction may do; the value is how it begins."""

    READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
    CHANGING = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "


def first_message(access: Access, timeout: float, left: float) -> str:
    """Return the statements that begin a transaction.

    Args:
        access: what it may do.
        timeout: seconds to wait for an answer.
        left: seconds to wait for the locks of other transactions.
    """
    milliseconds = {"lock": max(10, int(left * 1000)), "statement": int(timeout * _STATEMENT_FACTOR * 1000)}
    return access.value + _SETTINGS.format(**milliseconds)


def check_settings(row: Row) -> None:
    """Check the answer to the first message.

    Raises:
        StoreUnavailable: the server is a standby, or a crash of its machine could undo commits or damage
            older data.
    """
    if row[0]:
        raise standby()
    for name, found in zip(_DURABLE, row[1:], strict=False):
        if found != "on":
            raise StoreUnavailable(f"{name}: expected on, got {found}; set it on the server")


def standby() -> StoreUnavailable:
    """Return the refusal of a server that follows another one."""
    return StoreUnavailable(
        "expected the primary, got a standby, which may lag behind: a member who was slashed on the primary "
        "can be acceptable on a standby; name the primary in the URI"
    )


def refusal(error: Exception) -> StoreUnavailable | None:
    """Return the refusal of a server that cannot run our transactions, from its error at their beginning."""
    if isinstance(error, errors.FeatureNotSupported) and "recovery" in str(error):
        return standby()  # it refuses READ WRITE before it can be asked
    if "statement pooling" in str(error):
        return StoreUnavailable(
            "pool_mode: expected transaction or session, got statement, which splits transactions; set it in "
            "the pooler"
        )
    return None
