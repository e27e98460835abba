"""Group: the membership tree of a registry, and the methods that change both.

The group computes each leaf from commitment and limit: a leaf from outside could have a limit that nobody
agreed to. A commitment has one leaf at a time, because two leaves of one secret share their message ids. An
index is used once, so no old path fits a new member. A slashed commitment cannot register again, because its
secret is public.

The registry (`MemberRegistry`) is the source of truth, and several processes may change it, one at a time. A
process first applies the changes of the others, then hashes, then writes its events and the new root
together. The tree and the window of roots are copies: they can be dropped and built again.

A slashing retires the roots that contain the leaf, without a grace period, and every proof for these roots
becomes invalid. An attacker could slash their own identities one by one to invalidate the proofs of honest
members. So the removals within an interval get one new root. If no slashed member was removed in the last
interval, a removal takes effect at once; otherwise, when the interval is over. Until then, proofs with the
slashed secret are still accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from rln.base import scalar
from rln.base.arguments import instance, is_real, iterable, shown, thread_count, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.base.injected import callback, implements, time_source
from rln.errors import NotAMember, ParameterError, TreeFull
from rln.group.events import Registration
from rln.group.group_follower import GroupFollower
from rln.group.memory_registry import MemoryRegistry
from rln.group.ports import MemberRegistry, RegistryChange
from rln.group.registry_rules import already_registered, already_slashed
from rln.group.replica import Progress, Replica, TreeSnapshot
from rln.group.root_window import RootWindow
from rln.group.step_writer import StepWriter
from rln.group.window_size import WindowSize
from rln.merkle.proof import MerkleProof
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import Identity, IdentitySecret
from rln.protocol.membership import Membership, Memberships, PackedMembers

DEFAULT_WINDOW: Final = WindowSize(count=64)


class Group:
    """Members, their leaves in the Merkle tree, and the acceptable roots.

    Every change is one step: it happens whole or not at all, and adds one root to the window. Any number of
    threads may read while one changes the group; they see the group before a change or after it.

    Reading `roots` first reads which steps are new and which roots are retired; with `now`, changes of the
    last 0.1 seconds may be missing. Retirements take effect at once. A new root becomes acceptable when this
    process has computed it: a few steps with few events are computed by the reader, more of them by a thread,
    while readers go on with the older roots that are not retired or too old. If none is left, or the removal
    of a slashed member is due and has to wait, they get `StoreUnavailable`; so do readers who wait longer
    than a second for another thread's reading of the registry. No reader of roots waits for a change, by
    whomever, for more than 0.1 seconds, and an error of the thread reaches them. If the clock goes back, the
    window is read again from the registry, as after a start.

    `root`, `proof`, and the paths of memberships are as new as the registry: reading them waits for changes
    of this process and for the thread.

    In a forked child, a group on a stored registry goes on, and sees later changes of the parent. A group in
    memory refuses there, because it would not see them. If the fork could not wait for another thread that
    was copying nodes, every call in the child raises `StoreUnavailable`; make a new group then. The caller
    closes the registry, which also ends the thread; so does dropping the group.

    Args:
        depth: levels of the tree, 1 to 32.
        limit_bits: limits are 1 to 2^limit_bits; 1 to 16, the same as in the circuit.
        window: how long replaced roots stay acceptable.
        registry: the store of the members, which the caller closes; None is a new one in memory.
        now: unix time in seconds, the `now` of an `EpochClock`. Without it every slashing takes effect at
            once, with its own root, and steps have no time unless the window has a clock. Pass it if other
            processes read the registry: without it, a window in seconds drops each replaced root at once.
        interval: seconds, 0 to 3600, by the clock of this process. Members who are slashed within this time
            after a removal are removed together, with one new root. Use the same value in all processes that
            change the registry. With 0 each slashing makes its step at once: use 0 in a process that may end
            before an interval is over.
        threads: threads for large changes, 1 to 256; None is as many as the machine has.
        start: a snapshot of the tree to start from; see `rln.stores.groups`.
        progress: is called with the part of the tree that is built, 0 to 1.

    Raises:
        ParameterError: an argument is outside its range, or the registry has another depth or limit.
        IntegrityAlarm: here and below, the registry's events do not give its roots.
        StoreUnavailable: here and below, the registry cannot answer for certain; a change may have happened
            or not.
    """

    def __init__(
        self,
        depth: int = 20,
        limit_bits: int = 16,
        window: WindowSize = DEFAULT_WINDOW,
        *,
        registry: MemberRegistry | None = None,
        now: Callable[[], float] | None = None,
        interval: float = 1.0,
        threads: int | None = None,
        start: TreeSnapshot | None = None,
        progress: Progress = lambda part: None,
    ) -> None:
        instance(window, WindowSize, "window")
        callback(progress, "progress")
        thread_count(threads)
        if now is not None:
            now = time_source(now)
        if start is not None:
            instance(start, TreeSnapshot, "start")
        if registry is not None:
            implements(registry, MemberRegistry, "registry")
        whole(depth, "depth", 1, MAX_DEPTH)
        whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
        is_private = registry is None
        registry = MemoryRegistry(depth, limit_bits) if registry is None else registry
        if (registry.depth, registry.limit_bits) != (depth, limit_bits):
            raise ParameterError(
                f"registry: expected depth {depth} and {limit_bits} bits of limit, "
                f"got {registry.depth} and {registry.limit_bits}"
            )
        if not is_real(interval) or not 0 <= interval <= 3600:
            raise ParameterError(f"interval: expected 0 to 3600 seconds, got {shown(interval)}")
        self._registry = registry
        self._max_limit = 1 << limit_bits
        self._replica = Replica(registry, window, threads=threads, start=start, progress=progress)
        self._writer = StepWriter(
            self._replica, registry, interval=int(interval * 1000), now=now, step_clock=now or window.now
        )
        self._follower = GroupFollower(self._replica, self._writer, registry, now=now, is_private=is_private)
        self._window = RootWindow(self._replica.tracker.history, self._follower.follow_roots)

    # ---- reading

    @property
    def depth(self) -> int:
        """Number of levels of the tree."""
        return self._registry.depth

    @property
    def max_limit(self) -> int:
        """The highest user message limit, 2^limit_bits."""
        return self._max_limit

    @property
    def registry(self) -> MemberRegistry:
        """The store of the members."""
        self._follower.is_private = False  # its reader may change it
        return self._registry

    @property
    def root(self) -> int:
        """The current root, a field element."""
        self._follower.follow_tree()
        return self._replica.tree.root

    @property
    def roots(self) -> RootWindow:
        """The live window of acceptable roots, for a verifier."""
        return self._window

    def __len__(self) -> int:
        return self._registry.count()

    def __bool__(self) -> bool:
        """Return True: a group without members is a group, and `group or default` must not drop it."""
        return True

    def __repr__(self) -> str:
        return f"Group(depth {self.depth}, step {self._replica.step})"

    def is_member(self, commitment: int) -> bool:
        """Tell whether a commitment is registered now, and not slashed.

        Raises:
            FieldRangeError: not a field element.
        """
        return self._registry.member(scalar.check(commitment, "commitment")) is not None

    def was_member(self, commitment: int) -> bool:
        """Tell whether a commitment is registered now, or was registered before it was removed or slashed.

        Raises:
            FieldRangeError: not a field element.
        """
        return self._registry.was_member(scalar.check(commitment, "commitment"))

    def membership(self, commitment: int) -> Membership:
        """Return the membership of a commitment.

        Raises:
            NotAMember: not registered now, or slashed.
            FieldRangeError: not a field element.
        """
        registration = self._registry.member(scalar.check(commitment, "commitment"))
        if registration is None:
            raise NotAMember("commitment: not registered; it may have been removed or slashed")
        return self._membership(registration)

    def member_at(self, index: int) -> Membership:
        """Return the membership at an index.

        Raises:
            NotAMember: the index has no member now.
            ParameterError: the tree has no such index.
        """
        whole(index, "index", 0, self._replica.tree.capacity - 1)
        registration = self._registry.registration_at(index)
        if (
            registration is None
            or registration.removed_in is not None
            or self._registry.is_slashed(registration.commitment)
        ):
            raise _no_member_at(index)
        return self._membership(registration)

    def proof(self, index: int) -> MerkleProof:
        """Return a member's leaf and path, both from one state of the group.

        Raises:
            NotAMember: the index has no leaf now.
            ParameterError: the tree has no such index.
        """
        whole(index, "index", 0, self._replica.tree.capacity - 1)
        self._follower.follow_tree()
        proof = self._replica.tree.proof(index)
        if proof.leaf == 0:
            raise _no_member_at(index)
        return proof

    def picture(self) -> TreeSnapshot:
        """Return a snapshot of the tree, from which another group can start."""
        with self._follower.writing:
            return self._replica.snapshot()

    # ---- changing

    def register(self, commitment: int, limit: int) -> Membership:
        """Register a member at the next free index.

        Args:
            commitment: identity commitment, a field element other than 0.
            limit: messages in an epoch, 1 to 2^limit_bits.

        Raises:
            AlreadyAMember: the commitment is registered now, or was slashed.
            TreeFull: no index is left.
            ParameterError: the commitment is 0, or the limit is outside its range.
            FieldRangeError: the commitment is not a field element.
        """
        members = PackedMembers.pack([(commitment, limit)], self._max_limit)
        return Membership(self._register(members), limit, commitment, self.proof)

    def register_many(self, members: Iterable[tuple[int, int]]) -> Memberships:
        """Register members at the next free indices, in order, as one step: all of them or none.

        With a stored registry, this needs 40 bytes a member and at most 64 MB beside the tree.

        Changes by other processes wait meanwhile, and fail with StoreUnavailable after 10 seconds. 100,000
        members take about 2 seconds of that on SQLite and 2.5 on PostgreSQL, and several times as long on a
        machine that is busy. If other processes change the group too, register at most about 100,000 members
        at a time.

        Args:
            members: pairs of commitment and limit, as for `register`.

        Raises:
            AlreadyAMember: a commitment is registered now, was slashed, or occurs twice.
            TreeFull: too few indices are left.
            ParameterError: a commitment is 0, or a limit is outside its range.
            FieldRangeError: a commitment is not a field element.
        """
        packed = PackedMembers.pack(iterable(members, "members"), self._max_limit)
        return Memberships(self._register(packed) if packed else 0, packed, self.proof)

    def remove(self, index: int) -> Membership:
        """Remove a member, who may register again and then gets another index.

        The older roots still contain the leaf, so the member's proofs are accepted until these roots have
        left the window.

        Raises:
            NotAMember: the index has no member now.
            ParameterError: the tree has no such index.
        """
        whole(index, "index", 0, self._replica.tree.capacity - 1)
        with self._follower.writing:
            with self._registry.change() as change:
                self._writer.catch_up(change)
                registration = change.registration_at(index)
                if (
                    registration is None
                    or registration.removed_in is not None
                    or change.slashing(registration.commitment) is not None
                ):
                    raise _no_member_at(index)
                written = self._writer.remove(change, registration)
            self._writer.apply(written)
        return self._membership(registration)

    def slash(self, secret: IdentitySecret | Identity | int) -> tuple[Membership, ...]:
        """Remove the member whose secret is known, for good, and retire the roots that contain their leaf.

        Roots from before the registration stay acceptable for as long as the window allows, and so do proofs
        for them. The slashing is durable when this returns. If another slashed member was removed less than
        an interval ago, the leaf is removed when the interval is over.

        Args:
            secret: the secret of a RateLimitViolation, or the number itself.

        Returns:
            The memberships that end; empty if the member was slashed or removed before.

        Raises:
            NotAMember: the commitment of this secret was never registered.
            FieldRangeError: not a field element.
        """
        commitment = (
            secret.commitment
            if isinstance(secret, (IdentitySecret, Identity))
            else poseidon_hash([scalar.check(secret, "secret")])
        )
        with self._follower.writing:
            with self._registry.change() as change:
                self._writer.catch_up(change)
                registrations = change.registrations(commitment)
                if not registrations:
                    raise NotAMember("secret: its commitment was never registered in this group")
                if change.slashing(commitment) is not None:
                    return ()
                written = self._writer.slash(change, commitment)
            self._writer.apply(written)
        return tuple(
            self._membership(registration)
            for registration in registrations
            if registration.removed_in is None
        )

    def follow(self) -> None:
        """Apply the changes of other processes, and remove the slashed members whose removal is due."""
        with self._follower.writing:
            self._follower.follow()

    # ---- how

    def _register(self, members: PackedMembers) -> int:
        """Register members, at least one, and return the index of the first."""
        # These hashes do not depend on other changes: make them before other changes have to wait.
        leaves = self._replica.leaves(members)
        with self._follower.writing:
            with self._registry.change() as change:
                self._writer.catch_up(change)
                head = change.head()
                if len(members) == 1:
                    _refuse_known(change, members.commitment(0))
                if len(members) > (1 << self.depth) - head.next_index:
                    raise TreeFull(
                        f"group: expected at most {(1 << self.depth) - head.next_index} more members, "
                        f"got {len(members)}"
                    )
                written = self._writer.register(change, members, leaves)
            self._writer.apply(written)
        return head.next_index

    def _membership(self, registration: Registration) -> Membership:
        return Membership(registration.index, registration.limit, registration.commitment, self.proof)


def _refuse_known(change: RegistryChange, commitment: int) -> None:
    """Refuse a commitment that is slashed or registered, before the nodes of its path are hashed."""
    if change.slashing(commitment) is not None:
        raise already_slashed()
    registrations = change.registrations(commitment)
    if registrations and registrations[-1].removed_in is None:
        raise already_registered()


def _no_member_at(index: int) -> NotAMember:
    return NotAMember(f"index {index}: expected a member, got none: it is unused, or its member was removed")
