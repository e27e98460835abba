"""Registry rules: what every member registry checks, and the errors that it raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rln.errors import AlreadyAMember, ParameterError, TreeFull
from rln.group.events import Change, Head, Step
from rln.merkle.state import empty_nodes

PAGE_EVENTS: Final = 1 << 17
"""Events after which `steps_after` returns no further step."""


def first_step(depth: int) -> Step:
    """Return step 0: the empty tree."""
    return Step(0, int.from_bytes(empty_nodes(depth)[-1], "little"), 0)


def next_head(head: Head, step: Step, removed_leaves: int, depth: int, limit_bits: int) -> Head:
    """Return the state of a registry after its next step.

    Args:
        head: the state before the step.
        step: the next step.
        removed_leaves: number of leaves that the step removes.
        depth, limit_bits: those of the registry.

    Raises:
        ParameterError: the step or one of its events does not follow the state.
        TreeFull: the tree has too few indices.
    """
    events = step.columns
    if step.number != head.number + 1 or step.at < head.at:
        raise ParameterError(
            f"step: expected number {head.number + 1} at {head.at} or later, got {step.number} at {step.at}"
        )
    if len(events) and events.first != head.events + 1:
        raise ParameterError(f"step: expected event {head.events + 1}, got {events.first}")
    indices = events.indices[events.removal_count :]
    count = len(events.registered)  # refuses the commitment of the secret 0 (threats A16)
    check_new_indices(indices, head.next_index, "step")
    free = (1 << depth) - head.next_index
    if count > free:
        raise TreeFull(f"registry: expected at most {free} more members, got {count}")
    if len(events) and max(events.limits) > 1 << limit_bits:
        raise ParameterError(f"limit: expected 1 to {1 << limit_bits}, got {max(events.limits)}")
    return Head(
        step.number,
        step.root,
        step.at,
        head.events + len(events),
        head.next_index + count,
        head.members + count - removed_leaves,
        step.at if bytes([Change.SLASHED]) in events.changes else head.slashed_at,
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
