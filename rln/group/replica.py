"""Replica: the tree and the acceptable roots of a registry, as of one of its steps.

A replica follows step by step. It computes every root that it adds to the window, and refuses a registry
that gives another root.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rln.base import forks
from rln.base.torn_lock import StateLock, in_child
from rln.errors import IntegrityAlarm, MembershipError, ParameterError
from rln.group.events import Slashing, Step
from rln.group.ports import RegistryReader
from rln.group.registry_rules import check_new_indices
from rln.group.root_tracker import RootTracker
from rln.group.root_window import WindowSize
from rln.merkle.plan import TreePlan
from rln.merkle.state import TreeState
from rln.merkle.tree import MerkleTree
from rln.protocol.membership import PackedMembers

Progress = Callable[[float], None]
"""A function that is called with the part of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class TreeSnapshot:
    """A tree as of one step of a registry.

    Attributes:
        step: the number of the step.
        tree: the nodes.
    """

    step: int
    tree: TreeState


class Replica:
    """The tree and the acceptable roots of a registry, which follow its steps.

    One thread at a time may follow; any number may read the tree and the roots at the same time. Readers wait
    neither for the registry nor for hashes. Steps are published, one by one, under a lock that is held for
    the copying of nodes only: a forked child gets a whole replica, unless a fork could not wait for that;
    then `follow` and `snapshot` raise `StoreUnavailable` in the child. There is nothing to close.

    Args:
        reader: reader of the registry.
        window: how long a replaced root stays acceptable.
        threads: threads for large changes, 1 to 256; None is as many as the machine has.
        start: a snapshot to start from; its root must be that of its step in this registry.
        progress: is called with the part of the tree that is built.

    Raises:
        IntegrityAlarm: the events of the registry do not give its roots.
        StoreUnavailable: the registry cannot be read.
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
        self._publishing: StateLock = threading.Lock()
        self._build(reader, self.tracker.history.step, progress)
        forks.register(self)

    @property
    def step(self) -> int:
        """The number of the newest step applied."""
        return self._step

    @property
    def lag(self) -> int:
        """The number of steps that are known, and not applied yet."""
        return self.tracker.history.known - self._step

    def snapshot(self) -> TreeSnapshot:
        """Return a copy of the tree with its step; no other thread may follow meanwhile."""
        self.refuse_torn()
        return TreeSnapshot(self._step, self.tree.state())

    def refuse_torn(self) -> None:
        """Refuse a copy that was half changed when this process was forked.

        Raises:
            StoreUnavailable: it was.
        """
        with self._publishing:
            pass

    def follow(self, reader: RegistryReader) -> None:
        """Apply the new steps, and read the pending slashings.

        Raises:
            IntegrityAlarm: the events of a step do not give its root, and nothing of that step was applied;
                or the registry has lost steps that were applied.
            StoreUnavailable: the registry cannot be read.
        """
        self.refuse_torn()
        self.tracker.look(reader)
        self.catch_up(reader, self.tracker.history.known)

    def catch_up(self, reader: RegistryReader, last: int) -> None:
        """Apply the steps up to one that the tracker knows.

        Raises:
            IntegrityAlarm, StoreUnavailable: as for `follow`.
        """
        self.refuse_torn()
        while self._step < last:
            steps = reader.steps_after(self._step, last - self._step)
            if not steps:
                raise IntegrityAlarm(f"registry: step {self._step + 1} is missing")
            for step in steps:
                plan = self._checked_plan(step)
                with self._publishing:
                    # In this order, a root that was read from the tree is in the window, or was retired.
                    self.tracker.confirm(step.number, step.root)
                    self.tree.apply(plan)
                    self._step = step.number

    def plan(self, step: Step) -> TreePlan:
        """Plan the change of the tree that the events of a step make; the root of the step is not checked.

        Raises:
            MembershipError, ParameterError: the events do not fit the tree.
        """
        events = step.columns
        removals = events.removal_count
        check_new_indices(events.indices[removals:], self.tree.next_index, "events")
        return self.plan_change(self.leaves(events.registered), events.indices[:removals])

    def plan_change(self, leaves: bytes, removed: Sequence[int]) -> TreePlan:
        """Plan to append leaves and to remove the leaves at some indices."""
        return self.tree.plan(self.tree.next_index, leaves, removed)

    def leaves(self, members: PackedMembers) -> bytes:
        """Return the packed leaves of members."""
        return members.rate_commitments(self._threads)

    def apply(self, step: Step, plan: TreePlan, slashings: Sequence[Slashing]) -> None:
        """Apply a planned step to the tree and the roots.

        Args:
            step: the next step.
            plan: its change of the tree.
            slashings: those whose leaf the step removes, and the pending ones.
        """
        with self._publishing:
            self.tracker.add([(step.number, step.root, step.at)], slashings)
            self.tree.apply(plan)
            self._step = step.number

    def _checked_plan(self, step: Step) -> TreePlan:
        try:
            plan = self.plan(step)
        except (MembershipError, ParameterError) as error:
            raise IntegrityAlarm(f"registry: the events of step {step.number} do not fit the tree") from error
        if plan.root != step.root:
            raise IntegrityAlarm(f"registry: the events of step {step.number} do not give its root")
        return plan

    def _build(self, reader: RegistryReader, last: int, progress: Progress) -> None:
        """Build the tree up to a step, the newest one that the tracker knows."""
        total = max(1, reader.head().events)
        built = 0
        while self._step < last:
            steps = [step for step in reader.steps_after(self._step) if step.number <= last]
            if not steps:
                raise IntegrityAlarm(f"registry: step {self._step + 1} is missing")
            # Roots outside the window need not be computed one by one.
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
        """Apply several steps at once and compare only the last root."""
        commitments: list[bytes] = []
        limits, removed, indices = array("Q"), array("Q"), array("Q")
        for step in steps:
            events = step.columns
            removals = events.removal_count
            removed.extend(events.indices[:removals])
            registered = events.registered
            commitments.append(registered.commitments)
            limits.extend(registered.limits)
            indices.extend(events.indices[removals:])
        try:
            check_new_indices(indices, self.tree.next_index, "events")
            members = PackedMembers(b"".join(commitments), limits)
            plan = self.plan_change(self.leaves(members), ())
            self.tree.apply(plan)
            if removed:
                plan = self.plan_change(b"", removed)
                self.tree.apply(plan)
        except (MembershipError, ParameterError) as error:
            raise IntegrityAlarm(
                f"registry: the events up to step {steps[-1].number} do not fit the tree"
            ) from error
        if plan.root != steps[-1].root:
            raise IntegrityAlarm(f"registry: the events up to step {steps[-1].number} do not give its root")
        self._step = steps[-1].number

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._publishing,)

    def _after_fork(self, torn: bool) -> None:
        self._publishing = in_child(torn, "the tree and its roots", "make a new Group")
