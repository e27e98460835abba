"""A small world for tests: one small key of each kind, a clock with a fixed time, a group, a log."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import rln
from rln.ports import Claim, Taken
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog

DEPTH, LIMIT_BITS, SLOTS = 3, 4, 3
PERIOD = 60
START = 1_700_000_010.0


@cache
def small_key() -> rln.ProvingKey:
    """Return a key for RLN(3, 4), made once in each process."""
    return rln.setup(rln.circuit.rln(DEPTH, LIMIT_BITS), threads=1)


@cache
def small_multi_key() -> rln.ProvingKey:
    """Return a key for RLN(3, 4) with three message ids in a proof, made once in each process."""
    return rln.setup(rln.circuit.rln_multi(DEPTH, LIMIT_BITS, SLOTS), threads=1)


class CountingLog(MemoryNullifierLog):
    """A log that counts the claims that it was asked to insert."""

    def __init__(self) -> None:
        super().__init__()
        self.inserts = 0

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | rln.StoreUnavailable]:
        self.inserts += len(claims)
        return super().insert_or_get_many(claims)


class World:
    """One application: its clock, group and log, and the provers and verifiers of tests.

    Set `time` to move the clock.

    Args:
        key: of the application; a small one for one message id by default.
        window: of the group's roots.
        log: of the verifiers.
    """

    def __init__(
        self,
        key: rln.ProvingKey | None = None,
        window: rln.WindowSize | None = None,
        log: MemoryNullifierLog | None = None,
    ) -> None:
        self.key = small_key() if key is None else key
        self.time = START
        self.clock = rln.EpochClock("story.example", PERIOD, skew=5, now=lambda: self.time)
        self.group = rln.Group(DEPTH, LIMIT_BITS, window or rln.WindowSize(count=16))
        self.log = MemoryNullifierLog() if log is None else log

    def join(self, limit: int = 2) -> rln.Identity:
        """Register a new member with this user message limit."""
        identity = rln.Identity.generate()
        self.group.register(identity.commitment, limit)
        return identity

    def prover(self, identity: rln.Identity, ids: MemoryMessageIds | None = None, **more: Any) -> rln.Prover:
        """Make a prover, with new message ids unless `ids` is given; `more` are arguments of `rln.Prover`."""
        arguments = {"ids": ids or MemoryMessageIds(), "clock": self.clock, "path": self.group.proof, **more}
        return rln.Prover(identity, self.group.membership(identity.commitment), self.key, **arguments)

    def verifier(self, **more: Any) -> rln.Verifier:
        """Make a verifier on the shared log; `more` are arguments of `rln.Verifier`."""
        arguments = {"roots": self.group.roots, "log": self.log, "clock": self.clock, **more}
        return rln.Verifier(self.key.verifying_key, **arguments)
