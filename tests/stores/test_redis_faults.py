"""The log on Redis while networks and servers fail: nothing is accepted twice, and it recovers."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from rln.errors import StoreUnavailable
from rln.protocol.share import Share
from rln.stores import open_log
from rln.stores.redis import primary, routing
from tests.stores.redis_worker import (
    IMPATIENCE,
    PATIENCE,
    Script,
    Switch,
    accepted,
    claims,
    epochs,
    own_clock,
    rested,
    spend,
    worker,
)
from tests.support.proxy import FAULTS, MOMENT, Proxy
from tests.support.redis_server import (
    RedisServer,
    entry_count,
    redis_cluster,
    redis_pair,
    redis_server,
    until,
)


@pytest.fixture
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that ask for the primary before every decision."""
    monkeypatch.setattr(routing, "EXAMINED_EVERY", 0.0)
    monkeypatch.setattr(primary, "EXAMINED_EVERY", 0.0)


# ---- the network ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "blackhole"])
@pytest.mark.parametrize("twice", [False, True])
def test_a_fault_that_passes_costs_nobody_his_message(server: RedisServer, fault: str, twice: bool) -> None:
    now, _, _ = epochs()
    script = Script()
    with Proxy(server.port, script) as proxy:
        log, other = worker(proxy.port, new=True), worker(server.port)
        script.left = [fault] * (1 + twice)
        assert spend(log, now, range(50)) == 50
        assert spend(other, now, range(50), x=2) == spend(log, now, range(50)) == 0
        script.left = [fault] * (1 + twice)
        assert other.peek_many([(now, n) for n in range(60)]) == log.peek_many([(now, n) for n in range(60)])
        script.left = [fault] * (1 + twice)
        several = [Share(3, 1, n) for n in (104, 102, 103)]
        assert log.insert_or_get(now, several) == ()
        assert log.insert_or_get(now, [Share(4, 1, n) for n in (103, 104)]) == (several[2], several[0])
        assert script.left == []


@pytest.mark.parametrize("fault", ["before", "after"])
def test_an_examination_outlives_a_connection_that_breaks(
    server: RedisServer, attentive: None, fault: str
) -> None:
    now, _, _ = epochs()
    script = Script()
    with Proxy(server.port, script) as proxy:
        log = worker(proxy.port, new=True)
        for spared in range(4):
            script.left = ["forward"] * spared + [fault]
            assert spend(log, now, [spared]) == 1
            assert script.left == []


@pytest.mark.parametrize("fault", ["before", "after", "late", "blackhole"])
def test_a_fault_that_stays_is_an_error_and_never_a_second_acceptance(
    server: RedisServer, fault: str
) -> None:
    now, _, _ = epochs()
    with Proxy(server.port) as proxy:
        log, other = worker(proxy.port, new=True, patience=IMPATIENCE), worker(server.port)
        proxy.fault = fault
        started = time.monotonic()
        unsure = log.insert_or_get_many(claims(now, range(50)))
        assert time.monotonic() - started < 4 * PATIENCE
        assert all(isinstance(error, StoreUnavailable) and error.__cause__ for error in unsure)
        looked = log.peek_many([(now, 3)])
        assert isinstance(looked[0], StoreUnavailable)
        proxy.fault = "forward"
        rested()
        time.sleep(2 * MOMENT)
        again = spend(other, now, range(50), x=2)
        assert again == (50 if fault in ("before", "blackhole") else 0)
        assert spend(log, now, range(50), x=3) == 0


def test_a_copy_that_arrives_late_finds_the_one_that_was_sent_again(server: RedisServer) -> None:
    """Two commands on one nullifier are delayed, and forwarded after they were sent again."""
    now, _, _ = epochs()
    script = Script()
    with Proxy(server.port, script) as proxy:
        log = worker(proxy.port, new=True)
        for turn in range(10):
            script.left = ["late"]
            first, second = Share(1, 1, turn), Share(2, 1, turn)
            assert log.insert_or_get_many([(now, [first]), (now, [second])]) == [(), (first,)]
            time.sleep(2 * MOMENT)
            assert log.peek(now, turn) == first


def test_every_connection_of_the_pool_may_be_dead(server: RedisServer) -> None:
    now, _, _ = epochs()
    with Proxy(server.port) as proxy:
        log = worker(proxy.port, new=True)
        threads = [
            threading.Thread(target=spend, args=(log, now, range(100 * n, 100 * n + 99))) for n in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        proxy.cut()
        assert spend(log, now, range(1000, 1050)) == 50


# ---- one server ----------------------------------------------------------------------------------------


def test_a_server_that_stands_still_is_unavailable_and_then_exact(server: RedisServer) -> None:
    now, _, _ = epochs()
    log = worker(server.port, new=True, patience=IMPATIENCE)
    assert spend(log, now, range(10)) == 10
    server.send(signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert spend(log, now, range(20)) == 0
        with pytest.raises(StoreUnavailable, match="Timeout"):
            log.peek(now, 3)
        assert time.monotonic() - started < 8 * PATIENCE
    finally:
        server.send(signal.SIGCONT)
    until(server.client.ping, "the server again")
    rested()
    # Commands that were sent while the server was stopped may be executed later; their senders got an error.
    assert spend(log, now, range(20), x=2) <= 10
    assert spend(log, now, range(20, 30), x=2) == 10
    assert spend(log, now, range(30), x=3) == 0


def test_a_server_that_stands_still_cannot_be_opened(server: RedisServer) -> None:
    server.send(signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable, match="Timeout"):
            worker(server.port, new=True, patience=IMPATIENCE)
    finally:
        server.send(signal.SIGCONT)
    until(server.client.ping, "the server again")


def test_who_saw_entries_believes_nobody_who_says_that_there_were_none(server: RedisServer) -> None:
    now, later, _ = epochs()
    log = worker(server.port, new=True)
    assert spend(log, now, range(10)) == 10
    server.client.flushall()
    worker(server.port, new=True)
    assert spend(log, now, range(10), x=2) == 0
    assert spend(log, later, range(10), x=2) == 10


def test_a_server_emptied_in_the_middle_of_a_pipeline(server: RedisServer) -> None:
    """The record is read after the decisions, on the same connection."""
    now, _, _ = epochs()
    log = worker(server.port, new=True)
    stop = threading.Event()
    total: list[int] = []

    def work(x: int) -> None:
        while not stop.is_set():
            total.append(spend(log, now, range(100), x=x))

    threads = [threading.Thread(target=work, args=(x,)) for x in (1, 2)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        server.client.flushall()
        time.sleep(0.003)
    stop.set()
    for thread in threads:
        thread.join()
    assert sum(total) <= 100


def test_a_server_without_memory_left_accepts_nothing(tmp_path: Path) -> None:
    now, _, _ = epochs()
    with redis_server(tmp_path) as server:
        log = worker(server.port, new=True)
        assert spend(log, now, range(10)) == 10
        server.set(maxmemory=1_000_000)
        (unsure,) = log.insert_or_get_many(claims(now, [10]))
        assert isinstance(unsure, StoreUnavailable) and "maxmemory" in str(unsure)
        server.set(maxmemory=0)
        assert spend(log, now, range(11)) == 1


# ---- replicas ------------------------------------------------------------------------------------------


def test_a_server_that_becomes_a_replica_is_left_at_once(tmp_path: Path, attentive: None) -> None:
    now, later, _ = epochs()
    with redis_pair(tmp_path) as (first, second):
        switch = Switch(first.port)
        log = worker(switch, new=True)
        assert spend(log, now, range(10)) == 10
        second.become_primary()
        first.follow(second.port)
        assert spend(log, now, range(20), x=2) == 0
        rested()
        with pytest.raises(StoreUnavailable, match="role: expected master, got slave"):
            log.peek(now, 3)
        switch.port = second.port
        assert spend(log, now, range(20), x=2) == 0
        assert spend(log, later, range(20), x=2) == 20


# ---- a cluster -----------------------------------------------------------------------------------------


def test_in_a_cluster_a_primary_that_died_takes_only_its_slots_with_it(
    tmp_path: Path, attentive: None
) -> None:
    now, later, _ = epochs()
    ids = range(60)
    with redis_cluster(tmp_path, replicas=1) as cluster:
        log = open_log(cluster.uri, own_clock(), new=True)
        assert spend(log, now, ids) == 60
        lost = entry_count(cluster.nodes[0].client)
        assert 5 < lost < 40
        cluster.nodes[0].stop()
        results = log.insert_or_get_many(claims(now, range(200), x=2))
        unsure = [n for n, result in enumerate(results) if isinstance(result, StoreUnavailable)]
        assert len(unsure) > lost
        assert accepted(results) == 140 - len([n for n in unsure if n >= 60])
        assert (
            sum(isinstance(share, StoreUnavailable) for share in log.peek_many([(now, n) for n in ids]))
            == lost
        )
        heir = cluster.nodes[3].client
        until(lambda: heir.info("replication")["role"] == "master", "the replica as a primary")
        until(lambda: spend(log, later, [time.monotonic_ns() + n for n in range(30)]) == 30, "all slots")
        again = log.insert_or_get_many(claims(now, range(200), x=3))
        assert accepted(again) == 0
        assert [n for n, result in enumerate(again) if isinstance(result, StoreUnavailable)] == unsure
        assert spend(log, later, range(200), x=3) == 200
        assert spend(open_log(cluster.uri, own_clock(), new=True), now, range(200), x=4) == 0


def test_in_a_cluster_a_slot_that_moved_closes_the_epoch_on_both_sides(
    tmp_path: Path, attentive: None
) -> None:
    now, later, _ = epochs()
    ids = range(60)
    with redis_cluster(tmp_path) as cluster:
        log = open_log(cluster.uri, own_clock(), new=True)
        assert spend(log, now, ids) == 60
        source, target, third = (node.client for node in cluster.nodes)
        key = next(key for key in source.scan_iter() if b"{" not in key)
        slot = int(source.execute_command("CLUSTER", "KEYSLOT", key))
        names = [client.execute_command("CLUSTER", "MYID").decode() for client in (source, target)]
        target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
        source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
        assert spend(log, now, ids, x=2) == 0
        source.execute_command("MIGRATE", "127.0.0.1", cluster.nodes[1].port, "", 0, 1000, "KEYS", key)
        # The moved entry is read where it is no longer, and this does not count as a decision.
        assert spend(log, now, ids, x=2) == 0
        for client in (target, source, third):
            client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[1])
        until(lambda: spend(log, later, [time.monotonic_ns() + n for n in range(30)]) == 30, "all slots")
        again = log.insert_or_get_many(claims(now, range(200), x=3))
        untouched = third.dbsize()
        assert 0 < accepted(again) < untouched
        assert accepted(again[:60]) == 0
        assert spend(log, now, range(200), x=4) == 0
        assert spend(log, later, range(200)) == 200
