"""Seeded schedules of faults: workers, a network that fails, servers that lose data; then their history.

In a schedule, workers send messages at the same time on few nullifiers, through proxies that draw faults.
Meanwhile the servers are emptied, stopped, run out of memory, or are replaced by a replica that lacks
entries. Everything is recorded. In each slot (epoch, nullifier) at most one message was accepted, and every
sender that got "taken" as the answer also got that message. While a replaced primary still answers, each of
the two servers may accept one.

    now      the epoch in which faults happen
    later    an epoch that opens after them; a worker may not have seen yet which server is the primary
    last     an epoch that opens when every worker has
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
import redis

from rln.errors import StoreUnavailable
from rln.ports import Claim, Taken
from rln.protocol.epoch import Epoch
from rln.protocol.share import Share
from tests.stores.redis_worker import Switch, epochs, own_clock, worker
from tests.support.effort import effort
from tests.support.proxy import FAULTS, Proxy
from tests.support.redis_server import RedisServer, redis_server, until

SCHEDULES = effort(200, 5000)
TOGETHER = 8
WORKERS, TURNS, NULLIFIERS = 3, 6, 8
PATIENCE = 0.04
SPACE = 0.04
"""Seconds in which the faults of a schedule begin."""

RISK = 0.1
"""The probability that what is sent meets a fault."""

_x = count(1)


class History:
    """Which messages were sent, and the answers to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.said: list[tuple[Claim, Taken | StoreUnavailable]] = []

    def add(self, claims: list[Claim], results: list[Taken | StoreUnavailable]) -> None:
        with self._lock:
            self.said += zip(claims, results, strict=True)

    def accepted(self, epoch: Epoch) -> dict[int, list[Share]]:
        """The accepted shares, by nullifier."""
        found: dict[int, list[Share]] = defaultdict(list)
        for (place, shares), result in self.said:
            if place == epoch and result == ():
                for share in shares:
                    found[share.nullifier or 0].append(share)
        return found

    def check(self, epoch: Epoch, copies: int) -> None:
        """Check an epoch in which each slot may have been accepted this many times."""
        accepted = self.accepted(epoch)
        over = {nullifier: shares for nullifier, shares in accepted.items() if len(shares) > copies}
        assert over == {}
        sent = {share for (place, shares), _ in self.said if place == epoch for share in shares}
        for (place, _), result in self.said:
            for share in result if place == epoch and not isinstance(result, StoreUnavailable) else ():
                assert share in sent
                # With two servers, it may be the share of a message whose sender got an error.
                assert copies > 1 or share in accepted.get(share.nullifier or 0, [share])


class Crew:
    """The workers of one schedule, each with its own proxy to the primary."""

    def __init__(self, seed: int, ports: list[int], min_replicas: int = 0) -> None:
        self.seed = seed
        self.draw = random.Random(seed)
        self.loyal = self.draw.randrange(1, WORKERS)
        """This many workers do not notice for a while that the primary was replaced."""
        self.history = History()
        self.calm = threading.Event()
        self.proxies = [
            [Proxy(port, self._faults(f"{seed} {i} {port}")) for port in ports] for i in range(WORKERS)
        ]
        self.ways = [Switch(proxies[0].port) for proxies in self.proxies]
        self.draws = [random.Random(f"{seed} worker {i}") for i in range(WORKERS)]
        self.clock = own_clock(f"s{seed}.example")
        self.now, self.later, self.last = epochs(self.clock)
        self.calm.set()
        until(lambda: self._open(min_replicas), "workers")
        self.calm.clear()

    def _open(self, min_replicas: int) -> bool:
        try:
            self.logs = [
                worker(way, self.clock, new=i == 0, min_replicas=min_replicas, patience=PATIENCE)
                for i, way in enumerate(self.ways)
            ]
        except StoreUnavailable:
            return False
        return True

    def _faults(self, seed: str) -> Callable[[], str]:
        draw = random.Random(seed)
        kinds = [fault for fault in FAULTS if fault != "forward"]
        return lambda: "forward" if self.calm.is_set() or draw.random() > RISK else draw.choice(kinds)

    def send(self, epoch: Epoch, faults: Callable[[], None] | None = None) -> None:
        """Let all workers send messages for an epoch while something happens."""
        start = threading.Barrier(WORKERS + 1)
        threads = [threading.Thread(target=self._work, args=(i, epoch, start)) for i in range(WORKERS)]
        for thread in threads:
            thread.start()
        start.wait()
        try:
            if faults is not None:
                faults()
        finally:
            for thread in threads:
                thread.join()

    def _work(self, i: int, epoch: Epoch, start: threading.Barrier) -> None:
        draw, log = self.draws[i], self.logs[i]
        start.wait()
        for _ in range(TURNS):
            claims = [self._claim(draw, epoch) for _ in range(draw.randrange(1, 6))]
            self.history.add(claims, log.insert_or_get_many(claims))
            if draw.random() < 0.3:
                log.peek_many([(epoch, n) for n in range(NULLIFIERS)])
            time.sleep(draw.random() * SPACE / TURNS)

    @staticmethod
    def _claim(draw: random.Random, epoch: Epoch) -> Claim:
        some = draw.sample(range(NULLIFIERS), draw.choice((1, 1, 1, 2, 3)))
        x = next(_x)
        return epoch, [Share(x, 1, nullifier) for nullifier in some]

    def turn(self, i: int) -> None:
        """Tell a worker of the second primary, as a Sentinel would."""
        self.ways[i].port = self.proxies[i][1].port
        self.logs[i]._router._map_until = 0.0

    def check(self, totals: Counter[str], **copies: int) -> int:
        """Check the three epochs, and return how many messages were accepted beyond one in a slot."""
        for name, most in copies.items():
            try:
                self.history.check(getattr(self, name), most)
            except AssertionError as error:
                raise AssertionError(f"schedule {self.seed}, epoch {name}") from error
        for _, result in self.history.said:
            totals[
                "unsure" if isinstance(result, StoreUnavailable) else "taken" if result else "accepted"
            ] += 1
        return sum(len(shares) - 1 for shares in self.history.accepted(self.later).values())

    def close(self) -> None:
        for log in getattr(self, "logs", []):
            log.close()
        for proxies in self.proxies:
            for proxy in proxies:
                proxy.__exit__(None, None, None)


@pytest.fixture
def totals() -> Counter[str]:
    return Counter()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("first")) as server:
        yield server


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("second")) as server:
        yield server


@pytest.fixture(scope="module")
def third(tmp_path_factory: pytest.TempPathFactory, second: RedisServer) -> Iterator[RedisServer]:
    """A replica of the second server, so that this one may accept when it needs a replica."""
    with redis_server(tmp_path_factory.mktemp("third")) as server:
        server.follow(second.port)
        yield server


def emptied(server: RedisServer, draw: random.Random) -> None:
    server.client.flushall()


def stopped(server: RedisServer, draw: random.Random) -> None:
    server.send(signal.SIGSTOP)
    time.sleep(draw.random() * SPACE)
    server.send(signal.SIGCONT)


def paused(server: RedisServer, draw: random.Random) -> None:
    server.client.client_pause(int(draw.random() * SPACE * 1000))


def cut_off(server: RedisServer, draw: random.Random) -> None:
    server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def evicting(server: RedisServer, draw: random.Random) -> None:
    """The server evicts every key that does not fit."""
    server.set(maxmemory_policy="allkeys-random")
    server.set(maxmemory=1)
    # The next write makes room by eviction, or fails if that is not enough.
    with suppress(redis.ResponseError):
        server.client.set("filling", bytes(1000))
    time.sleep(draw.random() * SPACE / 4)
    server.set(maxmemory=0)
    server.set(maxmemory_policy="noeviction")


def nothing(server: RedisServer, draw: random.Random) -> None:
    """The network alone."""


HAPPENINGS = (nothing, emptied, stopped, paused, cut_off, evicting)


def groups(begin: int, size: int) -> Iterator[range]:
    """Seeds of schedules that run at the same time on the same servers; they mostly wait."""
    for start in range(begin, begin + size, TOGETHER):
        yield range(start, min(start + TOGETHER, begin + size))


def each(crews: list[Crew], act: Callable[[Crew], None]) -> None:
    """Do something with all groups of workers at once."""
    with ThreadPoolExecutor(len(crews)) as pool:
        list(pool.map(act, crews))


def test_of_each_slot_one_message_is_accepted_whatever_happens_to_a_server(
    first: RedisServer, totals: Counter[str]
) -> None:
    size = SCHEDULES * 4 // 5

    one_by_one = threading.Lock()

    def happen(crew: Crew) -> None:
        for _ in range(crew.draw.randrange(1, 3)):
            time.sleep(crew.draw.random() * SPACE / 2)
            with one_by_one:
                crew.draw.choice(HAPPENINGS)(first, crew.draw)

    for seeds in groups(0, size):
        crews = [Crew(seed, [first.port]) for seed in seeds]
        try:
            each(crews, lambda crew: crew.send(crew.now, lambda: happen(crew)))
            each(crews, lambda crew: crew.send(crew.later))
            for crew in crews:
                crew.check(totals, now=1, later=1, last=0)
        finally:
            each(crews, Crew.close)
    assert totals["accepted"] > 5 * size
    assert totals["taken"] > 5 * size
    assert totals["unsure"] > size


@pytest.mark.parametrize("strict", [False, True])
def test_a_replaced_primary_that_still_answers_costs_one_more_a_slot_and_none_where_a_replica_must_have_it(
    first: RedisServer, second: RedisServer, third: RedisServer, totals: Counter[str], strict: bool
) -> None:
    over = 0
    for seeds in groups(10**6 * (1 + strict), SCHEDULES // 10):
        with Proxy(first.port) as link:
            follow(first, second, third, link, strict)
            crews = [Crew(seed, [first.port, second.port], min_replicas=int(strict)) for seed in seeds]
            promoted = threading.Event()

            def replace(crew: Crew, link: Proxy = link, promoted: threading.Event = promoted) -> None:
                time.sleep(crew.draw.random() * SPACE / 2)
                if crew.seed % TOGETHER == 0:
                    link.fault = "before"
                    (link.cut_clients if crew.seed // TOGETHER % 2 else link.cut)()
                    time.sleep(crew.draw.random() * SPACE / 2)
                    second.become_primary()
                    promoted.set()
                promoted.wait(10)
                for i in range(crew.loyal, WORKERS):
                    time.sleep(crew.draw.random() * SPACE / 4)
                    crew.turn(i)

            try:
                each(crews, lambda crew: crew.send(crew.now, lambda: replace(crew)))
                each(crews, lambda crew: crew.send(crew.later))
                for crew in crews:
                    for i in range(crew.loyal):
                        crew.turn(i)
                each(crews, lambda crew: crew.send(crew.last))
                for crew in crews:
                    over += crew.check(totals, now=1, later=1 if strict else 2, last=1)
            finally:
                each(crews, Crew.close)
    assert over == 0 if strict else over > 0
    assert totals["accepted"] > SCHEDULES // 4


def follow(first: RedisServer, second: RedisServer, third: RedisServer, link: Proxy, strict: bool) -> None:
    """Make the second server a replica of the first through the link; must replicas have entries?"""
    for server in (first, second):
        server.set(min_replicas_to_write=0)
    second.follow(link.port)
    for server in (first, second):
        until(lambda server=server: server.client.info("replication")["connected_slaves"] == 1, "a replica")
    until(lambda: third.client.info("replication")["master_link_status"] == "up", "a replica of the replica")
    for server in (first, second):
        server.set(min_replicas_to_write=int(strict))


def test_the_check_of_a_history_sees_what_it_looks_for(tmp_path: Path) -> None:
    now, later, _ = epochs()
    one, two = Share(1, 1, 3), Share(2, 1, 3)
    history = History()
    history.add([(now, [one]), (later, [two])], [(), ()])
    history.add([(now, [two])], [(one,)])
    history.check(now, 1)
    history.add([(now, [two])], [(two,)])
    with pytest.raises(AssertionError):
        history.check(now, 1)
    history.said.pop()
    history.add([(now, [two])], [()])
    history.check(now, 2)
    with pytest.raises(AssertionError):
        history.check(now, 1)
