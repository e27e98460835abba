"""Mirror: a group's whole tree at a client, kept current by bulletins, so that he asks nobody for his path.

Who asks for one path says who he is, and who gets a root for himself alone can be told from everybody else by
his proofs. So a client keeps all leaves, believes no root that he has not computed himself, and proves for no
group that is too small to hide in. What a signature cannot show is whether others see the same group: compare
`root` with a second source.
"""

from __future__ import annotations

import threading
from typing import Final

from rln.base import scalar
from rln.base.arguments import instance, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import GroupRefused, InputError, NotAMember, ParameterError
from rln.merkle.proof import MerkleProof
from rln.merkle.runs import zeros
from rln.merkle.tree import MerkleTree
from rln.protocol.membership import Membership, rate_commitment
from rln.sync.bulletin import Bulletin

MIN_MEMBERS: Final = 32
"""Members that a group must have before a client proves in it, unless he says otherwise."""


class Mirror:
    """The tree of a group at one step.

    Any number of threads may read while one applies bulletins.

    Args:
        depth: of the tree, 1 to 32.
        limit_bits: limits are 1 to 2^limit_bits; must be that of the circuit, 1 to 16.
        min_members: no path is given out while the group has fewer members, 1 or more.
        threads: for large changes, 1 to 256; None is as many as the machine has.

    Raises:
        ParameterError: an argument outside its range.
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

    def __repr__(self) -> str:
        return f"Mirror(depth {self.depth}, step {self._step}, {self._members} members)"

    def __len__(self) -> int:
        """Return the number of members."""
        return self._members

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
        """The step of the group that this is, 0 for the empty one."""
        return self._step

    @property
    def at(self) -> int:
        """Unix time of that step in milliseconds, 0 before the first."""
        return self._at

    @property
    def root(self) -> int:
        """The root, computed here: compare it with what a second source says of this step."""
        return self._tree.root

    def apply(self, bulletin: Bulletin) -> None:
        """Go on to the step that a bulletin leads to, or stay where it is.

        Args:
            bulletin: one whose signature was checked.

        Raises:
            GroupRefused: it is of another group, leaves a gap or goes back, changes leaves that are not
                there, or leads to another root than it says. Nothing has changed then.
        """
        instance(bulletin, Bulletin, "bulletin")
        with self._state:
            self._check_continues(bulletin)
            try:
                plan = self._tree.plan(bulletin.start, bulletin.leaves, bulletin.gone)
            except InputError as error:
                raise GroupRefused(f"bulletin: {error}") from error
            if plan.root != bulletin.root:
                raise GroupRefused(
                    f"bulletin: its leaves do not lead to the root that it gives for step {bulletin.last}"
                )
            absent = len(zeros(bulletin.start, bulletin.leaves))
            self._tree.apply(plan)
            self._members += bulletin.count - absent - len(bulletin.gone)
            self._step, self._at = bulletin.last, bulletin.at

    def proof(self, index: int) -> MerkleProof:
        """Return a member's leaf and path; a `Prover` takes this method as its `path`.

        Raises:
            GroupRefused: the group has too few members to hide among.
            NotAMember: no member stands there now.
            ParameterError: the tree has no such index.
        """
        with self._state:
            if self._members < self._min_members:
                raise GroupRefused(
                    f"group: expected at least {self._min_members} members to hide among, got {self._members}"
                )
            found = self._tree.proof(index)
        if found.leaf == 0:
            raise NotAMember(f"index {index}: no member stands there")
        return found

    def membership(self, commitment: int, limit: int) -> Membership:
        """Find a member among the leaves, without asking anybody.

        Args:
            commitment: identity commitment, a field element other than 0.
            limit: messages in an epoch, 1 to 2^limit_bits.

        Returns:
            His membership, which gives paths of this mirror.

        Raises:
            NotAMember: no such leaf.
            ParameterError, FieldRangeError: no such member can be.
        """
        leaf = rate_commitment(commitment, whole(limit, "limit", 1, 1 << self._limit_bits))
        with self._state:
            leaves = bytes(self._tree.state().levels[0])
        wanted = scalar.encode(leaf)
        at = leaves.rfind(wanted)
        while at >= 0 and at % scalar.SIZE:
            at = leaves.rfind(wanted, 0, at + scalar.SIZE - 1)
        if at < 0:
            raise NotAMember("commitment: no leaf of it with this limit")
        return Membership(at // scalar.SIZE, limit, commitment, self.proof)

    def whole(self) -> Bulletin:
        """Return the bulletin that leads an empty mirror here, to keep it or to hand it on.

        Raises:
            ParameterError: nothing was applied yet.
        """
        with self._state:
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

    def _check_continues(self, bulletin: Bulletin) -> None:
        """Refuse a bulletin that does not continue from here."""
        expected = (self.depth, self._limit_bits)
        if (bulletin.depth, bulletin.limit_bits) != expected:
            raise GroupRefused(
                f"bulletin: expected a group of depth {expected[0]} and limit_bits {expected[1]}, "
                f"got {bulletin.depth} and {bulletin.limit_bits}"
            )
        if bulletin.last <= self._step:
            raise GroupRefused(
                f"bulletin: it goes back to step {bulletin.last}, this mirror is at {self._step}"
            )
        if bulletin.after != self._step:
            raise GroupRefused(
                f"bulletin: expected one that continues from step {self._step}, got one from {bulletin.after}"
            )
        if bulletin.before != self.root:
            raise GroupRefused(
                f"bulletin: it continues from another root at step {self._step} than is here: "
                "its registrar shows different groups to different people"
            )
        if bulletin.start != self._tree.next_index:
            raise GroupRefused(
                f"bulletin: expected new leaves from index {self._tree.next_index}, got {bulletin.start}"
            )
        for index in bulletin.gone:
            if self._tree.get(index) == 0:
                raise GroupRefused(f"bulletin: leaf {index} is to go, and no member stands there")
