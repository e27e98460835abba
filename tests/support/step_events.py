"""Steps written and read with all their events at once, for registries with few events."""

from __future__ import annotations

from collections.abc import Iterable

from rln.group.events import Event, Events, Step
from rln.group.step_pages import read_steps
from rln.ports import RegistryChange, RegistryReader


def append_step(
    change: RegistryChange, number: int, root: int, at: int, events: Iterable[Event] = ()
) -> Step:
    """Append a step with these events to a registry, in one page, and return it."""
    page = Events.of(events)
    step = Step(number, root, at, page.first if page else change.head().events + 1, len(page))
    change.append(step, [page])
    return step


def steps_with_events(reader: RegistryReader, after: int = 0) -> list[tuple[Step, list[Event]]]:
    """Return the steps after a step, each with its events."""
    return [
        (step, [event for page in pages for event in page])
        for step, pages in read_steps(reader, after, reader.head().number)
    ]
