"""Steps and their events: what happened, in columns."""

from __future__ import annotations

from array import array

import pytest

from rln.base import scalar
from rln.errors import FieldRangeError, ParameterError
from rln.group.events import Change, Event, Events, Registration, Slashing, Step

EVENTS = [
    Event(5, Change.REGISTERED, 3, 77, 10),
    Event(6, Change.REMOVED, 1, 78, 1),
    Event(7, Change.SLASHED, 0, scalar.ORDER - 1, 1 << 16),
]


def test_events_in_columns_are_the_same_events() -> None:
    events = Events.of(EVENTS)
    assert list(events) == EVENTS
    assert (len(events), events[0], events[-1]) == (3, EVENTS[0], EVENTS[2])
    assert events[1:] == EVENTS[1:]
    assert events == EVENTS
    assert EVENTS == events
    assert events == Events.of(tuple(EVENTS))
    assert hash(events) == hash(Events.of(EVENTS))
    assert events != EVENTS[:2]
    assert events != "events"
    assert (events.first, events.commitment(1)) == (5, (78).to_bytes(32, "little"))
    assert Events.of(events) is events
    assert list(Events.of([])) == []
    for place in (3, -4):
        with pytest.raises(IndexError):
            events[place]


def test_events_have_consecutive_numbers() -> None:
    with pytest.raises(ParameterError, match="^events: expected consecutive numbers"):
        Events.of([EVENTS[0], EVENTS[2]])


def test_columns_are_of_one_length() -> None:
    for changes, indices, commitments, limits in (
        (b"\1", [1, 2], bytes(32), [1]),
        (b"\1", [1], bytes(33), [1]),
        (b"\1", [1], bytes(32), []),
        (b"", [1], bytes(32), [1]),
    ):
        with pytest.raises(ParameterError, match="expected columns of one length"):
            Events(1, changes, array("Q", indices), commitments, array("Q", limits))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((0, Change.REMOVED, 0, 1, 1), ParameterError, "^event: expected 1 to"),
        ((1, 2, 0, 1, 1), ParameterError, "^change: expected Change, got int"),
        ((1, Change.REMOVED, -1, 1, 1), ParameterError, "^index: "),
        ((1, Change.REMOVED, 1 << 32, 1, 1), ParameterError, "^index: "),
        ((1, Change.REMOVED, 0, 0, 1), ParameterError, "^commitment: "),
        ((1, Change.REMOVED, 0, scalar.ORDER, 1), FieldRangeError, "^commitment: "),
        ((1, Change.REMOVED, 0, 1, 0), ParameterError, "^limit: "),
        ((1, Change.REMOVED, 0, 1, (1 << 16) + 1), ParameterError, "^limit: "),
    ],
)
def test_an_event_that_cannot_be(arguments: tuple[object, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        Event(*arguments)  # type: ignore[arg-type]


def test_a_step_knows_the_numbers_of_its_events() -> None:
    assert (Step(3, 5, 1000, 17, 4).first, Step(3, 5, 1000, 17, 4).last) == (17, 20)
    assert Step(3, 5, 1000, 17).last == 16
    assert (Step(0, 5, 0).first, Step(0, 5, 0).last) == (1, 0)


def test_a_part_of_a_page_keeps_its_numbers() -> None:
    events = Events.of(EVENTS)
    assert events.part(0, 3) is events
    assert list(events.part(1, 3)) == EVENTS[1:]
    assert (events.part(1, 2).first, len(events.part(1, 1))) == (6, 0)


def test_the_events_of_one_kind_are_found() -> None:
    events = Events.of([*EVENTS, Event(8, Change.REMOVED, 4, 79, 1)])
    assert list(events.positions(Change.REMOVED)) == [1, 3]
    assert list(events.positions(Change.SLASHED)) == [2]
    assert list(events.part(0, 1).positions(Change.REGISTERED)) == [0]
    assert list(events.part(0, 1).positions(Change.SLASHED)) == []


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((-1, 1, 0), ParameterError, "^step: "),
        ((True, 1, 0), ParameterError, "^step: "),
        ((0, 0, 0), ParameterError, "^root: "),
        ((0, scalar.ORDER, 0), FieldRangeError, "^root: "),
        ((0, 1, -1), ParameterError, "^at: "),
        ((0, 1, 0.5), ParameterError, "^at: "),
        ((0, 1, 0, 0), ParameterError, "^event: "),
        ((0, 1, 0, 1, -1), ParameterError, "^number of events: "),
    ],
)
def test_a_step_that_cannot_be(arguments: tuple[object, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        Step(*arguments)  # type: ignore[arg-type]


def test_when_a_slashing_is_due() -> None:
    slashing = Slashing(5, 5000, 6000, None, ())
    assert [slashing.is_due(now) for now in (5000, 5999, 6000, 10**9)] == [False, False, True, True]
    # A clock that is a little behind waits; one that has jumped back does not.
    assert [slashing.is_due(now) for now in (4999, 4000, 3999, 0)] == [False, False, True, True]


def test_a_slashing_that_is_done() -> None:
    registrations = (Registration(0, 5, 1, 1, 3), Registration(4, 5, 2, 7))
    done = Slashing(5, 10, 20, None, registrations).settled(9)
    assert done == Slashing(5, 10, 20, 9, (Registration(0, 5, 1, 1, 3), Registration(4, 5, 2, 7, 9)))
