"""RedisNullifierLog: the shares of accepted messages in Redis or Valkey, for several machines at once.

    SET key value NX GET EX retention

One command on one key, without a script, inserts a share or returns the existing one. The attempt id is
random, and stays the same when the command is sent again after a lost reply: if the reply contains our
attempt id, our own insert was the first. Only time removes an entry.

Replication is asynchronous: a promoted replica may lack entries. A worker notices the promotion by what the
server reports about itself (`rln.stores.redis.server_info`). It then refuses the epochs that were open at
that time. So no worker that has noticed the change accepts a message a second time. One case is not covered:
an old primary that is cut off but still answers. Workers that can reach only this primary keep using it. So
for each such primary, every member can use their limit once more in that epoch. `?min_replicas=1` covers this
case: the server must have `min-replicas-to-write 1`, each decision waits for a replica, and a primary without
replicas accepts nothing. If a primary has several replicas, set `min_replicas` higher than the number of
replicas that could be cut off together with the primary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rln.errors import StoreError, StoreUnavailable
from rln.lowlevel import entropy
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.share import Share
from rln.stores.redis.entry import (
    ATTEMPT_BYTES,
    CommandBuilder,
    Reply,
    application_name,
    existing_share,
    share_of,
)
from rln.stores.redis.primary import LogSettings
from rln.stores.redis.refusal_bounds import RefusalBounds
from rln.stores.redis.resp import ConnectionSettings
from rln.stores.redis.routing import PrimaryRouter
from rln.stores.redis.server_info import ServerDescription
from rln.stores.redis.topology import Topology, parse_topology
from rln.stores.refusals import MAY_BE_SPENT, NOTHING_CHANGED, check_before
from rln.stores.store_arguments import check_questions, checked_claims
from rln.stores.uri import StoreUri
from rln.verifying.ports import Claim, NullifierLog, Taken

TIMEOUT: Final = 2.0
"""Seconds to wait for a connection or for replies."""

_MAX_REPLICAS: Final = 64


def open_redis_log(
    uri: StoreUri, clock: Clock, *, new: bool = False, read_only: bool = False
) -> RedisNullifierLog:
    """Open the log of a URI; see `rln.stores.open_log`.

    Args:
        uri: of scheme redis, rediss, redis+sentinel, or redis+cluster. Option `min_replicas`: the number of
            replicas that must have an entry before it counts.
        clock: clock of the verifiers.
        new: as for `rln.stores.open_log`.
        read_only: as for `RedisNullifierLog`.

    Raises:
        ParameterError: not such a URI.
        StoreUnavailable: the log cannot be reached, or its settings could lose shares.
    """
    uri.refuse_options(("min_replicas",))
    replicas = uri.whole_number(uri.options.get("min_replicas", "0"), "min_replicas", _MAX_REPLICAS)
    topology, connection = parse_topology(uri, TIMEOUT)
    return RedisNullifierLog(topology, connection, clock, new=new, min_replicas=replicas, read_only=read_only)


class RedisNullifierLog(NullifierLog):
    """A `NullifierLog` on servers. Safe to use from several threads, and across a fork.

    A forked child makes connections of its own. If the fork was not noticed (`rln.base.forks.unnoticed`), the
    child's log raises `StoreUnavailable`.

    Args:
        topology: tells which servers are the primaries.
        connection: how to connect to them.
        clock: clock of the verifiers.
        new: no message was accepted in an open epoch before, here or elsewhere; see `rln.stores.open_log`.
        min_replicas: the number of replicas that must have an entry before it counts.
        read_only: write nothing at all, and refuse every claim; for operators.

    Raises:
        StoreUnavailable: a primary cannot be reached, or a check of it failed.
    """

    def __init__(
        self,
        topology: Topology,
        connection: ConnectionSettings,
        clock: Clock,
        *,
        new: bool = False,
        min_replicas: int = 0,
        read_only: bool = False,
    ) -> None:
        name = application_name(clock.current().identifier)
        settings = LogSettings(name, clock, RefusalBounds(), min_replicas, connection, read_only)
        self._read_only = read_only
        self._bounds = settings.bounds
        self._commands = CommandBuilder(clock)
        self._router = PrimaryRouter(topology, settings)
        try:
            self._router.examine(new)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"RedisNullifierLog({self._router!r})"

    def exists(self) -> bool:
        """Tell whether a server has a record of this log; of a read-only log this can be false.

        Raises:
            StoreUnavailable: a primary cannot be reached, or a check of it failed.
        """
        return self._router.has_record()

    @property
    def place(self) -> str:
        """The names of the primaries, host and port."""
        return repr(self._router)

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> list[Share | StoreError | None]:
        """Return the shares that the log holds; see `NullifierLog`."""
        check_questions(keys)
        commands = [self._commands.get(epoch, nullifier) for epoch, nullifier in keys]
        replies = self._router.execute(commands, write=False)
        return [
            share_of(reply, command.key, nullifier, self._store)
            for reply, command, (_, nullifier) in zip(replies, commands, keys, strict=True)
        ]

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreError]:
        """Insert each claim, or return the shares that were there before; see `NullifierLog`."""
        checked = checked_claims(claims)
        if self._read_only:
            return [StoreUnavailable("nullifier log: opened read-only, so it refuses claims")] * len(claims)
        taken: list[Taken | StoreError] = []
        for part in _conflict_free_parts(checked):
            if all(len(new) == 1 for _, new in part):
                taken += self._insert_singles(part)
            else:
                taken += self._insert_several(part)
        return taken

    def forget(self, before: int) -> None:
        """Refuse the epochs that ended at unix time `before` or earlier; see `NullifierLog`.

        The servers drop entries on their own when their time is over. They record `before`, so that other
        processes refuse these epochs too. A server that cannot be reached now records it at its next
        examination.
        """
        self._bounds.forget(check_before(before))
        self._router.announce_forgotten()

    def describe(self) -> list[ServerDescription]:
        """Return what each primary reports about itself now, for operators.

        Raises:
            StoreUnavailable: a primary cannot be asked.
        """
        return self._router.describe()

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        self._router.close()

    @property
    def _store(self) -> str:
        return f"nullifier log: {self._router!r}"

    def _insert_singles(self, part: list[_Checked]) -> list[Taken | StoreError]:
        """Insert claims of one share each, on any nullifiers, in one pipeline."""
        attempts = entropy.draw(ATTEMPT_BYTES * len(part))
        commands, wanted = [], []
        for number, (epoch, new) in enumerate(part):
            attempt = attempts[ATTEMPT_BYTES * number : ATTEMPT_BYTES * (number + 1)]
            for share in new.values():
                commands.append(self._commands.insert_or_get(epoch, share, attempt))
                wanted.append((share.nullifier or 0, attempt))
        taken: list[Taken | StoreError] = []
        replies = self._router.execute(commands, write=True)
        for reply, command, (nullifier, attempt) in zip(replies, commands, wanted, strict=True):
            found = existing_share(reply, command.key, nullifier, attempt, self._store)
            taken.append(() if found is None else (found,) if isinstance(found, Share) else found)
        return taken

    def _insert_several(self, part: list[_Checked]) -> list[Taken | StoreError]:
        """Insert claims of several shares, all on different nullifiers, in one pipeline for each share.

        Every worker inserts the shares of a claim in the order of their nullifiers and stops at the first
        that exists. So if two claims have the same nullifiers, the claim that inserts the smallest one first
        inserts all of them.
        """
        in_progress = [_MultiShareClaim(epoch, new) for epoch, new in part]
        while active := [claim for claim in in_progress if claim.is_inserting]:
            commands = [
                self._commands.insert_or_get(claim.epoch, claim.new[claim.remaining[0]], claim.attempt)
                for claim in active
            ]
            # A claim that goes on has inserted a share in each pipeline before this one.
            if_not_sent = MAY_BE_SPENT if active[0].remaining[0] != min(active[0].new) else NOTHING_CHANGED
            replies = self._router.execute(commands, write=True, if_not_sent=if_not_sent)
            for claim, command, reply in zip(active, commands, replies, strict=True):
                claim.take_reply(reply, command.key, self._store)
        lookups = [
            (claim, nullifier) for claim in in_progress if claim.found for nullifier in claim.remaining
        ]
        known = self.peek_many([(claim.epoch, nullifier) for claim, nullifier in lookups])
        for (claim, nullifier), share in zip(lookups, known, strict=True):
            claim.take_existing(nullifier, share)
        return [claim.result() for claim in in_progress]


_Checked = tuple[Epoch, dict[int, Share]]


class _MultiShareClaim:
    """A claim of several shares while it is inserted."""

    def __init__(self, epoch: Epoch, new: dict[int, Share]) -> None:
        self.epoch = epoch
        self.new = new
        self.attempt = entropy.draw(ATTEMPT_BYTES)
        self.remaining = sorted(new)
        self.found: dict[int, Share] = {}
        self.error: StoreError | None = None

    @property
    def is_inserting(self) -> bool:
        """Whether shares remain to be inserted and none of the claim existed."""
        return bool(self.remaining) and not self.found and self.error is None

    def take_reply(self, reply: Reply, key: bytes, store: str) -> None:
        """Record the reply for the first of the remaining shares."""
        nullifier = self.remaining.pop(0)
        self.take_existing(nullifier, existing_share(reply, key, nullifier, self.attempt, store))

    def take_existing(self, nullifier: int, there: Share | StoreError | None) -> None:
        """Record what exists under one of the nullifiers."""
        if isinstance(there, Share):
            self.found[nullifier] = there
        elif there is not None:
            self.error = there

    def result(self) -> Taken | StoreError:
        """Return the shares that existed, in the order of the claim."""
        return self.error or tuple(self.found[nullifier] for nullifier in self.new if nullifier in self.found)


def _conflict_free_parts(checked: list[_Checked]) -> Iterator[list[_Checked]]:
    """Split a batch into parts in which no claim of several shares has a nullifier of another claim.

    The claims of one part have one order on the server, whatever the number of their pipelines.
    """
    part: list[_Checked] = []
    several: set[tuple[Epoch, int]] = set()
    seen: set[tuple[Epoch, int]] = set()
    for epoch, new in checked:
        names = {(epoch, nullifier) for nullifier in new}
        if names & (several if len(new) == 1 else seen):
            yield part
            part, several, seen = [], set(), set()
        part.append((epoch, new))
        seen |= names
        if len(new) > 1:
            several |= names
    if part:
        yield part
