"""Threats F1, F2: exactly once, in races and after crashes. tests/races has long campaigns of both."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

import rln
from rln.ports import Claim, NullifierLog, Taken
from rln.stores import open_log
from tests.races.hammer import stub_hammer
from tests.races.log_uris import LOGS, SHARED
from tests.races.stub_proofs import StubKey, members
from tests.races.traffic import Result
from tests.races.workers import in_processes
from tests.support.killed_child import killed

CLOCK = rln.EpochClock("exactness.example", 3600, past_gap=1)


class ForwardingLog(NullifierLog):
    """A log that forwards every call to another log."""

    def __init__(self, inner: NullifierLog) -> None:
        self._inner = inner

    def peek_many(
        self, keys: Sequence[tuple[rln.Epoch, int]]
    ) -> list[rln.Share | rln.StoreUnavailable | None]:
        return self._inner.peek_many(keys)

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | rln.StoreUnavailable]:
        return self._inner.insert_or_get_many(claims)

    def forget(self, before: int) -> None:
        self._inner.forget(before)

    def close(self) -> None:
        self._inner.close()


# ---- F1 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", LOGS)
def test_f1_four_workers_accept_exactly_the_limit(store: str, tmp_path: Path) -> None:
    results, _ = stub_hammer(1, (1, 2, 7) * 10).run(LOGS[store](tmp_path))
    assert all(results[result] for result in Result)


@pytest.mark.parametrize("store", SHARED)
def test_f1_of_four_messages_on_one_id_that_all_found_it_free_one_is_served(
    store: str, tmp_path: Path
) -> None:
    """All four see that the id is free before any of them inserts."""
    key, member, epoch = StubKey(), members([1])[0], CLOCK.current()
    uri = LOGS[store](tmp_path)
    open_log(uri, CLOCK, new=True).close()
    all_have_looked = multiprocessing.get_context("fork").Barrier(4)

    class Waiting(ForwardingLog):
        """A log that inserts only after all four have looked."""

        def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | rln.StoreUnavailable]:
            all_have_looked.wait(60)
            return self._inner.insert_or_get_many(claims)

    def work(number: int) -> str:
        text = b"%d" % number
        log = Waiting(open_log(uri, CLOCK))
        verifier = rln.Verifier(key, roots=[17], log=log, clock=CLOCK)
        verdict = verifier.submit(member.message(key, epoch, (0,), text), text)
        if isinstance(verdict, rln.RateLimitViolation):
            return str(verdict.identity_secret.reveal())
        return type(verdict).__name__

    assert sorted(in_processes(4, work)) == sorted(["Valid", *[str(member.secret)] * 3])


# ---- F2 ---------------------------------------------------------------------------------------------

BEFORE, AFTER, ANSWERED = "before the insert", "between insert and answer", "after the answer"


class KilledLog(ForwardingLog):
    """A log that kills its process at one moment, as a power failure would."""

    def __init__(self, inner: NullifierLog, moment: str) -> None:
        super().__init__(inner)
        self._moment = moment

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | rln.StoreUnavailable]:
        self._die(BEFORE)
        taken = self._inner.insert_or_get_many(claims)
        self._die(AFTER)
        return taken

    def _die(self, moment: str) -> None:
        if moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("many", [False, True], ids=["alone", "in a batch"])
@pytest.mark.parametrize(
    ("moment", "calls"), [(BEFORE, 1), (AFTER, 0), (ANSWERED, 1)], ids=[BEFORE, AFTER, ANSWERED]
)
@pytest.mark.parametrize("store", SHARED)
def test_f2_whenever_a_worker_dies_the_backend_is_called_at_most_once(
    store: str, moment: str, calls: int, many: bool, tmp_path: Path
) -> None:
    """A retry after a lost answer is a duplicate: a message is served at most once, not exactly once."""
    key, uri, served = StubKey(), LOGS[store](tmp_path), tmp_path / "served"
    open_log(uri, CLOCK, new=True).close()
    served.touch()
    message = members([1])[0].message(key, CLOCK.current(), (0,), b"a"), b"a"
    other = members([1, 1])[1].message(key, CLOCK.current(), (0,), b"b"), b"b"

    def serve(moment: str) -> rln.Verdict:
        verifier = rln.Verifier(key, roots=[17], log=KilledLog(open_log(uri, CLOCK), moment), clock=CLOCK)
        verdict = verifier.submit_many([message, other])[0] if many else verifier.submit(*message)
        if isinstance(verdict, rln.Valid):  # the backend
            with served.open("a") as file:
                file.write("call\n")
        return verdict

    assert killed(lambda: serve(moment)) is (moment != ANSWERED)
    assert served.read_text().count("call") == (moment == ANSWERED)
    assert serve("never") == (rln.Valid() if moment == BEFORE else rln.Duplicate())
    assert [serve("never") for _ in range(3)] == [rln.Duplicate()] * 3
    assert served.read_text().count("call") == calls
