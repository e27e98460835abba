"""RedisNullifierLog: the shares of accepted messages in Redis or Valkey, for machines at once.

    SET key value NX GET EX retention

One command inserts a share or returns the one that is there, on one key, without a script. The attempt is
random, and the same whenever the command is sent again after a lost reply: a value that comes back with it is
our own. Entries go when their time is over, and for no other reason.

Replication is asynchronous: a replica that is promoted may lack entries. A worker notices by what the server
says of itself (`rln.stores.redis.server_info`) and refuses, until the next epoch, what was open by then. So
nothing is accepted twice once a worker has seen the change. While an old primary still answers, cut off,
workers that see only that one go on with it: each such lost primary can cost, for each member and epoch, his
limit once more. With `?min_replicas=1`, where `min-replicas-to-write` is 1 and each decision waits for a
replica, a primary without replicas accepts nothing, and that number is 0. Where a primary has several
replicas, name so many that fewer would be cut off with it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from typing import Final

from rln.errors import ParameterError, StoreUnavailable
from rln.lowlevel import entropy
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.share import Share
from rln.stores.redis.entry import ATTEMPT, Entries, Reply, application_name, other_share, share_of
from rln.stores.redis.primary import Bounds, Terms
from rln.stores.redis.resp import Login
from rln.stores.redis.routing import Primaries
from rln.stores.redis.server_info import Description
from rln.stores.redis.topology import Directory, directory
from rln.stores.refusals import check_before
from rln.stores.uri import StoreUri
from rln.verifying.ports import Claim, NullifierLog, Taken, check_claim

PATIENCE: Final = 2.0
"""Seconds to wait for a connection or for replies."""

_MAX_REPLICAS: Final = 64


def open_redis_log(
    where: StoreUri, clock: Clock, *, new: bool = False, look: bool = False
) -> RedisNullifierLog:
    """Open the log of a URI; see `rln.stores.open_log`.

    Args:
        where: of scheme redis, rediss, redis+sentinel, or redis+cluster. Option `min_replicas`: so many
            replicas must have an entry before it counts.
        clock: of the verifiers.
        new: as there.
        look: as for `RedisNullifierLog`.

    Raises:
        ParameterError: not such a URI.
        StoreUnavailable: it cannot be reached, or its settings could lose shares.
    """
    where.refuse_options(("min_replicas",))
    text = where.options.get("min_replicas", "0")
    if not text.isdecimal() or int(text) > _MAX_REPLICAS:
        raise ParameterError(f"store: min_replicas: expected a number up to {_MAX_REPLICAS}")
    servers, login = directory(where, PATIENCE)
    return RedisNullifierLog(servers, login, clock, new=new, min_replicas=int(text), look=look)


class RedisNullifierLog(NullifierLog):
    """A `NullifierLog` on servers. Safe to use from several threads, and across a fork.

    Args:
        servers: who knows the primaries.
        login: how to present oneself to them.
        clock: of the verifiers.
        new: nothing was accepted in a running epoch before, here or elsewhere; see `rln.stores.open_log`.
        min_replicas: so many replicas must have an entry before it counts.
        look: write nothing at all, for operators; claims are refused.

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
        look: bool = False,
    ) -> None:
        name = application_name(clock.current().identifier)
        terms = Terms(name, clock, Bounds(), min_replicas, login, look)
        self._look = look
        self._bounds = terms.bounds
        self._entries = Entries(clock)
        self._primaries = Primaries(servers, terms)
        _logs.add(self)
        try:
            self._primaries.examine(new)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"RedisNullifierLog({self._primaries!r})"

    def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> list[Share | StoreUnavailable | None]:
        """Return the shares that are known; see `NullifierLog`."""
        replies = self._primaries.answers(
            [self._entries.get(epoch, nullifier) for epoch, nullifier in keys], write=False
        )
        return [share_of(reply, nullifier) for reply, (_, nullifier) in zip(replies, keys, strict=True)]

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        """Insert each claim, or return what of it is taken; see `NullifierLog`."""
        checked = [(epoch, check_claim(shares)) for epoch, shares in claims]
        if self._look:
            return [StoreUnavailable("nullifier log: opened to be looked at, it takes nothing")] * len(claims)
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
        self._bounds.forget(check_before(before))
        self._primaries.tell()

    def describe(self) -> list[Description]:
        """Return what each primary says of itself now, for operators.

        Raises:
            StoreUnavailable: one cannot be asked.
        """
        return self._primaries.describe()

    def close(self) -> None:
        """Close the connections; a second time does nothing."""
        self._primaries.close()

    def _insert_singles(self, wave: list[_Checked]) -> list[Taken | StoreUnavailable]:
        """Claims of one share each, on any nullifiers: one pipeline."""
        attempts = entropy.draw(ATTEMPT * len(wave))
        asks, wanted = [], []
        for number, (epoch, new) in enumerate(wave):
            attempt = attempts[ATTEMPT * number : ATTEMPT * (number + 1)]
            for share in new.values():
                asks.append(self._entries.insert_or_get(epoch, share, attempt))
                wanted.append((share.nullifier or 0, attempt))
        taken: list[Taken | StoreUnavailable] = []
        for reply, (nullifier, attempt) in zip(
            self._primaries.answers(asks, write=True), wanted, strict=True
        ):
            found = other_share(reply, nullifier, attempt)
            taken.append(() if found is None else (found,) if isinstance(found, Share) else found)
        return taken

    def _insert_several(self, wave: list[_Checked]) -> list[Taken | StoreUnavailable]:
        """Claims of several shares, all on different nullifiers: a pipeline for each share.

        Everybody inserts the shares of a claim in the order of their nullifiers and stops at the first that
        is taken. So of two claims with the same nullifiers the one that is first at the smallest gets all.
        """
        going = [_Going(epoch, new) for epoch, new in wave]
        while active := [claim for claim in going if claim.inserting]:
            asks = [
                self._entries.insert_or_get(claim.epoch, claim.new[claim.todo[0]], claim.attempt)
                for claim in active
            ]
            for claim, reply in zip(active, self._primaries.answers(asks, write=True), strict=True):
                claim.heard(reply)
        looked = [(claim, nullifier) for claim in going if claim.found for nullifier in claim.todo]
        known = self.peek_many([(claim.epoch, nullifier) for claim, nullifier in looked])
        for (claim, nullifier), share in zip(looked, known, strict=True):
            claim.looked(nullifier, share)
        return [claim.result() for claim in going]


_Checked = tuple[Epoch, dict[int, Share]]


class _Going:
    """A claim of several shares on its way into the log."""

    def __init__(self, epoch: Epoch, new: dict[int, Share]) -> None:
        self.epoch = epoch
        self.new = new
        self.attempt = entropy.draw(ATTEMPT)
        self.todo = sorted(new)
        self.found: dict[int, Share] = {}
        self.error: StoreUnavailable | None = None

    @property
    def inserting(self) -> bool:
        """Whether there are shares to insert, and none was taken."""
        return bool(self.todo) and not self.found and self.error is None

    def heard(self, reply: Reply) -> None:
        """Take the answer for the first of the shares that are to do."""
        nullifier = self.todo.pop(0)
        self.looked(nullifier, other_share(reply, nullifier, self.attempt))

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


_logs: weakref.WeakSet[RedisNullifierLog] = weakref.WeakSet()


def _in_child() -> None:
    for log in list(_logs):
        log._primaries.restart()


os.register_at_fork(after_in_child=_in_child)
