"""Export: bulletins from the registry of a group."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from rln.base.arguments import thread_count, whole
from rln.base.injected import callback, implements
from rln.base.scalar import SIZE
from rln.errors import IntegrityAlarm, ParameterError
from rln.group.events import Change, Events, Registration
from rln.group.ports import RegistryReader
from rln.group.step_pages import read_step, read_steps
from rln.sync.bulletin import Bulletin


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
    implements(registry, RegistryReader, "registry")
    callback(progress, "progress")
    thread_count(threads)
    head = registry.head()
    if head.number == 0:
        raise ParameterError("group: expected a step, got none: register a member first")
    last = whole(head.number if until is None else until, "until", 1, head.number)
    whole(after, "after", 0, last - 1)
    before = read_step(registry, after)
    start = bisect_right(
        range(head.next_index), after, key=lambda index: _registration(registry, index).registered_in
    )
    leaves, removed, slashed = bytearray(), set[int](), set[int]()
    step = before
    for step, pages in read_steps(registry, after, last):
        for page in pages:
            leaves += page.registered.rate_commitments(threads)
            removed |= _indices(page, Change.REMOVED)
            slashed |= _indices(page, Change.SLASHED)
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


def _registration(registry: RegistryReader, index: int) -> Registration:
    registration = registry.registration_at(index)
    if registration is None:
        raise IntegrityAlarm(f"registry: expected a registration at index {index}, got none")
    return registration


def _indices(events: Events, change: Change) -> set[int]:
    """Return the indices of the events of one kind."""
    return {events.indices[place] for place in events.positions(change)}
