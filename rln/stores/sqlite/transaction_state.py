"""TransactionState: what a transaction on the file of message ids finds in the database and its guard."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from rln.stores.sqlite.guard_state import Fingerprint, GuardState
from rln.stores.sqlite.refusal_end import RefusalEnd


@dataclass(frozen=True, slots=True)
class TransactionState:
    """What a transaction finds.

    Attributes:
        connection: in the transaction.
        guard_state: of the database and the guard file now.
        recorded: their fingerprint at the last change; None: there was no change.
        refusal_end: for all identities.
        clock_offset: of the clock now.
    """

    connection: sqlite3.Connection
    guard_state: GuardState
    recorded: Fingerprint | None
    refusal_end: RefusalEnd
    clock_offset: int

    @property
    def reason_for_doubt(self) -> str | None:
        """Why the database may not be the newest; None: it is the newest."""
        return self.guard_state.reason_for_doubt(self.recorded)

    @property
    def is_same_boot(self) -> bool:
        """Whether the machine was not restarted since the last change: only then can offsets be compared."""
        boot = self.guard_state.fingerprint.boot
        known = self.recorded is not None and self.recorded.boot == boot
        return known and bool(boot or self.guard_state.has_committed)

    @property
    def generation(self) -> int:
        """The number of changes so far: the larger of the two recorded counts."""
        return max(
            0 if self.recorded is None else self.recorded.generation,
            self.guard_state.fingerprint.generation,
            0,
        )

    @property
    def newest_start(self) -> int:
        """The start of the newest epoch in either record, unix time."""
        return max(
            0 if self.recorded is None else self.recorded.newest_start,
            self.guard_state.fingerprint.newest_start,
        )
