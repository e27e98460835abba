"""Export: bulletins from the registry of a group."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final

from rln.base.arguments import whole
from rln.base.scalar import SIZE
from rln.errors import IntegrityAlarm, ParameterError
from rln.group.events import Change, Events, Registration, Step
from rln.group.ports import RegistryReader
from rln.sync.bulletin import Bulletin

_PAGE_STEPS: Final = 256


def bulletin_since(
    registry: RegistryReader,
    after: int = 0,
    until: int | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Bulletin:
    """Return the bulletin of the changes in a group after a step.

    Args:
        registry: registry of the group.
        after: the step to continue from; 0 is the empty group, and gives the whole tree.
        until: the step to lead to; None is the newest one.
        threads: threads for many leaves, 1 to 256; None is as many as the machine has.
        progress: is called with the part that is done, 0.0 to 1.0.

    Raises:
        ParameterError: nothing has changed since `after`, or a step does not exist.
        StoreUnavailable: the registry cannot be read.
    """
    head = registry.head()
    if head.number == 0:
        raise ParameterError("group: expected a step, got none: register a member first")
    last = whole(head.number if until is None else until, "until", 1, head.number)
    whole(after, "after", 0, last - 1)
    (before,) = registry.steps_after(after - 1, 1)
    start = bisect_right(
        range(head.next_index), after, key=lambda index: _registration(registry, index).registered_in
    )
    leaves, removed, slashed = bytearray(), set[int](), set[int]()
    step = before
    for step in steps_between(registry, after, last):
        leaves += step.columns.registered.rate_commitments(threads)
        removed |= _indices(step.columns, Change.REMOVED)
        slashed |= _indices(step.columns, Change.SLASHED)
        progress((step.number - after) / (last - after))
    # A slashed member may have been removed before; then the leaf was removed at that step.
    older = {i for i in slashed if i < start and (_registration(registry, i).removed_in or last) > after}
    older |= {i for i in removed if i < start}
    for index in removed | slashed:
        if index >= start:
            leaves[(index - start) * SIZE : (index - start + 1) * SIZE] = bytes(SIZE)
    return Bulletin(
        depth=registry.depth,
        limit_bits=registry.limit_bits,
        after=after,
        last=last,
        before=before.root,
        root=step.root,
        at=step.at,
        start=start,
        leaves=bytes(leaves),
        gone=tuple(sorted(older)),
    )


def steps_between(registry: RegistryReader, after: int, last: int) -> Iterator[Step]:
    """Yield the steps after a step, up to and including the last.

    Raises:
        IntegrityAlarm: a step is missing.
        StoreUnavailable: the registry cannot be read.
    """
    while after < last:
        page = registry.steps_after(after, min(last - after, _PAGE_STEPS))
        if not page:
            raise IntegrityAlarm(f"registry: expected step {after + 1}, got none")
        yield from page
        after = page[-1].number


def _registration(registry: RegistryReader, index: int) -> Registration:
    registration = registry.registration_at(index)
    if registration is None:
        raise IntegrityAlarm(f"registry: expected a registration at index {index}, got none")
    return registration


def _indices(events: Events, change: Change) -> set[int]:
    """Return the indices of the events of one kind."""
    if bytes([change]) not in events.changes:
        return set()
    return {index for index, found in zip(events.indices, events.changes, strict=True) if found == change}
