"""F17: the answer to a commit on PostgreSQL is lost, or its server was restarted between two calls."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

import rln
from rln.errors import AlreadyAMember, NotAMember, StoreUnavailable
from rln.stores import open_members
from rln.stores.postgres import members as postgres_members
from tests.support.pgbouncer_server import PgBouncer
from tests.support.postgres_server import PostgresServer, empty_database, server
from tests.support.proxy import Proxy

DEPTH, LIMIT_BITS = 8, 4
UNKNOWN = "may have happened or not.*ask whether it has happened .`is_member`, `was_member`, `is_slashed`"
UNCHANGED = "; nothing was changed$"


class Line:
    """The way to the server, on which a message of the next change can be lost.

    Attributes:
        lost: a pattern of what the lost message contains; None loses nothing.
        fault: how it is lost; see `Proxy`.
    """

    def __init__(self) -> None:
        self.lost: bytes | None = None
        self.fault = "forward"
        self._changing = False
        self.proxy = Proxy(server().port, self._choose)

    def lose(self, message: bytes, fault: str) -> None:
        self.lost, self.fault, self._changing = message, fault, False

    def _choose(self) -> str:
        self._changing = self._changing or b"READ WRITE" in self.proxy.sent
        if self.lost is not None and self._changing and re.search(self.lost, self.proxy.sent):
            self.lost = None
            return self.fault
        return "forward"


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    with made.proxy:
        yield made


class Members:
    """A group behind the line, with members 1 to 4 and two identities, and a registry that sees the truth."""

    def __init__(self, line: Line) -> None:
        uri = empty_database()
        self.time = 1_700_000_000.0
        self.truth = open_members(uri, DEPTH, LIMIT_BITS)
        through = uri.replace(f":{server().port}/", f":{line.proxy.port}/")
        self.registry = open_members(through, DEPTH, LIMIT_BITS)
        self.group = rln.Group(DEPTH, LIMIT_BITS, registry=self.registry, now=lambda: self.time)
        self.mallory, self.other = (rln.Identity.from_secret(90_000 + number) for number in range(2))
        commitments = [1, 2, 3, 4, self.mallory.commitment, self.other.commitment]
        self.group.register_many([(commitment, 1) for commitment in commitments])

    def close(self) -> None:
        self.registry.close()
        self.truth.close()


def begin_removal(members: Members) -> None:
    """Slash two identities: the removal of the second waits until the interval is over."""
    members.group.slash(members.mallory)
    members.group.slash(members.other)
    assert members.truth.slashing(members.other.commitment).step is None  # type: ignore[union-attr]
    members.time += 10


VERBS: dict[
    str,
    tuple[
        Callable[[Members], object],
        Callable[[Members], object],
        Callable[[Members], object],
        type[Exception] | None,
    ],
] = {
    "register": (
        lambda members: None,
        lambda members: members.group.register(7, 1),
        lambda members: members.group.is_member(7),
        AlreadyAMember,
    ),
    "register_many": (
        lambda members: None,
        lambda members: members.group.register_many([(7, 1), (8, 1)]),
        lambda members: members.group.is_member(7) and members.group.is_member(8),
        AlreadyAMember,
    ),
    "remove": (
        lambda members: None,
        lambda members: members.group.remove(0),
        lambda members: not members.group.is_member(1) and members.group.was_member(1),
        NotAMember,
    ),
    "slash": (
        lambda members: None,
        lambda members: members.group.slash(members.mallory),
        lambda members: members.registry.is_slashed(members.mallory.commitment),
        None,
    ),
    "note a slashing": (
        lambda members: members.group.slash(members.other),
        lambda members: members.group.slash(members.mallory),
        lambda members: members.registry.is_slashed(members.mallory.commitment),
        None,
    ),
    "remove slashed members": (
        begin_removal,
        lambda members: members.group.follow(),
        lambda members: members.registry.slashing(members.other.commitment).step is not None,  # type: ignore[union-attr]
        None,
    ),
}
"""What comes before, the verb, the question whether it has happened, and the error of a repetition."""


@pytest.mark.parametrize("happened", [True, False], ids=["after the commit", "before the commit"])
@pytest.mark.parametrize("verb", VERBS)
def test_f17_a_lost_answer_to_commit_says_so_and_how_to_find_out(
    line: Line, verb: str, happened: bool
) -> None:
    before, change, has_happened, repetition = VERBS[verb]
    with closing(Members(line)) as members:
        before(members)
        number = members.truth.head().number
        line.lose(rb"COMMIT\x00", "after" if happened else "before")
        with pytest.raises(StoreUnavailable, match=UNKNOWN):
            change(members)
        assert line.lost is None
        # The group of the same process is whole, too: it follows what has happened.
        assert bool(has_happened(members)) is happened
        members.group.follow()
        assert members.group.root == members.truth.head().root
        if happened and repetition is not None:
            with pytest.raises(repetition):
                change(members)
        else:
            change(members)
        assert has_happened(members)
        members.group.follow()
        assert members.truth.head().number - number <= 1, "it has happened once"
        again = rln.Group(DEPTH, LIMIT_BITS, registry=members.truth, now=lambda: members.time)
        assert again.root == members.group.root


@pytest.mark.parametrize("fault", ["after", "before"])
@pytest.mark.parametrize("verb", VERBS)
def test_f17_an_error_before_commit_says_that_nothing_was_changed(line: Line, verb: str, fault: str) -> None:
    before, change, has_happened, _ = VERBS[verb]
    with closing(Members(line)) as members:
        before(members)
        for message in (rb"FOR UPDATE", rb"INSERT INTO rln_(step|slashing)"):
            line.lose(message, fault)
            head = members.truth.head()
            with pytest.raises(StoreUnavailable, match=UNCHANGED):
                change(members)
            assert line.lost is None
            assert members.truth.head() == head
            assert not has_happened(members)
        change(members)
        assert has_happened(members)


def test_f17_only_the_call_whose_answer_was_lost_may_have_changed_something(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is silent from COMMIT on; the calls that are refused meanwhile were never sent."""
    monkeypatch.setattr(postgres_members, "TIMEOUT", 2)
    with closing(Members(line)) as members:
        line.lose(rb"COMMIT\x00", "blackhole")
        with pytest.raises(StoreUnavailable, match=UNKNOWN):
            members.group.register(7, 1)
        with pytest.raises(StoreUnavailable, match=f"no answer for .*{UNCHANGED}"):
            members.group.register(8, 1)
        time.sleep(1)
        assert not members.group.is_member(8)
        assert not members.group.is_member(7)
        assert members.group.register(7, 1).index == 6


def test_f17_a_reader_whose_connection_is_lost_says_nothing_of_changes(line: Line) -> None:
    with closing(Members(line)) as members:
        line.lose(b"rln_member", "after")
        line._changing = True
        with pytest.raises(StoreUnavailable) as lost:
            members.registry.registrations(1)
        assert "change" not in str(lost.value)
        assert members.registry.was_member(1)


def test_f17_the_first_call_after_a_restart_succeeds() -> None:
    own = PostgresServer()
    try:
        own.start()
        uri = own.empty_database()
        with PgBouncer(own.port, pool_size=3) as pooler:
            for way in (uri, pooler.through(uri)):
                with closing(open_members(way, DEPTH, LIMIT_BITS)) as registry:
                    group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
                    number = registry.count() + 1
                    group.register(number, 1)
                    own.stop()
                    own.start()
                    assert group.is_member(number)
                    assert group.register(number + 1, 1).index == number
                    own.stop()
                    own.start()
                    assert group.register(number + 2, 1).index == number + 1
                    assert group.root in group.roots
    finally:
        own.remove()


def test_f17_a_connection_is_replaced_only_once(line: Line) -> None:
    """A server that ends each connection at its first question is unavailable, and is not asked for ever."""
    with closing(Members(line)) as members:
        line.proxy._choose = lambda: "before"
        begun = len(line.proxy.seen)
        with pytest.raises(StoreUnavailable, match=UNCHANGED):
            members.group.register(7, 1)
        assert len(line.proxy.seen) - begun == 2
