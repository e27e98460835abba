"""Primary: a server that has entries, and how far they can be believed.

Every pipeline ends with questions on the same connection: the record of its generation, its role and its
counts, its time. What came before them is believed when the answers are those that the primary was examined
with. Settings are examined every few seconds.
"""

from __future__ import annotations

import math
import threading
import time
from binascii import crc_hqx
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from rln.errors import StoreUnavailable
from rln.protocol.epoch import Clock
from rln.stores.redis.resp import FAULTS, ConnectionSettings, Server, Session, pack
from rln.stores.redis.server_info import (
    MAX_CLOCK_DIFFERENCE,
    GenerationRecord,
    ServerDescription,
    ServerStatus,
    check_settings,
    clock_difference,
    microseconds,
    refuse_errors,
)
from rln.stores.redis.topology import SLOTS, PrimaryLocation

EXAMINED_EVERY: Final = 5.0
"""Seconds between two examinations of settings, and between two questions for the primaries."""

_ROUNDS: Final = 5
_STATUS: Final = pack(b"INFO", b"stats", b"replication")
_TIME: Final = pack(b"TIME")
_EXAMINATION: Final = (
    pack(b"INFO", b"server", b"memory", b"persistence"),
    pack(b"CONFIG", b"GET", b"appendfsync", b"min-replicas-to-write"),
    _TIME,
)
_DESCRIPTION: Final = (
    pack(b"INFO", b"server", b"memory", b"persistence", b"replication", b"keyspace"),
    *_EXAMINATION[1:],
)


@dataclass(frozen=True, slots=True)
class ExaminedState:
    """What a primary is believed for.

    Attributes:
        record: its record, as it stands there; None: there is none, and we only look.
        heard: its role and counts.
        closed: epochs that were open by this unix time are refused.
    """

    record: bytes | None
    status: ServerStatus
    complete_after: float


class RefusalBounds:
    """What a log refuses on all of its primaries; only a bound beyond a server's time goes back."""

    def __init__(self) -> None:
        self.restart()
        self.forgotten = 0
        """Epochs that ended by this unix time are forgotten."""
        self.complete_after = -math.inf
        """Epochs that were open by this unix time are refused, since clocks were apart."""

    def restart(self) -> None:
        """Begin in a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.Lock()

    def forget(self, before: int) -> None:
        """Raise the first."""
        with self._lock:
            self.forgotten = max(before, self.forgotten)

    def merge_forgotten(self, known: int, now: int) -> None:
        """Take over the first from a server, and drop what is beyond the server's time.

        That comes from a clock that was ahead for a moment, and would refuse everybody until then.
        """
        with self._lock:
            self.forgotten = max(known, self.forgotten if self.forgotten <= now else 0)

    def refuse_until(self, moment: float) -> None:
        """Raise the second."""
        with self._lock:
            self.complete_after = max(moment, self.complete_after)


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What all primaries of a log are examined for.

    Attributes:
        application: names the application in keys.
        clock: of the verifiers.
        bounds: of the log; what is forgotten other processes learn through the servers.
        replicas: so many must have an entry before it counts.
        login: how to present oneself.
        look: write nothing, no record either; then nothing may be decided.
    """

    application: bytes
    clock: Clock
    bounds: RefusalBounds
    replicas: int
    connection: ConnectionSettings
    read_only: bool = False

    @property
    def tolerance(self) -> float:
        """Seconds by which a server's clock may differ."""
        return min(self.clock.skew, MAX_CLOCK_DIFFERENCE)


class Primary:
    """One primary. Safe to use from several threads."""

    def __init__(self, location: PrimaryLocation, settings: LogSettings) -> None:
        self.location = location
        self._settings = settings
        self._server = Server(location.address, settings.connection)
        tag = b"{%d}" % _hash_tag(location)
        self._record_key = b"rln:generation:" + tag + settings.application
        self._horizon_key = b"rln:forgotten:" + tag + settings.application
        self._tail = [pack(b"GET", self._record_key), _STATUS, _TIME]
        # WAIT is promised for what its own connection wrote, so there is such a write before it; ahead of it
        # in the stream to the replicas is whatever an earlier attempt wrote on another connection. The server
        # gives up before we do: half of our patience, in milliseconds.
        self._wait = [
            pack(b"SET", b"rln:written:" + tag + settings.application, b"", b"EX", 60),
            pack(b"WAIT", settings.replicas, max(int(settings.connection.timeout * 500), 1)),
        ]
        self._lock = threading.Lock()
        self._state: ExaminedState | None = None
        self._complete_after = -math.inf
        self._last_confirmed: tuple[bytes | None, float] | None = None
        """The record that was believed last, and when that was, by the server's time."""
        self._examine_at = 0.0
        self._retry_at = 0.0
        self._reason = ""

    def __repr__(self) -> str:
        return f"Primary({self._server.name})"

    @property
    def name(self) -> str:
        """Host and port, as messages have them."""
        return self._server.name

    def examined_state(self, new: bool = False) -> ExaminedState:
        """Return what it is believed for; examine it first, when that was not done lately.

        Args:
            new: an application without a record has never accepted anything.

        Raises:
            StoreUnavailable: it is not fit for use. For a moment nobody asks it again then, so that not
                everybody waits in turn for a server that is gone.
        """
        state = self._state
        if state is not None and time.monotonic() < self._examine_at:
            return state
        with self._lock:
            now = time.monotonic()
            if self._state is not None and now < self._examine_at:
                return self._state
            if now < self._retry_at:
                raise StoreUnavailable(self._reason)
            try:
                self._state = self._examine_with_retry(new)
            except (*FAULTS, StoreUnavailable) as error:
                self._state = None
                self._reason = f"nullifier log: {self.name}: {error}"
                self._retry_at = time.monotonic() + self._settings.connection.timeout / 4
                raise StoreUnavailable(self._reason) from error
            self._examine_at = time.monotonic() + EXAMINED_EVERY
            return self._state

    def require_examination(self) -> None:
        """Examine it before the next decision."""
        self._examine_at = 0.0

    def begin(self, commands: Sequence[bytes], write: bool) -> Session:
        """Send commands and the questions after them; whoever begins ends it, with `end`.

        Raises:
            RedisError, OSError: `FAULTS`.
        """
        session = self._server.open()
        try:
            wait = self._wait if write and self._settings.replicas else []
            session.send([*commands, *wait, *self._tail])
        except BaseException:
            session.abandon()
            session.close()
            raise
        return session

    def end(self, session: Session, state: ExaminedState, before: float, write: bool) -> list[Any]:
        """Return the replies to the commands, when the answers after them are the ones of `state`.

        Args:
            session: from `begin`.
            trust: what the primary was believed for when it was sent.
            before: our time by then.
            write: as for `begin`.

        Raises:
            StoreUnavailable: another server, another generation, entries lost, clocks apart, or too few
                replicas; then none of the replies counts.
            RedisError, OSError: `FAULTS`.
        """
        try:
            replies = session.receive()
        except BaseException:
            session.abandon()
            raise
        finally:
            session.close()
        *replies, record, info, clock = replies
        try:
            refuse_errors((record, info, clock))
            if record != state.record or ServerStatus.of(info) != state.status:
                raise StoreUnavailable("it is not the server that it was")
            self._compare_clocks(clock, before)
            self._last_confirmed = record, microseconds(clock) / 1e6
            if write and self._settings.replicas:
                *replies, written, acknowledged = replies
                refuse_errors((written, acknowledged))
                if acknowledged < self._settings.replicas:
                    raise StoreUnavailable(
                        f"expected {self._settings.replicas} replicas to have it, got {acknowledged}"
                    )
        except StoreUnavailable as error:
            self.require_examination()
            raise StoreUnavailable(f"nullifier log: {self.name}: {error}") from error
        return replies

    def describe(self) -> ServerDescription:
        """Ask it what an operator may want to know; nothing of it is remembered.

        Raises:
            StoreUnavailable: it cannot be asked.
        """
        try:
            with self._server.session() as session:
                before = self._settings.clock.now()
                info, config, clock = session.ask(*_DESCRIPTION)
                after = self._settings.clock.now()
            refuse_errors((info, clock))
        except (*FAULTS, StoreUnavailable) as error:
            raise StoreUnavailable(f"nullifier log: {self.name}: {error}") from error
        seconds = microseconds(clock) / 1e6
        ahead = min(0.0, seconds - before) + max(0.0, seconds - after)
        return ServerDescription.of(
            self.name, info, config, round(ahead, 3), self._settings.connection.database
        )

    def close(self) -> None:
        """Close its connections."""
        self._server.close()

    def _compare_clocks(self, reply: Sequence[bytes], before: float) -> None:
        """Refuse a server whose clock differs, and from then on what was open by then.

        If it was the server's clock that ran ahead, entries have expired early. If ours did, then the earlier
        of the two is right, and little is refused without need.
        """
        after = self._settings.clock.now()
        wrong = clock_difference(reply, before, after, self._settings.tolerance)
        if wrong is not None:
            moment = min(after, microseconds(reply) / 1e6) + self._settings.tolerance
            self._settings.bounds.refuse_until(moment)
            raise StoreUnavailable(wrong)

    def _examine_with_retry(self, new: bool) -> ExaminedState:
        """Examine it, twice where a connection broke: the next one may be sound."""
        try:
            return self._examine(new)
        except TimeoutError:
            raise
        except ConnectionError:
            return self._examine(new)

    def _examine(self, new: bool) -> ExaminedState:
        with self._server.session() as session:
            before = self._settings.clock.now()
            info, config, clock = session.ask(*_EXAMINATION)
            refuse_errors((info, clock))
            check_settings(info, config, self._settings.replicas)
            self._compare_clocks(clock, before)
            for _ in range(_ROUNDS):
                state = self._adopt_or_begin_record(session, new)
                if state is not None:
                    return state
        raise StoreUnavailable("others keep changing its record")

    def _adopt_or_begin_record(self, session: Session, new: bool) -> ExaminedState | None:
        """Take over the record, or begin a new one; None when somebody else was faster.

        Who only looks believes it for what he would after that, and leaves what is there.

        Between WATCH and EXEC nobody has changed the record, emptied the server, or begun a generation.
        """
        watch = pack(b"WATCH", self._record_key, self._horizon_key)
        questions = [pack(b"GET", self._record_key), pack(b"GET", self._horizon_key), _STATUS, _TIME]
        replies = session.ask(watch, *questions)
        refuse_errors(replies)
        _, text, horizon, info, clock = replies
        status = ServerStatus.of(info)
        if status.role != b"master":
            raise StoreUnavailable(f"role: expected master, got {status.role.decode()}")
        writes = []
        record = GenerationRecord.decode(text)
        if record is None or not record.matches(status, self.location.slots_digest):
            since = 0 if new and text is None else microseconds(clock)
            record = GenerationRecord.begin(since, status, self.location.slots_digest)
            writes.append(pack(b"SET", self._record_key, record.encode()))
        now = microseconds(clock) // 1_000_000
        known = int(horizon) if horizon is not None and horizon.isdigit() and int(horizon) <= now else 0
        self._settings.bounds.merge_forgotten(known, now)
        if self._settings.bounds.forgotten > known:
            writes.append(pack(b"SET", self._horizon_key, self._settings.bounds.forgotten))
        if not writes or self._settings.read_only:
            refuse_errors(session.ask(pack(b"UNWATCH")))
        else:
            replies = session.ask(pack(b"MULTI"), *writes, pack(b"EXEC"))
            refuse_errors(replies)
            if replies[-1] is None:
                return None
            refuse_errors(replies[-1])
        if not self._settings.read_only:
            text = record.encode()
        if self._last_confirmed is not None and self._last_confirmed[0] != text:
            # Whatever the new record says: entries were lost after we believed the old one.
            self._complete_after = max(
                self._complete_after, self._last_confirmed[1] + self._settings.tolerance
            )
        self._last_confirmed = text, microseconds(clock) / 1e6
        opening = record.since / 1e6 + self._settings.tolerance if record.since else -math.inf
        return ExaminedState(
            text, status, max(opening, self._complete_after, self._settings.bounds.complete_after)
        )


def _hash_tag(location: PrimaryLocation) -> int:
    """The first number whose slot, as a hash tag, belongs to the primary."""
    return next(tag for tag in count() if location.owns(crc_hqx(b"%d" % tag, 0) % SLOTS))


def error_text(error: Exception) -> str:
    """Say what a server, or the way to it, answered instead of a reply."""
    return str(error) if isinstance(error, ResponseError) else f"{type(error).__name__}: {error}"
