"""Registry rules: what every member registry checks, and the errors that it raises."""

from __future__ import annotations

from collections.abc import Sequence

from rln.base.arguments import instance
from rln.errors import AlreadyAMember, ParameterError, TreeFull
from rln.group.events import PAGE_EVENTS, Change, Events, Head, Step
from rln.merkle.state import empty_nodes


def first_step(depth: int) -> Step:
    """Return step 0: the empty tree."""
    return Step(0, int.from_bytes(empty_nodes(depth)[-1], "little"), 0)


class NextHead:
    """Checks the next step of a registry, page by page, and gives the head after it.

    One thread uses it, for one step.

    Args:
        head: the state before the step.
        step: the next step.
        depth, limit_bits: those of the registry.

    Raises:
        ParameterError: the step does not follow the state.
    """

    def __init__(self, head: Head, step: Step, depth: int, limit_bits: int) -> None:
        if step.number != head.number + 1 or step.at < head.at:
            raise ParameterError(
                f"step: expected number {head.number + 1} at {head.at} or later, "
                f"got {step.number} at {step.at}"
            )
        if step.first != head.events + 1:
            raise ParameterError(f"step: expected event {head.events + 1}, got {step.first}")
        self._before = head
        self._step = step
        self._free = (1 << depth) - head.next_index
        self._max_limit = 1 << limit_bits
        self._events = head.events
        self._registered = 0
        self._removes_slashed = False

    def add(self, page: Events) -> int:
        """Check the next page of the step, and return how many removals and slashings it begins with.

        Raises:
            ParameterError: the page is too large, does not follow the page before, or registers the secret 0.
            TreeFull: the tree has too few indices.
        """
        instance(page, Events, "pages")
        if len(page) > PAGE_EVENTS:
            raise ParameterError(f"step: expected at most {PAGE_EVENTS} events in a page, got {len(page)}")
        removals = page.removal_count
        if removals and self._registered:
            raise ParameterError("step: expected registrations after all other events, got one before")
        if len(page) and page.first != self._events + 1:
            raise ParameterError(f"step: expected event {self._events + 1}, got {page.first}")
        self._events += len(page)
        indices = page.indices[removals:]
        check_new_indices(indices, self._before.next_index + self._registered, "step")
        self._registered += len(page.registered)  # refuses the commitment of the secret 0 (threats A16)
        if self._registered > self._free:
            raise TreeFull(f"registry: expected at most {self._free} more members, got {self._registered}")
        if len(page) and max(page.limits) > self._max_limit:
            raise ParameterError(f"limit: expected 1 to {self._max_limit}, got {max(page.limits)}")
        self._removes_slashed = self._removes_slashed or bytes([Change.SLASHED]) in page.changes
        return removals

    def head(self, removed_leaves: int) -> Head:
        """Return the state after the step.

        Args:
            removed_leaves: number of leaves that the step removes.

        Raises:
            ParameterError: the pages had more or fewer events than the step.
        """
        before, step = self._before, self._step
        if self._events - before.events != step.count:
            raise ParameterError(
                f"step: expected {step.count} events in its pages, got {self._events - before.events}"
            )
        return Head(
            step.number,
            step.root,
            step.at,
            self._events,
            before.next_index + self._registered,
            before.members + self._registered - removed_leaves,
            step.at if self._removes_slashed else before.slashed_at,
        )


def check_new_indices(indices: Sequence[int], next_index: int, name: str) -> None:
    """Refuse registrations that are not at the next free indices, in order.

    Raises:
        ParameterError: an index is another one; the message begins with `name`.
    """
    if list(indices) != list(range(next_index, next_index + len(indices))):
        expected, got = next(pair for pair in enumerate(indices, next_index) if pair[0] != pair[1])
        raise ParameterError(f"{name}: expected the next member at index {expected}, got {got}")


def no_such_member(event: int) -> ParameterError:
    """Return the error about a step that removes an unknown member, or one who is not noted as slashed."""
    return ParameterError(
        f"event {event}: no such member at this index, or a slashing that was not noted before"
    )


def already_registered() -> AlreadyAMember:
    """Return the error about a commitment that is registered."""
    return AlreadyAMember("commitment: registered already; use its membership, or a new identity")


def already_slashed() -> AlreadyAMember:
    """Return the error about a commitment that is slashed."""
    return AlreadyAMember("commitment: slashed, its secret is public; use a new identity")


def slashed_before() -> ParameterError:
    """Return the error about a slashing that is noted a second time."""
    return ParameterError("commitment: slashed already")
