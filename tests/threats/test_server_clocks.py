"""Threat F19 on Redis: the server's clock and ours are wrong by the same amount; databases are swapped.

The server is a real one, whose clock a test can set. A worker's clock has the same error, as if both followed
one wrong time server.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import rln
from rln.ports import NullifierLog
from rln.protocol.share import Share
from rln.stores import machine_time, open_log
from rln.stores.redis import primary, server_clock
from tests.stores.redis_worker import epochs, spend
from tests.support.redis_server import RedisServer, entry_count
from tests.support.shifted_clock import ShiftedClock

HOUR = 3600
IDS = range(10)


class Place:
    """A server, and workers on several machines; all clocks have the same error.

    Attributes:
        server: the server.
        passed: seconds that passed on all clocks, although no test waits for them.
    """

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = ShiftedClock(directory)
        self.server = RedisServer(directory / "redis", environment=self._clock.environment)
        self.passed = 0
        self._error = 0
        self._boot = "one"
        self._logs: list[NullifierLog] = []
        running = machine_time.running_time
        monkeypatch.setattr(machine_time, "boot_id", lambda: self._boot)
        for module in (machine_time, primary):
            monkeypatch.setattr(module, "running_time", lambda: running() + self.passed * 10**9)
        monkeypatch.setattr(primary, "EXAMINED_EVERY", 0.0)

    def set(self, *, error: int = 0) -> None:
        """Set all clocks, with this error in seconds."""
        self._error = error
        self._clock.shift = self.passed + error

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.passed += seconds
        self.set(error=self._error)

    def now(self) -> float:
        return time.time() + self._clock.shift

    def clock(self, period: int) -> rln.EpochClock:
        return rln.EpochClock("f19.example", period, now=self.now)

    def worker(self, clock: rln.EpochClock, *, machine: str = "one", new: bool = False) -> NullifierLog:
        """Start a worker on a machine."""
        self._boot = machine
        self._logs.append(open_log(self.server.uri, clock, new=new))
        return self._logs[-1]

    def ahead(self, error: int) -> None:
        """Set all clocks ahead, until the server has deleted every key whose time is over."""
        keys = self.server.client.keys("*")
        self.set(error=error)
        for key in keys:
            self.server.client.exists(key)  # deletes the key, as the server does in the background

    def close(self) -> None:
        for log in self._logs:
            log.close()
        self.server.stop()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = Place(tmp_path, monkeypatch)
    try:
        made.server.start()
        yield made
    finally:
        made.close()


# ---- ahead for a moment ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [False, True], ids=["no worker was running", "a worker went on"])
@pytest.mark.parametrize("fresh", [False, True], ids=["the old worker", "a fresh worker"])
def test_f19_both_clocks_an_hour_ahead_and_back_accept_no_message_a_second_time(
    place: Place, seen: bool, fresh: bool
) -> None:
    """While they are ahead, the server deletes the entries of the current epoch."""
    clock = place.clock(600)
    log = place.worker(clock, new=True)
    now = clock.current()
    assert spend(log, now, IDS) == 10
    place.ahead(HOUR)
    if seen:
        assert spend(log, clock.current(), IDS) == 10
    place.set()
    worker = place.worker(clock) if fresh else log
    assert spend(worker, now, IDS, x=2) == 0
    for log in (worker, place.worker(clock)):
        assert spend(log, now, IDS, x=3) == 0
    assert spend(worker, clock.epoch(now.index + 3), IDS) == 10


def test_f19_both_clocks_ahead_by_less_than_a_timer_delete_no_entry_of_an_acceptable_epoch(
    place: Place,
) -> None:
    clock = place.clock(600)
    log = place.worker(clock, new=True)
    assert spend(log, clock.current(), IDS) == 10
    place.ahead(50)
    assert spend(log, clock.current(), [77]) == 1
    place.set()
    assert spend(place.worker(clock), clock.current(), IDS, x=2) == 0
    assert entry_count(place.server.client) == 11


def test_f19_hours_without_a_worker_refuse_nothing_in_an_epoch_of_a_day(place: Place) -> None:
    clock = place.clock(24 * HOUR)
    now = clock.current()
    assert spend(place.worker(clock, new=True), now, IDS) == 10
    for machine in ("one", "two"):
        place.wait(5 * HOUR)
        log = place.worker(clock, machine=machine)
        assert spend(log, now, IDS, x=2) == 0
        assert spend(log, now, [100 + place.passed]) == 1, "the epoch is open"


def test_f19_an_excursion_of_the_clocks_amid_hours_without_a_worker_is_noticed(place: Place) -> None:
    clock = place.clock(24 * HOUR)
    now = clock.current()
    assert spend(place.worker(clock, new=True), now, IDS) == 10
    place.wait(5 * HOUR)
    place.ahead(30 * HOUR)
    place.set()
    place.wait(HOUR)
    assert spend(place.worker(clock), now, IDS, x=2) == 0


def test_f19_a_running_worker_notices_between_two_examinations_that_both_clocks_were_set(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = place.clock(600)
    log = place.worker(clock, new=True)
    now = clock.current()
    assert spend(log, now, IDS) == 10
    monkeypatch.setattr(primary, "EXAMINED_EVERY", 1000.0)
    assert spend(log, now, [10]) == 1
    place.ahead(HOUR)
    assert spend(log, clock.current(), IDS) == 10, "examined again, and sent again"
    place.set()
    assert spend(log, now, IDS, x=2) == spend(place.worker(clock), now, IDS, x=2) == 0


def test_f19_what_both_clocks_made_a_log_forget_while_they_were_ahead_is_refused_no_longer(
    place: Place,
) -> None:
    """The bound that the log stored is later than the server's time, so it is ignored."""
    clock = place.clock(600)
    log = place.worker(clock, new=True)
    following = clock.epoch(clock.current().index + 1)
    place.ahead(24 * HOUR)
    log.forget(clock.horizon())
    place.set()
    for one in (log, place.worker(clock)):
        assert spend(one, clock.current(), IDS) == 0
    place.wait(600)
    assert spend(place.worker(clock), following, IDS) == 10
    assert spend(log, following, IDS, x=2) == 0
    assert spend(log, following, [99]) == 1


@pytest.mark.parametrize("retention", [61, 160, 700, 1921, 86_500, 31_622_800])
def test_f19_what_expires_while_no_timer_shows_it_belongs_to_epochs_that_ended(retention: int) -> None:
    spacing, lifetime = server_clock.timer_spacing(retention), server_clock.entry_lifetime(retention)
    for now in (10**9, 10**9 + 1, 10**9 + spacing // 2, 10**9 + spacing - 1):
        next_timer = (now // spacing + 1) * spacing
        accepted = next_timer - lifetime  # the newest entry that has expired just before the next timer
        assert accepted + retention <= now
    assert lifetime // spacing <= 33


# ---- slow at the start of a generation ---------------------------------------------------------------------


@pytest.mark.parametrize("machine", ["one", "two"])
@pytest.mark.parametrize("fresh", [False, True], ids=["the old worker", "a fresh worker"])
def test_f19_a_generation_begun_by_slow_clocks_refuses_what_was_open_when_they_are_right(
    place: Place, machine: str, fresh: bool
) -> None:
    """The server is emptied while both clocks say that the current epoch has not begun."""
    clock = place.clock(24 * HOUR)
    now = clock.current()
    assert spend(place.worker(clock, new=True), now, IDS) == 10
    place.server.client.flushall()
    place.set(error=now.start - HOUR - int(time.time()))
    log = place.worker(clock)
    assert spend(log, clock.current(), IDS, x=2) == 0
    place.set()
    log = place.worker(clock, machine=machine) if fresh else log
    assert spend(log, now, IDS, x=3) == 0
    assert spend(place.worker(clock), now, IDS, x=3) == 0
    assert spend(log, clock.epoch(now.index + 1), IDS) == 10


def test_f19_machines_that_take_turns_with_long_pauses_do_not_close_each_others_generation(
    place: Place,
) -> None:
    """Each machine is unknown once; from then on its own running time shows that the clock was not set."""
    clock = place.clock(24 * HOUR)
    machines = ("one", "two", "three")
    place.worker(clock)
    records = []
    for _ in range(3):
        for machine in machines:
            place.wait(100)
            place.worker(clock, machine=machine)
            (key,) = place.server.client.keys("rln:generation:*")
            records.append(place.server.client.get(key).split()[:2])
    assert len({generation for generation, _ in records}) == 1
    assert len({since for _, since in records}) == len(machines)
    assert len({since for _, since in records[len(machines) :]}) == 1
    following = clock.epoch(clock.current().index + 1)
    assert spend(place.worker(clock, machine="two"), following, IDS) == 10


def test_f19_a_machine_that_joins_workers_in_use_is_believed(place: Place) -> None:
    clock = place.clock(24 * HOUR)
    place.worker(clock)
    (key,) = place.server.client.keys("rln:generation:*")
    record = place.server.client.get(key)
    for machine in ("two", "three"):
        place.wait(20)
        place.worker(clock, machine=machine)
    assert place.server.client.get(key) == record


def test_f19_a_generation_that_is_no_longer_young_ignores_a_clock_that_is_set_forward(place: Place) -> None:
    clock = place.clock(60)
    log = place.worker(clock)
    for _ in range(5):
        place.wait(60)
        spend(log, clock.current(), IDS)
    place.set(error=HOUR)
    assert spend(place.worker(clock, machine="two"), clock.current(), IDS) == 10
    assert spend(log, clock.current(), IDS, x=2) == 0


# ---- databases that are swapped --------------------------------------------------------------------------


def swapped(place: Place, *, reset: bool) -> int:
    """Swap databases there and back while a worker goes on; return what a fresh worker accepts again."""
    clock = place.clock(60)
    now, later, _ = epochs(clock)
    log = place.worker(clock, new=True)
    assert spend(log, now, IDS) == 10
    place.server.command("SWAPDB", 0, 1)
    assert spend(log, now, IDS, x=2) == 0
    assert spend(log, later, IDS) == 10
    place.server.command("SWAPDB", 0, 1)
    if reset:
        place.server.command("CONFIG", "RESETSTAT")
    place.wait(5 * 60)  # until the later epoch is open
    return spend(place.worker(clock), later, IDS, x=2)


def test_f19_databases_swapped_there_and_back_accept_no_message_a_second_time(place: Place) -> None:
    assert swapped(place, reset=False) == 0


def test_f19_a_swap_whose_count_was_reset_is_not_noticed(place: Place) -> None:
    """CONFIG RESETSTAT sets the count of SWAPDB to 0; docs/stores.md says so."""
    assert swapped(place, reset=True) == 10


def test_f19_the_checks_of_clocks_add_no_command_to_a_decision(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = place.clock(600)
    log = place.worker(clock, new=True)
    monkeypatch.setattr(primary, "EXAMINED_EVERY", 1000.0)
    assert spend(log, clock.current(), [0]) == 1
    place.server.command("CONFIG", "RESETSTAT")
    for number in range(50):
        assert spend(log, clock.current(), [number + 1]) == 1
    counted = place.server.client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): said["calls"] for name, said in counted.items()}
    assert {name: calls[name] for name in ("set", "get", "time")} == {"set": 50, "get": 50, "time": 50}
    assert set(calls) <= {"set", "get", "info", "time", "config|resetstat"}


# ---- when it serves again --------------------------------------------------------------------------------


@pytest.mark.parametrize("new", [False, True], ids=["a new server", "a server that was emptied"])
def test_f4_a_server_that_lost_its_generation_serves_again_at_the_named_time_and_not_before(
    place: Place, new: bool
) -> None:
    stopped = [place.now()]
    clock = rln.EpochClock("f4.example", 600, skew=20, future_gap=1, now=lambda: stopped[0])
    log = place.worker(clock, new=new)
    if new:
        assert spend(log, clock.current(), IDS) == 10
        place.server.client.flushall()
        assert spend(log, clock.current(), IDS) == 0
    (refused,) = log.peek_many([(clock.current(), 1)])
    assert isinstance(refused, rln.StoreUnavailable)
    again, wait = refused.served_from, refused.retry_after
    assert again is not None and wait == again - stopped[0] and 600 < wait <= 1200 + 40 + 1
    assert "every epoch that was open then is refused" in str(refused) and "served again from" in str(refused)
    (claim,) = log.insert_or_get_many([(clock.current(), [Share(1, 1, 1)])])
    assert isinstance(claim, rln.StoreUnavailable) and claim.served_from == again
    place.wait(int(wait))
    stopped[0] = again - 0.001
    fresh = place.worker(clock)
    assert spend(log, clock.current(), IDS) == spend(fresh, clock.current(), IDS) == 0
    stopped[0] = again
    assert spend(log, clock.current(), IDS) == 10
    assert spend(fresh, clock.current(), [20]) == 1


def test_f4_a_forgotten_epoch_is_no_promise_that_the_current_one_is_served(place: Place) -> None:
    """A server that lost its data refuses what is open; the answer about an older epoch said otherwise."""
    clock = rln.EpochClock("f4.example", 600, skew=20, future_gap=1, now=place.now)
    log = place.worker(clock, new=False)
    current = clock.current()
    old = clock.epoch(current.index - 1)
    log.forget(old.end)
    lost, forgotten = log.peek_many([(current, 1), (old, 1)])
    assert isinstance(lost, rln.StoreUnavailable) and isinstance(forgotten, rln.StoreUnavailable)
    assert "is forgotten" in str(forgotten) and forgotten.served_from == lost.served_from
