"""The scenario of a nullifier log and its high-water mark in one file. Its steps:

insert E a b,c    insert claims of epoch E in one call: one on nullifier a, one on nullifiers b and c
again E a         insert a message again, then a second message on its nullifier
mark S            raise the mark to second S
forget E          forget everything up to the end of epoch E
reopen            close and open again
"""

from __future__ import annotations

from pathlib import Path

from rln.errors import StoreUnavailable
from rln.ports import Claim
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.share import Share
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from tests.faults.scenario import Progress, Scenario

NOW = 1_700_000_000
CLOCK = EpochClock("example.com", 60, now=lambda: NOW)
FIRST = NOW // 60


def epoch(number: int) -> Epoch:
    return CLOCK.epoch(FIRST + number)


def share(number: int, nullifier: int) -> Share:
    return Share(1000 * number + nullifier + 1, nullifier * nullifier + 5, nullifier)


def claims(step: str) -> list[Claim]:
    """Return the claims of a step `insert`."""
    _, number, *texts = step.split()
    return [(epoch(int(number)), [share(int(number), int(n)) for n in text.split(",")]) for text in texts]


class LogScenario(Scenario):
    plan = (
        "insert 0 1", "insert 0 2", "mark 1700000000", "insert 1 1 2,3 4 5,6,7", "again 0 2", "insert 0 3",
        "forget 0", "mark 1700000100", "insert 1 8", "reopen", "insert 2 1", "insert 1 9 10", "forget 1",
        "insert 2 2",
    )  # fmt: skip
    second_plan = ("insert 3 1", "insert 3 2 3,4", "mark 1700000200", "reopen", "insert 3 5")

    def open(self, directory: Path) -> None:
        self._directory = directory
        self._mark = SqliteMark(directory / "log.db")
        self._log = SqliteNullifierLog(directory / "log.db", CLOCK, new=True)

    def do(self, step: str) -> None:
        verb, *words = step.split()
        if verb == "insert":
            wanted = claims(step)
            if len(wanted) == 1:
                answers = [self._log.insert_or_get(*wanted[0])]
            else:
                answers = []
                for answer in self._log.insert_or_get_many(wanted):
                    if isinstance(answer, StoreUnavailable):
                        raise answer
                    answers.append(answer)
            assert answers == [()] * len(wanted), "new shares were taken"
        elif verb == "again":
            where, stored = epoch(int(words[0])), share(int(words[0]), int(words[1]))
            assert self._log.insert_or_get(where, [stored]) in ((), (stored,))
            taken = self._log.insert_or_get(where, [Share(77, 88, stored.nullifier)])
            assert taken == (stored,), "a stored share was lost"
        elif verb == "mark":
            assert self._mark.raise_to(int(words[0])) >= int(words[0])
        elif verb == "forget":
            self._log.forget(epoch(int(words[0])).end)
        else:
            self.close()
            self.open(self._directory)

    def close(self) -> None:
        self._log.close()
        self._mark.close()

    def check(self, directory: Path, progress: Progress) -> None:
        path = directory / "log.db"
        mark = SqliteMark(path)
        # After an acknowledged opening the log is not new.
        log = SqliteNullifierLog(path, CLOCK, new="open" not in progress.done)
        try:
            self._check_marks(mark, progress)
            self._check_shares(log, progress)
            assert log.insert_or_get(epoch(9), [share(9, 1)]) == ()
            assert log.insert_or_get(epoch(9), [share(9, 1)]) == (share(9, 1),)
        finally:
            log.close()
            mark.close()

    def _check_marks(self, mark: SqliteMark, progress: Progress) -> None:
        value = mark.raise_to(0)
        done = [int(step[5:]) for step in progress.done if step.startswith("mark ")]
        unsure = [int(step[5:]) for step in progress.unsure if step.startswith("mark ")]
        assert max(done, default=0) <= value <= max(done + unsure, default=0)

    def _check_shares(self, log: SqliteNullifierLog, progress: Progress) -> None:
        forgotten = {step[7:] for step in progress.done if step.startswith("forget ")}
        maybe_forgotten = {step[7:] for step in progress.unsure if step.startswith("forget ")}
        tried = self.plan + self.second_plan
        for number in range(max(map(int, forgotten | maybe_forgotten), default=-1) + 1):
            try:
                log.peek(epoch(number), 1)
                assert number > max(map(int, forgotten), default=-1), "a forgotten epoch is open"
            except StoreUnavailable:
                continue
        for step in tried:
            if not step.startswith("insert "):
                continue
            for where, shares in claims(step):
                number = where.index - FIRST
                if any(int(other) >= number for other in forgotten | maybe_forgotten):
                    continue
                found = [log.peek(where, s.nullifier or 0) for s in shares]
                if step in progress.done:
                    assert found == list(shares), f"{step}: accepted and lost"
                    assert log.insert_or_get(where, shares) == tuple(shares), f"{step}: accepted twice"
                elif step in progress.unsure:
                    assert found in (list(shares), [None] * len(shares)), (
                        f"{step}: only a part of a claim was inserted"
                    )
                else:
                    assert found == [None] * len(shares), f"{step}: never tried, but found"
