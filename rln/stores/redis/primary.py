"""Primary: a server that holds entries, and the checks that decide whether its replies count.

Every pipeline ends with commands that read the generation record, the role, the replication id, the count of
evicted keys and the time, on the same connection. The replies before them count only if the time is close to
ours and the other answers are the same as when the primary was examined. The server's settings are examined
every few seconds.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from rln.errors import StoreUnavailable
from rln.protocol.epoch import Clock
from rln.stores.machine_time import running_time
from rln.stores.redis.refusal_bounds import RefusalBounds
from rln.stores.redis.resp import FAULTS, ConnectionSettings, Server, Session, pack
from rln.stores.redis.server_clock import TOLERANCE, ServerClock
from rln.stores.redis.server_info import (
    MAX_CLOCK_DIFFERENCE,
    GenerationRecord,
    ServerDescription,
    ServerStatus,
    check_settings,
    clock_difference,
    microseconds,
    refuse_errors,
    swap_count,
)
from rln.stores.redis.topology import PrimaryLocation

EXAMINED_EVERY: Final = 5.0
"""Seconds between two examinations of a primary, and between two questions for the list of primaries."""

_ROUNDS: Final = 5
_STATUS: Final = pack(b"INFO", b"stats", b"replication")
_STATUS_AND_SWAPS: Final = pack(b"INFO", b"stats", b"replication", b"commandstats")
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
    """What a primary reported when it was examined; its replies count while it reports the same.

    Attributes:
        record: its generation record, as stored; None: there is none, and the log is read-only.
        status: its role, replication id and count of evicted keys.
        complete_after: unix time; epochs that were open by then are refused.
        clock_offset: its time less the running time of this machine, microseconds.
    """

    record: bytes | None
    status: ServerStatus
    complete_after: float
    clock_offset: int


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The settings of a log, with which all its primaries are examined.

    Attributes:
        application: names the application in keys.
        clock: clock of the verifiers.
        bounds: bounds of the log; the servers pass `forgotten` on to other processes.
        replicas: the number of replicas that must have an entry before it counts.
        connection: how to connect.
        read_only: write nothing, not even a generation record; every claim is refused.
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
    """One primary. Safe to use from several threads of one process; the router of a forked child drops it."""

    def __init__(self, location: PrimaryLocation, settings: LogSettings) -> None:
        self.location = location
        self._settings = settings
        self._server = Server(location.address, settings.connection)
        suffix = location.hash_tag() + settings.application
        self._record_key = b"rln:generation:" + suffix
        self._horizon_key = b"rln:forgotten:" + suffix
        self._clock = ServerClock(suffix, settings.clock.retention)
        self._tail = [pack(b"GET", self._record_key), _STATUS, _TIME]
        # WAIT covers what its own connection wrote, so a write on this connection precedes it. In the stream
        # to the replicas, an earlier attempt's writes on another connection precede this write. The server
        # gives up before we do: after half of our timeout, in milliseconds.
        self._wait = [
            pack(b"SET", b"rln:written:" + suffix, b"", b"EX", 60),
            pack(b"WAIT", settings.replicas, max(int(settings.connection.timeout * 500), 1)),
        ]
        self._lock = threading.Lock()
        self._state: ExaminedState | None = None
        self._complete_after = -math.inf
        self._last_confirmed: tuple[bytes | None, float] | None = None
        """The last record whose replies counted, and the server's time of those replies."""
        self._examine_at = 0.0
        self._retry_at = 0.0
        self._reason = ""

    def __repr__(self) -> str:
        return f"Primary({self._server.name})"

    @property
    def name(self) -> str:
        """Host and port, for messages."""
        return self._server.name

    def examined_state(self, new: bool = False) -> ExaminedState:
        """Return the state of the last examination; examine the primary first if that was too long ago.

        Args:
            new: if the application has no record, it has never accepted anything.

        Raises:
            StoreUnavailable: a check failed. For a quarter of the timeout the same error is raised without
                asking again, so that callers do not wait one after the other for a server that does not
                answer.
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
        """Examine the primary again before the next decision."""
        self._examine_at = 0.0

    def begin(self, commands: Sequence[bytes], write: bool) -> Session:
        """Send commands and the questions after them. The caller must call `end` with the session.

        Raises:
            StoreUnavailable: there is no connection; nothing was sent.
            RedisError, OSError: `FAULTS`.
        """
        try:
            session = self._server.open()
        except FAULTS as error:
            raise StoreUnavailable(f"nullifier log: {self.name}: {error_text(error)}") from error
        try:
            wait = self._wait if write and self._settings.replicas else []
            session.send([*commands, *wait, *self._tail])
        except BaseException:
            session.abandon()
            session.close()
            raise
        return session

    def end(self, session: Session, state: ExaminedState, before: float, write: bool) -> list[Any]:
        """Return the replies to the commands if the answers after them match `state`.

        Args:
            session: from `begin`.
            state: the state of the primary when the commands were sent.
            before: our time before they were sent.
            write: as for `begin`.

        Raises:
            StoreUnavailable: another server, another generation, lost entries, a clock that differs, or too
                few replicas; then none of the replies counts.
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
                raise StoreUnavailable(
                    "its generation, role, replication id or count of evicted keys has changed, so entries "
                    "may be lost; the next call examines it again"
                )
            self._compare_clocks(clock, before)
            if abs(_clock_offset(clock) - state.clock_offset) > TOLERANCE:
                raise StoreUnavailable("its clock and ours were set; the next call examines it again")
            self._last_confirmed = record, microseconds(clock) / 1e6
            if write and self._settings.replicas:
                *replies, written, acknowledged = replies
                refuse_errors((written, acknowledged))
                if acknowledged < self._settings.replicas:
                    raise StoreUnavailable(
                        f"expected {self._settings.replicas} replicas to have the entries, "
                        f"got {acknowledged}; check the replicas"
                    )
        except StoreUnavailable as error:
            self.require_examination()
            raise StoreUnavailable(f"nullifier log: {self.name}: {error}") from error
        return replies

    def describe(self) -> ServerDescription:
        """Ask the primary what an operator may want to know; nothing is kept.

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
        """Close the connections."""
        self._server.close()

    def _compare_clocks(self, reply: Sequence[bytes], before: float) -> None:
        """Refuse a server whose clock differs, and from now on all epochs that were open at this time.

        If the server's clock was ahead, entries may have expired too early. If ours was ahead, nothing was
        lost; the bound is the earlier of the two times, so that few epochs are refused without need.
        """
        after = self._settings.clock.now()
        wrong = clock_difference(reply, before, after, self._settings.tolerance)
        if wrong is not None:
            moment = min(after, microseconds(reply) / 1e6) + self._settings.tolerance
            self._settings.bounds.refuse_until(moment)
            raise StoreUnavailable(wrong)

    def _examine_with_retry(self, new: bool) -> ExaminedState:
        """Examine the primary, a second time if a connection broke: the next connection may work."""
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
                state = self._adopt_or_begin_record(session, new, microseconds(clock))
                if state is not None:
                    return state
        raise StoreUnavailable(
            f"other workers changed its generation record {_ROUNDS} times in a row; try again"
        )

    def _adopt_or_begin_record(self, session: Session, new: bool, server_time: int) -> ExaminedState | None:
        """Adopt the record, or begin a new one; None: another process changed it at the same time.

        A read-only log derives the same state and writes nothing. WATCH and EXEC make sure that meanwhile no
        process changed the record, emptied the server, or began a generation.
        """
        examination = self._clock.begin(server_time)
        watch = pack(b"WATCH", self._record_key, self._horizon_key, self._clock.mark_key)
        questions = [pack(b"GET", self._record_key), pack(b"GET", self._horizon_key)]
        replies = session.ask(watch, *questions, *examination.questions, _STATUS_AND_SWAPS, _TIME)
        refuse_errors(replies)
        _, text, horizon, *found, info, clock = replies
        examination.read(found)
        time, swaps = microseconds(clock), swap_count(info)
        status = ServerStatus.of(info)
        if status.role != b"master":
            raise StoreUnavailable(f"role: expected master, got {status.role.decode()}; check the address")
        stored = record = GenerationRecord.decode(text)
        matching = record is not None and record.matches(status, self.location.slots_digest, swaps)
        if record is None or not matching or examination.entries_may_be_lost(time):
            since = 0 if new and text is None else time
            record = GenerationRecord.begin(since, status, self.location.slots_digest, swaps)
        elif examination.clock_was_set(record, time):
            record = replace(record, since=time)
        writes = examination.writes(record, time, record != stored)
        if record != stored:
            writes.append(pack(b"SET", self._record_key, record.encode()))
        now = time // 1_000_000
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
            # Replies counted under the old record; entries of them may be lost, whatever the new record says.
            # If their time is later than now, the clock was ahead.
            confirmed = min(self._last_confirmed[1], time / 1e6)
            self._complete_after = max(self._complete_after, confirmed + self._settings.tolerance)
        self._last_confirmed = text, time / 1e6
        opening = record.since / 1e6 + self._settings.tolerance if record.since else -math.inf
        complete_after = max(opening, self._complete_after, self._settings.bounds.complete_after)
        return ExaminedState(text, status, complete_after, _clock_offset(clock))


def _clock_offset(reply: Sequence[bytes]) -> int:
    """Return a server's time, from a reply to `TIME`, less the running time of this machine, microseconds."""
    return microseconds(reply) - running_time() // 1000


def error_text(error: Exception) -> str:
    """Return the text of an error of a server or of the connection to it."""
    return str(error) if isinstance(error, ResponseError) else f"{type(error).__name__}: {error}"
