"""The nullifier log in a file, and its high-water mark: what lasts, and what other processes see."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rln.errors import ParameterError, StoreUnavailable
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.share import Share
from rln.stores import open_log, open_mark
from rln.stores.sqlite import database
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from tests.stores.test_nullifier_log import epoch

NOW = 1_700_000_000
CLOCK = EpochClock("example.com", 60, now=lambda: NOW)
FIRST, SECOND = Share(1, 2, 3), Share(4, 5, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteNullifierLog]:
    made = SqliteNullifierLog(path, CLOCK, new=True)
    yield made
    made.close()


def test_shares_outlive_the_process_and_others_see_them(path: Path, log: SqliteNullifierLog) -> None:
    assert log.insert_or_get(epoch(10), [FIRST]) == ()
    with closing(SqliteNullifierLog(path, CLOCK)) as other:
        assert other.peek(epoch(10), 3) == FIRST
        assert other.insert_or_get(epoch(10), [SECOND]) == (FIRST,)
        assert other.insert_or_get(epoch(11), [SECOND]) == ()
    assert log.insert_or_get(epoch(11), [FIRST]) == (SECOND,)
    log.close()
    with closing(open_log(f"sqlite:///{path}", CLOCK)) as again:
        assert again.peek_many([(epoch(10), 3), (epoch(11), 3)]) == [FIRST, SECOND]
        assert len(again) == 2


def test_the_key_has_the_identifier_and_the_external_nullifier(log: SqliteNullifierLog) -> None:
    one = Epoch(10, 60, b"one", 77)
    for other in (one, Epoch(10, 60, b"two", 77), Epoch(10, 60, b"one", 78)):
        assert log.insert_or_get(other, [FIRST]) == ()
        assert log.insert_or_get(other, [SECOND]) == (FIRST,)
    assert log.peek(Epoch(10, 60, b"onetwo", 77), 3) is None


def test_what_another_process_forgets_is_refused_here(path: Path, log: SqliteNullifierLog) -> None:
    for number in (10, 11):
        log.insert_or_get(epoch(number), [FIRST])
    with closing(SqliteNullifierLog(path, CLOCK)) as other:
        other.forget(epoch(10).end)
    for use in (lambda: log.peek(epoch(10), 3), lambda: log.insert_or_get(epoch(10), [Share(1, 2, 9)])):
        with pytest.raises(StoreUnavailable, match="forgotten"):
            use()
    assert log.insert_or_get(epoch(11), [SECOND]) == (FIRST,)
    assert len(log) == 1


def test_a_purge_that_was_cut_short_is_ended_by_the_next(
    log: SqliteNullifierLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rln.stores.sqlite.log._CHUNK", 10)
    log.insert_or_get_many([(epoch(10), [Share(1, 2, n)]) for n in range(45)])
    writing, entered = log._database.writing, []

    def failing(*arguments: str) -> object:
        entered.append(1)
        if len(entered) > 3:
            raise StoreUnavailable("the disk")
        return writing(*arguments)

    monkeypatch.setattr(log._database, "writing", failing)
    with pytest.raises(StoreUnavailable, match="the disk"):
        log.forget(epoch(10).end)
    monkeypatch.setattr(log._database, "writing", writing)
    assert len(log) == 25
    with pytest.raises(StoreUnavailable, match="forgotten"):
        log.peek(epoch(10), 44)
    log.forget(0)
    assert len(log) == 0


def test_numbers_of_epochs_are_never_used_again(log: SqliteNullifierLog) -> None:
    """A share for a forgotten epoch must not get into another epoch."""
    log.insert_or_get(epoch(10), [FIRST])
    log.forget(epoch(10).end)
    log.insert_or_get(epoch(11), [FIRST])
    with log._database.reading() as connection:
        assert connection.execute("SELECT id FROM epoch").fetchall() == [(2,)]


def test_a_number_that_was_taken_back_is_not_remembered(
    path: Path, log: SqliteNullifierLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed transaction returns its epoch's number, and another process gives it to another epoch."""
    claim = log._claim

    def failing(*arguments: object) -> object:
        claim(*arguments)
        raise StoreUnavailable("the disk")

    monkeypatch.setattr(log, "_claim", failing)
    with pytest.raises(StoreUnavailable, match="the disk"):
        log.insert_or_get(epoch(10), [FIRST])
    monkeypatch.setattr(log, "_claim", claim)
    with closing(SqliteNullifierLog(path, CLOCK)) as other:
        assert other.insert_or_get(epoch(11), [SECOND]) == ()
    assert log.insert_or_get(epoch(10), [FIRST]) == ()
    assert log.peek_many([(epoch(10), 3), (epoch(11), 3)]) == [FIRST, SECOND]


def test_nothing_of_a_refused_claim_stays(log: SqliteNullifierLog) -> None:
    log.insert_or_get(epoch(10), [FIRST])
    assert log.insert_or_get(epoch(10), [Share(7, 8, 2), SECOND, Share(7, 8, 4)]) == (FIRST,)
    assert log.peek_many([(epoch(10), 2), (epoch(10), 4)]) == [None, None]
    assert len(log) == 1


def test_while_somebody_else_holds_the_file_all_claims_of_a_call_are_unsure(
    path: Path, log: SqliteNullifierLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.insert_or_get(epoch(10), [FIRST])
    log.close()
    monkeypatch.setattr(database, "TIMEOUT", 0.05)
    with closing(SqliteNullifierLog(path, CLOCK)) as one, closing(SqliteNullifierLog(path, CLOCK)) as other:
        with other._database.writing():
            answers = one.insert_or_get_many([(epoch(10), [Share(1, 2, n)]) for n in (3, 4, 5)])
            assert all(isinstance(answer, StoreUnavailable) for answer in answers)
            with pytest.raises(StoreUnavailable, match="locked"):
                one.insert_or_get(epoch(10), [Share(1, 2, 6)])
            assert one.peek(epoch(10), 3) == FIRST, "reading goes on"
        assert one.insert_or_get_many([(epoch(10), [Share(1, 2, n)]) for n in (4, 5, 6)]) == [()] * 3


def test_a_log_that_was_not_there_refuses_what_was_open_then(path: Path) -> None:
    now = CLOCK.current()
    following, later = CLOCK.epoch(now.index + 1), CLOCK.epoch(now.index + 2)
    with closing(SqliteNullifierLog(path, CLOCK)) as log:
        assert CLOCK.opened(following) > NOW >= CLOCK.opened(now)
        assert log.insert_or_get(following, [FIRST]) == ()
    # A later opening keeps the time at which the log was created, whatever its own clock and `new` say.
    for new in (False, True):
        after = EpochClock("example.com", 60, now=lambda: NOW + 100)
        with closing(SqliteNullifierLog(path, after, new=new)) as log:
            for use in (lambda: log.peek(now, 3), lambda: log.insert_or_get(now, [FIRST])):
                with pytest.raises(StoreUnavailable, match=f"was open at unix time {NOW}, when this log"):
                    use()
            assert log.insert_or_get(following, [SECOND]) == (FIRST,)
            assert log.peek(later, 3) is None


def test_a_file_of_a_mark_does_not_make_a_log_old(path: Path) -> None:
    with closing(SqliteMark(path)) as mark, closing(SqliteNullifierLog(path, CLOCK)) as log:
        mark.raise_to(NOW)
        with pytest.raises(StoreUnavailable, match="when this log was created"):
            log.insert_or_get(CLOCK.current(), [FIRST])


def test_of_many_threads_and_logs_one_inserts(path: Path) -> None:
    logs = [SqliteNullifierLog(path, CLOCK, new=True) for _ in range(3)]
    new: list[int] = []

    def work(number: int) -> None:
        for nullifier in range(20):
            claims = [(epoch(10), [Share(number + 1, 1, nullifier)]), (epoch(11), [Share(1, 1, nullifier)])]
            answers = logs[number % 3].insert_or_get_many(claims)
            new.extend(
                where
                for where, answer in zip((nullifier, nullifier + 100), answers, strict=True)
                if answer == ()
            )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [*range(20), *range(100, 120)]
    for log in logs:
        log.close()


# ---- the mark --------------------------------------------------------------------------------------


def test_a_mark_only_rises_and_outlives_the_process(path: Path) -> None:
    with closing(SqliteMark(path)) as mark, closing(SqliteMark(path)) as other:
        assert [mark.raise_to(seconds) for seconds in (0, 5, 3, 5, 9)] == [0, 5, 5, 5, 9]
        assert [other.raise_to(seconds) for seconds in (7, 11)] == [9, 11]
        assert mark.raise_to(0) == 11
    again = open_mark(f"sqlite:///{path}")
    assert again.raise_to(0) == 11


def test_a_mark_and_a_log_share_a_file(path: Path, log: SqliteNullifierLog) -> None:
    with closing(SqliteMark(path)) as mark:
        assert mark.raise_to(NOW) == NOW
        assert log.insert_or_get(epoch(10), [FIRST]) == ()
        log.forget(epoch(10).end)
        assert mark.raise_to(0) == NOW


@pytest.mark.parametrize("seconds", [-1, True, 1.5, None, 1 << 63])
def test_a_mark_takes_whole_seconds(path: Path, seconds: object) -> None:
    with closing(SqliteMark(path)) as mark:
        with pytest.raises(ParameterError, match="^seconds: "):
            mark.raise_to(seconds)  # type: ignore[arg-type]
        assert mark.raise_to(0) == 0


def test_a_clock_with_a_mark_notices_in_another_process_that_time_went_back(path: Path) -> None:
    with closing(SqliteMark(path)) as mark:
        assert EpochClock("example.com", 60, mark=mark, now=lambda: NOW).now() == NOW
    with closing(SqliteMark(path)) as mark:
        for back, fine in ((20, True), (21, False)):
            clock = EpochClock("example.com", 60, mark=mark, now=lambda back=back: NOW - back)
            if fine:
                assert clock.now() == NOW - back
            else:
                with pytest.raises(StoreUnavailable, match="gone back"):
                    clock.now()


def test_a_mark_that_cannot_be_kept_stops_the_clock(path: Path) -> None:
    mark = SqliteMark(path)
    mark.close()
    with pytest.raises(StoreUnavailable, match="high-water mark: used after it was closed"):
        EpochClock("example.com", 60, mark=mark, now=lambda: NOW).now()
