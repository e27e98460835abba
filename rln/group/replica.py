"""Replica: the tree and the acceptable roots of a registry, as of one of its steps.

A replica follows step by step. It computes every root that it adds to the window, and refuses a registry
that gives another root.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rln.base import forks
from rln.base.torn_lock import StateLock, TornLock, in_child
from rln.errors import InputError, IntegrityAlarm, MembershipError, ParameterError
from rln.group.events import Change, Events, Slashing, Step
from rln.group.ports import RegistryReader
from rln.group.registry_rules import check_new_indices
from rln.group.root_tracker import RootTracker
from rln.group.step_pages import read_events, read_step, read_steps
from rln.group.window_size import WindowSize
from rln.merkle.level import NODE_BYTES, Nodes
from rln.merkle.plan import TreePlan
from rln.merkle.state import TreeState
from rln.merkle.tree import MerkleTree
from rln.protocol.membership import PackedMembers

FOLLOWED_EVENTS: Final = 1 << 12
"""Events that are read at once while others read: a reader of roots may have to wait for such a page."""

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
        self._events = read_step(reader, self._step).last
        forks.register(self)

    @property
    def step(self) -> int:
        """The number of the newest step applied."""
        return self._step

    @property
    def lag(self) -> int:
        """The number of steps that are known, and not applied yet."""
        return self.tracker.history.known - self._step

    @property
    def events(self) -> int:
        """The number of the newest event applied."""
        return self._events

    def snapshot(self) -> TreeSnapshot:
        """Return a copy of the tree with its step; no other thread may follow meanwhile."""
        self.refuse_torn()
        return TreeSnapshot(self._step, self.tree.state())

    def refuse_torn(self) -> None:
        """Refuse a copy that was half changed when this process was forked; this takes no lock.

        Raises:
            StoreUnavailable: it was.
        """
        if isinstance(self._publishing, TornLock):
            self._publishing.refuse()

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
        for step, pages in read_steps(reader, self._step, last, FOLLOWED_EVENTS):
            plan = self.checked_plan(step, pages)
            with self._publishing:
                # In this order, a root that was read from the tree is in the window, or was retired.
                self.tracker.confirm(step.number, step.root)
                self.tree.apply(plan)
                self._step, self._events = step.number, step.last

    def checked_plan(self, step: Step, pages: Iterable[Events]) -> TreePlan:
        """Plan the change of the tree that a step makes, and compare the root.

        Leaves are hashed page by page, into the memory that the tree will use.

        Args:
            step: the next step.
            pages: its events.

        Raises:
            IntegrityAlarm: the events do not fit the tree, or do not give the root of the step.
        """
        try:
            plan = self._plan(pages)
        except (MembershipError, InputError) as error:
            raise IntegrityAlarm(f"registry: the events of step {step.number} do not fit the tree") from error
        if plan.root != step.root:
            raise IntegrityAlarm(f"registry: the events of step {step.number} do not give its root")
        return plan

    def plan_change(self, leaves: Nodes, removed: Sequence[int]) -> TreePlan:
        """Plan to append leaves and to remove the leaves at some indices."""
        return self.tree.plan(self.tree.next_index, leaves, removed)

    def leaves(self, members: PackedMembers) -> Nodes:
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
            self._step, self._events = step.number, step.last

    def _plan(self, pages: Iterable[Events]) -> TreePlan:
        """Plan the change that the events of one step make."""
        leaves, removed = bytearray(), array("Q")
        for page in pages:
            removals = page.removal_count
            if removals and leaves:
                raise ParameterError("step: expected registrations after all other events, got one before")
            next_index = self.tree.next_index + len(leaves) // NODE_BYTES
            check_new_indices(page.indices[removals:], next_index, "events")
            removed.extend(page.indices[:removals])
            leaves += self.leaves(page.registered)
        return self.plan_change(memoryview(leaves), removed)

    def _build(self, reader: RegistryReader, last: int, progress: Progress) -> None:
        """Build the tree up to a step, the newest one that the tracker knows."""
        total = max(1, reader.head().events)

        def watched(pages: Iterable[Events]) -> Iterator[Events]:
            for page in pages:
                yield page
                progress(min(1.0, (page.first + len(page) - 1) / total))

        if self._step < self.tracker.first_step:
            step = read_step(reader, self.tracker.first_step)
            self._skip_to(step, watched(read_events(reader, read_step(reader, self._step).last, step.last)))
        for step, pages in read_steps(reader, self._step, last):
            self.tree.apply(self.checked_plan(step, watched(pages)))
            self._step = step.number
        progress(1.0)

    def _skip_to(self, step: Step, pages: Iterable[Events]) -> None:
        """Apply the events up to a step and compare only its root.

        The roots before it are outside the window, and need not be computed one by one.
        """
        try:
            for page in pages:
                indices, members = _registered(page)
                check_new_indices(indices, self.tree.next_index, "events")
                self.tree.apply(self.plan_change(self.leaves(members), ()))
                removed = [*page.positions(Change.REMOVED), *page.positions(Change.SLASHED)]
                if removed:
                    self.tree.apply(self.plan_change(b"", [page.indices[place] for place in removed]))
        except (MembershipError, InputError) as error:
            raise IntegrityAlarm(
                f"registry: the events up to step {step.number} do not fit the tree"
            ) from error
        if self.tree.root != step.root:
            raise IntegrityAlarm(f"registry: the events up to step {step.number} do not give its root")
        self._step = step.number

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._publishing,)

    def _after_fork(self, torn: bool) -> None:
        self._publishing = in_child(torn, "the tree and its roots", "make a new Group")


def _registered(page: Events) -> tuple[Sequence[int], PackedMembers]:
    """Return the indices and members of the registrations in a page of one or more steps."""
    places = page.positions(Change.REGISTERED)
    if len(places) == len(page):
        return page.indices, PackedMembers(page.commitments, page.limits)
    commitments = b"".join([page.commitment(place) for place in places])
    limits = array("Q", [page.limits[place] for place in places])
    return [page.indices[place] for place in places], PackedMembers(commitments, limits)
