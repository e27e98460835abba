"""Primaries: all that there are now, asked many things at once, and again where an answer is lost.

Where a primary cannot be reached or believed, only what belongs to it is without an answer.
"""

from __future__ import annotations

import threading
import time
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Final

from redis.exceptions import ResponseError

from rln.errors import StoreUnavailable
from rln.stores.redis.entry import Ask, Reply
from rln.stores.redis.primary import EXAMINED_EVERY, Primary, Terms, Trust, describe
from rln.stores.redis.resp import FAULTS, Session
from rln.stores.redis.server_info import Description
from rln.stores.redis.topology import SLOTS, Directory
from rln.stores.refusals import forgotten

_ATTEMPTS: Final = 3
_CHUNK: Final = 512
"""Commands in a pipeline."""


@dataclass(frozen=True, slots=True)
class _Map:
    """Which primary has which slot; `slots` is None where one has all."""

    primaries: tuple[Primary, ...]
    slots: tuple[Primary | None, ...] | None

    def primary(self, key: bytes) -> Primary | None:
        return self.primaries[0] if self.slots is None else self.slots[crc_hqx(key, 0) % SLOTS]


class Primaries:
    """The primaries of a log. Safe to use from several threads.

    Args:
        servers: who knows them.
        terms: what they are examined for.
    """

    def __init__(self, servers: Directory, terms: Terms) -> None:
        self._servers = servers
        self._terms = terms
        self._closed = False
        self.restart()

    def restart(self) -> None:
        """Begin anew in a forked child: the connections are the parent's, and locks may be held for good."""
        self._terms.bounds.restart()
        self._lock = threading.Lock()
        self._map = _Map((), None)
        self._map_until = 0.0

    def __repr__(self) -> str:
        return ", ".join(primary.name for primary in self._map.primaries)

    def examine(self, new: bool) -> None:
        """Examine all of them.

        Args:
            new: see `Primary.trusted`.

        Raises:
            StoreUnavailable: one cannot be reached, or is not fit for use.
        """
        for primary in self.current().primaries:
            primary.trusted(new)

    def tell(self) -> None:
        """Examine all that were known lately, so that they learn what is forgotten; failures wait."""
        for primary in self._map.primaries:
            primary.doubt()
            try:
                primary.trusted()
            except StoreUnavailable:
                continue

    def describe(self) -> list[Description]:
        """Ask all of them what an operator may want to know.

        Raises:
            StoreUnavailable: one cannot be asked.
        """
        return [primary.describe() for primary in self.current().primaries]

    def close(self) -> None:
        """Close the connections; a second time does nothing."""
        self._closed = True
        for primary in self._map.primaries:
            primary.close()

    def answers(self, asks: list[Ask], *, write: bool) -> list[Reply]:
        """Ask, and ask again with the same bytes where an answer is lost or not believed.

        Args:
            asks: any number; those on one key are done in order.
            write: they insert, so replicas may have to have it.
        """
        found: list[Reply] = [None] * len(asks)
        for start in range(0, len(asks), _CHUNK):
            pending = list(range(start, min(start + _CHUNK, len(asks))))
            deadline = time.monotonic() + self._terms.login.patience
            for attempt in range(_ATTEMPTS):
                if not pending or (attempt and time.monotonic() > deadline):
                    break
                pending = self._attempt(asks, pending, found, write)
        return found

    def _attempt(self, asks: list[Ask], pending: list[int], found: list[Reply], write: bool) -> list[int]:
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
                before = self._terms.clock.now()
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
        self, asks: list[Ask], indices: list[int], found: list[Reply], primary: Primary, trust: Trust
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
        self, primary: Primary | None, indices: list[int], found: list[Reply], error: Exception
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

    def _grouped(self, asks: list[Ask], pending: list[int]) -> list[tuple[Primary | None, list[int]]]:
        current = self.current()
        if current.slots is None:
            return [(current.primaries[0], pending)]
        groups: dict[Primary | None, list[int]] = {}
        for i in pending:
            groups.setdefault(current.primary(asks[i].key), []).append(i)
        return list(groups.items())

    def current(self) -> _Map:
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


def _slots(primaries: tuple[Primary, ...]) -> tuple[Primary | None, ...] | None:
    if not any(primary.place.ranges for primary in primaries):
        return None
    slots: list[Primary | None] = [None] * SLOTS
    for primary in primaries:
        for first, last in primary.place.ranges:
            slots[first : last + 1] = [primary] * (last + 1 - first)
    return tuple(slots)
