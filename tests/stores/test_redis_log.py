"""The log on Redis beyond the contract: its entries, its checks of a server, its refusals."""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rln.errors import IntegrityAlarm, ParameterError, StoreUnavailable
from rln.ports import NullifierLog
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.share import Share
from rln.stores import open_log
from rln.stores.redis import primary
from rln.stores.redis.log import RedisNullifierLog
from rln.stores.redis.resp import ConnectionSettings
from rln.stores.redis.server_info import GenerationRecord, ServerStatus, check_settings
from rln.stores.redis.topology import (
    PrimaryLocation,
    _read_cluster_nodes,
    _read_sentinel_master,
    parse_topology,
)
from rln.stores.uri import StoreUri
from tests.stores.redis_worker import PATIENCE, rested
from tests.support.redis_server import HOST, RedisServer, empty_cluster, empty_server, free_port, redis_server

SCHEMES = ("redis", "rediss", "redis+sentinel", "redis+cluster")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rln.stores.redis.log.TIMEOUT", PATIENCE)


class Moment:
    """The machine's time, shifted."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


def clock(application: str = "example.com", **more: object) -> EpochClock:
    return EpochClock(application, 60, **more)


def epochs(of: EpochClock) -> tuple[Epoch, Epoch]:
    """The current epoch, and one that opens later whatever the skew is."""
    now = of.current()
    return now, of.epoch(now.index + 4)


def opened(server: RedisServer, of: EpochClock | None = None, **more: bool) -> NullifierLog:
    return open_log(server.uri, of or clock(), **more)


# ---- entries -------------------------------------------------------------------------------------------


def test_an_entry_has_75_bytes_of_key_without_braces_and_outlives_the_retention(
    server: RedisServer,
) -> None:
    own = clock(skew=7, past_gap=2)
    opened(server, own, new=True).insert_or_get(own.current(), [Share(1, 2, n) for n in (0, 5, 1 << 200)])
    keys = [key for key in server.client.keys() if b"{" not in key]
    assert [len(key) for key in keys] == [75, 75, 75]
    assert len({key[:32] for key in keys}) == 1
    assert all(key.startswith(b"rln:") and b"}" not in key for key in keys)
    assert all(server.client.strlen(key) == 76 for key in keys)
    assert {server.client.ttl(key) for key in keys} <= {own.retention + 60, own.retention + 59}
    assert own.retention == 3 * 60 + 2 * 7 + 60


def test_an_entry_takes_at_most_300_bytes(server: RedisServer) -> None:
    log, now = opened(server, new=True), clock().current()
    before = server.client.info("memory")["used_memory_dataset"]
    overhead = server.client.info("memory")["used_memory_overhead"]
    for start in range(0, 20_000, 1000):
        taken = log.insert_or_get_many([(now, [Share(1, 2, start + n)]) for n in range(1000)])
        assert taken == [()] * 1000
    memory = server.client.info("memory")
    grown = memory["used_memory_dataset"] - before + memory["used_memory_overhead"] - overhead
    assert grown / 20_000 <= 300


def test_a_batch_of_more_than_a_pipeline_keeps_its_order(server: RedisServer) -> None:
    log, now = opened(server, new=True), clock().current()
    claims = [(now, [Share(x, 1, n)]) for x in (1, 2) for n in range(700)]
    taken = log.insert_or_get_many(claims)
    assert taken[:700] == [()] * 700
    assert taken[700:] == [(Share(1, 1, n),) for n in range(700)]
    assert log.peek_many([(now, n) for n in range(700)]) == [Share(1, 1, n) for n in range(700)]


@pytest.mark.parametrize("uri", [empty_server, empty_cluster])
def test_claims_that_overlap_are_in_order_within_a_batch(uri: Callable[[], str]) -> None:
    log, now = open_log(uri(), clock(), new=True), clock().current()

    def claim(x: int, *nullifiers: int) -> tuple[Epoch, list[Share]]:
        return now, [Share(x, 1, n) for n in nullifiers]

    several = [(9, 8), (9,), (7,), (7, 6), (6,), (5, 9, 8), (4,)]
    taken = log.insert_or_get_many([claim(x, *nullifiers) for x, nullifiers in enumerate(several, 1)])
    assert taken == [
        (), (Share(1, 1, 9),), (), (Share(3, 1, 7),), taken[4], (Share(1, 1, 9), Share(1, 1, 8)), ()
    ]  # fmt: skip
    assert taken[4] in ((), (Share(4, 1, 6),)), "the fourth may have spent 6, and was not accepted"


@pytest.mark.parametrize("uri", [empty_server, empty_cluster])
def test_of_claims_that_race_for_several_nullifiers_never_two_get_one(uri: Callable[[], str]) -> None:
    where, now = uri(), clock().current()
    first = open_log(where, clock(), new=True)
    accepted: list[tuple[int, ...]] = []

    def work(number: int) -> None:
        log = open_log(where, clock())
        for turn in range(30):
            around = [10 * turn + (number + k) % 4 for k in (2, 0, 1)]
            if log.insert_or_get(now, [Share(number + 1, 1, n) for n in around]) == ():
                accepted.append(tuple(around))
        log.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = [nullifier for claim in accepted for nullifier in claim]
    assert len(spent) == len(set(spent))
    first.close()


def test_of_two_messages_on_the_same_nullifiers_one_gets_all_of_them(server: RedisServer) -> None:
    logs, now = [opened(server, new=True), opened(server)], clock().current()
    start, results = threading.Barrier(2), []

    def work(log: NullifierLog, x: int, step: int) -> None:
        for turn in range(60):
            nullifiers = range(10 * turn, 10 * turn + 6)[::step]
            start.wait()
            results.append((turn, log.insert_or_get(now, [Share(x, 1, n) for n in nullifiers]) == ()))

    threads = [threading.Thread(target=work, args=(log, i + 1, 1 - 2 * i)) for i, log in enumerate(logs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turn for turn, won in results if won) == list(range(60))


def test_what_is_none_of_ours_under_a_key_is_refused_alone(server: RedisServer) -> None:
    log, now = opened(server, new=True), clock().current()
    log.insert_or_get_many([(now, [Share(1, 2, n)]) for n in (3, 4, 5)])
    ours = sorted(key for key in server.client.keys() if b"{" not in key)
    server.client.set(ours[0], b"short")
    server.client.set(ours[1], bytes(76))
    server.client.delete(ours[2])
    server.client.lpush(ours[2], b"list")
    kinds = [type(found) for found in log.peek_many([(now, n) for n in (3, 4, 5, 6)])]
    assert kinds == [IntegrityAlarm] * 3 + [type(None)]
    taken = log.insert_or_get_many([(now, [Share(7, 8, n)]) for n in (3, 4, 5, 6)])
    assert [type(found) for found in taken] == [IntegrityAlarm] * 3 + [tuple]
    mixed = log.insert_or_get(now, [Share(7, 8, 60), Share(7, 8, 61)])
    assert mixed == ()
    with pytest.raises(IntegrityAlarm, match="entry rln:.*no verifier writes this"):
        log.insert_or_get(now, [Share(9, 8, 62), Share(9, 8, 3)])


# ---- whom it believes ----------------------------------------------------------------------------------


def test_a_log_that_was_not_there_refuses_what_was_open_by_then(server: RedisServer) -> None:
    own = clock()
    now, later = epochs(own)
    log = opened(server, own)
    for found in (log.peek_many([(now, 3)])[0], log.insert_or_get_many([(now, [Share(1, 2, 3)])])[0]):
        assert isinstance(found, StoreUnavailable) and f"epoch {now.index} was open" in str(found)
    assert log.insert_or_get(later, [Share(1, 2, 3)]) == ()
    with pytest.raises(StoreUnavailable, match="was open"):
        opened(server, own, new=True).peek(now, 3)


def test_a_log_that_is_there_is_taken_up_by_others(server: RedisServer) -> None:
    now = clock().current()
    opened(server, new=True).insert_or_get(now, [Share(1, 2, 3)])
    assert opened(server).insert_or_get(now, [Share(4, 5, 3)]) == (Share(1, 2, 3),)
    with pytest.raises(StoreUnavailable, match="was open"):
        opened(server, clock("example.org")).peek(now, 3)


@pytest.mark.parametrize("text", [b"", b"nonsense", b"a b c d e", b"a -1 b 0 -", b"a 01 b 0 -"])
def test_a_record_that_is_none_is_a_difference(server: RedisServer, text: bytes) -> None:
    log, (now, later) = opened(server, new=True), epochs(clock())
    (key,) = server.client.keys("rln:generation:*")
    server.client.set(key, text)
    with pytest.raises(StoreUnavailable, match="was open"):
        log.peek(now, 3)
    assert log.peek(later, 3) is None
    with pytest.raises(StoreUnavailable, match="was open"):
        opened(server, new=True).peek(now, 3)


def test_who_meets_another_record_takes_it_over_and_serves_what_opened_after_it(server: RedisServer) -> None:
    """One worker noticed in time; a worker that comes a whole epoch later need not refuse the new epoch."""
    own = clock()
    now, later = epochs(own)
    first, second = opened(server, own, new=True), opened(server, own)
    server.client.flushall()
    with pytest.raises(StoreUnavailable):
        first.peek(now, 3)
    (key,) = server.client.keys("rln:generation:*")
    record = server.client.get(key)
    assert second.insert_or_get(later, [Share(1, 2, 3)]) == ()
    assert server.client.get(key) == record
    with pytest.raises(StoreUnavailable):
        second.peek(now, 3)


def test_racing_workers_agree_on_one_record(server: RedisServer) -> None:
    now, later = epochs(clock())
    logs = [opened(server, new=True)] + [opened(server) for _ in range(5)]
    for _ in range(5):
        server.client.flushall()
        found: list[object] = []

        def work(log: NullifierLog, found: list[object] = found) -> None:
            found.append(log.peek_many([(now, 3), (later, 3)]))

        threads = [threading.Thread(target=work, args=(log,)) for log in logs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(isinstance(answer[0], StoreUnavailable) for answer in found), found
        assert [log.peek(later, 3) for log in logs] == [None] * 6


def test_a_record_that_somebody_else_began_meanwhile_is_taken_over(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker writes a record between our read and our write."""
    begin, faster = GenerationRecord.begin, []

    def begin_later(*arguments: Any) -> GenerationRecord:
        if not faster:
            faster.append(None)
            faster.append(opened(server))
        return begin(*arguments)

    monkeypatch.setattr(GenerationRecord, "begin", begin_later)
    now, later = epochs(clock())
    slower = opened(server, new=True)
    for log in (slower, faster[1]):
        with pytest.raises(StoreUnavailable, match="was open"):
            log.peek(now, 3)
        assert log.peek(later, 3) is None

    def begin_never(*arguments: Any) -> GenerationRecord:
        server.client.set(server.client.keys("rln:generation:*")[0], b"something else")
        return begin(*arguments)

    monkeypatch.setattr(GenerationRecord, "begin", begin_never)
    server.client.set(server.client.keys("rln:generation:*")[0], b"something")
    with pytest.raises(StoreUnavailable, match="other workers changed its generation record"):
        opened(server)


# ---- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "wrong", "right"),
    [
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
        ("appendonly", "no", "yes"),
        ("appendfsync", "no", "everysec"),
    ],
)
def test_a_setting_that_could_lose_entries_is_refused_at_the_start_and_while_it_runs(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, setting: str, wrong: str, right: str
) -> None:
    monkeypatch.setattr(primary, "EXAMINED_EVERY", 0.0)
    now, log = clock().current(), opened(server, new=True)
    server.client.config_set(setting, wrong)
    try:
        with pytest.raises(StoreUnavailable, match=f"{setting}: expected .*{right}, got {wrong}"):
            opened(server)
        with pytest.raises(StoreUnavailable, match=setting):
            log.insert_or_get(now, [Share(1, 2, 3)])
    finally:
        server.client.config_set(setting, right)
    rested()
    assert log.insert_or_get(now, [Share(1, 2, 3)]) == ()


def test_settings_that_are_not_shown_are_read_from_info(server: RedisServer) -> None:
    server.client.acl_setuser(
        "worker", enabled=True, passwords=["+s3cr3t-word"], keys=["rln:*"], categories=["+@all"],
        commands=["-config"],
    )  # fmt: skip
    uri = server.uri.replace("//", "//worker:s3cr3t-word@")
    log = open_log(uri, clock(), new=True)
    assert log.insert_or_get(clock().current(), [Share(1, 2, 3)]) == ()
    with pytest.raises(StoreUnavailable, match="min-replicas-to-write: expected 1 or more, got 0"):
        open_log(uri + "?min_replicas=1", clock())
    server.client.config_set("maxmemory-policy", "volatile-ttl")
    try:
        with pytest.raises(StoreUnavailable, match="maxmemory-policy: expected noeviction, got volatile-ttl"):
            open_log(uri, clock())
    finally:
        server.client.config_set("maxmemory-policy", "noeviction")


def test_the_least_that_a_user_of_the_server_may_do(server: RedisServer) -> None:
    """The user has the access list of docs/stores.md."""
    page = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()
    listed = re.search(r"`(~rln:\* [^`]+)`", page)
    assert listed is not None
    server.client.acl_log_reset()
    server.client.execute_command(
        "ACL", "SETUSER", "least", "reset", "on", ">s3cr3t-word", *listed[1].split()
    )
    log, now = (
        open_log(server.uri.replace("//", "//least:s3cr3t-word@"), clock(), new=True),
        clock().current(),
    )
    assert log.insert_or_get_many([(now, [Share(1, 2, 3)]), (now, [Share(1, 2, 4), Share(1, 2, 5)])]) == [
        (),
        (),
    ]
    assert log.peek(now, 3) == Share(1, 2, 3)
    log.forget(now.end - 600)
    assert log.peek(now, 4) == Share(1, 2, 4)
    assert b"rln:forgotten" in b" ".join(server.client.keys())
    denied = {entry["object"] for entry in server.client.acl_log()}
    assert not [name for name in denied if not name.startswith("client")], (
        "a name of the library may be kept away"
    )


def test_a_password_is_in_no_message_and_no_repr(server: RedisServer) -> None:
    server.client.acl_setuser(
        "other", enabled=True, passwords=["+s3cr3t-word"], keys=["*"], categories=["+@all"]
    )
    right = open_log(server.uri.replace("//", "//other:s3cr3t-word@"), clock(), new=True)
    texts = [repr(right), repr(right._router._map), repr(right._router._settings), str(vars(right))]
    for wrong in ("redis://other:wr0ng-word@", "redis+cluster://other:wr0ng-word@"):
        with pytest.raises(StoreUnavailable) as caught:
            open_log(server.uri.replace("redis://", wrong), clock())
        texts += [str(caught.value), repr(caught.value), str(caught.value.__cause__)]
    with pytest.raises(ParameterError) as caught:
        open_log("redis://other:wr0ng-word@host:port", clock())
    texts.append(str(caught.value))
    assert not [text for text in texts if "s3cr3t" in text or "wr0ng" in text]


INFO = b"redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\naof_last_write_status:ok\r\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"7.0.15", b"6.2.14", "version: expected 7.0 or later, got 6.2.14|version: expected 7 or later"),
        (b"7.0.15", b"unstable", "version"),
        (b"redis_version:7.0.15", b"", "version: expected .* got none"),
        (b"maxmemory_policy:noeviction", b"", "maxmemory-policy: expected noeviction, got unknown"),
        (b"aof_enabled:1", b"aof_enabled:0", "appendonly: expected yes, got no"),
        (b"status:ok", b"status:err", "cannot write its append-only file"),
    ],
)
def test_what_a_server_says_of_itself(old: bytes, new: bytes, message: str) -> None:
    check_settings(INFO, None, 0)
    check_settings(INFO, [b"appendfsync", b"always", b"min-replicas-to-write", b"2"], 2)
    with pytest.raises(StoreUnavailable, match=message):
        check_settings(INFO.replace(old, new), None, 0)


def test_decisions_that_wait_for_replicas_need_a_server_that_does(server: RedisServer) -> None:
    with pytest.raises(StoreUnavailable, match="min-replicas-to-write: expected 2 or more, got 0"):
        open_log(server.uri + "?min_replicas=2", clock(), new=True)


# ---- URIs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "redis://", "redis:///0", "redis://host:port", "redis://host:99999", "redis://host/zero",
        "redis://host/-1", "redis+sentinel://host:26379", "redis+sentinel://host:26379/",
        "redis+sentinel://host,/service", "redis+cluster://host:7000/1", "redis+cluster://",
        "redis://host?min_replicas=-1", "redis://host?min_replicas=65", "redis://host?min_replicas=",
        "redis://host?timeout=1",
    ],
)  # fmt: skip
def test_a_uri_that_says_too_little_or_too_much_is_refused(uri: str) -> None:
    with pytest.raises(ParameterError, match="^store: "):
        open_log(uri, clock())


def test_a_uri_in_its_parts() -> None:
    def read(uri: str) -> tuple[object, object]:
        return parse_topology(StoreUri.parse(uri, SCHEMES), 1.0)

    single, login = read("redis://us%40er:pa%3Ass@[::1]/3")
    assert single.address == ("::1", 6379)
    assert (login.username, login.password, login.database, login.encrypted) == ("us@er", "pa:ss", 3, False)
    single, login = read("valkeys://:word@host:7")
    assert single.address == ("host", 7)
    assert (login.username, login.password, login.database, login.encrypted) == (None, "word", 0, True)
    watched, login = read("redis+sentinel://user:word@one,two:7/some%2Fservice/2")
    assert watched.sentinels == (("one", 26379), ("two", 7))
    assert (watched.service, login.database) == ("some/service", 2)
    cluster, _ = read("valkey+cluster://one:1,two:2")
    assert cluster.nodes == (("one", 1), ("two", 2))


def test_the_table_of_a_cluster() -> None:
    table = (
        b"aa 10.0.0.1:7000@17000,name master - 0 0 3 connected 0-99 200 [300->-bb]\n"
        b"bb :7001@17001 myself,master - 0 0 4 connected 100-199\n"
        b"cc 10.0.0.3:7002@17002 slave aa 0 0 3 connected\n"
        b"dd 10.0.0.4:7003@17003 master - 0 0 0 connected\n"
    )
    first, second = _read_cluster_nodes(table, ("asked", 1))
    assert (first.address, first.slot_ranges) == (("10.0.0.1", 7000), ((0, 99), (200, 200)))
    assert (second.address, second.slot_ranges) == (("asked", 7001), ((100, 199),))
    moved = _read_cluster_nodes(
        table.replace(b" 0 0 3 connected 0-99", b" 0 0 5 connected 0-99"), ("asked", 1)
    )
    assert moved[0].slots_digest != first.slots_digest and moved[1].slots_digest == second.slots_digest
    with pytest.raises(ValueError, match="no primary"):
        _read_cluster_nodes(table.splitlines()[2], ("asked", 1))


@pytest.mark.parametrize("flags", [b"s_down,master", b"master,o_down", b"slave"])
def test_a_primary_that_a_sentinel_misses_is_none(flags: bytes) -> None:
    reply = [b"ip", b"10.0.0.1", b"port", b"7000", b"flags", b"master"]
    assert _read_sentinel_master(reply, ("asked", 1))[0].address == ("10.0.0.1", 7000)
    with pytest.raises(ValueError, match="expected a primary with flags master, got "):
        _read_sentinel_master([*reply[:-1], flags], ("asked", 1))


# ---- time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("skew", "offset"), [(20, 21), (20, -21), (100, 31), (100, -31), (0, 0.5)])
def test_a_server_whose_clock_differs_is_refused(server: RedisServer, skew: float, offset: float) -> None:
    moment = Moment()
    moment.offset = offset
    with pytest.raises(StoreUnavailable, match="TIME: expected our time within"):
        opened(server, clock(skew=skew, now=moment), new=True)
    moment.offset = 0.9 * offset if skew else 0.0
    assert opened(server, clock(skew=skew, now=moment), new=True).peek(clock().current(), 3) is None


def test_after_clocks_were_apart_what_was_open_is_refused_until_the_next_epoch(server: RedisServer) -> None:
    """The server's clock may have run ahead, so that entries have expired."""
    moment = Moment()
    own = clock(skew=5, now=moment)
    now, later = epochs(own)
    log = opened(server, own, new=True)
    assert log.insert_or_get(now, [Share(1, 2, 3)]) == ()
    moment.offset = -3600.0
    with pytest.raises(StoreUnavailable, match="TIME"):
        log.insert_or_get(now, [Share(4, 5, 6)])
    moment.offset = 0.0
    rested()
    assert log.peek(later, 3) is None
    moment.offset = +6.0
    with pytest.raises(StoreUnavailable, match="TIME"):
        log.peek(now, 3)
    moment.offset = 0.0
    rested()
    with pytest.raises(StoreUnavailable, match="was open"):
        log.insert_or_get(now, [Share(4, 5, 3)])
    assert log.insert_or_get(later, [Share(4, 5, 3)]) == ()


def test_forgetting_is_known_to_the_processes_that_come_later(server: RedisServer) -> None:
    own = clock()
    now = own.current()
    ended = own.epoch(now.index - 1)
    first = opened(server, own, new=True)
    first.forget(ended.end)
    first.forget(ended.end - 60)
    second = opened(server, own)
    for log in (first, second):
        with pytest.raises(StoreUnavailable, match="forgotten"):
            log.peek(ended, 3)
        assert log.peek(now, 3) is None


def test_forgetting_is_not_lost_with_a_server_that_is_away(tmp_path: Path) -> None:
    own = clock()
    now = own.current()
    ended = own.epoch(now.index - 1)
    with redis_server(tmp_path) as server:
        log = opened(server, own, new=True)
        server.stop()
        log.forget(ended.end)
        server.start()
        rested()
        assert isinstance(log.peek_many([(ended, 3)])[0], StoreUnavailable)
        with pytest.raises(StoreUnavailable, match="forgotten"):
            opened(server, own).peek(ended, 3)


# ---- processes and connections -------------------------------------------------------------------------


def test_a_forked_child_has_connections_of_its_own(server: RedisServer) -> None:
    log, now = opened(server, new=True), clock().current()
    assert log.insert_or_get(now, [Share(1, 2, 3)]) == ()
    before = {client["id"] for client in server.client.client_list()}
    with log._router._lock:  # another thread works during the fork
        log._router._map_until = 0.0
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            code = 1
            try:
                taken = log.insert_or_get_many([(now, [Share(4, 5, n)]) for n in (3, 4)])
                code = 0 if taken == [(Share(1, 2, 3),), ()] else 2
            finally:
                os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert log.insert_or_get_many([(now, [Share(6, 7, n)]) for n in (3, 4)]) == [
        (Share(1, 2, 3),), (Share(4, 5, 4),)
    ]  # fmt: skip
    # The parent's are those of before. Some of before may be gone: they were of tests that have ended.
    assert {client["id"] for client in server.client.client_list()} <= before


def test_nobody_is_there(tmp_path: Path) -> None:
    for uri in ("redis://{}", "redis+sentinel://{}/rln", "redis+cluster://{}"):
        with pytest.raises(StoreUnavailable, match="^nullifier log: "):
            open_log(uri.format(f"{HOST}:{free_port()}"), clock(), new=True)


def test_a_slot_that_nobody_has_is_unavailable_alone(server: RedisServer) -> None:
    class Half:
        def locations(self) -> tuple[PrimaryLocation, ...]:
            return (PrimaryLocation((HOST, server.port), ((0, 8191),)),)

    login = ConnectionSettings(None, None, 0, False, PATIENCE)
    log, now = RedisNullifierLog(Half(), login, clock(), new=True), clock().current()
    taken = log.insert_or_get_many([(now, [Share(1, 2, n)]) for n in range(40)])
    lost = [str(error) for error in taken if error != ()]
    assert 5 < len(lost) < 35
    assert set(lost) == {
        "nullifier log: no primary owns the slot of this nullifier; check the cluster's slots; nothing was "
        "changed"
    }


def test_a_single_server_is_no_cluster(server: RedisServer) -> None:
    with pytest.raises(StoreUnavailable, match="no server names the primary: .*cluster support disabled"):
        open_log(server.uri.replace("redis:", "redis+cluster:"), clock(), new=True)


def test_a_server_that_says_less_of_itself_is_refused() -> None:
    with pytest.raises(StoreUnavailable, match="INFO: expected role, master_replid and evicted_keys"):
        ServerStatus.of(b"role:master\r\nevicted_keys:0\r\n")


def test_used_after_it_was_closed(server: RedisServer) -> None:
    log, now = opened(server, new=True), clock().current()
    log.close()
    log.close()
    with pytest.raises(StoreUnavailable, match="used after it was closed"):
        log.peek(now, 3)
    with pytest.raises(StoreUnavailable, match="used after it was closed"):
        log.insert_or_get(now, [Share(1, 2, 3)])


def test_over_tls_the_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = _self_signed(tmp_path)
    port = free_port()
    with redis_server(
        tmp_path, tls_port=port, tls_cert_file=certificate, tls_key_file=key, tls_auth_clients="no"
    ):
        uri = f"rediss://{HOST}:{port}"
        with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
            open_log(uri, clock(), new=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert open_log(uri, clock(), new=True).peek(clock().current(), 3) is None


def _self_signed(parse_topology: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rln test")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    files = parse_topology / "certificate.pem", parse_topology / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files
