"""Threats A, B, F: members, slashing and acceptable roots, on registries in files and databases."""

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
from rln.stores import open_members
from rln.stores.groups import close_group, open_group
from rln.stores.postgres import members as postgres_members
from rln.stores.postgres.members import _PostgresTransaction
from tests.stores.adapters import REGISTRIES
from tests.support.effort import effort
from tests.support.killed_child import killed
from tests.support.postgres_server import PostgresServer
from tests.support.small_world import DEPTH, LIMIT_BITS, World
from tests.support.step_events import steps_with_events
from tests.threats.full_world import FullWorld
from tests.unit.cli.terminal import run


class RegistryWorld(World):
    """The small world, with its members in a registry."""

    def __init__(self, registry: MemberRegistry) -> None:
        super().__init__()
        self.registry = registry
        self.group = self.opened()

    def opened(self) -> rln.Group:
        """Open another group on the registry, as after a restart or in another process."""
        window = rln.WindowSize(seconds=600, now=self.clock.now)
        return rln.Group(DEPTH, LIMIT_BITS, window, registry=self.registry, now=self.clock.now)

    def verifier_roots(self) -> RegistryRoots:
        """Return the roots of a process that only verifies."""
        return RegistryRoots(self.registry, rln.WindowSize(seconds=600, now=self.clock.now), self.clock.now)


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistryWorld]:
    registry = open_members(REGISTRIES[request.param](tmp_path), DEPTH, LIMIT_BITS)
    yield RegistryWorld(registry)
    registry.close()


def slashed_events(registry: MemberRegistry, commitment: int) -> int:
    events = [event for _, events in steps_with_events(registry) for event in events]
    return sum(event.change is Change.SLASHED and event.commitment == commitment for event in events)


# ---- A9, A10: one index for a commitment, and no leaf from outside


@pytest.mark.parametrize("limits", [(1, 15), (4, 4)])
def test_a9_a_commitment_is_registered_once_with_any_limit(
    world: RegistryWorld, limits: tuple[int, int]
) -> None:
    twice = rln.Identity.generate()
    world.group.register(twice.commitment, limits[0])
    for group in (world.group, world.opened()):
        with pytest.raises(AlreadyAMember, match="registered already"):
            group.register(twice.commitment, limits[1])
        with pytest.raises(AlreadyAMember, match="registered already"):
            group.register_many([(5, 1), (twice.commitment, limits[1])])
    assert world.group.membership(twice.commitment).limit == limits[0]
    assert len(world.group) == 1


def test_a9_slashing_removes_both_registrations_of_a_secret(world: RegistryWorld) -> None:
    twice = world.join(limit=1)
    first = world.prover(twice, path=lambda index: old).prove
    old = world.group.proof(0)
    world.group.remove(0)
    world.group.register(twice.commitment, 15)
    new = world.group.proof(1)
    world.group.slash(twice)
    proofs = [
        first(b"old"),
        rln.Prover(
            twice,
            rln.Membership(1, 15, twice.commitment),
            world.key,
            ids=rln.stores.memory.MemoryMessageIds(),
            clock=world.clock,
            path=lambda index: new,
        ).prove(b"new"),
    ]
    for roots in (world.group.roots, world.opened().roots, world.verifier_roots()):
        verifier = world.verifier(roots=roots)
        assert verifier.submit(proofs[0], b"old").reason is Reason.UNKNOWN_ROOT
        assert verifier.submit(proofs[1], b"new").reason is Reason.UNKNOWN_ROOT
    tree = rln.MerkleTree.from_state(world.group.picture().tree)
    assert [tree.get(index) for index in range(2)] == [0, 0]


def test_a10_no_method_takes_a_leaf() -> None:
    for kind in (rln.Group, MemberRegistry, RegistryChange, MemoryRegistry):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            assert not {"leaf", "leaves", "rate_commitment"} & set(inspect.signature(method).parameters), name


def test_a10_a_squatter_takes_an_index_and_nothing_else(world: RegistryWorld) -> None:
    """The squatter registers the owner's commitment but cannot prove; the registrar can free the index."""
    owner, squatter = rln.Identity.generate(), rln.Identity.generate()
    world.group.register(owner.commitment, 1)  # the squatter asked for this
    with pytest.raises(ParameterError):
        rln.Prover(
            squatter,
            world.group.membership(owner.commitment),
            world.key,
            ids=rln.stores.memory.MemoryMessageIds(),
            clock=world.clock,
        )
    with pytest.raises(AlreadyAMember):
        world.group.register(owner.commitment, 4)
    world.group.remove(world.group.membership(owner.commitment).index)
    assert world.group.register(owner.commitment, 4).limit == 4
    proof = world.prover(owner).prove(b"mine")
    assert world.verifier().submit(proof, b"mine") == rln.Valid()


# ---- A11: a slashed secret is public


def test_a11_a_slashed_secret_proves_for_no_root_of_the_window(world: RegistryWorld) -> None:
    mallory, honest = world.join(), world.join()
    index = world.group.membership(mallory.commitment).index
    old = world.group.proof(index)
    thief = world.prover(mallory, path=lambda index: old)
    verifier_side = world.verifier_roots()
    proof = thief.prove(b"before")
    assert world.verifier(roots=verifier_side).submit(proof, b"before") == rln.Valid()
    world.group.slash(mallory.secret())
    stolen = thief.prove(b"stolen")
    assert world.verifier().submit(stolen, b"stolen").reason is Reason.UNKNOWN_ROOT
    world.time += 0.1  # then all other processes know it
    for roots in (world.opened().roots, verifier_side, world.verifier_roots()):
        assert world.verifier(roots=roots).submit(stolen, b"stolen").reason is Reason.UNKNOWN_ROOT
    with pytest.raises(NotAMember):
        world.group.proof(index)
    fresh = world.prover(honest).prove(b"honest")
    assert world.verifier(roots=verifier_side).submit(fresh, b"honest") == rln.Valid()


def test_a11_roots_from_before_the_slashed_member_joined_stay_acceptable(world: RegistryWorld) -> None:
    honest = world.join()
    before = world.prover(honest).prove(b"early")
    mallory = world.join()
    world.group.slash(mallory)
    for roots in (world.group.roots, world.opened().roots):
        assert before.root in roots
    assert world.verifier().submit(before, b"early") == rln.Valid()


def test_a11_a_flood_of_self_slashes_makes_two_roots_at_most(full_world: FullWorld) -> None:
    """There are one honest member, and a hundred members who slash themselves within a second."""
    window = rln.WindowSize(seconds=600, now=full_world.clock.now)
    full_world.group = group = rln.Group(20, 16, window, now=full_world.clock.now)
    flood = [rln.Identity.from_secret(7_000 + n) for n in range(100)]
    honest = full_world.join(limit=10)
    group.register_many([(identity.commitment, 1) for identity in flood])
    verifier = full_world.verifier()
    prover = full_world.prover(honest)
    seen = {group.root}
    paths = [group.proof(n + 1) for n in range(100)]
    thieves = []
    for n, identity in enumerate(flood):
        assert [member.commitment for member in group.slash(identity)] == [identity.commitment]
        assert not group.is_member(identity.commitment)
        seen.add(group.root)
        if n == 0:
            in_flight = prover.prove(b"in flight")
        full_world.time += 0.0098
    assert len(seen) == 2
    assert verifier.submit(in_flight, b"in flight") == rln.Valid()
    during = group.root
    # A member whose removal waits can still prove: the bound is one interval.
    waiting = group.proof(100)
    assert waiting.root == during
    full_world.time += 0.03  # a second after the first removal: reading the roots removes the others
    assert during not in group.roots
    seen.add(group.root)
    assert len(seen) == 3  # the first root and two new ones
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
        full_world.key,
        ids=rln.stores.memory.MemoryMessageIds(),
        clock=full_world.clock,
        path=lambda index: waiting,
    )
    stolen = thief.prove(b"stolen")
    assert verifier.submit(stolen, b"stolen").reason is Reason.UNKNOWN_ROOT
    after = prover.prove(b"after")
    assert verifier.submit(after, b"after") == rln.Valid()
    assert len(group) == 1


def test_a11_a_flood_that_goes_on_makes_one_root_an_interval(world: RegistryWorld) -> None:
    """This holds too if members were removed before they are slashed, and with other changes in between."""
    registry = MemoryRegistry(8, LIMIT_BITS)
    group = rln.Group(8, LIMIT_BITS, registry=registry, now=world.clock.now)
    flood = [rln.Identity.from_secret(7_000 + n) for n in range(60)]
    group.register_many([(identity.commitment, 1) for identity in flood])
    for n, identity in enumerate(flood):
        if n % 3 == 0:
            group.remove(n)
        group.slash(identity)
        if n % 7 == 0:
            group.register(10 + n, 1)
        world.time += 0.1
    world.time += 1
    group.follow()
    times = sorted(
        {
            step.at
            for step, events in steps_with_events(registry)
            if any(event.change is Change.SLASHED for event in events)
        }
    )
    assert len(times) <= 8
    assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(times))
    assert all(slashed_events(registry, identity.commitment) == 1 for identity in flood)
    assert len(group) == 9


@pytest.mark.parametrize("ahead", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("stored", ["well", "a day ahead"])
def test_a11_a_flood_at_two_registrars_whose_clocks_differ(
    world: RegistryWorld, ahead: float, stored: str
) -> None:
    """A registrar ignores the other's times, and times that a wrong clock once wrote to the registry."""
    flood = [rln.Identity.from_secret(7_000 + n) for n in range(6)]
    registry = world.registry
    day = 86_400.0 if stored == "a day ahead" else 0.0
    ahead_once = rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: world.time + day)
    ahead_once.register_many([(identity.commitment, 1) for identity in flood])
    world.time += 60
    clocks = [world.clock.now, lambda: world.time + ahead]
    window = rln.WindowSize(count=64)
    registrars = [rln.Group(DEPTH, LIMIT_BITS, window, registry=registry, now=now) for now in clocks]
    roots = {registry.head().root}
    for n, identity in enumerate(flood[:4]):
        world.time += 0.01
        assert len(registrars[n % 2].slash(identity)) == 1
        for registrar in registrars:
            roots.add(registrar.root)
    assert len(roots) <= 3  # the first root and two new ones
    world.time += 1.2
    for registrar in registrars:
        registrar.follow()
        roots.add(registrar.root)
    assert all(registry.slashing(one.commitment).step is not None for one in flood[:4])  # type: ignore[union-attr]
    assert len(roots) <= 3
    # Without a flood, each registrar removes a slashed member at once.
    for registrar, identity in zip(registrars, flood[4:], strict=True):
        world.time += 10
        registrar.slash(identity)
        assert registry.slashing(identity.commitment).step is not None  # type: ignore[union-attr]
        assert [other.root for other in registrars] == [registry.head().root] * 2


def test_a11_a_clock_that_goes_back_delays_no_removal(world: RegistryWorld) -> None:
    one, two, three = world.join(), world.join(), world.join()
    world.group.slash(one)
    world.group.slash(two)
    held = world.group.root
    assert held in world.group.roots
    world.time -= 30
    group = rln.Group(DEPTH, LIMIT_BITS, registry=world.registry, now=lambda: world.time)
    assert held not in group.roots
    group.slash(three)  # within one interval after the removal by this group
    world.time += 1
    with pytest.raises(NotAMember):
        group.proof(2)


def test_a11_two_slash_commands_leave_no_removal_waiting(world: RegistryWorld, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'registrar.db'}"
    run("group", "create", uri, "--depth", DEPTH, "--limit-bits", LIMIT_BITS)
    vk = tmp_path / "vk.json"
    vk.write_bytes(world.key.verifying_key.to_json())
    registry = open_members(uri, DEPTH, LIMIT_BITS)
    cheats = [world.join(limit=1) for _ in range(2)]
    for cheat in cheats:
        run("group", "register", uri, "--commitment", cheat.commitment, "--limit", 1)
    held = registry.head().root
    for number, cheat in enumerate(cheats):
        pair = [world.prover(cheat).prove(signal) for signal in (b"one", b"two")]
        evidence = tmp_path / f"{number}.json"
        evidence.write_bytes(rln.Evidence(*pair, world.key.verifying_key.digest).encode())
        run("group", "slash", uri, "--evidence", evidence, "--vk", vk)
    assert [registry.slashing(cheat.commitment).step for cheat in cheats] == [3, 4]  # type: ignore[union-attr]
    assert registry.head().members == 0
    late = registry.head().at / 1000 + 3600  # no registrar has run since
    verifier_side = RegistryRoots(registry, rln.WindowSize(count=64), lambda: late)
    assert registry.head().root in verifier_side
    assert held not in verifier_side
    registry.close()


def test_a11_an_overdue_removal_makes_roots_unavailable_not_unknown(world: RegistryWorld) -> None:
    one, two, honest = world.join(), world.join(), world.join()
    verifier_side = world.verifier_roots()
    world.group.slash(one)
    proof = world.prover(honest).prove(b"honest")
    world.group.slash(two)  # the removal waits, and the registrar stops
    world.time += 0.9
    assert proof.root in verifier_side
    world.time += 0.2
    for roots in (verifier_side, world.verifier_roots()):
        with pytest.raises(StoreUnavailable, match="removal of a slashed member is overdue"):
            world.verifier(roots=roots).submit(proof, b"honest")
    world.opened().follow()
    fresh = world.prover(honest).prove(b"honest")
    for roots in (verifier_side, world.verifier_roots()):
        assert world.verifier(roots=roots).submit(proof, b"honest").reason is Reason.UNKNOWN_ROOT
        assert fresh.root in roots
    # A member who was removed before is in no newest root: only older roots are refused, and at once.
    gone, third = world.join(), world.join()
    held = world.group.root
    world.group.remove(world.group.membership(gone.commitment).index)
    without = world.group.root
    world.time += 5
    world.group.slash(third)
    world.group.slash(gone)
    world.time += 0.5
    assert world.group.root in verifier_side
    world.time += 1.5
    assert fresh.root in verifier_side
    assert not {held, without} & set(verifier_side)


# ---- A12: slashing races, and slashing that crashes


def test_a12_workers_that_find_a_violation_at_the_same_time_slash_once(world: RegistryWorld) -> None:
    mallory = world.join()
    groups = [world.opened() for _ in range(4)]
    removed: list[rln.Membership] = []
    threads = [
        threading.Thread(target=lambda group=group: removed.extend(group.slash(mallory))) for group in groups
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [member.commitment for member in removed] == [mallory.commitment]
    assert slashed_events(world.registry, mallory.commitment) == 1
    assert world.registry.head().number == 2


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


NOW = 1_700_000_000.0


def check_after_crash(uri: str, mallory: rln.Identity, others: int, time: float) -> bool:
    """Check that a restart finishes the slashing and a second slashing changes nothing.

    Returns:
        Whether the slashing was stored before the crash.
    """
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
    """The kill comes at every statement, with BEGIN and COMMIT of SQLite, and not at all at the end."""
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
            for name in ("rows", "run", "copy"):
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


def test_a12_a_slashing_killed_at_random_moments_resumes(tmp_path: Path) -> None:
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
            os.read(reading, 1)  # this slashing is finished, and must stay so
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


def test_a12_the_slashing_is_in_the_file_before_the_leaf_is_removed(tmp_path: Path) -> None:
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
    """Members are registered and removed, groups restart; an index never belongs to two commitments."""

    @initialize()
    def start(self) -> None:
        self.time = NOW
        self.registry = MemoryRegistry(6, LIMIT_BITS)
        self.group = self.opened()
        self.owner: dict[int, int] = {}
        self.members: dict[int, tuple[int, int]] = {}
        self.slashed: set[int] = set()
        self.paths: list[tuple[int, rln.MerkleProof]] = []

    def opened(self) -> rln.Group:
        window = rln.WindowSize(count=100)
        return rln.Group(6, LIMIT_BITS, window, registry=self.registry, now=lambda: self.time)

    def identity(self, number: int) -> rln.Identity:
        return rln.Identity.from_secret(500 + number)

    @rule(number=integers(0, 9), limit=integers(1, 16))
    def join(self, number: int, limit: int) -> None:
        commitment = self.identity(number).commitment
        if number in self.slashed or number in self.members:
            with pytest.raises(AlreadyAMember):
                self.group.register(commitment, limit)
        elif len(self.owner) < 64:
            member = self.group.register(commitment, limit)
            assert member.index not in self.owner
            self.owner[member.index] = commitment
            self.members[number] = (member.index, limit)
            self.paths.append((number, self.group.proof(member.index)))

    @precondition(lambda self: self.members)
    @rule(data=integers(0, 100))
    def leave(self, data: int) -> None:
        number = sorted(self.members)[data % len(self.members)]
        self.group.remove(self.members.pop(number)[0])

    @rule(number=integers(0, 9))
    def slash(self, number: int) -> None:
        if self.identity(number).commitment in self.owner.values():
            removed = self.group.slash(self.identity(number))
            assert len(removed) == (number in self.members)
            self.members.pop(number, None)
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
        assert len(self.group) == len(self.members)
        for number, (index, limit) in self.members.items():
            assert self.group.proof(index).leaf == rate_commitment(self.identity(number).commitment, limit)

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
            for _ in range(2):  # the first call finds a closed connection, or the setting
                with pytest.raises(StoreUnavailable) as refused:
                    ask()
            assert "fsync: expected on, got off" in str(refused.value)
        registry.close()
    finally:
        server.remove()


# ---- F8: a database that accepts queries and does not answer


def test_f8_a_postgres_that_hangs_is_unavailable_within_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is suspended, but its kernel still acknowledges old and new connections."""
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
                assert time.monotonic() - begun < 8  # psycopg tries to connect for at least two seconds
        time.sleep(0.3)  # for a quarter of the timeout nobody asks again
        assert group.register(7, 1).index == 1
        assert [group.is_member(commitment) for commitment in (5, 6, 7)] == [True, False, True]
        with registry._reading() as session, pytest.raises(psycopg.errors.QueryCanceled):  # type: ignore[attr-defined]
            session.rows("SELECT pg_sleep(5)")
        assert len(group) == 2
        registry.close()
    finally:
        server.remove()


# ---- B6, B7, B8: the window


def test_b6_after_a_restart_exactly_the_same_roots_are_acceptable(world: RegistryWorld) -> None:
    honest = world.join(limit=8)
    prover = world.prover(honest)
    early = prover.prove(b"early")
    world.join()
    world.time += 5
    world.group = world.opened()
    for roots in (world.group.roots, world.verifier_roots()):
        assert early.root in roots
        for nothing in (0, early.root + 1, rln.Group(DEPTH + 1, LIMIT_BITS).root, None):
            assert nothing not in roots
    assert world.verifier().submit(early, b"early") == rln.Valid()
    world.time += 601
    for roots in (world.group.roots, world.opened().roots, world.verifier_roots()):
        assert early.root not in roots
        assert list(roots) == [world.group.root]


def test_b7_a_proof_stays_valid_while_a_thousand_members_register(full_world: FullWorld) -> None:
    full_world.group = rln.Group(
        20, 16, rln.WindowSize(seconds=30, now=full_world.clock.now), now=full_world.clock.now
    )
    member = full_world.join()
    proof = full_world.prover(member).prove(b"patient")
    for number in range(1000):
        full_world.group.register(10_000 + number, 1)
        full_world.time += 0.029
    assert len(full_world.group.roots) == 1002
    assert full_world.verifier().submit(proof, b"patient") == rln.Valid()
    full_world.time += 2
    assert proof.root not in full_world.group.roots


def test_b7_a_thousand_members_at_once_make_one_root(full_world: FullWorld) -> None:
    full_world.group = rln.Group(20, 16, rln.WindowSize(count=2))
    member = full_world.join()
    proof = full_world.prover(member).prove(b"patient")
    full_world.group.register_many([(10_000 + number, 1) for number in range(1000)])
    assert full_world.verifier().submit(proof, b"patient") == rln.Valid()


def test_b7_a_registrar_needs_a_clock(tmp_path: Path) -> None:
    for uri in (f"sqlite:///{tmp_path / 'members.db'}", "postgresql://nobody.invalid/rln"):
        with pytest.raises(ParameterError, match="expected `now`, a clock: .* window in seconds"):
            open_group(uri, DEPTH, LIMIT_BITS)
    assert not list(tmp_path.iterdir())
    assert len(open_group("memory://", DEPTH, LIMIT_BITS).roots) == 1


def test_b7_the_default_window_of_a_stored_group_is_in_seconds(tmp_path: Path) -> None:
    moment = [NOW]
    uri = f"sqlite:///{tmp_path / 'members.db'}"
    group = open_group(uri, 8, LIMIT_BITS, now=lambda: moment[0])
    held = group.root
    for number in range(100):  # more than the 64 roots of a window by count
        group.register(1000 + number, 1)
        moment[0] += 0.5
    last = group.root
    others = rln.WindowSize(seconds=60, now=lambda: moment[0])
    again = open_group(uri, 8, LIMIT_BITS, now=lambda: moment[0])
    verifier_side = RegistryRoots(group.registry, others, lambda: moment[0])
    for roots in (group.roots, again.roots, verifier_side):
        assert held in roots
        assert len(roots) == 101
    moment[0] += 11
    for roots in (group.roots, again.roots, verifier_side):
        assert held not in roots
    moment[0] += 60
    for roots in (group.roots, again.roots, verifier_side):
        assert list(roots) == [last]
    close_group(again)
    close_group(group)


def test_b8_every_path_leads_to_a_root_that_existed(tmp_path: Path) -> None:
    """Two groups change one registry, in threads; every path belongs to one state of it."""
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
