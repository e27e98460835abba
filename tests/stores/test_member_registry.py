"""The contract of a member registry. Every adapter keeps it, and raises the same error texts."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from rln.base import scalar
from rln.errors import AlreadyAMember, FieldRangeError, ParameterError, StoreUnavailable, TreeFull
from rln.group.events import Change, Event, Events, Head, Registration, RootChanges, Slashing, Step
from rln.group.registry_rules import first_step
from rln.ports import MemberRegistry
from tests.stores.adapters import REGISTRIES, registry_at
from tests.support.step_events import append_step, steps_with_events

DEPTH = 6


@pytest.fixture(params=REGISTRIES)
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return REGISTRIES[request.param](tmp_path)


@pytest.fixture
def registry(uri: str) -> Iterator[MemberRegistry]:
    opened = registry_at(uri)
    yield opened
    opened.close()


def joins(first: int, index: int, *commitments: int, limit: int = 3) -> list[Event]:
    return [
        Event(first + i, Change.REGISTERED, index + i, commitment, limit)
        for i, commitment in enumerate(commitments)
    ]


def append(
    registry: MemberRegistry, number: int, root: int, at: int = 0, events: Iterable[Event] = ()
) -> Step:
    with registry.change() as change:
        return append_step(change, number, root, at, events)


def slash(registry: MemberRegistry, number: int, event: Event, at: int = 0) -> None:
    with registry.change() as change:
        change.note_slashing(event.commitment, at, at)
        append_step(change, number, number + 1, at, [event])


def everything(registry: MemberRegistry) -> tuple[object, ...]:
    """The answers to all questions."""
    commitments = range(1, 12)
    return (
        registry.head(),
        registry.steps_after(-1),
        registry.events_after(0),
        registry.root_changes_after(-1),
        registry.count(),
        [registry.registrations(commitment) for commitment in commitments],
        [registry.slashing(commitment) for commitment in commitments],
        [registry.registration_at(index) for index in range(12)],
    )


def test_it_is_a_registry(registry: MemberRegistry) -> None:
    assert isinstance(registry, MemberRegistry)
    assert (registry.depth, registry.limit_bits) == (DEPTH, 4)


def test_an_empty_registry_has_the_step_of_the_empty_tree(registry: MemberRegistry) -> None:
    first = first_step(DEPTH)
    assert registry.head() == Head(0, first.root, 0, 0, 0, 0, 0)
    assert registry.steps_after(-1) == [first]
    assert registry.steps_after(0) == []
    assert registry.root_changes_after(-1) == RootChanges(((0, first.root, 0),), ())
    assert registry.root_changes_after(0) == RootChanges((), ())
    assert (registry.count(), registry.step_at(10**15)) == (0, 0)
    assert registry.member(5) is None
    assert not registry.was_member(5)
    assert not registry.is_slashed(5)
    assert registry.registration_at(0) is None


def test_members_register(registry: MemberRegistry) -> None:
    joined = [*joins(1, 0, 5, 6), *joins(3, 2, scalar.ORDER - 1, limit=16)]
    one = append(registry, 1, 101, 1000, joined[:2])
    two = append(registry, 2, 102, 2000, joined[2:])
    assert (one, two) == (Step(1, 101, 1000, 1, 2), Step(2, 102, 2000, 3, 1))
    assert registry.head() == Head(2, 102, 2000, 3, 3, 3, 0)
    assert registry.member(6) == Registration(1, 6, 3, 1, None) == registry.registration_at(1)
    assert registry.registrations(scalar.ORDER - 1) == [Registration(2, scalar.ORDER - 1, 16, 2, None)]
    assert registry.count() == 3
    assert registry.steps_after(0) == [one, two]
    assert registry.steps_after(1) == [two]
    assert registry.steps_after(0, most=1) == [one]
    assert registry.steps_after(-1, most=2)[1:] == [one]
    assert registry.steps_after(2) == []
    assert registry.events_after(0) == joined
    assert registry.events_after(1, most=1) == joined[1:2]
    assert registry.events_after(2) == joined[2:]
    assert registry.events_after(3) == []
    assert registry.root_changes_after(1) == RootChanges(((2, 102, 2000),), ())
    assert [registry.step_at(at) for at in (0, 999, 1000, 1999, 2000, 5000)] == [0, 0, 1, 1, 2, 2]


def test_members_leave_and_come_back_elsewhere(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5, 6))
    append(registry, 2, 102, 0, [Event(3, Change.REMOVED, 0, 5, 3)])
    assert registry.member(5) is None
    assert registry.was_member(5)
    assert not registry.is_slashed(5)
    assert registry.count() == 1
    append(registry, 3, 103, 0, joins(4, 2, 5, limit=9))
    assert registry.registrations(5) == [Registration(0, 5, 3, 1, 2), Registration(2, 5, 9, 3, None)]
    assert registry.member(5) == Registration(2, 5, 9, 3, None)
    assert registry.registration_at(0) == Registration(0, 5, 3, 1, 2)
    assert registry.head() == Head(3, 103, 0, 4, 3, 2, 0)


def test_a_slashing_is_noted_and_then_done(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 500, joins(1, 0, 5, 6, 7))
    with registry.change() as change:
        change.note_slashing(6, 1000, 2000)
    registration = Registration(1, 6, 3, 1, None)
    assert registry.slashing(6) == Slashing(6, 1000, 2000, None, (registration,))
    assert registry.is_slashed(6)
    assert registry.member(6) is None
    assert registry.was_member(6)
    assert registry.count() == 2
    assert registry.head().members == 3
    assert registry.root_changes_after(1) == RootChanges(
        (), (Slashing(6, 1000, 2000, None, (registration,)),)
    )
    append(registry, 2, 102, 2000, [Event(4, Change.SLASHED, 1, 6, 3)])
    done = Slashing(6, 1000, 2000, 2, (Registration(1, 6, 3, 1, 2),))
    assert registry.slashing(6) == done
    assert registry.count() == registry.head().members == 2
    assert registry.head().slashed_at == 2000
    assert registry.root_changes_after(1) == RootChanges(((2, 102, 2000),), (done,))
    assert registry.root_changes_after(2) == RootChanges((), ())
    assert registry.root_changes_after(-1).slashings == (done,)


def test_somebody_who_has_left_can_be_slashed(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5, 6))
    append(registry, 2, 102, 0, [Event(3, Change.REMOVED, 0, 5, 3)])
    slash(registry, 3, Event(4, Change.SLASHED, 0, 5, 3), at=7)
    assert registry.slashing(5) == Slashing(5, 7, 7, 3, (Registration(0, 5, 3, 1, 2),))
    assert (registry.count(), registry.head().members) == (1, 1)


def test_several_steps_of_one_change_come_together(registry: MemberRegistry) -> None:
    steps = [Step(number, 100 + number, 0, number, 1) for number in (1, 2, 3)]
    with registry.change() as change:
        for step in steps:
            change.append(step, [Events.of(joins(step.first, step.number - 1, step.number))])
            assert change.head().number == step.number
            assert change.events_after(step.first - 1) == joins(step.first, step.number - 1, step.number)
            assert change.registrations(step.number) != []
            assert change.registration_at(step.number - 1) is not None
        assert change.steps_after(0) == steps
        assert len(change.root_changes_after(0).roots) == 3
        assert change.step_at(0) == 3
        assert (change.depth, change.limit_bits) == (DEPTH, 4)
    assert registry.steps_after(0) == steps


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_an_exception_takes_everything_back(registry: MemberRegistry, failure: type[BaseException]) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5, 6, 7))
    append(registry, 2, 102, 0, [Event(4, Change.REMOVED, 0, 5, 3)])
    before = everything(registry)
    gone = [Event(5, Change.SLASHED, 1, 6, 3), Event(6, Change.REMOVED, 2, 7, 3)]

    def change_and_fail() -> None:
        with registry.change() as change:
            change.note_slashing(6, 0, 0)
            append_step(change, 3, 103, 0, [*gone, *joins(7, 3, 5, 8)])
            raise failure

    with pytest.raises(failure):
        change_and_fail()
    assert everything(registry) == before
    append(registry, 3, 104, 0, joins(5, 3, 5))
    assert registry.member(5) == Registration(3, 5, 3, 3, None)


def test_a_commitment_stands_once(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5))
    before = everything(registry)
    for again in (joins(2, 1, 5, limit=9), joins(2, 1, 6, 7, 6), joins(2, 1, 6, 5)):
        with pytest.raises(AlreadyAMember, match="^commitment: registered already") as caught:
            append(registry, 2, 102, 0, again)
        assert "5" not in str(caught.value)
    assert everything(registry) == before


def test_slashed_is_for_good(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5, 6))
    slash(registry, 2, Event(3, Change.SLASHED, 0, 5, 3))
    with registry.change() as change:
        change.note_slashing(6, 0, 1000)
    for commitments in ((5,), (7, 5)):
        with pytest.raises(AlreadyAMember, match="^commitment: slashed"):
            append(registry, 3, 103, 0, joins(4, 2, *commitments))
    with pytest.raises(AlreadyAMember):
        append(registry, 3, 103, 0, joins(4, 2, 6))
    assert registry.head().number == 2
    for commitment in (5, 6):
        with (
            pytest.raises(ParameterError, match="^commitment: slashed already"),
            registry.change() as change,
        ):
            change.note_slashing(commitment, 0, 0)


MISFITS = {
    "its number comes again": ((1, 9, 10, joins(3, 2, 8)), "^step: expected number 2"),
    "its number is skipped": ((3, 9, 10, joins(3, 2, 8)), "^step: expected number 2"),
    "it is earlier": ((2, 9, 9, joins(3, 2, 8)), "^step: expected number 2 at 10 or later"),
    "an event is skipped": ((2, 9, 10, joins(4, 2, 8)), "^step: expected event 3, got 4"),
    "an index comes again": ((2, 9, 10, joins(3, 1, 8)), "^step: expected the next member at index 2"),
    "an index is skipped": ((2, 9, 10, joins(3, 3, 8)), "^step: expected the next member at index 2"),
    "a limit is too high": ((2, 9, 10, joins(3, 2, 8, limit=17)), "^limit: expected 1 to 16, got 17"),
    "nobody stands there": ((2, 9, 10, [Event(3, Change.REMOVED, 5, 5, 3)]), "^event 3: no such member"),
    "another stands there": ((2, 9, 10, [Event(3, Change.REMOVED, 1, 5, 3)]), "^event 3: no such member"),
    "a slashing was not noted": ((2, 9, 10, [Event(3, Change.SLASHED, 0, 5, 3)]), "^event 3: .* noted"),
    "who joins comes before who leaves": (
        (2, 9, 10, [*joins(3, 2, 8), Event(4, Change.REMOVED, 0, 5, 3)]),
        "^step: expected registrations after",
    ),
}


@pytest.mark.parametrize("why", MISFITS)
def test_a_step_that_does_not_fit(registry: MemberRegistry, why: str) -> None:
    step, message = MISFITS[why]
    append(registry, 1, 101, 10, joins(1, 0, 5, 6))
    before = everything(registry)
    with pytest.raises(ParameterError, match=message):
        append(registry, *step)
    assert everything(registry) == before


def test_who_is_noted_as_slashed_cannot_just_leave(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5))
    with registry.change() as change:
        change.note_slashing(5, 0, 1000)
    with pytest.raises(ParameterError, match="^event 2: "):
        append(registry, 2, 102, 0, [Event(2, Change.REMOVED, 0, 5, 3)])
    with pytest.raises(ParameterError, match="^event 2: "):
        append(registry, 2, 102, 0, [Event(2, Change.SLASHED, 1, 5, 3)])


def test_a_full_registry_takes_nobody(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, *range(1, 64)))
    with pytest.raises(TreeFull, match="at most 1 more"):
        append(registry, 2, 102, 0, joins(64, 63, 100, 101))
    append(registry, 2, 102, 0, joins(64, 63, 100))
    assert registry.head().next_index == 64


def test_numbers_that_are_no_field_elements(registry: MemberRegistry) -> None:
    for ask in (registry.registrations, registry.slashing, registry.member):
        with pytest.raises(FieldRangeError, match="^commitment: "):
            ask(scalar.ORDER)


def test_a_closed_registry_is_unavailable(registry: MemberRegistry) -> None:
    registry.close()
    registry.close()
    for ask in (
        registry.head,
        registry.count,
        lambda: registry.root_changes_after(0),
        lambda: registry.registrations(5),
    ):
        with pytest.raises(StoreUnavailable, match="closed"):
            ask()
    with pytest.raises(StoreUnavailable, match="closed"):
        append(registry, 1, 101, 0, joins(1, 0, 5))


def test_threads_change_one_after_the_other_and_readers_see_whole_steps(registry: MemberRegistry) -> None:
    done, wrong = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            head = registry.head()
            steps = registry.steps_after(0)
            events = sum(step.count for step in steps)
            if [step.number for step in steps] != list(range(1, len(steps) + 1)) or events % 2:
                wrong.append(steps)
            if head.events != 2 * head.number:
                wrong.append(head)

    def write(first: int) -> None:
        for n in range(5):
            with registry.change() as change:
                head = change.head()
                pair = joins(head.events + 1, head.next_index, first + 2 * n, first + 2 * n + 1)
                append_step(change, head.number + 1, 100 + head.number, 0, pair)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(first,)) for first in (100, 200, 300, 400)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not wrong
    assert registry.head().events == registry.count() == 40


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_another_depth_or_limit_is_refused(kind: str, tmp_path: Path) -> None:
    uri = REGISTRIES[kind](tmp_path)
    registry_at(uri, 6, 4).close()
    for depth, limit_bits in ((7, 4), (6, 5)):
        with pytest.raises(ParameterError, match="^members: expected a registry of depth"):
            registry_at(uri, depth, limit_bits)
    registry_at(uri, 6, 4).close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_was_written_is_there_when_opened_again(kind: str, tmp_path: Path) -> None:
    uri = REGISTRIES[kind](tmp_path)
    first, second = registry_at(uri), registry_at(uri)
    append(first, 1, 101, 10, joins(1, 0, 5, 6, 7))
    append(second, 2, 102, 20, [Event(4, Change.REMOVED, 0, 5, 3)])
    slash(first, 3, Event(5, Change.SLASHED, 1, 6, 3), at=30)
    with second.change() as change:
        change.note_slashing(7, 40, 50)
    told = everything(first)
    assert everything(second) == told
    first.close()
    second.close()
    third = registry_at(uri)
    assert everything(third) == told
    third.close()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page be of 4 events or 3 steps at most."""
    for module in ("rln.group.memory_tables", "rln.stores.sql_registry", "rln.group.registry_rules"):
        monkeypatch.setattr(f"{module}.PAGE_EVENTS", 4)
        if module != "rln.group.registry_rules":
            monkeypatch.setattr(f"{module}.PAGE_STEPS", 3)


@pytest.mark.usefixtures("small_pages")
def test_no_call_returns_more_than_a_page(registry: MemberRegistry) -> None:
    joined = []
    for number in range(1, 6):
        pair = joins(2 * number - 1, 2 * number - 2, number, 100 + number)
        append(registry, number, number, 0, pair)
        joined += pair
    with registry.change() as change:
        for reader in (registry, change):
            for most in (4, 5, 10**6):
                assert reader.events_after(0, most) == joined[:4]
                assert reader.events_after(3, most) == joined[3:7]
                assert reader.events_after(8, most) == joined[8:]
            assert [step.number for step in reader.steps_after(0, 100)] == [1, 2, 3]
            assert [step.number for step in reader.steps_after(3, 100)] == [4, 5]


@pytest.mark.usefixtures("small_pages")
def test_a_step_is_appended_in_pages(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5, 6, 7))
    events = [
        Event(4, Change.REMOVED, 0, 5, 3),
        Event(5, Change.SLASHED, 1, 6, 3),
        *joins(6, 3, 5, *range(20, 30)),
    ]
    with registry.change() as change:
        change.note_slashing(6, 0, 0)
        pages = [Events.of(events[start : start + 4]) for start in range(0, len(events), 4)]
        change.append(Step(2, 102, 0, 4, len(events)), iter(pages))
    assert registry.head() == Head(2, 102, 0, 16, 14, 12, 0)
    assert [event for _, events in steps_with_events(registry, 1) for event in events] == events
    assert registry.registration_at(13) == Registration(13, 29, 3, 2, None)


PAGES = {
    "a page is too large": ([joins(2, 1, 6, 7, 8, 9, 10)], 5, "^step: expected at most 4 events in a page"),
    "a page is missing": ([joins(2, 1, 6), joins(4, 3, 8)], 3, "^step: expected event 3, got 4"),
    "a page comes twice": ([joins(2, 1, 6), joins(2, 1, 6)], 2, "^step: expected event 3, got 2"),
    "there are fewer events": ([joins(2, 1, 6)], 2, "^step: expected 2 events in its pages, got 1"),
    "there are more events": ([joins(2, 1, 6), joins(3, 2, 7)], 1, "^step: expected 1 events in its pages"),
    "an index of the second page comes again": (
        [joins(2, 1, 6), joins(3, 1, 7)],
        2,
        "^step: expected the next member at index 2, got 1",
    ),
    "who leaves comes in a page after who joins": (
        [joins(2, 1, 6), [Event(3, Change.REMOVED, 0, 5, 3)]],
        2,
        "^step: expected registrations after",
    ),
}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("why", PAGES)
def test_pages_that_do_not_fit(registry: MemberRegistry, why: str) -> None:
    pages, count, message = PAGES[why]
    append(registry, 1, 101, 0, joins(1, 0, 5))
    before = everything(registry)
    with pytest.raises(ParameterError, match=message), registry.change() as change:
        change.append(Step(2, 102, 0, 2, count), map(Events.of, pages))
    assert everything(registry) == before


@pytest.mark.usefixtures("small_pages")
def test_a_commitment_of_another_page_is_known(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5, 6))
    slash(registry, 2, Event(3, Change.SLASHED, 0, 5, 3))
    before = everything(registry)
    for commitment, message in ((7, "registered already"), (6, "registered already"), (5, "slashed")):
        pages = [joins(4, 2, 7, 8, 9, 10), joins(8, 6, 11, commitment)]
        with pytest.raises(AlreadyAMember, match=f"^commitment: {message}"), registry.change() as change:
            change.append(Step(3, 103, 0, 4, 6), map(Events.of, pages))
        assert everything(registry) == before


@pytest.mark.usefixtures("small_pages")
def test_a_change_whose_pages_end_early_is_taken_back(registry: MemberRegistry) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5, 6))
    before = everything(registry)

    def pages() -> Iterator[Events]:
        yield Events.of(joins(3, 2, 7, 8, 9, 10))
        raise StoreUnavailable("source")

    with pytest.raises(StoreUnavailable, match="^source"), registry.change() as change:
        change.append(Step(2, 102, 0, 3, 8), pages())
    assert everything(registry) == before
    append(registry, 2, 102, 0, joins(3, 2, 7))


def test_a_commitment_that_was_never_registered_can_be_slashed_and_is_then_refused(
    registry: MemberRegistry,
) -> None:
    append(registry, 1, 101, 0, joins(1, 0, 5))
    before = registry.head(), registry.count(), registry.root_changes_after(-1)

    def note_and_fail() -> None:
        with registry.change() as change:
            change.note_slashing(9, 700, 800)
            assert change.unregistered_slashings() == [Slashing(9, 700, 800, None, ())]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        note_and_fail()
    assert (registry.slashing(9), registry.unregistered_slashings()) == (None, [])
    with registry.change() as change:
        change.note_slashing(9, 700, 800)
    assert registry.slashing(9) == Slashing(9, 700, 800, None, ())
    assert registry.unregistered_slashings() == [Slashing(9, 700, 800, None, ())]
    assert registry.is_slashed(9)
    assert not registry.was_member(9)
    assert (registry.head(), registry.count(), registry.root_changes_after(-1)) == before
    for commitments in ((9,), (6, 9)):
        with pytest.raises(AlreadyAMember, match="^commitment: slashed"):
            append(registry, 2, 102, 0, joins(2, 1, *commitments))
    with (
        pytest.raises(ParameterError, match="^commitment: slashed already"),
        registry.change() as change,
    ):
        change.note_slashing(9, 900, 900)
    assert registry.slashing(9) == Slashing(9, 700, 800, None, ())
