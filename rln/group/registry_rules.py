"""Registry: what every member registry holds to."""

from __future__ import annotations

from typing import Final

from rln.errors import AlreadyAMember, ParameterError, TreeFull
from rln.group.events import Change, Head, Step
from rln.merkle.state import empty_nodes

PAGE_EVENTS: Final = 1 << 17
"""Events after which `steps_after` gives no further step."""


def first_step(depth: int) -> Step:
    """Return step 0: the empty tree."""
    return Step(0, int.from_bytes(empty_nodes(depth)[-1], "little"), 0)


def next_head(head: Head, step: Step, leaves: int, depth: int, limit_bits: int) -> Head:
    """Return how a registry stands after its next step.

    Args:
        head: how it stands before.
        step: the next one.
        leaves: how many leaves the step takes out.
        depth, limit_bits: of the registry.

    Raises:
        ParameterError: the step does not follow, or its events do not belong there.
        TreeFull: the tree has fewer leaves.
    """
    events = step.columns
    if step.number != head.number + 1 or step.at < head.at:
        raise ParameterError(
            f"step: expected number {head.number + 1} at {head.at} or later, got {step.number} at {step.at}"
        )
    if len(events) and events.first != head.events + 1:
        raise ParameterError(f"step: expected event {head.events + 1}, got {events.first}")
    joining = events.indices[events.removal_count :]
    if joining and list(joining) != list(range(head.next_index, head.next_index + len(joining))):
        raise ParameterError(f"step: expected members from index {head.next_index} on, got another index")
    if head.next_index + len(joining) > 1 << depth:
        raise TreeFull(f"registry: expected at most {(1 << depth) - head.next_index} more members")
    if len(events) and max(events.limits) > 1 << limit_bits:
        raise ParameterError(f"limit: expected 1 to {1 << limit_bits}, got {max(events.limits)}")
    return Head(
        step.number,
        step.root,
        step.at,
        head.events + len(events),
        head.next_index + len(joining),
        head.members + len(joining) - leaves,
        step.at if bytes([Change.SLASHED]) in events.changes else head.slashed_at,
    )


def no_such_member(event: int) -> ParameterError:
    """Say that a step takes out somebody who is not there, or not noted as slashed."""
    return ParameterError(f"event {event}: no such member stands there, or nobody noted that he is slashed")


def already_registered() -> AlreadyAMember:
    """Say that a commitment stands in the registry."""
    return AlreadyAMember("commitment: registered already")


def already_slashed() -> AlreadyAMember:
    """Say that a commitment never comes back."""
    return AlreadyAMember("commitment: slashed, its secret is public")
