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
from rln.stores.redis.resp import FAULTS, Login, Server, Session, pack
from rln.stores.redis.server_info import (
    MAX_DIFFERENCE,
    Description,
    Heard,
    Record,
    check_settings,
    clock_difference,
    microseconds,
    refuse_errors,
)
from rln.stores.redis.topology import SLOTS, Place

EXAMINED_EVERY: Final = 5.0
"""Seconds between two examinations of settings, and between two questions for the primaries."""

_ROUNDS: Final = 5
_HEARD: Final = pack(b"INFO", b"stats", b"replication")
_TIME: Final = pack(b"TIME")
_EXAMINED: Final = (
    pack(b"INFO", b"server", b"memory", b"persistence"),
    pack(b"CONFIG", b"GET", b"appendfsync", b"min-replicas-to-write"),
    _TIME,
)
_DESCRIBED: Final = (
    pack(b"INFO", b"server", b"memory", b"persistence", b"replication", b"keyspace"),
    *_EXAMINED[1:],
)


@dataclass(frozen=True, slots=True)
class Trust:
    """What a primary is believed for.

    Attributes:
        record: its record, as it stands there; None: there is none, and we only look.
        heard: its role and counts.
        closed: epochs that were open by this unix time are refused.
    """

    record: bytes | None
    heard: Heard
    closed: float


class Bounds:
    """What a log refuses on all of its primaries; only a bound beyond a server's time goes back."""

    def __init__(self) -> None:
        self.restart()
        self.forgotten = 0
        """Epochs that ended by this unix time are forgotten."""
        self.closed = -math.inf
        """Epochs that were open by this unix time are refused, since clocks were apart."""

    def restart(self) -> None:
        """Begin in a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.Lock()

    def forget(self, before: int) -> None:
        """Raise the first."""
        with self._lock:
            self.forgotten = max(before, self.forgotten)

    def agree(self, known: int, now: int) -> None:
        """Take over the first from a server, and drop what is beyond the server's time.

        That comes from a clock that was ahead for a moment, and would refuse everybody until then.
        """
        with self._lock:
            self.forgotten = max(known, self.forgotten if self.forgotten <= now else 0)

    def close(self, moment: float) -> None:
        """Raise the second."""
        with self._lock:
            self.closed = max(moment, self.closed)


@dataclass(frozen=True, slots=True)
class Terms:
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
    bounds: Bounds
    replicas: int
    login: Login
    look: bool = False

    @property
    def tolerated(self) -> float:
        """Seconds by which a server's clock may differ."""
        return min(self.clock.skew, MAX_DIFFERENCE)


class Primary:
    """One primary. Safe to use from several threads."""

    def __init__(self, place: Place, terms: Terms) -> None:
        self.place = place
        self._terms = terms
        self._server = Server(place.address, terms.login)
        tag = b"{%d}" % _own_tag(place)
        self._record_key = b"rln:generation:" + tag + terms.application
        self._horizon_key = b"rln:forgotten:" + tag + terms.application
        self._tail = [pack(b"GET", self._record_key), _HEARD, _TIME]
        # WAIT is promised for what its own connection wrote, so there is such a write before it; ahead of it
        # in the stream to the replicas is whatever an earlier attempt wrote on another connection. The server
        # gives up before we do: half of our patience, in milliseconds.
        self._wait = [
            pack(b"SET", b"rln:written:" + tag + terms.application, b"", b"EX", 60),
            pack(b"WAIT", terms.replicas, max(int(terms.login.patience * 500), 1)),
        ]
        self._lock = threading.Lock()
        self._trust: Trust | None = None
        self._closed = -math.inf
        self._believed: tuple[bytes | None, float] | None = None
        """The record that was believed last, and when that was, by the server's time."""
        self._examine_at = 0.0
        self._rests_until = 0.0
        self._reason = ""

    def __repr__(self) -> str:
        return f"Primary({self._server.name})"

    @property
    def name(self) -> str:
        """Host and port, as messages have them."""
        return self._server.name

    def trusted(self, new: bool = False) -> Trust:
        """Return what it is believed for; examine it first, when that was not done lately.

        Args:
            new: an application without a record has never accepted anything.

        Raises:
            StoreUnavailable: it is not fit for use. For a moment nobody asks it again then, so that not
                everybody waits in turn for a server that is gone.
        """
        trust = self._trust
        if trust is not None and time.monotonic() < self._examine_at:
            return trust
        with self._lock:
            now = time.monotonic()
            if self._trust is not None and now < self._examine_at:
                return self._trust
            if now < self._rests_until:
                raise StoreUnavailable(self._reason)
            try:
                self._trust = self._examined_again(new)
            except (*FAULTS, StoreUnavailable) as error:
                self._trust = None
                self._reason = f"nullifier log: {self.name}: {error}"
                self._rests_until = time.monotonic() + self._terms.login.patience / 4
                raise StoreUnavailable(self._reason) from error
            self._examine_at = time.monotonic() + EXAMINED_EVERY
            return self._trust

    def doubt(self) -> None:
        """Examine it before the next decision."""
        self._examine_at = 0.0

    def begin(self, commands: Sequence[bytes], write: bool) -> Session:
        """Send commands and the questions after them; whoever begins ends it, with `end`.

        Raises:
            RedisError, OSError: `FAULTS`.
        """
        session = self._server.open()
        try:
            wait = self._wait if write and self._terms.replicas else []
            session.send([*commands, *wait, *self._tail])
        except BaseException:
            session.abandon()
            session.close()
            raise
        return session

    def end(self, session: Session, trust: Trust, before: float, write: bool) -> list[Any]:
        """Return the replies to the commands, when the answers after them are the ones of `trust`.

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
            if record != trust.record or Heard.of(info) != trust.heard:
                raise StoreUnavailable("it is not the server that it was")
            self._compare_clocks(clock, before)
            self._believed = record, microseconds(clock) / 1e6
            if write and self._terms.replicas:
                *replies, written, acknowledged = replies
                refuse_errors((written, acknowledged))
                if acknowledged < self._terms.replicas:
                    raise StoreUnavailable(
                        f"expected {self._terms.replicas} replicas to have it, got {acknowledged}"
                    )
        except StoreUnavailable as error:
            self.doubt()
            raise StoreUnavailable(f"nullifier log: {self.name}: {error}") from error
        return replies

    def describe(self) -> Description:
        """Ask it what an operator may want to know; nothing of it is remembered.

        Raises:
            StoreUnavailable: it cannot be asked.
        """
        try:
            with self._server.session() as session:
                before = self._terms.clock.now()
                info, config, clock = session.ask(*_DESCRIBED)
                after = self._terms.clock.now()
            refuse_errors((info, clock))
        except (*FAULTS, StoreUnavailable) as error:
            raise StoreUnavailable(f"nullifier log: {self.name}: {error}") from error
        seconds = microseconds(clock) / 1e6
        ahead = min(0.0, seconds - before) + max(0.0, seconds - after)
        return Description.of(self.name, info, config, round(ahead, 3), self._terms.login.database)

    def close(self) -> None:
        """Close its connections."""
        self._server.close()

    def _compare_clocks(self, reply: Sequence[bytes], before: float) -> None:
        """Refuse a server whose clock differs, and from then on what was open by then.

        If it was the server's clock that ran ahead, entries have expired early. If ours did, then the earlier
        of the two is right, and little is refused without need.
        """
        after = self._terms.clock.now()
        wrong = clock_difference(reply, before, after, self._terms.tolerated)
        if wrong is not None:
            moment = min(after, microseconds(reply) / 1e6) + self._terms.tolerated
            self._terms.bounds.close(moment)
            raise StoreUnavailable(wrong)

    def _examined_again(self, new: bool) -> Trust:
        """Examine it, twice where a connection broke: the next one may be sound."""
        try:
            return self._examined(new)
        except TimeoutError:
            raise
        except ConnectionError:
            return self._examined(new)

    def _examined(self, new: bool) -> Trust:
        with self._server.session() as session:
            before = self._terms.clock.now()
            info, config, clock = session.ask(*_EXAMINED)
            refuse_errors((info, clock))
            check_settings(info, config, self._terms.replicas)
            self._compare_clocks(clock, before)
            for _ in range(_ROUNDS):
                trust = self._settle(session, new)
                if trust is not None:
                    return trust
        raise StoreUnavailable("others keep changing its record")

    def _settle(self, session: Session, new: bool) -> Trust | None:
        """Take over the record, or begin a new one; None when somebody else was faster.

        Who only looks believes it for what he would after that, and leaves what is there.

        Between WATCH and EXEC nobody has changed the record, emptied the server, or begun a generation.
        """
        watch = pack(b"WATCH", self._record_key, self._horizon_key)
        questions = [pack(b"GET", self._record_key), pack(b"GET", self._horizon_key), _HEARD, _TIME]
        replies = session.ask(watch, *questions)
        refuse_errors(replies)
        _, text, horizon, info, clock = replies
        heard = Heard.of(info)
        if heard.role != b"master":
            raise StoreUnavailable(f"role: expected master, got {heard.role.decode()}")
        writes = []
        record = Record.decode(text)
        if record is None or not record.describes(heard, self.place.shape):
            since = 0 if new and text is None else microseconds(clock)
            record = Record.begin(since, heard, self.place.shape)
            writes.append(pack(b"SET", self._record_key, record.encode()))
        now = microseconds(clock) // 1_000_000
        known = int(horizon) if horizon is not None and horizon.isdigit() and int(horizon) <= now else 0
        self._terms.bounds.agree(known, now)
        if self._terms.bounds.forgotten > known:
            writes.append(pack(b"SET", self._horizon_key, self._terms.bounds.forgotten))
        if not writes or self._terms.look:
            refuse_errors(session.ask(pack(b"UNWATCH")))
        else:
            replies = session.ask(pack(b"MULTI"), *writes, pack(b"EXEC"))
            refuse_errors(replies)
            if replies[-1] is None:
                return None
            refuse_errors(replies[-1])
        if not self._terms.look:
            text = record.encode()
        if self._believed is not None and self._believed[0] != text:
            # Whatever the new record says: entries were lost after we believed the old one.
            self._closed = max(self._closed, self._believed[1] + self._terms.tolerated)
        self._believed = text, microseconds(clock) / 1e6
        opening = record.since / 1e6 + self._terms.tolerated if record.since else -math.inf
        return Trust(text, heard, max(opening, self._closed, self._terms.bounds.closed))


def _own_tag(place: Place) -> int:
    """The first number whose slot, as a hash tag, belongs to the primary."""
    return next(tag for tag in count() if place.has(crc_hqx(b"%d" % tag, 0) % SLOTS))


def describe(error: Exception) -> str:
    """Say what a server, or the way to it, answered instead of a reply."""
    return str(error) if isinstance(error, ResponseError) else f"{type(error).__name__}: {error}"
