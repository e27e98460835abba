"""RedisNullifierLog: the shares of accepted messages in Redis or Valkey, for machines at once.

    key      rln: ‖ application ‖ external nullifier ‖ nullifier, base64url of 6, 15 and 32 bytes: 75 bytes,
             without braces, so the slot in a cluster comes from the nullifier
    value    x ‖ y ‖ attempt, 32, 32 and 12 bytes
    command  SET key value NX GET EX retention

One command inserts a share or returns the one that is there, on one key, without a script. The attempt is
random, and the same whenever the command is sent again after a lost reply: a value that comes back with it is
our own. Entries go when their time is over, and for no other reason.

Replication is asynchronous: a replica that is promoted may lack entries. A worker notices by what the server
says of itself (`rln.stores.redis_state`) and refuses, until the next epoch, what was open by then. So nothing
is accepted twice once a worker has seen the change. While an old primary still answers, cut off, workers that
see only that one go on with it: each such lost primary can cost, for each member and epoch, his limit once
more. With `?min_replicas=1`, where `min-replicas-to-write` is 1 and each decision waits for a replica, a
primary without replicas accepts nothing, and that number is 0. Where a primary has several replicas, name so
many that fewer would be cut off with it.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from base64 import urlsafe_b64encode
from binascii import crc_hqx
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

from redis.exceptions import ResponseError

from rln import scalar
from rln.argument import whole
from rln.epoch import Epoch
from rln.errors import InputError, ParameterError, StoreUnavailable
from rln.lowlevel import entropy
from rln.ports import Claim, Clock, NullifierLog, Taken, check_claim
from rln.share import Share
from rln.stores.redis_primary import EXAMINED_EVERY, Bounds, Primary, Terms, Trust, describe
from rln.stores.redis_servers import SLOTS, Directory, directory
from rln.stores.redis_wire import FAULTS, Login, Session
from rln.stores.refusals import forgotten
from rln.stores.uri import StoreUri

PATIENCE: Final = 2.0
"""Seconds to wait for a connection or for replies."""

_ATTEMPTS: Final = 3
_CHUNK: Final = 512
"""Commands in a pipeline."""

_ATTEMPT: Final = 12
_VALUE: Final = 64 + _ATTEMPT
_KEY: Final = 75
_KNOWN_EPOCHS: Final = 256
_MAX_REPLICAS: Final = 64


class _Ask(NamedTuple):
    """One command on one key, for an epoch that opened at some unix time."""

    epoch: Epoch
    opened: float
    key: bytes
    command: bytes


_Reply = bytes | StoreUnavailable | None


@dataclass(frozen=True, slots=True)
class _Map:
    """Which primary has which slot; `slots` is None where one has all."""

    primaries: tuple[Primary, ...]
    slots: tuple[Primary | None, ...] | None

    def primary(self, key: bytes) -> Primary | None:
        return self.primaries[0] if self.slots is None else self.slots[crc_hqx(key, 0) % SLOTS]


def open_redis_log(where: StoreUri, clock: Clock, *, new: bool = False) -> RedisNullifierLog:
    """Open the log of a URI; see `rln.stores.open_log`.

    Args:
        where: of scheme redis, rediss, redis+sentinel, or redis+cluster. Option `min_replicas`: so many
            replicas must have an entry before it counts.
        clock: of the verifiers.
        new: as there.

    Raises:
        ParameterError: not such a URI.
        StoreUnavailable: it cannot be reached, or its settings could lose shares.
    """
    where.refuse_options(("min_replicas",))
    text = where.options.get("min_replicas", "0")
    if not text.isdecimal() or int(text) > _MAX_REPLICAS:
        raise ParameterError(f"store: min_replicas: expected a number up to {_MAX_REPLICAS}")
    servers, login = directory(where, PATIENCE)
    return RedisNullifierLog(servers, login, clock, new=new, min_replicas=int(text))


class RedisNullifierLog(NullifierLog):
    """A `NullifierLog` on servers. Safe to use from several threads, and across a fork.

    Args:
        servers: who knows the primaries.
        login: how to present oneself to them.
        clock: of the verifiers.
        new: nothing was accepted in a running epoch before, here or elsewhere; see `rln.stores.open_log`.
        min_replicas: so many replicas must have an entry before it counts.

    Raises:
        StoreUnavailable: a primary cannot be reached, or is not fit for use.
    """

    def __init__(
        self,
        servers: Directory,
        login: Login,
        clock: Clock,
        *,
        new: bool = False,
        min_replicas: int = 0,
    ) -> None:
        application = _base64(blake2b(clock.current().identifier, digest_size=6).digest())
        self._servers = servers
        self._clock = clock
        self._patience = login.patience
        self._terms = Terms(application, clock, Bounds(), min_replicas, login)
        self._tail = b"\r\n$2\r\nNX\r\n$3\r\nGET\r\n$2\r\nEX\r\n$%d\r\n%d\r\n" % (
            len(str(clock.retention)),
            clock.retention,
        )
        self._epochs: dict[Epoch, tuple[float, bytes]] = {}
        self._closed = False
        self._start()
        _logs.add(self)
        try:
            for primary in self._current().primaries:
                primary.trusted(new)
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._map = _Map((), None)
        self._map_until = 0.0

    def __repr__(self) -> str:
        return f"RedisNullifierLog({', '.join(primary.name for primary in self._map.primaries)})"

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> list[Share | StoreUnavailable | None]:
        """Return the shares that are known; see `NullifierLog`."""
        replies = self._answers([self._get(epoch, nullifier) for epoch, nullifier in keys], write=False)
        return [_share(reply, nullifier) for reply, (_, nullifier) in zip(replies, keys, strict=True)]

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        """Insert each claim, or return what of it is taken; see `NullifierLog`."""
        checked = [(epoch, check_claim(shares)) for epoch, shares in claims]
        taken: list[Taken | StoreUnavailable] = []
        for wave in _waves(checked):
            if all(len(new) == 1 for _, new in wave):
                taken += self._insert_singles(wave)
            else:
                taken += self._insert_several(wave)
        return taken

    def forget(self, before: int) -> None:
        """Refuse the epochs that ended at unix time `before` or earlier; see `NullifierLog`.

        The servers drop entries by themselves, when their time is over. They are told, so that other
        processes refuse these epochs too; one that cannot be told now will be when it is examined next.
        """
        self._terms.bounds.forget(whole(before, "before", 0, 1 << 62))
        for primary in self._map.primaries:
            primary.doubt()
            try:
                primary.trusted()
            except StoreUnavailable:
                continue

    def close(self) -> None:
        """Close the connections; a second time does nothing."""
        self._closed = True
        for primary in self._map.primaries:
            primary.close()

    # ---- shares ------------------------------------------------------------------------------------

    def _insert_singles(self, wave: list[_Checked]) -> list[Taken | StoreUnavailable]:
        """Claims of one share each, on any nullifiers: one pipeline."""
        attempts = entropy.draw(_ATTEMPT * len(wave))
        asks, wanted = [], []
        for number, (epoch, new) in enumerate(wave):
            attempt = attempts[_ATTEMPT * number : _ATTEMPT * (number + 1)]
            for share in new.values():
                asks.append(self._set(epoch, share, attempt))
                wanted.append((share.nullifier or 0, attempt))
        taken: list[Taken | StoreUnavailable] = []
        for reply, (nullifier, attempt) in zip(self._answers(asks, write=True), wanted, strict=True):
            found = None if reply is None else _other(reply, nullifier, attempt)
            taken.append(() if found is None else (found,) if isinstance(found, Share) else found)
        return taken

    def _insert_several(self, wave: list[_Checked]) -> list[Taken | StoreUnavailable]:
        """Claims of several shares, all on different nullifiers: a pipeline for each share.

        Everybody inserts the shares of a claim in the order of their nullifiers and stops at the first that
        is taken. So of two claims with the same nullifiers the one that is first at the smallest gets all.
        """
        going = [_Going(epoch, new) for epoch, new in wave]
        while active := [claim for claim in going if claim.inserting]:
            asks = [self._set(claim.epoch, claim.new[claim.todo[0]], claim.attempt) for claim in active]
            for claim, reply in zip(active, self._answers(asks, write=True), strict=True):
                claim.heard(reply)
        looked = [(claim, nullifier) for claim in going if claim.found for nullifier in claim.todo]
        known = self.peek_many([(claim.epoch, nullifier) for claim, nullifier in looked])
        for (claim, nullifier), share in zip(looked, known, strict=True):
            claim.looked(nullifier, share)
        return [claim.result() for claim in going]

    def _set(self, epoch: Epoch, share: Share, attempt: bytes) -> _Ask:
        opened, prefix = self._named(epoch)
        key = prefix + _base64(scalar.encode(share.nullifier or 0, "nullifier"))
        command = b"*7\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b%b%b%b" % (
            _KEY,
            key,
            _VALUE,
            scalar.encode(share.x, "x"),
            scalar.encode(share.y, "y"),
            attempt,
            self._tail,
        )
        return _Ask(epoch, opened, key, command)

    def _get(self, epoch: Epoch, nullifier: int) -> _Ask:
        opened, prefix = self._named(epoch)
        key = prefix + _base64(scalar.encode(nullifier, "nullifier"))
        return _Ask(epoch, opened, key, b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (_KEY, key))

    def _named(self, epoch: Epoch) -> tuple[float, bytes]:
        """When an epoch opened, and how its keys begin."""
        known = self._epochs.get(epoch)
        if known is None:
            application = blake2b(epoch.identifier, digest_size=6).digest()
            place = scalar.encode(epoch.external_nullifier, "external nullifier")
            prefix = b"rln:" + _base64(application) + _base64(blake2b(place, digest_size=15).digest())
            known = self._clock.opened(epoch), prefix
            if len(self._epochs) >= _KNOWN_EPOCHS:
                self._epochs = {}
            self._epochs[epoch] = known
        return known

    # ---- servers -----------------------------------------------------------------------------------

    def _answers(self, asks: list[_Ask], *, write: bool) -> list[_Reply]:
        """Ask the primaries, and again with the same bytes where an answer is lost or not believed."""
        found: list[_Reply] = [None] * len(asks)
        for start in range(0, len(asks), _CHUNK):
            pending = list(range(start, min(start + _CHUNK, len(asks))))
            deadline = time.monotonic() + self._patience
            for attempt in range(_ATTEMPTS):
                if not pending or (attempt and time.monotonic() > deadline):
                    break
                pending = self._attempt(asks, pending, found, write)
        return found

    def _attempt(self, asks: list[_Ask], pending: list[int], found: list[_Reply], write: bool) -> list[int]:
        """Ask once; set what was found, an error included, and return what is worth another attempt."""
        try:
            groups = self._grouped(asks, pending)
        except StoreUnavailable as error:
            for i in pending:
                found[i] = error
            return pending
        again: list[int] = []
        under_way: list[tuple[Primary, Trust, Session, list[int], float]] = []
        for primary, indices in groups:
            try:
                if primary is None:
                    raise StoreUnavailable("nullifier log: nobody has the slot of this nullifier")
                trust = primary.trusted()
                indices = self._admitted(asks, indices, found, primary, trust)
                before = self._clock.now()
                session = primary.begin([asks[i].command for i in indices], write) if indices else None
            except (*FAULTS, StoreUnavailable) as error:
                again += self._failed(primary, indices, found, error)
                continue
            if session is not None:
                under_way.append((primary, trust, session, indices, before))
        for primary, trust, session, indices, before in under_way:
            try:
                replies = primary.end(session, trust, before, write)
            except (*FAULTS, StoreUnavailable) as error:
                again += self._failed(primary, indices, found, error)
                continue
            for i, reply in zip(indices, replies, strict=True):
                if isinstance(reply, ResponseError):
                    again += self._failed(primary, [i], found, reply)
                else:
                    found[i] = reply
        return sorted(again)

    def _admitted(
        self, asks: list[_Ask], indices: list[int], found: list[_Reply], primary: Primary, trust: Trust
    ) -> list[int]:
        """Those whose epochs the primary is believed for; the others get their refusal."""
        admitted = []
        horizon = self._terms.bounds.forgotten
        for i in indices:
            epoch, opened, _, _ = asks[i]
            if epoch.end <= horizon:
                found[i] = forgotten(epoch, horizon)
            elif opened <= trust.closed:
                found[i] = StoreUnavailable(
                    f"nullifier log: {primary.name}: epoch {epoch.index} was open at {trust.closed:.0f}, and "
                    "what was accepted until then may be missing; later epochs are served"
                )
            else:
                admitted.append(i)
        return admitted

    def _failed(
        self, primary: Primary | None, indices: list[int], found: list[_Reply], error: Exception
    ) -> list[int]:
        self._map_until = 0.0
        if not isinstance(error, StoreUnavailable):
            name = "" if primary is None else primary.name
            failure = StoreUnavailable(f"nullifier log: {name}: {describe(error)}")
            failure.__cause__ = error
            error = failure
        for i in indices:
            found[i] = error
        return indices

    def _grouped(self, asks: list[_Ask], pending: list[int]) -> list[tuple[Primary | None, list[int]]]:
        current = self._current()
        if current.slots is None:
            return [(current.primaries[0], pending)]
        groups: dict[Primary | None, list[int]] = {}
        for i in pending:
            groups.setdefault(current.primary(asks[i].key), []).append(i)
        return list(groups.items())

    def _current(self) -> _Map:
        """The primaries, asked for when that was not done lately or when something failed."""
        if self._closed:
            raise StoreUnavailable("nullifier log: used after it was closed")
        if time.monotonic() < self._map_until:
            return self._map
        with self._lock:
            if time.monotonic() < self._map_until:
                return self._map
            places = self._servers.places()
            known = {primary.place: primary for primary in self._map.primaries}
            primaries = tuple(known.get(place) or Primary(place, self._terms) for place in places)
            self._map = found = _Map(primaries, _slots(primaries))
            self._map_until = time.monotonic() + EXAMINED_EVERY
        for primary in known.values():
            if primary not in primaries:
                primary.close()
        return found


_Checked = tuple[Epoch, dict[int, Share]]


class _Going:
    """A claim of several shares on its way into the log."""

    def __init__(self, epoch: Epoch, new: dict[int, Share]) -> None:
        self.epoch = epoch
        self.new = new
        self.attempt = entropy.draw(_ATTEMPT)
        self.todo = sorted(new)
        self.found: dict[int, Share] = {}
        self.error: StoreUnavailable | None = None

    @property
    def inserting(self) -> bool:
        """Whether there are shares to insert, and none was taken."""
        return bool(self.todo) and not self.found and self.error is None

    def heard(self, reply: _Reply) -> None:
        """Take the answer for the first of the shares that are to do."""
        nullifier = self.todo.pop(0)
        other = None if reply is None else _other(reply, nullifier, self.attempt)
        self.looked(nullifier, other)

    def looked(self, nullifier: int, there: Share | StoreUnavailable | None) -> None:
        """Take what is there under one of the nullifiers."""
        if isinstance(there, Share):
            self.found[nullifier] = there
        elif there is not None:
            self.error = there

    def result(self) -> Taken | StoreUnavailable:
        """What was taken, in the order of the claim."""
        return self.error or tuple(self.found[nullifier] for nullifier in self.new if nullifier in self.found)


def _waves(checked: list[_Checked]) -> Iterator[list[_Checked]]:
    """Cut a batch where a claim of several shares meets another one on the same nullifier.

    What is in one wave has one order on the server, whatever the number of pipelines that it takes.
    """
    wave: list[_Checked] = []
    several: set[tuple[Epoch, int]] = set()
    seen: set[tuple[Epoch, int]] = set()
    for epoch, new in checked:
        names = {(epoch, nullifier) for nullifier in new}
        if names & (several if len(new) == 1 else seen):
            yield wave
            wave, several, seen = [], set(), set()
        wave.append((epoch, new))
        seen |= names
        if len(new) > 1:
            several |= names
    if wave:
        yield wave


def _slots(primaries: tuple[Primary, ...]) -> tuple[Primary | None, ...] | None:
    if not any(primary.place.ranges for primary in primaries):
        return None
    slots: list[Primary | None] = [None] * SLOTS
    for primary in primaries:
        for first, last in primary.place.ranges:
            slots[first : last + 1] = [primary] * (last + 1 - first)
    return tuple(slots)


def _share(reply: _Reply, nullifier: int) -> Share | StoreUnavailable | None:
    """The share that a reply is."""
    if not isinstance(reply, bytes):
        return reply
    if len(reply) != _VALUE:
        return StoreUnavailable(f"nullifier log: expected an entry of {_VALUE} bytes, got {len(reply)}")
    try:
        return Share(scalar.decode(reply[:32], "x"), scalar.decode(reply[32:64], "y"), nullifier)
    except InputError as error:
        failure = StoreUnavailable(f"nullifier log: an entry is none of ours: {error}")
        failure.__cause__ = error
        return failure


def _other(reply: _Reply, nullifier: int, attempt: bytes) -> Share | StoreUnavailable | None:
    """The share of somebody else that a reply is; None when it is the one that this attempt has inserted."""
    if isinstance(reply, bytes) and reply[64:] == attempt:
        return None
    return _share(reply, nullifier)


def _base64(value: bytes) -> bytes:
    return urlsafe_b64encode(value).rstrip(b"=")


_logs: weakref.WeakSet[RedisNullifierLog] = weakref.WeakSet()


def _in_child() -> None:
    """Locks may be held by threads that the child does not have; connections are the parent's."""
    for log in list(_logs):
        log._terms.bounds.restart()
        log._start()


os.register_at_fork(after_in_child=_in_child)
