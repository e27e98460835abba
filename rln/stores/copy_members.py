"""Copy: a member registry in another place, step for step: to move from one database to another.

Indices, roots, times and slashings are the same afterwards, those whose step is to be made included. So what
was acceptable before is acceptable by the copy, and no path changes.

The target is written in one transaction: it gets everything, or stays empty. The source may be used
meanwhile, and is held fast only while its last steps are copied. What happens to it later the copy does not
learn: one must not go on with both.
"""

from __future__ import annotations

from contextlib import ExitStack

from rln.errors import IntegrityAlarm, MembershipError, ParameterError
from rln.group.events import Change, Head, Slashing, Step
from rln.group.ports import MemberRegistry, RegistryChange, RegistryReader
from rln.group.replica import Progress


def copy_members(
    source: MemberRegistry, target: MemberRegistry, progress: Progress = lambda part: None
) -> Head:
    """Copy a registry into an empty one. Steps are read a page at a time, and none is parted.

    Args:
        source: is only read.
        target: of the same depth and limit.
        progress: is told how much is copied, 0 to 1.

    Returns:
        How both stand.

    Raises:
        ParameterError: the target has members, or had some; or it is of another depth or limit.
        IntegrityAlarm: the steps of the source do not lead to where it says it is.
        StoreUnavailable: one of them is unsure. The target is empty, and can be copied to again; unless its
            commit was what failed: then it may have everything.
    """
    if source is target:
        raise ParameterError("target: expected another registry than the source")
    wanted, got = (source.depth, source.limit_bits), (target.depth, target.limit_bits)
    if got != wanted:
        raise ParameterError(
            f"target: expected depth {wanted[0]} and {wanted[1]} bits of limit, got {got[0]} and {got[1]}"
        )
    # The source is let go after the target has committed.
    with ExitStack() as held, target.change() as change:
        number = change.head().number
        if number:
            raise ParameterError(f"target: expected an empty registry, got one that is at step {number}")
        if source.head().number:
            _append_steps(change, source, progress)
            last = held.enter_context(source.change())
            _append_steps(change, last, progress)
            for slashing in last.root_changes_after(last.head().number).slashings:
                _note_slashing(change, slashing)
            if change.head() != last.head():
                raise IntegrityAlarm(f"source: its steps lead to {change.head()}, and it is at {last.head()}")
        return change.head()


def _append_steps(change: RegistryChange, source: RegistryReader, progress: Progress) -> None:
    """Append the steps that are missing."""
    total = max(1, source.head().events)
    while steps := source.steps_after(change.head().number):
        for step in steps:
            try:
                for commitment in _slashed(step):
                    _note_slashing(change, source.slashing(commitment))
                change.append(step)
            except (MembershipError, ParameterError) as error:
                raise IntegrityAlarm(f"source: step {step.number} does not follow: {error}") from error
        progress(min(1.0, change.head().events / total))


def _slashed(step: Step) -> list[int]:
    """The commitments that a step takes out for good."""
    events = step.columns
    return [
        int.from_bytes(events.commitment(place), "little")
        for place, kind in enumerate(events.changes)
        if kind == Change.SLASHED
    ]


def _note_slashing(change: RegistryChange, slashing: Slashing | None) -> None:
    """Note a slashing as it was noted before. Nothing happens to its member between that and its step."""
    if slashing is None:
        raise ParameterError("a member was slashed, and nobody noted it")
    change.note(slashing.commitment, slashing.noted, slashing.due)
