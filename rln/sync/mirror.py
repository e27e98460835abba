"""Mirror: a member's copy of the whole tree of a group, which bulletins update.

A request for one path reveals which member asks. If one member gets a root that nobody else has, their proofs
can be recognised by it. So a member keeps all leaves, computes every root, and proves only in a group that is
large enough to hide in. A signature cannot show that others see the same group: compare `root` with a second
source.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from rln.base import forks, scalar
from rln.base.arguments import instance, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import GroupRefused, InputError, NotAMember, ParameterError, StoreUnavailable
from rln.merkle.proof import MerkleProof
from rln.merkle.runs import PIECE_BYTES, zero_indices
from rln.merkle.tree import MerkleTree
from rln.protocol.membership import Membership, public_leaves, rate_commitment
from rln.sync.bulletin import Bulletin

MIN_MEMBERS: Final = 32
"""Members that a group must have before a member proves in it, by default."""

_NO_LEAF: Final = bytes(scalar.SIZE)


class Mirror:
    """The tree of a group at one step.

    Any number of threads may read while one applies bulletins. A forked child has a copy, which applies
    bulletins on its own. If a thread was applying one for longer than a fork waits, or if the fork was not
    noticed (`rln.base.forks`), the copy raises `StoreUnavailable`.

    Args:
        depth: levels of the tree, 1 to 32.
        limit_bits: limits are 1 to 2^limit_bits; 1 to 16, the same as in the circuit.
        min_members: `proof` refuses to give a path while the group has fewer members, 1 or more.
        threads: threads for large changes, 1 to 256; None is as many as the machine has.

    Raises:
        ParameterError: an argument is outside its range.
    """

    def __init__(
        self,
        depth: int = 20,
        limit_bits: int = 16,
        *,
        min_members: int = MIN_MEMBERS,
        threads: int | None = None,
    ) -> None:
        self._limit_bits = whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
        self._min_members = whole(min_members, "min_members", 1, 1 << MAX_DEPTH)
        self._tree = MerkleTree(depth, threads=threads)
        self._members = 0
        self._step = 0
        self._at = 0
        self._state = threading.RLock()
        self._torn = False
        forks.register(self)

    def __repr__(self) -> str:
        return f"Mirror(depth {self.depth}, step {self._step}, {self._members} members)"

    def __len__(self) -> int:
        """Return the number of members."""
        return self._members

    def __bool__(self) -> bool:
        """Return True: a mirror without members is a mirror."""
        return True

    @property
    def depth(self) -> int:
        """Number of levels of the tree."""
        return self._tree.depth

    @property
    def limit_bits(self) -> int:
        """Limits are 1 to 2^limit_bits."""
        return self._limit_bits

    @property
    def step(self) -> int:
        """The step of the group that the mirror has reached, 0 for the empty group."""
        return self._step

    @property
    def at(self) -> int:
        """Unix time of that step in milliseconds, 0 for the empty group."""
        return self._at

    @property
    def root(self) -> int:
        """The root, computed by the mirror; compare it with what a second source gives for this step."""
        return self._tree.root

    def apply(self, bulletin: Bulletin) -> None:
        """Apply a bulletin whole, or not at all.

        Args:
            bulletin: with a signature that you have checked; see `rln.sync.signing.open_bulletin`.

        Raises:
            GroupRefused: the bulletin is of another group, does not continue from this step, goes back,
                removes leaves that are not set, or its leaves do not give its root. Nothing has changed then.
        """
        instance(bulletin, Bulletin, "bulletin")
        with self._locked():
            self._check_continues(bulletin)
            try:
                plan = self._tree.plan(bulletin.start, bulletin.leaves, bulletin.gone)
            except InputError as error:
                raise GroupRefused(f"bulletin: {error}") from error
            if plan.root != bulletin.root:
                raise GroupRefused(
                    f"bulletin: its leaves do not lead to the root that it gives for step {bulletin.last}"
                )
            removed_again = len(zero_indices(bulletin.start, bulletin.leaves))
            self._tree.apply(plan)
            self._members += bulletin.count - removed_again - len(bulletin.gone)
            self._step, self._at = bulletin.last, bulletin.at

    def catch_up(self, bulletin: Bulletin) -> None:
        """Apply a bulletin of a whole later tree, when those that lead there from this step are gone.

        A leaf is appended, and later removed, and never changes otherwise. So the two trees tell what changed
        between them, and a tree of another group is noticed.

        Args:
            bulletin: from step 0, with a signature that you have checked.

        Raises:
            GroupRefused: the bulletin is not from step 0, or its tree cannot have come from this one, or as
                for `apply`. Nothing has changed then.
        """
        instance(bulletin, Bulletin, "bulletin")
        with self._locked():
            if bulletin.after != 0 or bulletin.start != 0 or bulletin.gone:
                raise GroupRefused(f"bulletin: expected one from step 0, got one from {bulletin.after}")
            if bulletin.before != MerkleTree(self.depth, threads=1).root:
                raise GroupRefused("bulletin: it continues from another root than the empty group has")
            mine = bytes(self._tree.state().levels[0])
            gone = _removed(mine, bulletin.leaves)
            since = (self._step, self.root, self._tree.next_index)
            self.apply(
                replace(
                    bulletin,
                    after=min(since[0], bulletin.last - 1),
                    before=since[1],
                    start=since[2],
                    leaves=bulletin.leaves[len(mine) :],
                    gone=gone,
                )
            )

    def proof(self, index: int) -> MerkleProof:
        """Return a member's leaf and path; a `Prover` takes this method as its `path`.

        Raises:
            GroupRefused: the group has too few members to hide among.
            NotAMember: the index has no member now.
            ParameterError: the tree has no such index.
        """
        with self._locked():
            if self._members < self._min_members:
                raise GroupRefused(
                    f"group: expected at least {self._min_members} members to hide among, got "
                    f"{self._members}; wait until more have joined and import the next bulletins, or accept "
                    "a smaller group (min_members, --min-members)"
                )
            found = self._tree.proof(index)
        if found.leaf == 0:
            raise NotAMember(
                f"index {index}: expected a member, got none: it is unused, or its member was removed"
            )
        return found

    def leaf(self, index: int) -> int:
        """Return the leaf at an index; 0 if there is none.

        Raises:
            ParameterError: the tree has no such index.
        """
        with self._locked():
            return self._tree.get(index)

    def membership(self, commitment: int, limit: int) -> Membership:
        """Find a member among the leaves of this mirror, without a request to anybody.

        Args:
            commitment: identity commitment, a field element other than 0.
            limit: messages in an epoch, 1 to 2^limit_bits.

        Returns:
            The membership, whose paths come from this mirror.

        Raises:
            NotAMember: there is no such leaf.
            ParameterError, FieldRangeError: the commitment or the limit is outside its range.
        """
        leaf = rate_commitment(commitment, whole(limit, "limit", 1, 1 << self._limit_bits))
        with self._locked():
            leaves = bytes(self._tree.state().levels[0])
        wanted = scalar.encode(leaf)
        at = leaves.rfind(wanted)
        while at >= 0 and at % scalar.SIZE:
            at = leaves.rfind(wanted, 0, at + scalar.SIZE - 1)
        if at < 0:
            raise NotAMember(
                f"commitment: the tree has no leaf of it with the limit {limit}; check the limit, and import "
                "the newest bulletins; or the member was removed"
            )
        return Membership(at // scalar.SIZE, limit, commitment, self.proof)

    def whole(self) -> Bulletin:
        """Return the bulletin that brings an empty mirror to this step, to store it or pass it on.

        Raises:
            ParameterError: no bulletin was applied yet.
        """
        with self._locked():
            if self._step == 0:
                raise ParameterError("mirror: expected one that has applied a bulletin, got an empty one")
            return Bulletin(
                depth=self.depth,
                limit_bits=self._limit_bits,
                after=0,
                last=self._step,
                before=MerkleTree(self.depth).root,
                root=self.root,
                at=self._at,
                start=0,
                leaves=bytes(self._tree.state().levels[0]),
                gone=(),
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Run the block while no other thread changes the mirror.

        Raises:
            StoreUnavailable: the process was forked in the middle of a change.
        """
        forks.refuse_unnoticed("mirror")
        if self._torn:
            raise StoreUnavailable(
                "mirror: this process was forked while another thread applied a bulletin; make a new mirror "
                "and apply the bulletins to it"
            )
        with self._state:
            yield

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._state,)

    def _after_fork(self, torn: bool) -> None:
        if torn:
            self._torn = True
            self._state = threading.RLock()

    def _check_continues(self, bulletin: Bulletin) -> None:
        """Refuse a bulletin that does not continue from this step and root."""
        expected = (self.depth, self._limit_bits)
        if (bulletin.depth, bulletin.limit_bits) != expected:
            raise GroupRefused(
                f"bulletin: expected a group of depth {expected[0]} and limit_bits {expected[1]}, "
                f"got {bulletin.depth} and {bulletin.limit_bits}"
            )
        if bulletin.last <= self._step:
            raise GroupRefused(
                f"bulletin: it ends at step {bulletin.last}, and the mirror is already at step {self._step}; "
                "apply a newer bulletin"
            )
        if bulletin.after != self._step:
            raise GroupRefused(
                f"bulletin: expected one that continues from step {self._step}, got one from {bulletin.after}"
            )
        if bulletin.before != self.root:
            raise GroupRefused(
                f"bulletin: it continues from another root at step {self._step} than the mirror has: "
                "its registrar shows different groups to different people"
            )
        if bulletin.start != self._tree.next_index:
            raise GroupRefused(
                f"bulletin: expected new leaves from index {self._tree.next_index}, got {bulletin.start}"
            )
        public = public_leaves(self._limit_bits) if bulletin.leaves else frozenset()
        starts = range(0, len(bulletin.leaves), scalar.SIZE)
        if any(bulletin.leaves[at : at + scalar.SIZE] in public for at in starts):
            raise GroupRefused("bulletin: it registers the secret 0, which everybody knows (threats A16)")
        for index in bulletin.gone:
            if self._tree.get(index) == 0:
                raise GroupRefused(
                    f"bulletin: expected a member at index {index}, which it removes, got none"
                )


def _removed(mine: bytes, later: bytes) -> tuple[int, ...]:
    """Return the indices of the leaves that a later tree has removed.

    Raises:
        GroupRefused: it has fewer leaves, or another one at an index, so it does not come from these leaves.
    """
    found: list[int] = []
    if len(later) >= len(mine):
        for start in range(0, len(mine), PIECE_BYTES):
            end = min(start + PIECE_BYTES, len(mine))
            if mine[start:end] == later[start:end]:
                continue
            for at in range(start, end, scalar.SIZE):
                leaf = later[at : at + scalar.SIZE]
                if leaf == mine[at : at + scalar.SIZE]:
                    continue
                if leaf != _NO_LEAF:
                    raise _other_group()
                found.append(at // scalar.SIZE)
        return tuple(found)
    raise _other_group()


def _other_group() -> GroupRefused:
    return GroupRefused(
        "bulletin: its tree does not come from the one that the mirror has: "
        "its registrar shows different groups to different people"
    )
