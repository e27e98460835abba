"""Helpers of fault tests: logs with a short timeout on servers that may change, and faults in order."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rln.errors import StoreUnavailable
from rln.ports import Claim, NullifierLog, Taken
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.share import Share
from rln.stores.redis.log import RedisNullifierLog
from rln.stores.redis.resp import ConnectionSettings
from rln.stores.redis.topology import PrimaryLocation
from tests.support.redis_server import HOST

PATIENCE = 1.0
"""Seconds; enough for a machine that is busy with other work."""

IMPATIENCE = 0.3
"""Seconds, for faults that end in a timeout."""


class Switch:
    """A topology with one primary, whose port a test may change."""

    def __init__(self, port: int) -> None:
        self.port = port

    def locations(self) -> tuple[PrimaryLocation, ...]:
        return (PrimaryLocation((HOST, self.port)),)


class Script:
    """Faults for a proxy, in order, and none after them."""

    def __init__(self, *faults: str) -> None:
        self.left = list(faults)

    def __call__(self) -> str:
        return self.left.pop(0) if self.left else "forward"


def worker(
    where: Switch | int,
    clock: EpochClock | None = None,
    *,
    new: bool = False,
    min_replicas: int = 0,
    patience: float = PATIENCE,
) -> RedisNullifierLog:
    """A log on the port, or on the port of the switch."""
    switch = Switch(where) if isinstance(where, int) else where
    login = ConnectionSettings(None, None, 0, False, patience)
    return RedisNullifierLog(switch, login, clock or own_clock(), new=new, min_replicas=min_replicas)


def rested() -> None:
    """Wait until a primary that failed is asked again."""
    time.sleep(PATIENCE / 4)


def own_clock(application: str = "example.com") -> EpochClock:
    return EpochClock(application, 60)


def epochs(of: EpochClock | None = None) -> tuple[Epoch, Epoch, Epoch]:
    """The current epoch, and two that open later whatever the skew is."""
    clock = of or own_clock()
    now = clock.current()
    return now, clock.epoch(now.index + 4), clock.epoch(now.index + 8)


def claims(epoch: Epoch, nullifiers: Iterable[int], x: int = 1) -> list[Claim]:
    """One message on each nullifier, with this x."""
    return [(epoch, [Share(x, 1, nullifier)]) for nullifier in nullifiers]


def accepted(results: Iterable[Taken | StoreUnavailable]) -> int:
    """The number of accepted messages."""
    return sum(result == () for result in results)


def spend(log: NullifierLog, epoch: Epoch, nullifiers: Iterable[int], x: int = 1) -> int:
    """Send one message on each nullifier, and return how many were accepted."""
    return accepted(log.insert_or_get_many(claims(epoch, nullifiers, x)))
