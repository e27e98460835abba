"""Steps as they are written: removals first, slashed members together, applied after the commit."""

from __future__ import annotations

from collections.abc import Callable

from rln.group.events import Change
from rln.group.memory_registry import MemoryRegistry
from rln.group.ports import RegistryChange
from rln.group.replica import Replica
from rln.group.step_writer import StepWriter, WrittenChange
from rln.group.window_size import WindowSize
from rln.protocol.membership import PackedMembers

DEPTH = 4
START = 1_000_000


class Office:
    """A registry, its replica, a writer, and a clock in milliseconds."""

    def __init__(self, interval: int = 1000, clock: bool = True) -> None:
        self.at = START
        self.registry = MemoryRegistry(DEPTH)
        self.replica = Replica(
            self.registry, WindowSize(count=64), threads=1, start=None, progress=lambda part: None
        )
        now = (lambda: self.at / 1000) if clock else None
        self.writer = StepWriter(self.replica, self.registry, interval=interval, now=now, step_clock=now)

    def write(self, what: Callable[[RegistryChange], WrittenChange]) -> WrittenChange:
        with self.registry.change() as change:
            self.writer.catch_up(change)
            written = what(change)
        self.writer.apply(written)
        return written

    def register(self, *commitments: int) -> WrittenChange:
        members = PackedMembers.pack([(commitment, 1) for commitment in commitments], 16)
        leaves = self.replica.leaves(members)
        return self.write(lambda change: self.writer.register(change, members, leaves))

    def slash(self, commitment: int) -> WrittenChange:
        return self.write(lambda change: self.writer.slash(change, commitment))

    def events(self, written: WrittenChange) -> list[tuple[Change, int]]:
        assert written.step is not None
        page = self.registry.events_after(written.step.first - 1, written.step.count)
        return [(event.change, event.index) for event in page]


def test_a_step_is_written_first_and_applied_afterwards() -> None:
    office = Office()
    empty = office.replica.tree.root
    members = PackedMembers.pack([(7, 1), (8, 2)], 16)
    leaves = office.replica.leaves(members)
    with office.registry.change() as change:
        written = office.writer.register(change, members, leaves)
        assert office.replica.tree.root == empty
    assert written.step == office.registry.steps_after(0)[0]
    office.writer.apply(written)
    assert (office.replica.step, office.replica.tree.root) == (1, written.step.root)
    assert (written.step.at, office.events(written)) == (
        START,
        [(Change.REGISTERED, 0), (Change.REGISTERED, 1)],
    )


def test_a_slashing_within_the_interval_waits_for_the_next_step_after_it() -> None:
    office = Office()
    office.register(7, 8, 9)
    assert office.events(office.slash(7)) == [(Change.SLASHED, 0)]
    office.at += 10
    waiting = office.slash(8)
    assert (waiting.step, waiting.plan) == (None, None)
    assert [(slashing.commitment, slashing.due) for slashing in waiting.slashings] == [(8, START + 1000)]
    assert not office.writer.is_removal_due(office.writer.now())
    nothing = office.write(office.writer.remove_slashed)
    assert (nothing.step, list(nothing.slashings)) == (None, list(waiting.slashings))
    office.at = START + 1000
    assert office.writer.is_removal_due(office.writer.now())
    registration = office.registry.registration_at(2)
    assert registration is not None
    written = office.write(lambda change: office.writer.remove(change, registration))
    assert office.events(written) == [(Change.SLASHED, 1), (Change.REMOVED, 2)]
    assert [slashing.step for slashing in written.slashings] == [3]


def test_a_due_removal_goes_before_the_registrations_of_a_step() -> None:
    office = Office()
    office.register(7, 8)
    office.slash(7)
    office.slash(8)
    office.at += 1000
    assert office.events(office.register(9)) == [(Change.SLASHED, 1), (Change.REGISTERED, 2)]


def test_without_an_interval_or_a_clock_every_slashing_is_a_step() -> None:
    for office in (Office(interval=0), Office(clock=False)):
        office.register(7, 8)
        assert [office.events(office.slash(commitment)) for commitment in (7, 8)] == [
            [(Change.SLASHED, 0)],
            [(Change.SLASHED, 1)],
        ]
    assert office.writer.now() is None
    assert [step.at for step in office.registry.steps_after(0)] == [0, 0, 0]


def test_the_time_of_a_step_does_not_go_back() -> None:
    office = Office()
    office.register(7)
    office.at -= 500_000
    written = office.register(8)
    assert written.step is not None
    assert written.step.at == START


def test_a_writer_that_begins_later_keeps_the_interval() -> None:
    office = Office()
    office.register(7, 8)
    office.slash(7)
    other = Office()
    other.registry = office.registry
    other.replica = Replica(
        office.registry, WindowSize(count=64), threads=1, start=None, progress=lambda part: None
    )
    other.at = START + 10
    other.writer = StepWriter(
        other.replica, other.registry, interval=1000, now=lambda: other.at / 1000, step_clock=None
    )
    assert other.slash(8).step is None
