"""Threats A and B: members, slashing, and the roots that count, on registries that last."""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import integers, sampled_from

import rln
from rln.errors import AlreadyAMember, NotAMember, ParameterError, Reason, StoreUnavailable
from rln.group.events import Change
from rln.group.memory_registry import MemoryRegistry
from rln.group.registry_roots import RegistryRoots
from rln.ports import MemberRegistry, RegistryChange
from rln.protocol.membership import rate_commitment
from rln.stores import open_members, postgres_members
from rln.stores.groups import close_group, open_group
from rln.stores.postgres_members import _PostgresTransaction
from tests.stores.adapters import REGISTRIES
from tests.support.effort import effort
from tests.support.killed_child import killed
from tests.support.postgres_server import PostgresServer
from tests.support.small_world import DEPTH, LIMIT_BITS, World
from tests.threats.full_world import Stage
from tests.unit.cli.terminal import run


class Town(World):
    """The small world, with its members in a registry."""

    def __init__(self, registry: MemberRegistry) -> None:
        super().__init__()
        self.registry = registry
        self.group = self.opened()

    def opened(self) -> rln.Group:
        """A group as after a restart, or in another process."""
        window = rln.WindowSize(seconds=600, now=self.clock.now)
        return rln.Group(DEPTH, LIMIT_BITS, window, registry=self.registry, now=self.clock.now)

    def bare_roots(self) -> RegistryRoots:
        """What a process has that only verifies."""
        return RegistryRoots(self.registry, rln.WindowSize(seconds=600, now=self.clock.now), self.clock.now)


@pytest.fixture(params=["memory", "sqlite"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    registry = open_members(REGISTRIES[request.param](tmp_path), DEPTH, LIMIT_BITS)
    yield Town(registry)
    registry.close()


def slashed_events(registry: MemberRegistry, commitment: int) -> int:
    events = [event for step in registry.steps_after(-1) for event in step.events]
    return sum(event.change is Change.SLASHED and event.commitment == commitment for event in events)


# ---- A9, A10: one place for a commitment, and nobody brings a leaf


@pytest.mark.parametrize("limits", [(1, 15), (4, 4)])
def test_a9_a_secret_stands_once_whatever_the_limits(town: Town, limits: tuple[int, int]) -> None:
    twice = rln.Identity.generate()
    town.group.register(twice.commitment, limits[0])
    for group in (town.group, town.opened()):
        with pytest.raises(AlreadyAMember, match="registered already"):
            group.register(twice.commitment, limits[1])
        with pytest.raises(AlreadyAMember, match="registered already"):
            group.register_many([(5, 1), (twice.commitment, limits[1])])
    assert town.group.membership(twice.commitment).limit == limits[0]
    assert len(town.group) == 1


def test_a9_slashing_takes_both_stays_of_a_secret(town: Town) -> None:
    twice = town.join(limit=1)
    first = town.prover(twice, path=lambda index: old).prove
    old = town.group.proof(0)
    town.group.remove(0)
    town.group.register(twice.commitment, 15)
    new = town.group.proof(1)
    town.group.slash(twice)
    proofs = [
        first(b"old"),
        rln.Prover(
            twice,
            rln.Membership(1, 15, twice.commitment),
            town.key,
            ids=rln.stores.memory.MemoryMessageIds(),
            clock=town.clock,
            path=lambda index: new,
        ).prove(b"new"),
    ]
    for roots in (town.group.roots, town.opened().roots, town.bare_roots()):
        verifier = town.verifier(roots=roots)
        assert verifier.submit(proofs[0], b"old").reason is Reason.UNKNOWN_ROOT
        assert verifier.submit(proofs[1], b"new").reason is Reason.UNKNOWN_ROOT
    tree = rln.MerkleTree.from_state(town.group.picture().tree)
    assert [tree.get(index) for index in range(2)] == [0, 0]


def test_a10_nobody_can_supply_a_leaf() -> None:
    for kind in (rln.Group, MemberRegistry, RegistryChange, MemoryRegistry):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            assert not {"leaf", "leaves", "rate_commitment"} & set(inspect.signature(method).parameters), name


def test_a10_a_squatter_has_a_place_and_nothing_else(town: Town) -> None:
    """Who asks for registrations must ask for the secret, too; here the place is taken and can be freed."""
    owner, squatter = rln.Identity.generate(), rln.Identity.generate()
    town.group.register(owner.commitment, 1)  # by the squatter, for somebody else's commitment
    with pytest.raises(ParameterError):
        rln.Prover(
            squatter,
            town.group.membership(owner.commitment),
            town.key,
            ids=rln.stores.memory.MemoryMessageIds(),
            clock=town.clock,
        )
    with pytest.raises(AlreadyAMember):
        town.group.register(owner.commitment, 4)
    town.group.remove(town.group.membership(owner.commitment).index)
    assert town.group.register(owner.commitment, 4).limit == 4
    proof = town.prover(owner).prove(b"mine")
    assert town.verifier().submit(proof, b"mine") == rln.Valid()


# ---- A11: a slashed secret is public


def test_a11_a_slashed_secret_proves_for_no_root_of_the_window(town: Town) -> None:
    mallory, honest = town.join(), town.join()
    index = town.group.membership(mallory.commitment).index
    old = town.group.proof(index)
    thief = town.prover(mallory, path=lambda index: old)
    bare = town.bare_roots()
    proof = thief.prove(b"before")
    assert town.verifier(roots=bare).submit(proof, b"before") == rln.Valid()
    town.group.slash(mallory.secret())
    stolen = thief.prove(b"stolen")
    assert town.verifier().submit(stolen, b"stolen").reason is Reason.UNKNOWN_ROOT
    town.time += 0.1  # by then, everybody else knows
    for roots in (town.opened().roots, bare, town.bare_roots()):
        assert town.verifier(roots=roots).submit(stolen, b"stolen").reason is Reason.UNKNOWN_ROOT
    with pytest.raises(NotAMember):
        town.group.proof(index)
    fresh = town.prover(honest).prove(b"honest")
    assert town.verifier(roots=bare).submit(fresh, b"honest") == rln.Valid()


def test_a11_roots_from_before_he_joined_stay_acceptable(town: Town) -> None:
    honest = town.join()
    before = town.prover(honest).prove(b"early")
    mallory = town.join()
    town.group.slash(mallory)
    for roots in (town.group.roots, town.opened().roots):
        assert before.root in roots
    assert town.verifier().submit(before, b"early") == rln.Valid()


def test_a11_a_flood_of_self_slashes_makes_two_roots_at_most(stage: Stage) -> None:
    """One honest member, and a hundred who slash themselves within a second."""
    window = rln.WindowSize(seconds=600, now=stage.clock.now)
    stage.group = group = rln.Group(20, 16, window, now=stage.clock.now)
    flood = [rln.Identity.from_secret(7_000 + n) for n in range(100)]
    honest = stage.join(limit=10)
    group.register_many([(identity.commitment, 1) for identity in flood])
    verifier = stage.verifier()
    prover = stage.prover(honest)
    seen = {group.root}
    paths = [group.proof(n + 1) for n in range(100)]
    thieves = []
    for n, identity in enumerate(flood):
        assert [member.commitment for member in group.slash(identity)] == [identity.commitment]
        assert not group.is_member(identity.commitment)
        seen.add(group.root)
        if n == 0:
            in_flight = prover.prove(b"in flight")
        stage.time += 0.0098
    assert len(seen) == 2
    assert verifier.submit(in_flight, b"in flight") == rln.Valid()
    during = group.root
    # One of those who wait still proves: that is the bound, one interval.
    waiting = group.proof(100)
    assert waiting.root == during
    stage.time += 0.03  # a second after the first one: whoever reads the roots makes the other root
    assert during not in group.roots
    seen.add(group.root)
    assert len(seen) == 3  # the one of before, and two new ones
    for path in (*paths, waiting):
        assert path.root not in group.roots
    for n in (1, 50, 99):
        with pytest.raises(NotAMember):
            group.proof(n + 1)
        thieves.append(slashed_events(group.registry, flood[n].commitment))
    assert thieves == [1, 1, 1]
    thief = rln.Prover(
        flood[99],
        rln.Membership(100, 1, flood[99].commitment),
        stage.key,
        ids=rln.stores.memory.MemoryMessageIds(),
        clock=stage.clock,
        path=lambda index: waiting,
    )
    stolen = thief.prove(b"stolen")
    assert verifier.submit(stolen, b"stolen").reason is Reason.UNKNOWN_ROOT
    after = prover.prove(b"after")
    assert verifier.submit(after, b"after") == rln.Valid()
    assert len(group) == 1


def test_a11_a_flood_that_goes_on_makes_one_root_an_interval(town: Town) -> None:
    """Also when those who slash themselves have left before, and when other changes come in between."""
    registry = MemoryRegistry(8, LIMIT_BITS)
    group = rln.Group(8, LIMIT_BITS, registry=registry, now=town.clock.now)
    flood = [rln.Identity.from_secret(7_000 + n) for n in range(60)]
    group.register_many([(identity.commitment, 1) for identity in flood])
    for n, identity in enumerate(flood):
        if n % 3 == 0:
            group.remove(n)
        group.slash(identity)
        if n % 7 == 0:
            group.register(10 + n, 1)
        town.time += 0.1
    town.time += 1
    group.follow()
    times = sorted(
        {step.at for step in registry.steps_after(0) if any(e.change is Change.SLASHED for e in step.events)}
    )
    assert len(times) <= 8
    assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(times))
    assert all(slashed_events(registry, identity.commitment) == 1 for identity in flood)
    assert len(group) == 9


@pytest.mark.parametrize("ahead", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("stored", ["well", "a day ahead"])
def test_a11_a_flood_at_two_registrars_whose_clocks_differ(town: Town, ahead: float, stored: str) -> None:
    """The other's times say nothing here, nor do those that a wrong clock once left in the registry."""
    flood = [rln.Identity.from_secret(7_000 + n) for n in range(6)]
    registry = town.registry
    day = 86_400.0 if stored == "a day ahead" else 0.0
    ahead_once = rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: town.time + day)
    ahead_once.register_many([(identity.commitment, 1) for identity in flood])
    town.time += 60
    clocks = [town.clock.now, lambda: town.time + ahead]
    window = rln.WindowSize(count=64)
    offices = [rln.Group(DEPTH, LIMIT_BITS, window, registry=registry, now=now) for now in clocks]
    roots = {registry.head().root}
    for n, identity in enumerate(flood[:4]):
        town.time += 0.01
        assert len(offices[n % 2].slash(identity)) == 1
        for office in offices:
            roots.add(office.root)
    assert len(roots) <= 3  # the one of before, and two new ones
    town.time += 1.2
    for office in offices:
        office.follow()
        roots.add(office.root)
    assert all(registry.slashing(one.commitment).step is not None for one in flood[:4])  # type: ignore[union-attr]
    assert len(roots) <= 3
    # In quiet times it is at once again, whoever does it.
    for office, identity in zip(offices, flood[4:], strict=True):
        town.time += 10
        office.slash(identity)
        assert registry.slashing(identity.commitment).step is not None  # type: ignore[union-attr]
        assert [other.root for other in offices] == [registry.head().root] * 2


def test_a11_a_clock_that_goes_back_delays_no_removal(town: Town) -> None:
    one, two, three = town.join(), town.join(), town.join()
    town.group.slash(one)
    town.group.slash(two)
    held = town.group.root
    assert held in town.group.roots
    town.time -= 30
    group = rln.Group(DEPTH, LIMIT_BITS, registry=town.registry, now=lambda: town.time)
    assert held not in group.roots
    group.slash(three)  # within an interval of the removal that this group has just made
    town.time += 1
    with pytest.raises(NotAMember):
        group.proof(2)


def test_a11_two_slash_commands_leave_no_removal_waiting(town: Town, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'office.db'}"
    run("group", "create", uri, "--depth", DEPTH, "--limit-bits", LIMIT_BITS)
    vk = tmp_path / "vk.json"
    vk.write_bytes(town.key.verifying_key.to_json())
    registry = open_members(uri, DEPTH, LIMIT_BITS)
    cheats = [town.join(limit=1) for _ in range(2)]
    for cheat in cheats:
        run("group", "register", uri, "--commitment", cheat.commitment, "--limit", 1)
    held = registry.head().root
    for number, cheat in enumerate(cheats):
        pair = [town.prover(cheat).prove(signal) for signal in (b"one", b"two")]
        evidence = tmp_path / f"{number}.json"
        evidence.write_bytes(rln.Evidence(*pair, town.key.verifying_key.digest).encode())
        run("group", "slash", uri, "--evidence", evidence, "--vk", vk)
    assert [registry.slashing(cheat.commitment).step for cheat in cheats] == [3, 4]  # type: ignore[union-attr]
    assert registry.head().members == 0
    late = registry.head().at / 1000 + 3600  # nobody has looked after it since
    bare = RegistryRoots(registry, rln.WindowSize(count=64), lambda: late)
    assert registry.head().root in bare
    assert held not in bare
    registry.close()


def test_a11_an_overdue_removal_makes_roots_unavailable_not_unknown(town: Town) -> None:
    one, two, honest = town.join(), town.join(), town.join()
    bare = town.bare_roots()
    town.group.slash(one)
    proof = town.prover(honest).prove(b"honest")
    town.group.slash(two)  # waits for its step, and whoever would make it goes away
    town.time += 0.9
    assert proof.root in bare
    town.time += 0.2
    for roots in (bare, town.bare_roots()):
        with pytest.raises(StoreUnavailable, match="removal of a slashed member is overdue"):
            town.verifier(roots=roots).submit(proof, b"honest")
    town.opened().follow()
    fresh = town.prover(honest).prove(b"honest")
    for roots in (bare, town.bare_roots()):
        assert town.verifier(roots=roots).submit(proof, b"honest").reason is Reason.UNKNOWN_ROOT
        assert fresh.root in roots
    # Who had left stands in no newest root: then only older ones are refused, and at once.
    gone, third = town.join(), town.join()
    held = town.group.root
    town.group.remove(town.group.membership(gone.commitment).index)
    without = town.group.root
    town.time += 5
    town.group.slash(third)
    town.group.slash(gone)
    town.time += 0.5
    assert town.group.root in bare
    town.time += 1.5
    assert fresh.root in bare
    assert not {held, without} & set(bare)


# ---- A12: slashing races, and slashing that crashes


def test_a12_two_workers_that_detect_at_once_slash_once(town: Town) -> None:
    mallory = town.join()
    groups = [town.opened() for _ in range(4)]
    removed: list[rln.Membership] = []
    threads = [
        threading.Thread(target=lambda group=group: removed.extend(group.slash(mallory))) for group in groups
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [member.commitment for member in removed] == [mallory.commitment]
    assert slashed_events(town.registry, mallory.commitment) == 1
    assert town.registry.head().number == 2


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


NOW = 1_700_000_000.0


def check_after_crash(uri: str, mallory: rln.Identity, others: int, time: float) -> bool:
    """A restart finishes what was begun, and another slashing changes nothing; tell whether it was begun."""
    registry = open_members(uri, 8, LIMIT_BITS)
    group = rln.Group(8, LIMIT_BITS, rln.WindowSize(count=100), registry=registry, now=lambda: time)
    begun = registry.is_slashed(mallory.commitment)
    held = [step.root for step in registry.steps_after(-1)][
        registry.registrations(mallory.commitment)[0].registered_in :
    ]
    if begun:
        assert group.slash(mallory) == ()
        held = held[: (registry.slashing(mallory.commitment).step or 0) - 1]  # type: ignore[union-attr]
    else:
        assert len(group.slash(mallory)) == 1
    group.follow()
    assert slashed_events(registry, mallory.commitment) == 1
    assert registry.slashing(mallory.commitment).step is not None  # type: ignore[union-attr]
    assert len(group) == registry.head().members == others
    again = rln.Group(8, LIMIT_BITS, rln.WindowSize(count=100), registry=registry, now=lambda: time)
    assert list(again.roots) == list(group.roots)
    assert group.root in group.roots
    registry.close()
    return begun


@pytest.mark.parametrize("slashed_before", [False, True], ids=["at once", "noted for later"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a12_a_slashing_killed_at_any_statement_resumes(
    kind: str, slashed_before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every statement, BEGIN and COMMIT of SQLite included; and the end, where only memory is behind."""
    uri = REGISTRIES[kind](tmp_path)
    registry = open_members(uri, 8, LIMIT_BITS)
    time, left = [NOW], [0]
    group = rln.Group(8, LIMIT_BITS, registry=registry, now=lambda: time[0])
    group.register(5, 1)

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            die()

    def slash(mallory: rln.Identity, statement: int) -> None:
        mine = open_members(uri, 8, LIMIT_BITS)
        worker = rln.Group(8, LIMIT_BITS, registry=mine, now=lambda: time[0])
        left[0] = statement
        if kind == "sqlite":
            with mine._database.autocommitting() as connection:  # type: ignore[attr-defined]
                connection.set_trace_callback(count)
        else:
            for name in ("rows", "run", "run_many"):
                plain = getattr(_PostgresTransaction, name)
                counted = lambda self, *a, plain=plain: (count(), plain(self, *a))[1]  # noqa: E731
                monkeypatch.setattr(_PostgresTransaction, name, counted)
        worker.slash(mallory)

    outcomes, dead = [], True
    for number in itertools.count(1):
        mallory = rln.Identity.from_secret(90_000 + number)
        group.register(mallory.commitment, 3)
        if slashed_before:
            other = rln.Identity.from_secret(95_000 + number)
            group.register(other.commitment, 1)
            group.slash(other)
            time[0] += 0.5
        dead = killed(functools.partial(slash, mallory, number))
        time[0] += 10
        outcomes.append(check_after_crash(uri, mallory, 1, time[0]))
        if not dead:
            break
        time[0] += 10
    registry.close()
    assert outcomes[-1]
    assert outcomes == sorted(outcomes)
    assert outcomes.count(False) >= 5


def test_a12_slashing_and_kill_minus_nine_in_a_loop(tmp_path: Path) -> None:
    uri = REGISTRIES["sqlite"](tmp_path)
    registry = open_members(uri, 8, LIMIT_BITS)
    time = [NOW]
    group = rln.Group(8, LIMIT_BITS, registry=registry, now=lambda: time[0])
    draw = random.Random(12)
    begun = 0
    rounds = effort(40, 200)
    for number in range(rounds):
        mallory = rln.Identity.from_secret(50_000 + number)
        group.register(mallory.commitment, 3)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            mine = open_members(uri, 8, LIMIT_BITS)
            worker = rln.Group(8, LIMIT_BITS, registry=mine, now=lambda: time[0])
            os.write(writing, b"!")
            worker.slash(mallory)
            os.write(writing, b"!")
            signal.pause()
        os.read(reading, 1)
        if number % 5 == 4:
            os.read(reading, 1)  # this one is done, and must stay so
        else:
            threading.Event().wait(draw.random() * 0.008)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
        time[0] += 5
        begun += check_after_crash(uri, mallory, 0, time[0])
    registry.close()
    assert begun >= rounds // 5


def test_a12_the_note_is_in_the_file_before_the_leaf_is_gone(tmp_path: Path) -> None:
    uri = REGISTRIES["sqlite"](tmp_path)
    time = [NOW]
    registry = open_members(uri, 8, LIMIT_BITS)
    group = rln.Group(8, LIMIT_BITS, registry=registry, now=lambda: time[0])
    for number in range(3):
        group.register(rln.Identity.from_secret(number + 1).commitment, 3)
    group.slash(1)
    group.slash(2)
    root = group.root
    registry.close()
    file = sqlite3.connect(tmp_path / "members.db")
    rows = file.execute("SELECT due, step FROM rln_slashing ORDER BY step").fetchall()
    assert rows == [(1000 * int(NOW) + 1000, 0), (1000 * int(NOW), 4)]
    registry = open_members(uri, 8, LIMIT_BITS)
    group = rln.Group(8, LIMIT_BITS, registry=registry, now=lambda: time[0])
    with pytest.raises(AlreadyAMember, match="slashed"):
        group.register(rln.Identity.from_secret(2).commitment, 3)
    assert (group.root, len(group)) == (root, 1)
    time[0] += 1
    assert root not in group.roots
    assert group.slash(2) == ()
    with pytest.raises(NotAMember):
        group.proof(1)
    registry.close()


# ---- A15: an index is never used again


class Indices(RuleBasedStateMachine):
    """Members come and go, groups restart; no index ever means two commitments."""

    @initialize()
    def begin(self) -> None:
        self.time = NOW
        self.registry = MemoryRegistry(6, LIMIT_BITS)
        self.group = self.opened()
        self.owner: dict[int, int] = {}
        self.standing: dict[int, tuple[int, int]] = {}
        self.slashed: set[int] = set()
        self.paths: list[tuple[int, rln.MerkleProof]] = []

    def opened(self) -> rln.Group:
        window = rln.WindowSize(count=100)
        return rln.Group(6, LIMIT_BITS, window, registry=self.registry, now=lambda: self.time)

    def who(self, number: int) -> rln.Identity:
        return rln.Identity.from_secret(500 + number)

    @rule(number=integers(0, 9), limit=integers(1, 16))
    def join(self, number: int, limit: int) -> None:
        commitment = self.who(number).commitment
        if number in self.slashed or number in self.standing:
            with pytest.raises(AlreadyAMember):
                self.group.register(commitment, limit)
        elif len(self.owner) < 64:
            member = self.group.register(commitment, limit)
            assert member.index not in self.owner
            self.owner[member.index] = commitment
            self.standing[number] = (member.index, limit)
            self.paths.append((number, self.group.proof(member.index)))

    @precondition(lambda self: self.standing)
    @rule(data=integers(0, 100))
    def leave(self, data: int) -> None:
        number = sorted(self.standing)[data % len(self.standing)]
        self.group.remove(self.standing.pop(number)[0])

    @rule(number=integers(0, 9))
    def slash(self, number: int) -> None:
        if self.who(number).commitment in self.owner.values():
            removed = self.group.slash(self.who(number))
            assert len(removed) == (number in self.standing)
            self.standing.pop(number, None)
            self.slashed.add(number)

    @rule(seconds=sampled_from([0.05, 1.0]))
    def tick(self, seconds: float) -> None:
        self.time += seconds

    @rule()
    def restart(self) -> None:
        self.group = self.opened()

    @invariant()
    def an_index_has_one_owner(self) -> None:
        for index, commitment in self.owner.items():
            registration = self.registry.registration_at(index)
            assert registration is not None
            assert registration.commitment == commitment
        assert self.registry.head().next_index == len(self.owner)
        assert len(self.group) == len(self.standing)
        for number, (index, limit) in self.standing.items():
            assert self.group.proof(index).leaf == rate_commitment(self.who(number).commitment, limit)

    @invariant()
    def an_old_path_leads_to_its_owner_or_nowhere(self) -> None:
        self.time += 1
        roots = set(self.group.roots)
        for number, path in self.paths:
            assert path.root not in roots or number not in self.slashed
            place = rln.MerkleTree.from_state(self.group.picture().tree).proof(path.index)
            assert place.leaf in (0, path.leaf)


Indices.TestCase.settings = settings(max_examples=effort(15, 500), stateful_step_count=20, deadline=None)


def test_a15_an_index_is_never_used_again() -> None:
    case = Indices.TestCase()
    case.settings = Indices.TestCase.settings
    case.runTest()


# ---- F6: a database that does not keep what it has committed


def test_f6_a_postgres_without_fsync_is_refused() -> None:
    server = PostgresServer()
    try:
        server.start(fsync="off")
        uri = server.empty_database()
        with pytest.raises(StoreUnavailable, match="fsync: expected on, got off"):
            open_members(uri, DEPTH, LIMIT_BITS)
        server.stop()
        server.start()
        registry = open_members(uri, DEPTH, LIMIT_BITS)
        group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
        group.register(5, 1)
        server.stop()
        server.start(fsync="off")
        for ask in (lambda: registry.head(), lambda: group.register(6, 1)):
            for _ in range(2):  # the first finds the connection gone, or the setting
                with pytest.raises(StoreUnavailable) as refused:
                    ask()
            assert "fsync: expected on, got off" in str(refused.value)
        registry.close()
    finally:
        server.remove()


# ---- F8: a database that takes questions and gives no answer


def test_f8_a_postgres_that_hangs_is_unavailable_within_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped, its kernel still acknowledges: for those who are connected, and for those who come."""
    monkeypatch.setattr(postgres_members, "TIMEOUT", 1)
    server = PostgresServer()
    try:
        server.start()
        registry = open_members(server.empty_database(), DEPTH, LIMIT_BITS)
        group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
        group.register(5, 1)
        with server.frozen():
            for ask in (lambda: registry.head(), lambda: group.register(6, 1)):
                begun = time.monotonic()
                with pytest.raises(StoreUnavailable, match="^members: "):
                    ask()
                assert time.monotonic() - begun < 8  # psycopg connects for two seconds at least
        assert group.register(7, 1).index == 1
        assert [group.is_member(commitment) for commitment in (5, 6, 7)] == [True, False, True]
        with registry._reading() as session, pytest.raises(psycopg.errors.QueryCanceled):  # type: ignore[attr-defined]
            session.rows("SELECT pg_sleep(5)")
        assert len(group) == 2
        registry.close()
    finally:
        server.remove()


# ---- B6, B7, B8: the window


def test_b6_after_a_restart_the_same_roots_are_known_and_no_others(town: Town) -> None:
    honest = town.join(limit=8)
    prover = town.prover(honest)
    early = prover.prove(b"early")
    town.join()
    town.time += 5
    town.group = town.opened()
    for roots in (town.group.roots, town.bare_roots()):
        assert early.root in roots
        for nothing in (0, early.root + 1, rln.Group(DEPTH + 1, LIMIT_BITS).root, None):
            assert nothing not in roots
    assert town.verifier().submit(early, b"early") == rln.Valid()
    town.time += 601
    for roots in (town.group.roots, town.opened().roots, town.bare_roots()):
        assert early.root not in roots
        assert list(roots) == [town.group.root]


def test_b7_a_thousand_members_between_proving_and_verifying(stage: Stage) -> None:
    stage.group = rln.Group(20, 16, rln.WindowSize(seconds=30, now=stage.clock.now), now=stage.clock.now)
    member = stage.join()
    proof = stage.prover(member).prove(b"patient")
    for number in range(1000):
        stage.group.register(10_000 + number, 1)
        stage.time += 0.029
    assert len(stage.group.roots) == 1002
    assert stage.verifier().submit(proof, b"patient") == rln.Valid()
    stage.time += 2
    assert proof.root not in stage.group.roots


def test_b7_a_thousand_members_at_once_are_one_root(stage: Stage) -> None:
    stage.group = rln.Group(20, 16, rln.WindowSize(count=2))
    member = stage.join()
    proof = stage.prover(member).prove(b"patient")
    stage.group.register_many([(10_000 + number, 1) for number in range(1000)])
    assert stage.verifier().submit(proof, b"patient") == rln.Valid()


def test_b7_a_registrar_needs_a_clock(tmp_path: Path) -> None:
    for uri in (f"sqlite:///{tmp_path / 'members.db'}", "postgresql://nobody.invalid/rln"):
        with pytest.raises(ParameterError, match="expected `now`, a clock: .* window in seconds"):
            open_group(uri, DEPTH, LIMIT_BITS)
    assert not list(tmp_path.iterdir())
    assert len(open_group("memory://", DEPTH, LIMIT_BITS).roots) == 1


def test_b7_the_default_window_of_a_lasting_group_is_in_time(tmp_path: Path) -> None:
    moment = [NOW]
    uri = f"sqlite:///{tmp_path / 'members.db'}"
    group = open_group(uri, 8, LIMIT_BITS, now=lambda: moment[0])
    held = group.root
    for number in range(100):  # more than 64
        group.register(1000 + number, 1)
        moment[0] += 0.5
    last = group.root
    others = rln.WindowSize(seconds=60, now=lambda: moment[0])
    again = open_group(uri, 8, LIMIT_BITS, now=lambda: moment[0])
    bare = RegistryRoots(group.registry, others, lambda: moment[0])
    for roots in (group.roots, again.roots, bare):
        assert held in roots
        assert len(roots) == 101
    moment[0] += 11
    for roots in (group.roots, again.roots, bare):
        assert held not in roots
    moment[0] += 60
    for roots in (group.roots, again.roots, bare):
        assert list(roots) == [last]
    close_group(again)
    close_group(group)


def test_b8_every_path_that_is_given_out_leads_to_a_root_that_existed(tmp_path: Path) -> None:
    """Two groups on one registry change it, in threads; every path is of one state."""
    registries = [open_members(REGISTRIES["sqlite"](tmp_path), 8, LIMIT_BITS) for _ in range(2)]
    groups = [
        rln.Group(8, LIMIT_BITS, rln.WindowSize(count=1000), registry=registry) for registry in registries
    ]
    mine = groups[0].register(rln.Identity.from_secret(77).commitment, 7)
    done, taken = threading.Event(), []
    wrong: list[str] = []

    def read(group: rln.Group) -> None:
        while not done.is_set():
            proof = group.proof(mine.index)
            if proof.leaf != mine.rate_commitment or proof.root not in group.roots:
                wrong.append("not of this state")
            taken.append(proof.root)

    def write(group: rln.Group, first: int) -> None:
        for number in range(first, first + 12):
            member = group.register(number, 5)
            if number % 3 == 0:
                group.remove(member.index)

    readers = [threading.Thread(target=read, args=(group,)) for group in groups]
    writers = [
        threading.Thread(target=write, args=(group, 1000 * (n + 1))) for n, group in enumerate(groups * 2)
    ]
    groups[1].follow()
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    existed = {step.root for step in registries[0].steps_after(-1)}
    assert not wrong
    assert len(taken) > 10
    assert set(taken) <= existed
    assert registries[0].head().number == 1 + 48 + 16
    for registry in registries:
        registry.close()
