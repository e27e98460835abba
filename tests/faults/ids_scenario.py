"""The scenario of a client's message ids. Its steps:

introduce         introduce a new identity
reserve E n x     reserve n ids of epoch E for x
keep E x          keep the message that is sent with them
renew E x         keep another message in its place, with the same ids and x
refuse E          refuse every epoch before E, as for an identity of another program
reopen            close and open again
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from rln.base import scalar
from rln.errors import StoreUnavailable
from rln.protocol.epoch import Epoch, rln_identifier
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.faults.scenario import Progress, Scenario
from tests.support.kept_message import kept_in

FIRST = 1_700_000_000 // 60
COMMITMENT, LIMIT = 1234567, 100


def epoch(number: int) -> Epoch:
    return Epoch.of(FIRST + number, 60, rln_identifier("example.com", 60))


def message(x: int) -> bytes:
    return f"message {x} ".encode() * 40


def renewed(x: int) -> bytes:
    return f"renewed {x} ".encode() * 40


def possible(progress: Progress, number: int, x: int) -> set[bytes | None]:
    """Return what may be kept for x in an epoch: the last message that was surely kept, or a later one."""
    found: set[bytes | None] = {None}
    for step, sent in ((f"keep {number} {x}", message(x)), (f"renew {number} {x}", renewed(x))):
        if step in progress.done:
            found = {sent}
        elif step in progress.unsure:
            found.add(sent)
    return found


class IdsScenario(Scenario):
    plan = (
        "introduce", "reserve 0 1 11", "keep 0 11", "reserve 0 2 12", "reserve 0 1 13", "keep 0 13",
        "renew 0 13", "reopen", "renew 0 11", "reserve 0 1 14", "reserve 1 1 21", "keep 1 21",
        "reserve 1 1 22",
    )  # fmt: skip
    second_plan = (
        "reserve 1 1 31",
        "reserve 5 1 51",
        "keep 5 51",
        "reopen",
        "reserve 5 1 52",
        "keep 5 52",
        "refuse 7",
    )

    def open(self, directory: Path) -> None:
        self._directory = directory
        self._ids = SqliteMessageIds(directory / "ids.db")
        self._reserved: dict[str, range] = {}

    def do(self, step: str) -> None:
        verb, *words = step.split()
        if verb == "introduce":
            self._ids.introduce(COMMITMENT)
        elif verb == "refuse":
            self._ids.refuse_until(COMMITMENT, epoch(int(words[0])).start)
        elif verb == "reserve":
            number, count, x = map(int, words)
            ids = self._ids.reserve(COMMITMENT, epoch(number), LIMIT, count, x)
            assert len(ids) == count
            self._reserved[f"{number} {x}"] = ids
        elif verb in ("keep", "renew"):
            number, x = map(int, words)
            if f"{number} {x}" not in self._reserved:
                raise StoreUnavailable("the reservation was refused before")
            sent = message(x) if verb == "keep" else renewed(x)
            self._ids.keep(COMMITMENT, epoch(number), self._reserved[f"{number} {x}"], x, sent)
        else:
            reserved = self._reserved
            self.close()
            self.open(self._directory)
            self._reserved = reserved

    def close(self) -> None:
        self._ids.close()

    def check(self, directory: Path, progress: Progress) -> None:
        path = directory / "ids.db"
        ids = SqliteMessageIds(path)
        try:
            rows = self._rows(path, progress)
            for step in progress.done + progress.unsure:
                verb, *words = step.split()
                if verb in ("keep", "renew") and int(words[0]) >= self._oldest(progress):
                    number, x = map(int, words)
                    found = kept_in(ids, COMMITMENT, epoch(number), x)
                    assert found in possible(progress, number, x), f"{step}: lost"
            if "refuse 7" in progress.done:
                with pytest.raises(StoreUnavailable):
                    ids.reserve(COMMITMENT, epoch(6), LIMIT, 1, 96)
            # Either the rest of an epoch is burnt, or the next id is one that was never given out.
            for number in {FIRST, *(index for index, _, _ in rows)}:
                with suppress(StoreUnavailable):
                    given = ids.reserve(COMMITMENT, epoch(number - FIRST), LIMIT, 1, 99)
                    assert all(given.start >= stop for index, stop, _ in rows if index == number)
            with suppress(StoreUnavailable):
                ids.introduce(COMMITMENT)
                ids.reserve(COMMITMENT, epoch(20), LIMIT, 1, 98)
            assert ids.reserve(COMMITMENT, epoch(21), LIMIT, 1, 97) == range(1)
        finally:
            ids.close()

    def _oldest(self, progress: Progress) -> int:
        """Return the oldest epoch that is surely remembered: the one before the newest."""
        steps = [step.split() for step in progress.done + progress.unsure]
        return max((int(words[1]) for words in steps if words[0] == "reserve"), default=1) - 1

    def _rows(self, path: Path, progress: Progress) -> list[tuple[int, int, int]]:
        """Return epoch, stop and x of each reservation in the file.

        Check that the ranges do not overlap and hold every acknowledged reservation.
        """
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT epoch, first, stop, x FROM reservations ORDER BY 1, 2")
            listed = [(int.from_bytes(e, "big"), i, stop, scalar.decode(x)) for e, i, stop, x in found]
        before = (0, 0)
        for number, first, stop, _ in listed:
            assert first == (before[1] if before[0] == number else 0), "reservations overlap, or have a gap"
            before = number, stop
        rows = [(number, stop, x) for number, _, stop, x in listed]
        stored = {f"reserve {number - FIRST} {stop - first} {x}" for number, first, stop, x in listed}
        done = {
            s
            for s in progress.done
            if s.startswith("reserve") and int(s.split()[1]) >= self._oldest(progress)
        }
        asked = {*progress.done, *progress.unsure}
        assert done <= stored, f"acknowledged and lost: {done - stored}"
        assert stored <= asked, f"stored and never asked for: {stored - asked}"
        return rows
