"""StepWriter: writes the next step to the registry, then applies it to this process's tree and roots."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rln.base import scalar
from rln.group.events import PAGE_EVENTS, Change, Events, Head, Registration, Slashing, Step
from rln.group.ports import RegistryChange, RegistryReader
from rln.group.removal_throttle import RemovalThrottle
from rln.group.replica import Replica
from rln.merkle.level import Nodes
from rln.merkle.plan import TreePlan
from rln.protocol.membership import PackedMembers

_NO_MEMBERS: Final = PackedMembers(b"", ())

_Removal = tuple[Change, Registration]
"""Why a member is removed, and the registration that ends."""


@dataclass(frozen=True, slots=True)
class WrittenChange:
    """What a change wrote to the registry.

    Attributes:
        step: the step; None if the change appended none.
        plan: the change of the tree that the step makes; None without a step.
        slashings: those whose leaf the step removes, and all pending ones.
    """

    step: Step | None
    plan: TreePlan | None
    slashings: Sequence[Slashing]


class StepWriter:
    """The writer of the steps of a group. One thread at a time may use it; forks and closing are no concern.

    Each change takes three calls: within the exclusive change of the registry `catch_up`, then `register`,
    `remove`, `slash` or `remove_slashed`; then `apply` after the registry has committed. Each step also
    removes the slashed members whose removal is due.

    Args:
        replica: the tree and the roots of this process.
        reader: reader of the registry that the replica follows.
        interval: least number of milliseconds between two steps that remove slashed members; 0 removes each
            at once.
        now: unix time in seconds; without it every removal is due at once.
        step_clock: unix time in seconds for the steps; without it each step gets the time of the one before.
    """

    def __init__(
        self,
        replica: Replica,
        reader: RegistryReader,
        *,
        interval: int,
        now: Callable[[], float] | None,
        step_clock: Callable[[], float] | None,
    ) -> None:
        self._replica = replica
        self._interval = interval
        self._now = now
        self._step_clock = step_clock
        self._throttle = RemovalThrottle(interval, reader.head().slashed_at, self.now())
        self._replica.tracker.pop_removal_time()

    def now(self) -> int | None:
        """Return the unix time in milliseconds, or None without a clock."""
        return None if self._now is None else int(self._now() * 1000)

    def catch_up(self, reader: RegistryReader) -> None:
        """Apply the steps that other processes have made.

        Raises:
            IntegrityAlarm: the registry's events do not give its roots.
            StoreUnavailable: the registry cannot be read.
        """
        self._replica.follow(reader)
        self.observe_removals()

    def observe_removals(self) -> None:
        """Note the time of the removals that the last reading has shown. Any thread may call this."""
        self._throttle.observe(self._replica.tracker.pop_removal_time(), self.now())

    def is_removal_due(self, now: int | None) -> bool:
        """Tell whether this process must remove a slashed member by now, in milliseconds of unix time.

        The process that notes a slashing sets the due time by its own clock. If clocks differ, that time may
        come too early on this machine. So this process also waits for an interval after the last removal.
        """
        return self._replica.tracker.is_due(now) and self._throttle.blocked_until(now) is None

    def register(self, change: RegistryChange, members: PackedMembers, leaves: Nodes) -> WrittenChange:
        """Write a step that registers members at the next free indices.

        Args:
            change: change of the registry.
            members: at least one.
            leaves: leaves of these members, in their order, 32 bytes each.

        Raises:
            AlreadyAMember, TreeFull, StoreUnavailable: as for `RegistryChange.append`.
        """
        return self._append(change, members=members, leaves=leaves)

    def remove(self, change: RegistryChange, registration: Registration) -> WrittenChange:
        """Write a step that removes a member.

        Raises:
            StoreUnavailable: not written.
        """
        return self._append(change, removed=registration)

    def slash(self, change: RegistryChange, commitment: int) -> WrittenChange:
        """Note a slashing, and write the step that removes the leaf if the removal is due at once.

        It is not due if another slashed member was removed less than an interval ago, or is still pending.

        Raises:
            StoreUnavailable: not written.
        """
        head, now = change.head(), self.now()
        noted = due = head.at if now is None else now
        until = self._throttle.blocked_until(now)
        waiting = [slashing.due for slashing in self._replica.tracker.pending]
        if now is not None and (until is not None or waiting):
            due = min([*waiting, now + self._interval if until is None else until])
        change.note_slashing(commitment, noted, due)
        slashing = Slashing(commitment, noted, due, None, tuple(change.registrations(commitment)))
        return self._append(change, noted=slashing)

    def remove_slashed(self, change: RegistryChange) -> WrittenChange:
        """Write a step that removes the slashed members whose removal is due, if there are any.

        Raises:
            StoreUnavailable: not written.
        """
        return self._append(change)

    def apply(self, written: WrittenChange) -> None:
        """Apply to the tree and the roots what the registry has committed."""
        if written.step is None or written.plan is None:
            self._replica.tracker.add((), written.slashings)
        else:
            self._replica.apply(written.step, written.plan, written.slashings)
            self.observe_removals()

    def _append(
        self,
        change: RegistryChange,
        *,
        members: PackedMembers = _NO_MEMBERS,
        leaves: Nodes = b"",
        removed: Registration | None = None,
        noted: Slashing | None = None,
    ) -> WrittenChange:
        """Append a step with these events and all due removals; append none if it has no event."""
        head, now = change.head(), self.now()
        # The replica has caught up within this change, so its tracker knows every pending slashing.
        pending = [*self._replica.tracker.pending, *([noted] if noted is not None else [])]
        held = self._throttle.blocked_until(now) is not None
        due = [slashing for slashing in pending if now is None or (slashing.is_due(now) and not held)]
        later = [slashing for slashing in pending if slashing not in due]
        removals = [(Change.SLASHED, slashing.registrations[-1]) for slashing in due]
        removals += [(Change.REMOVED, removed)] if removed is not None else []
        if not removals and not members:
            return WrittenChange(None, None, later)
        plan = self._replica.plan_change(leaves, [registration.index for _, registration in removals])
        at = 0 if self._step_clock is None else int(self._step_clock() * 1000)
        count = len(removals) + len(members)
        step = Step(head.number + 1, plan.root, max(at, head.at), head.events + 1, count)
        change.append(step, _pages(head, removals, members))
        return WrittenChange(step, plan, [*(slashing.settled(step.number) for slashing in due), *later])


def _pages(head: Head, removals: Sequence[_Removal], members: PackedMembers) -> Iterator[Events]:
    """Yield the events of the step after a head: removals first, as every step has them."""
    number, index = head.events + 1, head.next_index
    for start in range(0, len(removals), PAGE_EVENTS):
        page = removals[start : start + PAGE_EVENTS]
        registrations = [registration for _, registration in page]
        yield Events(
            number,
            bytes([change for change, _ in page]),
            array("Q", [registration.index for registration in registrations]),
            scalar.encode_many([registration.commitment for registration in registrations]),
            array("Q", [registration.limit for registration in registrations]),
        )
        number += len(page)
    for start in range(0, len(members), PAGE_EVENTS):
        some = members.part(start, min(len(members), start + PAGE_EVENTS))
        yield Events(
            number + start,
            bytes([Change.REGISTERED]) * len(some),
            range(index + start, index + start + len(some)),
            bytes(some.commitments),
            some.limits,
        )
