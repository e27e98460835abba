"""Copy a member registry to another one, step by step, to move from one database to another.

Indices, roots, times and slashings stay the same, including slashings whose leaf is not removed yet. So the
target accepts what the source accepted, and no Merkle path changes.

The target is written in one transaction: it gets everything, or stays empty. The source may be used while it
is copied; it is locked only while its last steps are copied. The target does not get later changes of the
source: afterwards, change only one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from rln.base.injected import callback, implements
from rln.errors import IntegrityAlarm, MembershipError, ParameterError
from rln.group.events import Change, Events, Head, Slashing
from rln.group.ports import MemberRegistry, RegistryChange, RegistryReader
from rln.group.replica import Progress
from rln.group.step_pages import read_steps


def copy_members(
    source: MemberRegistry, target: MemberRegistry, progress: Progress = lambda part: None
) -> Head:
    """Copy a registry into an empty one, page by page.

    Args:
        source: is only read.
        target: an empty registry of the same depth and limit.
        progress: is called with the part that is copied, 0 to 1.

    Returns:
        The head that both registries have at the end.

    Raises:
        ParameterError: the target has or had members, or has another depth or limit.
        IntegrityAlarm: the steps of the source do not lead to its head.
        StoreUnavailable: one of the registries cannot answer for certain. If the commit of the target failed,
            the target is complete or empty; otherwise it is empty. If it is empty, repeat the copy.
    """
    implements(source, MemberRegistry, "source")
    implements(target, MemberRegistry, "target")
    callback(progress, "progress")
    if source is target:
        raise ParameterError("target: expected a registry other than the source, got the source")
    wanted, got = (source.depth, source.limit_bits), (target.depth, target.limit_bits)
    if got != wanted:
        raise ParameterError(
            f"target: expected depth {wanted[0]} and limit_bits {wanted[1]}, got {got[0]} and {got[1]}"
        )
    # The source stays locked until the target has committed.
    with ExitStack() as held, target.change() as change:
        number = change.head().number
        if number:
            raise ParameterError(
                f"target: expected an empty registry, got one at step {number}; choose another database"
            )
        if change.unregistered_slashings():
            raise ParameterError(
                "target: expected an empty registry, got one that refuses commitments that were slashed "
                "before; choose another database"
            )
        if source.head().number or source.unregistered_slashings():
            _append_steps(change, source, progress)
            last = held.enter_context(source.change())
            _append_steps(change, last, progress)
            pending = last.root_changes_after(last.head().number).slashings
            for slashing in (*pending, *last.unregistered_slashings()):
                _note_slashing(change, slashing)
            if change.head() != last.head():
                raise IntegrityAlarm(
                    f"source: expected steps that lead to {last.head()}, got {change.head()}"
                )
        return change.head()


def _append_steps(change: RegistryChange, source: RegistryReader, progress: Progress) -> None:
    """Append the steps that the target lacks."""
    head = source.head()

    def noted(pages: Iterable[Events]) -> Iterator[Events]:
        """Note the slashings in a page before the target gets the page."""
        for page in pages:
            for place in page.positions(Change.SLASHED):
                commitment = int.from_bytes(page.commitment(place), "little")
                _note_slashing(change, source.slashing(commitment))
            yield page
            progress(min(1.0, (page.first + len(page) - 1) / max(1, head.events)))

    for step, pages in read_steps(source, change.head().number, head.number):
        try:
            change.append(step, noted(pages))
        except (MembershipError, ParameterError) as error:
            raise IntegrityAlarm(
                f"source: step {step.number} does not continue the steps before it: {error}"
            ) from error


def _note_slashing(change: RegistryChange, slashing: Slashing | None) -> None:
    """Record a slashing in the target with its original times, before the step that removes the leaf."""
    if slashing is None:
        raise ParameterError("a member was slashed, but the registry has no record of the slashing")
    change.note_slashing(slashing.commitment, slashing.noted, slashing.due)
