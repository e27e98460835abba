"""Steps and events read in pages: each comes once, and what is missing is noticed."""

from __future__ import annotations

import pytest

from rln.errors import IntegrityAlarm
from rln.group.events import PAGE_EVENTS, PAGE_STEPS, Change, Event, Events, Step
from rln.group.memory_registry import MemoryRegistry
from rln.group.step_pages import read_events, read_step, read_steps
from tests.support.step_events import append_step

SIZES = (3, 0, 1, 9, 1, 1, 0)
"""Events of the steps from 1 on."""


class Paged(MemoryRegistry):
    """A registry with pages of two steps and four events, which lacks some; it counts its calls."""

    def __init__(self, steps: int = 100, events: int = 100) -> None:
        super().__init__(6)
        self._seen = steps, events
        self.calls = 0
        with self.change() as change:
            for number, size in enumerate(SIZES, 1):
                head = change.head()
                joined = [
                    Event(head.events + 1 + n, Change.REGISTERED, head.next_index + n, head.events + 1 + n, 1)
                    for n in range(size)
                ]
                append_step(change, number, number, 0, joined)

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        return [step for step in super().steps_after(number, min(most, 2)) if step.number <= self._seen[0]]

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        self.calls += 1
        page = super().events_after(number, min(most, 4))
        return page.part(0, max(0, min(len(page), self._seen[1] - number)))


@pytest.mark.parametrize("after", range(8))
@pytest.mark.parametrize("last", range(8))
def test_each_step_comes_once_with_its_events(after: int, last: int) -> None:
    found = [
        (step.number, [event.number for page in pages for event in page])
        for step, pages in read_steps(Paged(), after, last)
    ]
    ends = [sum(SIZES[:number]) for number in range(len(SIZES) + 1)]
    assert found == [
        (number, list(range(ends[number - 1] + 1, ends[number] + 1))) for number in range(after + 1, last + 1)
    ]


def test_events_that_are_not_read_are_left_out() -> None:
    read = [next(pages, None) for step, pages in read_steps(Paged(), 0, 7)]
    assert [page and page.first for page in read] == [1, None, 4, 5, 14, 15, None]


def test_small_steps_share_a_page() -> None:
    registry = Paged()
    assert sum(len(list(pages)) for _, pages in read_steps(registry, 0, 3)) == 2
    assert registry.calls == 2
    registry.calls = 0
    assert [len(page) for page in read_events(registry, 0, 15)] == [4, 4, 4, 3]
    assert registry.calls == 4
    assert [event.number for page in read_events(registry, 6, 9) for event in page] == [7, 8, 9]


def test_what_is_missing_is_noticed() -> None:
    with pytest.raises(IntegrityAlarm, match="^registry: step 5 is missing"):
        list(read_steps(Paged(steps=4), 0, 7))
    with pytest.raises(IntegrityAlarm, match="^registry: step 5 is missing"):
        read_step(Paged(steps=4), 5)
    with pytest.raises(IntegrityAlarm, match="^registry: event 11 is missing"):
        list(read_events(Paged(events=10), 0, 15))
    for step, pages in read_steps(Paged(events=10), 0, 4):
        if step.number < 4:
            list(pages)
        else:
            with pytest.raises(IntegrityAlarm, match="^registry: event 11 is missing"):
                list(pages)
    assert read_step(Paged(), 0) == Paged().steps_after(-1, 1)[0]
