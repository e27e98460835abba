"""Threats F3, F4, F5: a log on servers that lose replies or entries, or fail."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import rln
from rln.errors import StoreUnavailable
from rln.stores import open_log
from rln.stores.redis import primary, routing
from tests.stores.redis_worker import (
    Script,
    Switch,
    claims,
    epochs,
    own_clock,
    rested,
    spend,
    worker,
)
from tests.support.proxy import Proxy
from tests.support.redis_server import (
    HOST,
    RedisServer,
    empty_cluster,
    empty_server,
    entry_count,
    redis_server,
    redis_under_sentinels,
    until,
)
from tests.support.small_world import World


@pytest.fixture
def examine_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers look for another primary before every decision."""
    monkeypatch.setattr(routing, "EXAMINED_EVERY", 0.0)
    monkeypatch.setattr(primary, "EXAMINED_EVERY", 0.0)


def world_now() -> World:
    """Make a world with the machine's time, because servers compare it with theirs."""
    world = World()
    world.clock = rln.EpochClock("story.example", 600, skew=5)
    return world


@pytest.mark.parametrize("fault", ["after", "late"])
def test_f3_a_lost_reply_is_not_a_replay(fault: str) -> None:
    """With real proofs: a valid message, a copy of it, and a second message on its id."""
    world, script = world_now(), Script()
    server = int(empty_server().rpartition(":")[2])
    with Proxy(server, script) as proxy:
        world.log = worker(proxy.port, world.clock, new=True, patience=5)
        identity = world.join(limit=2)
        prover, verifier = world.prover(identity), world.verifier()
        other = world.prover(world.join(limit=1)).prove(b"other")
        assert verifier.submit(other, b"other") == rln.Valid()
        first = prover.prove(b"first")
        script.left = ["forward", fault]  # first a look, then the insert
        assert verifier.submit(first, b"first") == rln.Valid()
        assert script.left == []
        script.left = [fault]
        assert verifier.submit(first, b"first") == rln.Duplicate()
        script.left = ["forward", fault]
        assert verifier.submit(prover.prove(b"second"), b"second") == rln.Valid()
        cheat = world.prover(identity).prove(b"third")
        script.left = ["forward", fault]
        assert isinstance(verifier.submit(cheat, b"third"), rln.RateLimitViolation)


def test_f3_an_insert_whose_reply_was_lost_spends_the_id_and_serves_no_message() -> None:
    now, _, _ = epochs()
    server = int(empty_server().rpartition(":")[2])
    with Proxy(server) as proxy:
        log = worker(proxy.port, new=True)
        proxy.fault = "after"
        assert spend(log, now, range(20)) == 0
        proxy.fault = "forward"
        rested()
        assert spend(log, now, range(20)) == 0


def test_f4_an_emptied_server_is_noticed_in_the_same_pipeline(tmp_path: Path) -> None:
    now, later, _ = epochs()
    with redis_server(tmp_path) as server:
        log = worker(server.port, new=True)
        assert spend(log, now, range(10)) == 10
        server.client.flushall()
        assert spend(log, now, range(10), x=2) == 0
        with pytest.raises(StoreUnavailable, match="may be missing"):
            log.peek(now, 3)
        assert spend(log, later, range(10)) == 10
        assert spend(worker(server.port, new=True), now, range(10), x=3) == 0


@pytest.mark.parametrize("kept", ["everything", "nothing", "an old dump"])
def test_f4_a_server_that_restarted_is_refused_until_the_next_epoch(tmp_path: Path, kept: str) -> None:
    """It does not matter what it kept, because it may have lost a part."""
    now, later, _ = epochs()
    settings = {"appendfsync": "always" if kept == "everything" else "everysec"}
    with redis_server(tmp_path, **settings) as server:
        log = worker(server.port, new=True)
        assert spend(log, now, range(10)) == 10
        if kept == "an old dump":
            server.client.save()
        assert spend(log, now, range(10, 20)) == 10
        server.restart(appendonly="yes" if kept == "everything" else "no")
        assert entry_count(server.client) == {"everything": 20, "nothing": 0, "an old dump": 10}[kept]
        server.set(appendonly="yes")
        rested()
        if kept != "nothing":
            # `new` does not help, because the server holds entries.
            assert spend(worker(server.port, new=True), now, range(20), x=2) == 0
        assert spend(log, now, range(20), x=2) == 0
        assert spend(log, later, range(20), x=2) == 20


def test_f4_an_empty_replica_that_is_promoted_accepts_nothing_in_that_epoch(
    tmp_path: Path, examine_always: None
) -> None:
    now, later, _ = epochs()
    with redis_server(tmp_path / "first") as first, redis_server(tmp_path / "second") as second:
        switch = Switch(first.port)
        log = worker(switch, new=True)
        assert spend(log, now, range(20)) == 20
        first.stop()
        second.client.replicaof(HOST, first.port)  # too late: the replica never receives an entry
        second.become_primary()
        switch.port = second.port
        assert second.client.dbsize() == 0
        assert spend(log, now, range(20), x=2) == 0
        assert spend(worker(switch), now, range(20), x=3) == 0
        assert spend(log, later, range(20)) == 20


def test_f4_a_worker_that_saw_the_change_accepts_nothing_that_a_stale_replica_lacks(
    tmp_path: Path, examine_always: None
) -> None:
    """While the old primary still answers, the over-use is as documented: limit x lost primaries."""
    limit, members = 7, 5
    ids = range(limit * members)
    now, later, last = epochs()
    with redis_server(tmp_path / "first") as first, redis_server(tmp_path / "second") as second:
        with Proxy(first.port) as link:
            second.follow(link.port)
            switches = [Switch(first.port), Switch(first.port)]
            old_side, new_side = worker(switches[0], new=True), worker(switches[1])
            assert spend(old_side, now, ids[:10]) == 10
            until(lambda: entry_count(second.client) == 10, "ten entries")
            link.fault = "before"
            link.cut()
            assert spend(old_side, now, ids[10:20]) == 10
            until(lambda: second.client.info("replication")["master_link_status"] == "down", "the cut")
            second.become_primary()
            assert entry_count(second.client) == 10, "it lacks ten of the twenty"
            switches[1].port = second.port
            # In the epoch of the change, the worker that saw it accepts nothing.
            assert spend(new_side, now, ids, x=2) == 0
            assert spend(old_side, now, ids, x=3) == len(ids) - 20
            # In an epoch that begins while both primaries answer, each accepts once.
            assert spend(old_side, later, ids) == len(ids)
            overuse = spend(new_side, later, ids, x=2)
            assert overuse == limit * members * 1
            assert spend(old_side, later, ids, x=3) == spend(new_side, later, ids, x=3) == 0
            # After all workers have seen the change, counting is exact again.
            switches[0].port = second.port
            assert spend(old_side, now, ids, x=4) == 0
            assert spend(old_side, later, ids, x=4) == 0
            assert spend(old_side, last, ids) + spend(new_side, last, ids, x=2) == len(ids)


def test_f4_a_lost_primary_costs_nothing_if_a_replica_must_acknowledge(
    tmp_path: Path, examine_always: None
) -> None:
    limit, members = 7, 5
    ids = range(limit * members)
    now, later, last = epochs()
    strict = {"min_replicas_to_write": 1}
    with (
        redis_server(tmp_path / "first", **strict) as first,
        redis_server(tmp_path / "second", **strict) as second,
        Proxy(first.port) as link,
    ):
        second.follow(link.port)
        switches = [Switch(first.port), Switch(first.port)]
        until(lambda: first.client.info("replication").get("min_slaves_good_slaves") == 1, "a good replica")
        old_side, new_side = (
            worker(switches[0], new=True, min_replicas=1),
            worker(switches[1], min_replicas=1),
        )
        until(lambda: spend(old_side, now, [time.monotonic_ns()]) == 1, "acknowledgements")
        assert spend(old_side, now, ids[:10]) == 10
        link.fault = "before"
        link.cut_clients()  # for the primary the replica is still connected and silent
        assert spend(old_side, now, ids[10:]) == 0
        assert spend(old_side, later, ids) == 0
        second.become_primary()
        switches[1].port = second.port
        assert spend(new_side, now, ids, x=2) == 0
        third = RedisServer(tmp_path / "third", **strict)
        try:
            third.start()
            third.follow(second.port)
            until(
                lambda: second.client.info("replication").get("min_slaves_good_slaves") == 1, "a good replica"
            )
            rested()
            assert spend(new_side, now, ids, x=2) == 0
            until(lambda: spend(new_side, later, [time.monotonic_ns()]) == 1, "acknowledgements")
            assert spend(new_side, now, ids, x=2) == 0
            assert spend(new_side, later, ids, x=2) == len(ids)
            assert spend(old_side, later, ids, x=3) + spend(old_side, last, ids) == 0
        finally:
            third.stop()


def test_f4_a_replica_that_hangs_does_not_count_on_any_connection(tmp_path: Path) -> None:
    """The connection of the write broke; the connection that asks again has written nothing itself."""
    now, _, _ = epochs()
    strict = {"min_replicas_to_write": 1}
    script = Script()
    with (
        redis_server(tmp_path / "first", **strict) as first,
        redis_server(tmp_path / "second", **strict) as second,
        Proxy(first.port) as link,
        Proxy(first.port, script) as way,
    ):
        second.follow(link.port)
        until(lambda: first.client.info("replication").get("min_slaves_good_slaves") == 1, "a good replica")
        log = worker(way.port, new=True, min_replicas=1)
        until(lambda: spend(log, now, [time.monotonic_ns()]) == 1, "acknowledgements")
        link.fault = "blackhole"  # the acknowledgements of the replica are lost
        script.left = ["after"]
        (unsure,) = log.insert_or_get_many(claims(now, [3]))
        assert isinstance(unsure, StoreUnavailable)
        assert "expected 1 replicas to have the entries, got 0" in str(unsure)
        link.fault = "forward"
        rested()
        until(lambda: spend(log, now, [time.monotonic_ns()]) == 1, "acknowledgements again")
        assert spend(log, now, [3], x=2) == 0


def test_f4_sentinels_replace_a_primary_that_died(tmp_path: Path, examine_always: None) -> None:
    now, later, _ = epochs()
    with redis_under_sentinels(tmp_path, count=3) as (sentinels, first, second):
        log = open_log(sentinels.uri, own_clock(), new=True)
        assert spend(log, now, range(20)) == 20
        first.stop()
        assert spend(log, now, range(20), x=2) == 0
        until(lambda: second.client.info("replication")["role"] == "master", "another primary")
        until(lambda: spend(log, later, [time.monotonic_ns()]) == 1, "a log that has seen it")
        assert repr(log) == f"RedisNullifierLog(127.0.0.1:{second.port})"
        assert spend(log, now, range(20), x=2) == 0
        assert spend(open_log(sentinels.uri, own_clock(), new=True), now, range(20), x=2) == 0
        assert spend(log, later, range(20)) == 20
        first.start()  # it still acts as a primary, with all its entries
        assert spend(log, later, range(20), x=2) == 0
        sentinels.stop()
        # No Sentinel names the primary; the last known one may be cut off from all other servers.
        with pytest.raises(StoreUnavailable, match="no server names the primary"):
            log.peek(later, 3)


def test_f5_eviction_that_begins_while_it_runs(tmp_path: Path) -> None:
    """Policy and memory limit change between two examinations, and Redis evicts entries."""
    now, later, _ = epochs()
    with redis_server(tmp_path) as server:
        log = worker(server.port, new=True)
        assert spend(log, now, range(2000)) == 2000
        server.set(maxmemory_policy="allkeys-random")
        server.set(maxmemory=server.client.info("memory")["used_memory"] - 100_000)
        total = 2000
        for x in range(2, 12):
            total += spend(log, now, range(2000), x=x)
        assert server.client.info("stats")["evicted_keys"] > 100
        assert total == 2000
        server.set(maxmemory=0, maxmemory_policy="noeviction")
        rested()
        assert spend(log, now, range(2000), x=12) == 0
        assert spend(worker(server.port), now, range(2000), x=12) == 0
        assert spend(log, later, range(2000)) == 2000


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy"),
        ({"maxmemory_policy": "volatile-ttl"}, "maxmemory-policy"),
        ({"appendonly": "no"}, "appendonly"),
        ({"appendonly": "no", "save": "60 1"}, "appendonly"),
        ({"appendfsync": "no"}, "appendfsync"),
    ],
)
def test_f5_settings_that_lose_entries_are_refused_by_name(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    with redis_server(tmp_path, **settings) as server:
        with pytest.raises(StoreUnavailable, match=f"{named}: expected "):
            open_log(server.uri, own_clock(), new=True)
        server.set(maxmemory_policy="noeviction", appendonly="yes", appendfsync="always")
        assert spend(open_log(server.uri, own_clock(), new=True), epochs()[0], range(3)) == 3


@pytest.mark.parametrize(("skew", "gaps"), [(0, (0, 0)), (20.5, (0, 0)), (7, (3, 2))])
def test_f5_an_entry_outlives_every_moment_in_which_its_epoch_is_acceptable(
    skew: float, gaps: tuple[int, int]
) -> None:
    uri = empty_server()
    clock = rln.EpochClock("example.com", 60, skew=skew, past_gap=gaps[0], future_gap=gaps[1])
    log, now = open_log(uri, clock, new=True), time.time()
    client = RedisServer.at(uri)
    for number, epoch in enumerate(clock.acceptable()):
        assert spend(log, epoch, [number]) == 1
        last = epoch.end + skew + gaps[0] * 60  # after that time the epoch is never acceptable again
        (key,) = [key for key in client.keys("rln:*") if b"{" not in key]
        assert now + client.ttl(key) >= last + 59 - 1
        client.delete(key)


def test_f5_a_horizon_after_the_servers_time_is_ignored(tmp_path: Path) -> None:
    """A verifier whose clock was a day ahead for a moment forgets future epochs; others ignore that."""
    now, _, _ = epochs()
    with redis_server(tmp_path) as server:
        log, other = worker(server.port, new=True), worker(server.port)
        log.forget(int(time.time()) + 86400)
        assert spend(log, now, range(3)) == 3
        assert spend(other, now, range(3, 6)) == 3
        (key,) = [key for key in server.client.keys("rln:*") if b"generation" in key]
        server.client.set(key.replace(b"generation", b"forgotten"), int(time.time()) + 86400)
        rested()
        assert spend(log, now, range(6, 9)) == 3
        assert spend(worker(server.port), now, range(9, 12)) == 3
        log.forget(now.start - 60)
        assert int(server.client.get(key.replace(b"generation", b"forgotten"))) == now.start - 60


def test_f5_entries_of_one_epoch_spread_over_a_cluster_and_stay_separate() -> None:
    """The slot comes from the nullifier; services with another name or period have other keys."""
    uri = empty_cluster()
    clock = own_clock()
    log, now = open_log(uri, clock, new=True), clock.current()
    assert spend(log, now, range(300)) == 300
    nodes = uri.removeprefix("redis+cluster://").split(",")
    counts = [entry_count(RedisServer.at(node)) for node in nodes]
    assert sum(counts) == 300 and min(counts) > 60
    for other in (rln.EpochClock("example.org", 60), rln.EpochClock("example.com", 61)):
        assert spend(log, other.current(), range(300)) == 300
