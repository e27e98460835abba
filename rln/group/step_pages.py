"""Step pages: the steps of a registry with their events, read in bounded pages."""

from __future__ import annotations

from collections.abc import Iterator

from rln.errors import IntegrityAlarm
from rln.group.events import PAGE_EVENTS, Events, Step
from rln.group.ports import RegistryReader


def read_steps(
    reader: RegistryReader, after: int, last: int, most: int = PAGE_EVENTS
) -> Iterator[tuple[Step, Iterator[Events]]]:
    """Yield the steps after a step, up to and including the last, each with its events.

    The events of a step come in one page or more, and end with the step. Read them before the next step; then
    steps with few events share one call of the registry.

    Args:
        reader: reader of the registry.
        after: number of the step before the first one.
        last: number of the last one.
        most: the most events in a page. Other questions to the registry may have to wait for a page.

    Raises:
        IntegrityAlarm: a step or an event is missing.
        StoreUnavailable: the registry cannot be read.
    """
    while after < last:
        steps = reader.steps_after(after, last - after)
        if not steps:
            raise _missing("step", after + 1)
        pages = _Pages(reader, steps[-1].last, most)
        for step in steps:
            yield step, pages.between(step.first, step.last)
            after += 1


def read_step(reader: RegistryReader, number: int) -> Step:
    """Return one step.

    Raises:
        IntegrityAlarm: the step is missing.
        StoreUnavailable: the registry cannot be read.
    """
    steps = reader.steps_after(number - 1, 1)
    if not steps:
        raise _missing("step", number)
    return steps[0]


def read_events(reader: RegistryReader, after: int, last: int) -> Iterator[Events]:
    """Yield the events after an event, up to and including the last, whatever their steps.

    Raises:
        IntegrityAlarm: an event is missing.
        StoreUnavailable: the registry cannot be read.
    """
    return _Pages(reader, last, PAGE_EVENTS).between(after + 1, last)


class _Pages:
    """The events of a registry up to a last one. One thread uses it; it keeps the page that was read last."""

    def __init__(self, reader: RegistryReader, last: int, most: int) -> None:
        self._reader = reader
        self._last = last
        self._most = most
        self._page: Events | None = None

    def between(self, first: int, last: int) -> Iterator[Events]:
        """Yield the events with the numbers first .. last, in parts of pages."""
        while first <= last:
            page = self._page
            if page is None or not page.first <= first < page.first + len(page):
                page = self._page = self._reader.events_after(
                    first - 1, min(self._last - first + 1, self._most)
                )
                if not page or page.first != first:
                    raise _missing("event", first)
            start, stop = first - page.first, min(len(page), last + 1 - page.first)
            yield page.part(start, stop)
            first = page.first + stop


def _missing(what: str, number: int) -> IntegrityAlarm:
    return IntegrityAlarm(
        f"registry: {what} {number} is missing: the registry was changed from outside; stop its users and "
        "investigate"
    )
