"""Threats C10: injected objects that cannot do what they are for, and wrong answers of those that can."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.audit.files import AuditFiles
from rln.base.arguments import shown
from rln.errors import ParameterError, RlnError, StoreUnavailable
from rln.group.memory_registry import MemoryRegistry
from rln.ports import Claim, NullifierLog, RootSource
from rln.protocol.epoch import Epoch
from rln.stores.async_log import AsyncNullifierLog
from rln.stores.memory import MemoryMark, MemoryMessageIds, MemoryNullifierLog
from tests.support.small_world import DEPTH, LIMIT_BITS, PERIOD, START, World

HUGE = 10**400


@pytest.fixture
def world() -> World:
    return World()


def violation(world: World) -> tuple[list[tuple[rln.RlnProof, bytes]], rln.Identity]:
    """Return two messages on one message id, and their sender."""
    member = world.join(1)
    return [(world.prover(member).prove(signal), signal) for signal in (b"one", b"two")], member


# ---- roots


NO_ROOTS: dict[str, Callable[[int], object]] = {
    "the root 0": lambda root: [0],
    "0 among roots": lambda root: [root, 0],
    "an iterator": lambda root: iter([root]),
    "a generator": lambda root: (one for one in [root]),
    "a map": lambda root: map(int, [root]),
    "nothing": lambda root: None,
    "bytes": lambda root: b"roots",
    "a bytearray": lambda root: bytearray(b"roots"),
    "text": lambda root: "roots",
    "a mapping": lambda root: {root: "root"},
    "a number": lambda root: root,
    "a bool": lambda root: [True],
    "decimal text": lambda root: [str(root)],
    "a huge number": lambda root: [HUGE],
    "None among roots": lambda root: [root, None],
    "a class": lambda root: rln.RootWindow,
    "an object without methods": lambda root: object(),
    "an empty list": lambda root: [],
}


@pytest.mark.parametrize("kind", sorted(NO_ROOTS))
def test_c10_what_gives_no_roots_is_refused_at_construction(world: World, kind: str) -> None:
    with pytest.raises(RlnError, match="^roots?: expected"):
        world.verifier(roots=NO_ROOTS[kind](world.group.root))


@pytest.mark.parametrize("kind", sorted(NO_ROOTS.keys() - {"an iterator", "a generator", "a map"}))
def test_c10_a_history_takes_what_a_verifier_takes(world: World, kind: str) -> None:
    with pytest.raises(RlnError, match="^roots?: expected"):
        rln.RootHistory(NO_ROOTS[kind](world.group.root), rln.WindowSize(count=5))  # type: ignore[arg-type]


def test_c10_an_iterator_does_not_leave_a_verifier_without_roots_after_its_first_message(
    world: World,
) -> None:
    messages, _ = violation(world)
    roots = world.verifier(roots=[world.group.root])
    assert [type(roots.submit(*message)) for message in messages] == [rln.Valid, rln.RateLimitViolation]
    history = rln.RootHistory(iter([world.group.root]), rln.WindowSize(count=5))
    assert [world.group.root in history.window for _ in range(2)] == [True, True]


@pytest.mark.parametrize("make", [list, tuple, set, frozenset])
def test_c10_a_plain_collection_is_copied(world: World, make: Callable[[list[int]], Any]) -> None:
    (message, _), _ = violation(world)
    roots = make([world.group.root])
    verifier = world.verifier(roots=roots)
    if hasattr(roots, "clear"):
        roots.clear()
    assert verifier.submit(*message) == rln.Valid()


def test_c10_any_other_source_is_asked_for_each_message(world: World) -> None:
    (first, second), _ = violation(world)
    roots = deque([world.group.root])
    assert isinstance(roots, RootSource)
    verifier = world.verifier(roots=roots)
    assert verifier.submit(*first) == rln.Valid()
    roots.clear()
    assert verifier.submit(*second).reason is rln.Reason.UNKNOWN_ROOT  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("argument", "value"), [("registry", 5), ("window", 5), ("now", 5), ("now", START), ("window", None)]
)
def test_c10_the_roots_of_a_registry_need_a_registry_a_window_and_a_clock(
    argument: str, value: object
) -> None:
    arguments: dict[str, Any] = {
        "registry": MemoryRegistry(DEPTH, LIMIT_BITS),
        "window": rln.WindowSize(count=5),
        "now": time.time,
    }
    with pytest.raises(ParameterError, match=f"^{argument}: expected"):
        rln.RegistryRoots(**{**arguments, argument: value})


# ---- what is injected


LATE: dict[str, Callable[[World, rln.Identity], object]] = {
    "was_member": lambda world, member: world.verifier(was_member=5),
    "threads": lambda world, member: world.verifier(threads=0),
    "log": lambda world, member: world.verifier(log=AsyncNullifierLog(MemoryNullifierLog())),
    "audit": lambda world, member: world.verifier(audit=[]),
    "observer": lambda world, member: world.verifier(observer=print),
    "sources": lambda world, member: world.verifier(sources=5),
    "clock": lambda world, member: world.verifier(clock=rln.EpochClock),
    "now": lambda world, member: rln.EpochClock("story.example", 60, now=5),  # type: ignore[arg-type]
    "mark": lambda world, member: rln.EpochClock("story.example", 60, mark=5),  # type: ignore[arg-type]
    "skew": lambda world, member: rln.EpochClock("story.example", 60, skew=HUGE),
    "path": lambda world, member: world.prover(member, path=5),
    "ids": lambda world, member: world.prover(member, ids=MemoryMessageIds),
    "params": lambda world, member: world.prover(member, params=5),
    "self_check": lambda world, member: world.prover(member, self_check=1),
    "tokens": lambda world, member: world.prover(member, tokens=True),
    "paths": lambda world, member: rln.Membership(0, 1, member.commitment, paths=5),  # type: ignore[arg-type]
    "window seconds": lambda world, member: rln.WindowSize(seconds=HUGE, now=time.time),
    "interval": lambda world, member: rln.Group(DEPTH, interval=HUGE),
    "rate": lambda world, member: rln.SourceLimit(HUGE, 5),
    "window": lambda world, member: rln.AsyncVerifier(world.verifier(), window=HUGE),
}


@pytest.mark.parametrize("argument", sorted(LATE))
def test_c10_a_constructor_takes_nothing_that_it_cannot_use(world: World, argument: str) -> None:
    with pytest.raises(ParameterError, match=f"^{argument}[:.]"):
        LATE[argument](world, world.join())


def test_c10_the_message_names_the_method_that_is_missing(world: World) -> None:
    class Forgetful:
        def peek_many(self, keys: object) -> None:
            """Look at nothing."""

    with pytest.raises(ParameterError, match="which has no `insert_or_get_many`"):
        world.verifier(log=Forgetful())


def test_c10_a_coroutine_function_is_no_answer(world: World) -> None:
    async def was_member(commitment: int) -> bool:
        return False

    with pytest.raises(ParameterError, match="was_member: expected a function that answers at once"):
        world.verifier(was_member=was_member)


# ---- answers


@pytest.mark.parametrize("answer", [None, 1, 0, "yes", []], ids=repr)
def test_c10_a_wrong_answer_of_was_member_loses_no_secret(world: World, answer: object) -> None:
    (first, second), member = violation(world)
    verifier = world.verifier(was_member=lambda commitment: answer)
    assert verifier.submit(*first) == rln.Valid()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="was_member: expected True or False"):
            verifier.submit(*second)
    repaired = world.verifier(was_member=world.group.was_member).submit(*second)
    assert isinstance(repaired, rln.RateLimitViolation)
    assert repaired.identity_secret == member.secret()


class Ids(MemoryMessageIds):
    """An allocator with wrong answers. It counts the reservations and keeps the messages."""

    def __init__(self, answer: Callable[[range], object]) -> None:
        super().__init__()
        self.answer = answer
        self.reserved = 0
        self.kept: list[bytes] = []

    def reserve(self, commitment: int, epoch: Epoch, limit: int, count: int = 1, x: int | None = None) -> Any:
        self.reserved += 1
        return self.answer(super().reserve(commitment, epoch, limit, count, x))

    def keep(self, commitment: int, epoch: Epoch, ids: range, x: int, message: bytes) -> None:
        self.kept.append(message)


WRONG_IDS: dict[str, Callable[[range], object]] = {
    "a list": list,
    "a number": lambda ids: ids.start,
    "nothing": lambda ids: None,
    "no id": lambda ids: range(0),
    "two ids": lambda ids: range(ids.start, ids.start + 2),
    "an id beyond the limit": lambda ids: range(16, 17),
    "a negative id": lambda ids: range(-1, 0),
    "a tuple": tuple,
}


@pytest.mark.parametrize("kind", sorted(WRONG_IDS))
def test_c10_a_wrong_answer_of_an_allocator_makes_no_proof(world: World, kind: str) -> None:
    ids = Ids(WRONG_IDS[kind])
    prover = world.prover(world.join(16), ids)
    with pytest.raises(StoreUnavailable, match="^ids: expected .*nothing was revealed"):
        prover.prove(b"text")
    assert (ids.reserved, ids.kept) == (1, [])
    ids.answer = lambda given: given
    prover.prove(b"text")
    assert len(ids.kept) == 1


def test_c10_tokens_do_not_spend_an_id_for_each_wrong_answer(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("rln.proving.token_queue.POLL", 0.01)
    ids = Ids(list)
    with world.prover(world.join(16), ids, tokens=2) as prover:
        deadline = time.monotonic() + 10
        while ids.reserved == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # twenty polls
        assert ids.reserved == 1
        with pytest.raises(StoreUnavailable, match="^ids: expected"):
            prover.prove(b"text")


def test_c10_a_kept_message_that_is_no_message_is_not_sent_again(world: World) -> None:
    class Keeper(MemoryMessageIds):
        def recall(self, commitment: int, identifier: bytes, x: int) -> Any:
            return "a message"

    with pytest.raises(
        StoreUnavailable, match="ids: expected a tuple of KeptMessage from `recall`, got 'a m"
    ):
        world.prover(world.join(), Keeper()).again(b"text")


WRONG_TIMES: list[Any] = [None, True, "12", [], math.nan, math.inf, -1.0, HUGE, 1e300]


@pytest.mark.parametrize("answer", WRONG_TIMES, ids=lambda answer: f"{answer!r:.12}")
def test_c10_a_wrong_answer_of_now_accepts_nothing_and_forgets_nothing(world: World, answer: Any) -> None:
    (first, second), _ = violation(world)
    verifier = world.verifier()
    assert verifier.submit(*first) == rln.Valid()
    world.time = answer
    for call in (verifier.submit, verifier.check):
        with pytest.raises(ParameterError, match="^now: expected finite seconds since 1970"):
            call(*second)
    world.time = START
    assert len(world.log) == 1
    assert isinstance(verifier.submit(*second), rln.RateLimitViolation)


@pytest.mark.parametrize("answer", WRONG_TIMES, ids=lambda answer: f"{answer!r:.12}")
def test_c10_a_wrong_answer_of_the_clock_of_a_window_or_a_group_is_a_typed_error(answer: Any) -> None:
    times = [START]
    now = lambda: times[-1]  # noqa: E731
    window = rln.WindowSize(seconds=30, now=now)
    group = rln.Group(DEPTH, LIMIT_BITS, window, now=now)
    group.register(101, 1)
    roots = rln.RegistryRoots(group.registry, window, now)
    known = group.root
    times.append(answer)
    for read in (lambda: known in group.roots, lambda: known in roots, lambda: group.register(102, 1)):
        with pytest.raises(ParameterError, match="^now: expected finite seconds since 1970"):
            read()
    times.append(START + 1)
    assert known in group.roots
    assert known in roots
    assert len(group) == 1


@pytest.mark.parametrize("answer", [None, 0, "12", 1.5, True], ids=repr)
def test_c10_a_wrong_answer_of_a_mark_gives_no_time(answer: Any) -> None:
    class Mark(MemoryMark):
        def raise_to(self, seconds: int) -> Any:
            return answer

    clock = rln.EpochClock("story.example", 60, mark=Mark(), now=lambda: START)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="^mark: expected a time of 1700000010 or later"):
            clock.current()


@pytest.mark.parametrize("answer", [None, [], False, {}, "", 0, (None,)], ids=repr)
def test_c10_an_answer_of_a_log_that_is_no_list_of_shares_accepts_nothing(world: World, answer: Any) -> None:
    class Careless(MemoryNullifierLog):
        def insert_or_get_many(self, claims: Sequence[Claim]) -> Any:
            return [answer for _ in claims]

    ((message, _), _), log = violation(world), Careless()
    with pytest.raises(StoreUnavailable, match="^log: expected a tuple of shares for a claim"):
        world.verifier(log=log).submit(*message)


@pytest.mark.parametrize(
    "answer", [START + PERIOD, int(START) + PERIOD, None, "0", math.inf, HUGE], ids=shown
)
def test_c10_a_wrong_horizon_of_a_clock_makes_the_log_forget_nothing(world: World, answer: Any) -> None:
    (first, second), member = violation(world)
    honest = world.verifier()
    assert honest.submit(*first) == rln.Valid()

    class Clock(rln.EpochClock):
        def horizon(self) -> Any:
            return answer

    clock = Clock("story.example", PERIOD, skew=5, now=lambda: START)
    with pytest.raises(StoreUnavailable, match="^clock: expected a horizon before"):
        world.verifier(clock=clock).submit(*second)
    found = honest.submit(*second)
    assert isinstance(found, rln.RateLimitViolation) and found.identity_secret == member.secret()


@pytest.mark.parametrize("answer", [None, 5, True], ids=repr)
def test_c10_a_wrong_report_of_damage_hides_no_violation(world: World, tmp_path: Path, answer: Any) -> None:
    class Trail(AuditFiles):
        def damage(self) -> Any:
            return answer

    (first, second), member = violation(world)
    verifier = world.verifier(audit=Trail(tmp_path, world.key.verifying_key))
    assert verifier.submit(*first) == rln.Valid()
    found = verifier.submit(*second)
    assert isinstance(found, rln.RateLimitViolation) and found.identity_secret == member.secret()


def test_c10_a_source_of_paths_with_a_wrong_answer_spends_no_message_id(world: World) -> None:
    ids = Ids(lambda given: given)
    prover = world.prover(world.join(), ids, path=lambda index: [index])
    with pytest.raises(ParameterError, match="^path: expected MerkleProof, got list"):
        prover.prove(b"text")
    assert ids.reserved == 0


# ---- empty is not missing


def test_c10_an_empty_log_group_window_or_mirror_is_true(world: World) -> None:
    group = rln.Group(DEPTH, LIMIT_BITS)
    log: NullifierLog = MemoryNullifierLog()
    registry_roots = rln.RegistryRoots(group.registry, rln.WindowSize(count=5), time.time)
    for empty in (log, group, group.roots, registry_roots, rln.Mirror(DEPTH), rln.SourceLimit(1.0, 5)):
        assert (empty or None) is empty
