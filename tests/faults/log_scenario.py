"""The story of a nullifier log and its high-water mark in one file.

insert E a b,c    claims in one call: each of nullifiers of epoch E, with commas between those of one claim
again E a         a message once more, then a second one on its nullifier
mark S            the clock has seen S
forget E          everything up to the end of epoch E
reopen            close and open again
"""

from __future__ import annotations

from pathlib import Path

from rln.errors import StoreUnavailable
from rln.ports import Claim
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.share import Share
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from tests.faults.scenario import Story, Told

NOW = 1_700_000_000
CLOCK = EpochClock("example.com", 60, now=lambda: NOW)
FIRST = NOW // 60


def epoch(number: int) -> Epoch:
    return CLOCK.epoch(FIRST + number)


def share(number: int, nullifier: int) -> Share:
    return Share(1000 * number + nullifier + 1, nullifier * nullifier + 5, nullifier)


def claims(step: str) -> list[Claim]:
    """What a step `insert` claims."""
    _, number, *texts = step.split()
    return [(epoch(int(number)), [share(int(number), int(n)) for n in text.split(",")]) for text in texts]


class LogStory(Story):
    plan = (
        "insert 0 1", "insert 0 2", "mark 1700000000", "insert 1 1 2,3 4 5,6,7", "again 0 2", "insert 0 3",
        "forget 0", "mark 1700000100", "insert 1 8", "reopen", "insert 2 1", "insert 1 9 10", "forget 1",
        "insert 2 2",
    )  # fmt: skip
    later = ("insert 3 1", "insert 3 2 3,4", "mark 1700000200", "reopen", "insert 3 5")

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
            where, there = epoch(int(words[0])), share(int(words[0]), int(words[1]))
            assert self._log.insert_or_get(where, [there]) in ((), (there,))
            taken = self._log.insert_or_get(where, [Share(77, 88, there.nullifier)])
            assert taken == (there,), "a share that was there was lost"
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

    def check(self, directory: Path, told: Told) -> None:
        path = directory / "log.db"
        mark = SqliteMark(path)
        # Where it had been opened before, nothing was new about it.
        log = SqliteNullifierLog(path, CLOCK, new="open" not in told.done)
        try:
            self._check_marks(mark, told)
            self._check_shares(log, told)
            assert log.insert_or_get(epoch(9), [share(9, 1)]) == ()
            assert log.insert_or_get(epoch(9), [share(9, 1)]) == (share(9, 1),)
        finally:
            log.close()
            mark.close()

    def _check_marks(self, mark: SqliteMark, told: Told) -> None:
        stands = mark.raise_to(0)
        done = [int(step[5:]) for step in told.done if step.startswith("mark ")]
        unsure = [int(step[5:]) for step in told.unsure if step.startswith("mark ")]
        assert max(done, default=0) <= stands <= max(done + unsure, default=0)

    def _check_shares(self, log: SqliteNullifierLog, told: Told) -> None:
        gone = {step[7:] for step in told.done if step.startswith("forget ")}
        fading = {step[7:] for step in told.unsure if step.startswith("forget ")}
        tried = self.plan + self.later
        for number in range(max(map(int, gone | fading), default=-1) + 1):
            try:
                log.peek(epoch(number), 1)
                assert number > max(map(int, gone), default=-1), "an epoch that was forgotten is open"
            except StoreUnavailable:
                continue
        for step in tried:
            if not step.startswith("insert "):
                continue
            for where, shares in claims(step):
                number = where.index - FIRST
                if any(int(other) >= number for other in gone | fading):
                    continue
                found = [log.peek(where, s.nullifier or 0) for s in shares]
                if step in told.done:
                    assert found == list(shares), f"{step}: accepted and lost"
                    assert log.insert_or_get(where, shares) == tuple(shares), f"{step}: accepted twice"
                elif step in told.unsure:
                    assert found in (list(shares), [None] * len(shares)), f"{step}: a claim in parts"
                else:
                    assert found == [None] * len(shares), f"{step}: nobody brought it"
