"""A registry in memory whose calls can be held, as by a server that does not answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rln.group.events import PAGE_EVENTS, PAGE_STEPS, Events, RootChanges, Step
from rln.group.memory_registry import MemoryRegistry
from rln.ports import RegistryChange

PATIENCE = 30
"""Seconds after which a held call goes on, so that a failing test ends."""


class HeldRegistry(MemoryRegistry):
    """A `MemoryRegistry` with calls that wait while they are held.

    Attributes:
        arrived: set when a call waits.
    """

    def __init__(self, depth: int, limit_bits: int = 16) -> None:
        super().__init__(depth, limit_bits)
        self._held: dict[str, threading.Event] = {}
        self.arrived = threading.Event()

    @contextmanager
    def holding(self, *names: str) -> Iterator[None]:
        """Hold the calls of these methods within the block."""
        self.arrived.clear()
        self._held = {name: threading.Event() for name in names}
        held = list(self._held.values())
        try:
            yield
        finally:
            self._held = {}
            for event in held:
                event.set()

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        self._wait("steps_after")
        return super().steps_after(number, most)

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        self._wait("events_after")
        return super().events_after(number, most)

    def root_changes_after(self, after: int) -> RootChanges:
        self._wait("root_changes_after")
        return super().root_changes_after(after)

    @contextmanager
    def change(self) -> Iterator[RegistryChange]:
        self._wait("change")
        with super().change() as change:
            yield change

    def _wait(self, name: str) -> None:
        event = self._held.get(name)
        if event is not None:
            self.arrived.set()
            event.wait(PATIENCE)
