"""Routing: sends commands to the primaries that own their keys, and sends them again if a reply is lost.

If a primary cannot be reached or a check fails, only the commands on its own keys stay without an answer.
"""

from __future__ import annotations

import threading
import time
from binascii import crc_hqx
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from redis.exceptions import ResponseError

from rln.base import forks
from rln.base.served_again import served_again
from rln.errors import StoreUnavailable
from rln.stores.redis.entry import EntryCommand, Reply, foreign_entry
from rln.stores.redis.primary import EXAMINED_EVERY, ExaminedState, LogSettings, Primary, error_text
from rln.stores.redis.resp import FAULTS, Session
from rln.stores.redis.server_info import ServerDescription
from rln.stores.redis.topology import SLOTS, Topology
from rln.stores.refusals import MAY_BE_SPENT, NOTHING_CHANGED, epoch_forgotten, first_start_after

_ATTEMPTS: Final = 3
_CHUNK: Final = 512
"""Commands in one pipeline, at most."""


@dataclass(frozen=True, slots=True)
class _SlotMap:
    """The primary of each slot; `slots` is None if one primary has all."""

    primaries: tuple[Primary, ...]
    slots: tuple[Primary | None, ...] | None

    def primary(self, key: bytes) -> Primary | None:
        return self.primaries[0] if self.slots is None else self.slots[crc_hqx(key, 0) % SLOTS]


class PrimaryRouter:
    """The primaries of a log. Safe to use from several threads. A forked child asks for the primaries again.

    Args:
        topology: tells which servers are the primaries.
        settings: settings of the log.
    """

    def __init__(self, topology: Topology, settings: LogSettings) -> None:
        self._topology = topology
        self._settings = settings
        self._closed = False
        self._forget_map()
        forks.register(self)

    def _forget_map(self) -> None:
        self._lock = threading.Lock()
        self._map = _SlotMap((), None)
        self._map_until = 0.0

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()  # the child keeps nothing that the lock guards

    def _after_fork(self, torn: bool) -> None:
        self._forget_map()  # with the connections, which are the parent's

    def __repr__(self) -> str:
        return ", ".join(primary.name for primary in self._map.primaries)

    def examine(self, new: bool) -> None:
        """Examine all primaries.

        Args:
            new: see `Primary.examined_state`.

        Raises:
            StoreUnavailable: a primary cannot be reached, or a check failed.
        """
        for primary in self.current_map().primaries:
            primary.examined_state(new)

    def has_record(self) -> bool:
        """Tell whether a primary has a record of this log; a log that writes has made one on each.

        Raises:
            StoreUnavailable: a primary cannot be reached, or a check failed.
        """
        states = [primary.examined_state() for primary in self.current_map().primaries]
        return any(state.record is not None for state in states)

    def announce_forgotten(self) -> None:
        """Examine all known primaries, so that they record what is forgotten. Failures are ignored.

        A primary that fails records it at its next examination.
        """
        forks.refuse_unnoticed("nullifier log")
        for primary in self._map.primaries:
            primary.require_examination()
            try:
                primary.examined_state()
            except StoreUnavailable:
                continue

    def describe(self) -> list[ServerDescription]:
        """Ask all primaries what an operator may want to know.

        Raises:
            StoreUnavailable: a primary cannot be asked.
        """
        return [primary.describe() for primary in self.current_map().primaries]

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        self._closed = True
        if forks.unnoticed():
            return  # the connections are the parent's
        for primary in self._map.primaries:
            primary.close()

    def execute(
        self, commands: list[EntryCommand], *, write: bool, if_not_sent: str = NOTHING_CHANGED
    ) -> list[Reply]:
        """Send commands, and send the same bytes again if a reply is lost or does not count.

        Args:
            commands: any number; those on one key are executed in order.
            write: the commands insert, so replicas must have the entries if `min_replicas` is set. Then an
                error says whether the command may have been executed.
            if_not_sent: how the error of a command ends that was not sent.
        """
        results: list[Reply] = [None] * len(commands)
        for start in range(0, len(commands), _CHUNK):
            pending = list(range(start, min(start + _CHUNK, len(commands))))
            sent: set[int] = set()
            deadline = time.monotonic() + self._settings.connection.timeout
            for attempt in range(_ATTEMPTS):
                if not pending or (attempt and time.monotonic() > deadline):
                    break
                pending = self._attempt(commands, pending, results, write, sent)
            for i in {*pending, *sent} if write else ():
                error = results[i]
                if isinstance(error, StoreUnavailable):
                    results[i] = _with_outcome(error, MAY_BE_SPENT if i in sent else if_not_sent)
        return results

    def _attempt(
        self,
        commands: list[EntryCommand],
        pending: list[int],
        results: list[Reply],
        write: bool,
        sent: set[int],
    ) -> list[int]:
        """Send the pending commands once, set their results, and return those worth another attempt.

        Add those to `sent` that may have reached a server.
        """
        try:
            groups = self._group_by_primary(commands, pending)
        except StoreUnavailable as error:
            for i in pending:
                results[i] = error
            return pending
        retry: list[int] = []
        under_way: list[tuple[Primary, ExaminedState, Session, list[int], float]] = []
        for primary, indices in groups:
            try:
                if primary is None:
                    raise StoreUnavailable(
                        "nullifier log: no primary owns the slot of this nullifier; check the cluster's slots"
                    )
                state = primary.examined_state()
                indices = self._admit(commands, indices, results, primary, state)
                before = self._settings.clock.now()
                session = primary.begin([commands[i].packed for i in indices], write) if indices else None
                sent.update(indices)
            except (*FAULTS, StoreUnavailable) as error:
                sent.update(() if isinstance(error, StoreUnavailable) else indices)
                retry += self._record_failure(primary, indices, results, error)
                continue
            if session is not None:
                under_way.append((primary, state, session, indices, before))
        for primary, state, session, indices, before in under_way:
            try:
                replies = primary.end(session, state, before, write)
            except (*FAULTS, StoreUnavailable) as error:
                retry += self._record_failure(primary, indices, results, error)
                continue
            for i, reply in zip(indices, replies, strict=True):
                if isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE"):
                    store = f"nullifier log: {primary.name}"
                    results[i] = foreign_entry(store, commands[i].key, "it is not a string")
                elif isinstance(reply, ResponseError):
                    retry += self._record_failure(primary, [i], results, reply)
                else:
                    results[i] = reply
        return sorted(retry)

    def _admit(
        self,
        commands: list[EntryCommand],
        indices: list[int],
        results: list[Reply],
        primary: Primary,
        state: ExaminedState,
    ) -> list[int]:
        """Return the commands whose epochs the primary may decide; set the refusals of the others."""
        admitted = []
        horizon, clock = self._settings.bounds.forgotten, self._settings.clock
        for i in indices:
            epoch, opened, _, _ = commands[i]
            if epoch.end <= horizon:
                results[i] = epoch_forgotten(epoch, horizon, clock.now(), state.complete_after, clock)
            elif opened <= state.complete_after:
                results[i] = served_again(
                    f"nullifier log: {primary.name}: epoch {epoch.index} was open at "
                    f"{state.complete_after:.0f}, so shares that were accepted in it may be missing; every "
                    "epoch that was open then is refused, and later ones are served",
                    first_start_after(epoch, state.complete_after, clock),
                    clock.now(),
                )
            else:
                admitted.append(i)
        return admitted

    def _record_failure(
        self, primary: Primary | None, indices: list[int], results: list[Reply], error: Exception
    ) -> list[int]:
        self._map_until = 0.0
        if not isinstance(error, StoreUnavailable):
            name = "" if primary is None else primary.name
            failure = StoreUnavailable(f"nullifier log: {name}: {error_text(error)}")
            failure.__cause__ = error
            error = failure
        for i in indices:
            results[i] = error
        return indices

    def _group_by_primary(
        self, commands: list[EntryCommand], pending: list[int]
    ) -> list[tuple[Primary | None, list[int]]]:
        current_map = self.current_map()
        if current_map.slots is None:
            return [(current_map.primaries[0], pending)]
        groups: dict[Primary | None, list[int]] = {}
        for i in pending:
            groups.setdefault(current_map.primary(commands[i].key), []).append(i)
        return list(groups.items())

    def current_map(self) -> _SlotMap:
        """Return the primaries and their slots; ask again if that was too long ago or something failed."""
        if self._closed:
            raise StoreUnavailable("nullifier log: used after it was closed")
        forks.refuse_unnoticed("nullifier log")
        if time.monotonic() < self._map_until:
            return self._map
        with self._lock:
            if time.monotonic() < self._map_until:
                return self._map
            locations = self._topology.locations()
            known = {primary.location: primary for primary in self._map.primaries}
            primaries = tuple(
                known.get(location) or Primary(location, self._settings) for location in locations
            )
            self._map = found = _SlotMap(primaries, _slot_table(primaries))
            self._map_until = time.monotonic() + EXAMINED_EVERY
        for primary in known.values():
            if primary not in primaries:
                primary.close()
        return found


def _with_outcome(error: StoreUnavailable, outcome: str) -> StoreUnavailable:
    told = StoreUnavailable(
        f"{error}; {outcome}", retry_after=error.retry_after, served_from=error.served_from
    )
    told.__cause__ = error
    return told


def _slot_table(primaries: tuple[Primary, ...]) -> tuple[Primary | None, ...] | None:
    if not any(primary.location.slot_ranges for primary in primaries):
        return None
    slots: list[Primary | None] = [None] * SLOTS
    for primary in primaries:
        for first, last in primary.location.slot_ranges:
            slots[first : last + 1] = [primary] * (last + 1 - first)
    return tuple(slots)
