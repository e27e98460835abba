"""Stores: adapters for the protocols of `rln.ports`, chosen by a URI.

    log = rln.stores.open_log("sqlite:///log.db", clock)              shares of accepted messages
    log = rln.stores.open_async_log("sqlite:///log.db", clock)        the same for an event loop
    ids = rln.stores.open_message_ids()                                a member's message ids
    members = rln.stores.open_members("postgresql://host/rln", 20)     the members of a group
    mark = rln.stores.open_mark("sqlite:///log.db")                    the highest time seen so far

The module of a database is imported when its URI is opened, so its driver is needed only then. Every store
fails closed: when it is unsure, it raises `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rln.base.arguments import flag, nonzero, sequence, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS, MAX_STORED
from rln.base.injected import implements
from rln.errors import StoreUnavailable
from rln.group.ports import MemberRegistry
from rln.protocol.epoch import Clock, HighWaterMark
from rln.proving.ports import MessageIdAllocator
from rln.stores.file_checks import state_directory
from rln.stores.uri import StoreUri
from rln.verifying.ports import NullifierLog

if TYPE_CHECKING:
    from rln.stores.async_log import AsyncNullifierLog

LOGS = ("memory", "sqlite", "redis", "rediss", "redis+sentinel", "redis+cluster")
MEMBERS = ("memory", "sqlite", "postgresql")
FILES = ("memory", "sqlite")


def open_log(uri: str, clock: Clock, *, new: bool = False) -> NullifierLog:
    """Open a nullifier log; create it if it does not exist.

    Args:
        uri: memory://, sqlite:///path, redis://, rediss://, redis+sentinel://, redis+cluster://, or the same
            with valkey; see `rln.stores.uri`.
        clock: clock of the verifiers; it determines how long shares are kept.
        new: True if no message of an epoch that is open now was accepted before, here or elsewhere. Otherwise
            a log that did not exist refuses the epochs that are open when it is created, because an earlier
            log may have been lost.

    Raises:
        ParameterError: not such a URI.
        StoreUnavailable: the log cannot be reached, or its settings could lose shares.
    """
    implements(clock, Clock, "clock")
    flag(new, "new")
    where = StoreUri.parse(uri, LOGS)
    if where.scheme == "memory":
        from rln.stores.memory import MemoryNullifierLog

        where.refuse_options()
        return MemoryNullifierLog()
    if where.scheme == "sqlite":
        from rln.stores.sqlite.log import SqliteNullifierLog

        where.refuse_options()
        return SqliteNullifierLog(where.path, clock, new=new)
    from rln.stores.redis.log import open_redis_log

    return open_redis_log(where, clock, new=new)


def open_async_log(uri: str, clock: Clock, *, new: bool = False) -> AsyncNullifierLog:
    """Open a nullifier log for the tasks of one event loop.

    Opening waits for the file or the server, as `open_log` does. Using the log never blocks the loop.

    Args:
        uri, clock, new: as for `open_log`.

    Raises:
        As `open_log`.
    """
    from rln.stores.async_log import AsyncNullifierLog

    return AsyncNullifierLog(open_log(uri, clock, new=new))


def open_mark(uri: str) -> HighWaterMark:
    """Open a high-water mark for an `EpochClock`. It may be in the file of a SQLite log or in its own file.

    Args:
        uri: memory://, or sqlite:///path.

    Raises:
        ParameterError: not such a URI.
        StoreUnavailable: the file cannot be used.
    """
    where = StoreUri.parse(uri, FILES)
    where.refuse_options()
    if where.scheme == "memory":
        from rln.stores.memory import MemoryMark

        return MemoryMark()
    from rln.stores.sqlite.log import SqliteMark

    return SqliteMark(where.path)


def open_members(uri: str, depth: int, limit_bits: int = 16) -> MemberRegistry:
    """Open a member registry; create it if it does not exist.

    Args:
        uri: memory://, sqlite:///path, or postgresql://.
        depth: levels of the membership tree, 1 to 32; an existing registry must have the same.
        limit_bits: limits are 1 to 2^limit_bits, as for `Group`.

    Raises:
        ParameterError: not such a URI, or the registry has another depth or limit.
        StoreUnavailable: the registry cannot be reached.
    """
    whole(depth, "depth", 1, MAX_DEPTH)
    whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
    where = StoreUri.parse(uri, MEMBERS)
    if where.scheme == "memory":
        from rln.group.memory_registry import MemoryRegistry

        where.refuse_options()
        return MemoryRegistry(depth, limit_bits)
    if where.scheme == "sqlite":
        from rln.stores.sqlite.members import SqliteRegistry

        where.refuse_options()
        return SqliteRegistry(where.path, depth, limit_bits)
    from rln.stores.postgres.members import PostgresRegistry

    return PostgresRegistry(uri, depth, limit_bits)


def open_existing_members(uri: str) -> MemberRegistry:
    """Open an existing member registry with its own depth and limit.

    A file that this process must not write, because it is on read-only media or belongs to another user, is
    opened for reading only: every change raises `StoreUnavailable`, and nothing is written.

    Args:
        uri: sqlite:///path, or postgresql://.

    Raises:
        ParameterError: not such a URI.
        StoreUnavailable: the registry cannot be reached or does not exist; or it can only be read, and
            somebody could change it unnoticed meanwhile.
    """
    where = StoreUri.parse(uri, MEMBERS[1:])
    if where.scheme == "sqlite":
        from rln.stores.sqlite.members import SqliteRegistry

        where.refuse_options()
        return SqliteRegistry.existing(where.path)
    from rln.stores.postgres.members import PostgresRegistry

    return PostgresRegistry.existing(uri)


def accept_restored_members(uri: str, slashed: Sequence[int], at: int) -> int:
    """Use a member registry again that was restored or copied, after you have said what was slashed since.

    Args:
        uri: sqlite:///path, or postgresql://.
        slashed: commitments of the members who were slashed since the backup; empty if nobody was. Those that
            the registry or its file of slashed members has are not needed, and do no harm.
        at: unix time in milliseconds, at which the leaves of these members must be removed. Open a group on
            the registry and call its `follow` to remove them.

    Returns:
        The number of slashings that the registry lacked.

    Raises:
        ParameterError, FieldRangeError: not such a URI, or not commitments.
        StoreUnavailable: the registry cannot be reached or does not exist.
        IntegrityAlarm: the registry or its file of slashed members is damaged.
    """
    for commitment in sequence(slashed, "slashed"):
        nonzero(commitment, "commitment")
    whole(at, "at", 0, MAX_STORED)
    where = StoreUri.parse(uri, MEMBERS[1:])
    if where.scheme == "sqlite":
        from rln.stores.sqlite.members import SqliteRegistry

        where.refuse_options()
        return SqliteRegistry.accept_restored(where.path, slashed, at)
    from rln.stores.postgres.members import PostgresRegistry

    return PostgresRegistry.accept_restored(uri, slashed, at)


def open_message_ids(uri: str | None = None) -> MessageIdAllocator:
    """Open a member's message-id allocator.

    Args:
        uri: sqlite:///path, or memory://; None means `message-ids.db` in the user's state directory, which is
            created if it does not exist.

    Raises:
        ParameterError: not such a URI, or the user has no home directory.
        StoreUnavailable: the file cannot be used.
    """
    if uri is None:
        folder = state_directory()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"message ids: {folder}: {error.strerror}") from error
        from rln.stores.sqlite.message_ids import SqliteMessageIds

        return SqliteMessageIds(folder / "message-ids.db")
    where = StoreUri.parse(uri, FILES)
    where.refuse_options()
    if where.scheme == "memory":
        from rln.stores.memory import MemoryMessageIds

        return MemoryMessageIds()
    from rln.stores.sqlite.message_ids import SqliteMessageIds

    return SqliteMessageIds(where.path)


__all__ = [
    "accept_restored_members",
    "open_async_log",
    "open_existing_members",
    "open_log",
    "open_mark",
    "open_members",
    "open_message_ids",
]
