"""What the primaries of a log report about themselves, with no more permissions than the log needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from rln.errors import StoreUnavailable
from rln.protocol.epoch import EpochClock
from rln.protocol.share import Share
from rln.stores.redis.log import RedisNullifierLog, open_redis_log
from rln.stores.uri import StoreUri
from tests.support.redis_server import RedisServer, empty_cluster, empty_server

CLOCK = EpochClock("example.com", 60)


def log_at(uri: str) -> RedisNullifierLog:
    return open_redis_log(StoreUri.parse(uri, ("redis", "redis+cluster")), CLOCK, new=True)


@pytest.fixture
def uri() -> Iterator[str]:
    found = empty_server()
    yield found
    RedisServer.at(found).flushall()


def test_a_server_is_described_as_it_says_itself(uri: str) -> None:
    client = RedisServer.at(uri)
    with closing(log_at(uri)) as log:
        (empty,) = log.describe()
        log.insert_or_get_many([(CLOCK.current(), [Share(1, 2, 3 + n)]) for n in range(10)])
        client.set("others", "too")
        (told,) = log.describe()
    said = client.info()
    assert told.name == uri.removeprefix("redis://")
    assert told.role == said["role"] == "master"
    assert told.version == f"redis {said['redis_version']}"
    assert (told.appendonly, told.appendfsync, told.eviction) == (True, "everysec", "noeviction")
    assert (told.least_replicas, told.replicas) == (0, 0)
    assert told.keys == client.dbsize() == empty.keys + 11
    assert told.memory > 100_000
    assert abs(told.ahead) <= 0.001


def test_a_clock_that_differs_is_told(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(log_at(uri)) as log:
        now = EpochClock.now
        for seconds in (100, -100):
            monkeypatch.setattr(EpochClock, "now", lambda clock, seconds=seconds: now(clock) + seconds)
            (told,) = log.describe()
            assert told.ahead == pytest.approx(-seconds, abs=5)
        monkeypatch.undo()


def test_a_user_who_may_not_see_the_configuration(uri: str) -> None:
    client = RedisServer.at(uri)
    rights = "~rln:* +get +set +watch +unwatch +multi +exec +info +time +wait".split()
    client.execute_command("ACL", "SETUSER", "blind", "reset", "on", ">word", *rights)
    try:
        with closing(log_at(uri.replace("//", "//blind:word@"))) as log:
            (told,) = log.describe()
    finally:
        client.execute_command("ACL", "DELUSER", "blind")
    assert (told.appendonly, told.appendfsync, told.least_replicas) == (True, None, None)
    assert told.keys == client.dbsize()
    assert "word" not in repr(told)


def test_each_primary_of_a_cluster_is_described() -> None:
    with closing(log_at(empty_cluster())) as log:
        told = log.describe()
        log.insert_or_get_many([(CLOCK.current(), [Share(1, 2, 3 + n)]) for n in range(40)])
        after = log.describe()
    assert len({one.name for one in told}) == len(told) == 3
    assert {one.role for one in told} == {"master"}
    assert sum(one.keys for one in after) == sum(one.keys for one in told) + 40


def test_a_log_that_is_closed_describes_nothing(uri: str) -> None:
    log = log_at(uri)
    log.close()
    with pytest.raises(StoreUnavailable, match="used after it was closed"):
        log.describe()


def test_who_only_looks_writes_nothing(uri: str) -> None:
    """Whether there is no record or one that does not match, the answers are those of a verifier."""
    client, now = RedisServer.at(uri), CLOCK.current()
    where = StoreUri.parse(uri, ("redis", "redis+cluster"))
    client.flushall()
    left: dict[bytes, bytes] = {}
    for is_empty in (True, False):
        with closing(open_redis_log(where, CLOCK, read_only=True)) as log:
            for _ in range(2):
                (answer,) = log.peek_many([(now, 1)])
                assert isinstance(answer, StoreUnavailable)
                assert "was open at" in str(answer)
            (taken,) = log.insert_or_get_many([(now, [Share(1, 2, 3)])])
            assert isinstance(taken, StoreUnavailable)
            assert "opened read-only" in str(taken)
            log.forget(now.end)
        assert {key: client.get(key) for key in client.keys()} == left
        if is_empty:
            log_at(uri).close()
            (key,) = client.keys("rln:generation:*")
            client.set(key, "none fits")
            left = {key: client.get(key) for key in client.keys()}
    client.flushall()
    with closing(log_at(uri)) as served, closing(open_redis_log(where, CLOCK, read_only=True)) as log:
        served.insert_or_get_many([(now, [Share(1, 2, 3)])])
        assert log.peek_many([(now, 3)]) == served.peek_many([(now, 3)]) != [None]
