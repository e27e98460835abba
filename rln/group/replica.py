"""Follower: the tree and the acceptable roots of a registry, as of one of its steps.

It follows step by step, and computes every root that it lets into the window itself: a registry that says
otherwise is not believed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rln.errors import IntegrityAlarm, MembershipError, ParameterError
from rln.group.events import Slashing, Step
from rln.group.ports import RegistryReader
from rln.group.registry_roots import RootTracker, changes_after
from rln.group.root_window import WindowSize
from rln.merkle.plan import TreePlan
from rln.merkle.state import TreeState
from rln.merkle.tree import MerkleTree
from rln.protocol.membership import PackedMembers

Progress = Callable[[float], None]
"""Is told which part of the work is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class TreeSnapshot:
    """A tree as of one step of a registry.

    Attributes:
        step: its number.
        tree: the nodes.
    """

    step: int
    tree: TreeState


class Replica:
    """The tree and the roots, which follow a registry.

    One thread at a time may follow; any number may read the tree and the roots at the same time.

    Args:
        reader: of the registry.
        window: how long a replaced root stays acceptable.
        threads: for large changes, 1 to 256; None is as many as the machine has.
        start: a picture to begin with; its root must be that of the step in this registry.
        progress: is told how much of the tree is built.

    Raises:
        IntegrityAlarm: the events of the registry do not give its roots.
        StoreUnavailable: the registry cannot be asked.
    """

    def __init__(
        self,
        reader: RegistryReader,
        window: WindowSize,
        *,
        threads: int | None,
        start: TreeSnapshot | None,
        progress: Progress,
    ) -> None:
        self._threads = threads
        self._step = 0 if start is None else start.step
        self.tree = (
            MerkleTree(reader.depth, threads=threads)
            if start is None
            else MerkleTree.from_state(start.tree, threads=threads)
        )
        self.tracker = RootTracker(reader, window)
        self._build(reader, self.tracker.history.step, progress)

    @property
    def step(self) -> int:
        """The step that it is at."""
        return self._step

    def snapshot(self) -> TreeSnapshot:
        """Return a copy of the tree and the step that it is of; nobody may follow meanwhile."""
        return TreeSnapshot(self._step, self.tree.state())

    def follow(self, reader: RegistryReader) -> None:
        """Apply the steps that are new, and learn which slashings are to be made.

        Raises:
            IntegrityAlarm: a root is not what its events give, and nothing of that step was applied; or the
                registry has gone back behind what was applied.
            StoreUnavailable: the registry cannot be asked.
        """
        changes = changes_after(reader, self._step, self.tree.root)
        done: dict[int | None, list[Slashing]] = {None: []}
        for slashing in changes.slashings:
            done.setdefault(slashing.step, []).append(slashing)
        waiting = done[None]
        last = self._step + len(changes.roots)
        while self._step < last:
            steps = reader.steps_after(self._step, last - self._step)
            if not steps:
                raise IntegrityAlarm(f"registry: step {self._step + 1} is missing")
            for step in steps:
                self.apply(step, self._checked_plan(step), [*done.get(step.number, ()), *waiting])
        self.tracker.add((), waiting)

    def plan(self, step: Step) -> TreePlan:
        """Plan the change of the tree that a step's events make; its root is not looked at.

        Raises:
            MembershipError, ParameterError: the events do not fit the tree.
        """
        events = step.columns
        leaving = events.removal_count
        self._check_indices(events.indices[leaving:])
        return self.plan_change(self.leaves(events.registered), events.indices[:leaving])

    def plan_change(self, leaves: bytes, deleted: Sequence[int]) -> TreePlan:
        """Plan to append leaves and to delete others."""
        return self.tree.plan(self.tree.next_index, leaves, deleted)

    def leaves(self, members: PackedMembers) -> bytes:
        """Return the packed leaves of members."""
        return members.rate_commitments(self._threads)

    def apply(self, step: Step, plan: TreePlan, slashings: Sequence[Slashing]) -> None:
        """Make a planned step.

        Args:
            step: the next one.
            plan: its change of the tree.
            slashings: of the step, and those to be made.
        """
        # In this order, whoever has read a root of the tree finds it in the window, unless it was retired.
        self.tracker.add([(step.number, step.root, step.at)], slashings)
        self.tree.apply(plan)
        self._step = step.number

    def _checked_plan(self, step: Step) -> TreePlan:
        try:
            plan = self.plan(step)
        except (MembershipError, ParameterError) as error:
            raise IntegrityAlarm(f"registry: the events of step {step.number} fit no tree") from error
        if plan.root != step.root:
            raise IntegrityAlarm(f"registry: the events of step {step.number} do not give its root")
        return plan

    def _check_indices(self, indices: Sequence[int]) -> None:
        """Refuse members who do not stand behind all others."""
        start = self.tree.next_index
        if indices and list(indices) != list(range(start, start + len(indices))):
            raise ParameterError(f"events: expected members from index {start} on, got another index")

    def _build(self, reader: RegistryReader, last: int, progress: Progress) -> None:
        """Bring the tree to the step that the ring is at already."""
        total = max(1, reader.head().events)
        built = 0
        while self._step < last:
            steps = [step for step in reader.steps_after(self._step) if step.number <= last]
            if not steps:
                raise IntegrityAlarm(f"registry: step {self._step + 1} is missing")
            # Roots that nobody will ask for need not be computed one by one.
            old = [step for step in steps if step.number <= self.tracker.first_step]
            for step in steps if not old else ():
                self.tree.apply(self._checked_plan(step))
                self._step = step.number
            if old:
                self._skip(old)
            built = sum(len(step.events) for step in (old or steps)) + built
            progress(min(1.0, built / total))
        progress(1.0)

    def _skip(self, steps: Sequence[Step]) -> None:
        """Apply several steps at once and compare the last root."""
        commitments: list[bytes] = []
        limits, deleted, indices = array("Q"), array("Q"), array("Q")
        for step in steps:
            events = step.columns
            leaving = events.removal_count
            deleted.extend(events.indices[:leaving])
            registered = events.registered
            commitments.append(registered.commitments)
            limits.extend(registered.limits)
            indices.extend(events.indices[leaving:])
        try:
            self._check_indices(indices)
            members = PackedMembers(b"".join(commitments), limits)
            plan = self.plan_change(self.leaves(members), ())
            self.tree.apply(plan)
            if deleted:
                plan = self.plan_change(b"", deleted)
                self.tree.apply(plan)
        except (MembershipError, ParameterError) as error:
            raise IntegrityAlarm(f"registry: events up to step {steps[-1].number} fit no tree") from error
        if plan.root != steps[-1].root:
            raise IntegrityAlarm(f"registry: the events up to step {steps[-1].number} do not give its root")
        self._step = steps[-1].number
