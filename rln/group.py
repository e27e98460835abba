"""Group: the membership tree, and the registry of who stands where in it, kept in memory.

The leaf is always computed here, from commitment and limit: a leaf that somebody else supplies could have a
limit that nobody agreed to. A commitment is registered once at a time, since two leaves of one secret share
their message ids. An index is never used again, so no old path fits a new member. A slashed commitment never
comes back, because its secret is public.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable
from typing import Final

from rln import scalar
from rln.argument import nonzero, whole
from rln.bounds import MAX_LIMIT_BITS
from rln.errors import AlreadyAMember, NotAMember, TreeFull
from rln.hashing import poseidon_hash
from rln.identity import Identity, IdentitySecret
from rln.lowlevel import hashes
from rln.membership import Membership, MerkleProof
from rln.roots import RootHistory, RootWindow, WindowSize
from rln.tree import MerkleTree

DEFAULT_WINDOW: Final = WindowSize(count=64)
_ALIVE: Final = -1


class Group:
    """Members, their leaves, and the roots that proofs may be for.

    Every change is one step: it happens whole or not at all, and the window of roots grows by one. Any number
    of threads may read while one changes the group; they see the group before a change or after it.

    Args:
        depth: of the tree, 1 to 32.
        limit_bits: limits are 1 to 2^limit_bits; must be that of the circuit, 1 to 32.
        window: how long replaced roots stay acceptable.
        threads: for large changes, 1 to 256; None is as many as the machine has.

    Raises:
        ParameterError: an argument outside its range.
    """

    def __init__(
        self,
        depth: int = 20,
        limit_bits: int = 16,
        window: WindowSize = DEFAULT_WINDOW,
        *,
        threads: int | None = None,
    ) -> None:
        self._max_limit = 1 << whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
        self._tree = MerkleTree(depth, threads=threads)
        self._history = RootHistory([self._tree.root], window)
        self._threads = threads
        self._commitments: list[int] = []
        self._limits = array("Q")
        self._joined = array("q")
        self._left = array("q")
        self._index_of: dict[int, int] = {}
        self._former: dict[int, list[int]] = {}
        self._slashed: set[int] = set()
        self._writing = threading.Lock()
        self._state = threading.RLock()

    # ---- reading

    @property
    def depth(self) -> int:
        """Number of levels of the tree."""
        return self._tree.depth

    @property
    def max_limit(self) -> int:
        """The highest user message limit, 2^limit_bits."""
        return self._max_limit

    @property
    def root(self) -> int:
        """The current root, a field element."""
        with self._state:
            return self._tree.root

    @property
    def roots(self) -> RootWindow:
        """The live window of acceptable roots, for a verifier."""
        return self._history.window

    def __len__(self) -> int:
        return len(self._index_of)

    def __repr__(self) -> str:
        return f"Group(depth {self.depth}, {len(self)} members)"

    def is_member(self, commitment: int) -> bool:
        """Tell whether a commitment is registered now.

        Raises:
            FieldRangeError: not a field element.
        """
        return scalar.check(commitment, "commitment") in self._index_of

    def was_member(self, commitment: int) -> bool:
        """Tell whether a commitment is registered now, or was once and has left or was slashed.

        Raises:
            FieldRangeError: not a field element.
        """
        scalar.check(commitment, "commitment")
        return commitment in self._index_of or commitment in self._former

    def membership(self, commitment: int) -> Membership:
        """Return the membership of a commitment.

        Raises:
            NotAMember: not registered now.
            FieldRangeError: not a field element.
        """
        with self._state:
            index = self._index_of.get(scalar.check(commitment, "commitment"))
            if index is None:
                raise NotAMember("commitment: not registered")
            return self._membership(index)

    def member_at(self, index: int) -> Membership:
        """Return the membership at an index.

        Raises:
            NotAMember: no member stands there now.
            ParameterError: the tree has no such index.
        """
        with self._state:
            return self._membership(self._live(index))

    def proof(self, index: int) -> MerkleProof:
        """Return a member's leaf and path, both from one state of the group.

        Raises:
            NotAMember: no member stands there now.
            ParameterError: the tree has no such index.
        """
        with self._state:
            return self._tree.proof(self._live(index))

    # ---- changing

    def register(self, commitment: int, limit: int) -> Membership:
        """Register a member at the next free index.

        Args:
            commitment: identity commitment, a field element other than 0.
            limit: messages in an epoch, 1 to 2^limit_bits.

        Raises:
            AlreadyAMember: registered now, or slashed once.
            TreeFull: no index is left.
            ParameterError: the commitment is 0, or the limit is outside its range.
            FieldRangeError: the commitment is not a field element.
        """
        return self.register_many([(commitment, limit)])[0]

    def register_many(self, members: Iterable[tuple[int, int]]) -> list[Membership]:
        """Register members at the next free indices, in order, as one step: all of them or none.

        Args:
            members: pairs of commitment and limit, as for `register`.

        Raises:
            AlreadyAMember: a commitment is registered now, was slashed once, or comes twice.
            TreeFull: fewer indices are left.
            ParameterError: a commitment is 0, or a limit is outside its range.
            FieldRangeError: a commitment is not a field element.
        """
        pairs = [
            (nonzero(commitment, "commitment"), whole(limit, "limit", 1, self._max_limit))
            for commitment, limit in members
        ]
        size = scalar.SIZE
        packed = b"".join([c.to_bytes(size, "little") + n.to_bytes(size, "little") for c, n in pairs])
        with self._writing:
            start = self._tree.next_index
            self._check_new(pairs, self._tree.capacity - start)
            if not pairs:
                return []
            plan = self._tree.plan_extend(
                hashes.poseidon_many(packed, 2, threads=1 if len(pairs) < 256 else self._threads)
            )
            added = [
                Membership(start + i, limit, commitment, self.proof)
                for i, (commitment, limit) in enumerate(pairs)
            ]
            with self._state:
                step = self._history.push(plan.root)
                self._tree.apply(plan)
                for member in added:
                    self._commitments.append(member.commitment)
                    self._limits.append(member.limit)
                    self._joined.append(step)
                    self._left.append(_ALIVE)
                    self._index_of[member.commitment] = member.index
        return added

    def remove(self, index: int) -> Membership:
        """Let a member go, who may register again and gets another index then.

        His leaf stays in the roots of the window: until they have left it he can still prove.

        Raises:
            NotAMember: no member stands there now.
            ParameterError: the tree has no such index.
        """
        with self._writing:
            member = self.member_at(index)
            self._delete([member.index], member.commitment, slashed=False)
            return member

    def slash(self, secret: IdentitySecret | Identity | int) -> tuple[Membership, ...]:
        """Remove the member whose secret is known, for good, and retire the roots that contain a leaf of his.

        Roots from before he joined stay acceptable as long as the window says, and so does everybody else's
        proof against them.

        Args:
            secret: what a RateLimitViolation carries, or the number itself.

        Returns:
            The memberships that were removed; none when he had been slashed before, or had left.

        Raises:
            NotAMember: the commitment of this secret was never registered.
            FieldRangeError: not a field element.
        """
        commitment = (
            secret.commitment
            if isinstance(secret, (IdentitySecret, Identity))
            else poseidon_hash([scalar.check(secret, "secret")])
        )
        with self._writing:
            index = self._index_of.get(commitment)
            if index is None and commitment not in self._former:
                raise NotAMember("secret: its commitment was never registered")
            if commitment in self._slashed:
                return ()
            removed = () if index is None else (self.member_at(index),)
            self._delete([] if index is None else [index], commitment, slashed=True)
            return removed

    def _delete(self, indices: list[int], commitment: int, slashed: bool) -> None:
        plan = self._tree.plan(0, b"", indices)
        leaving = self._history.step + 1
        retired = []
        if slashed:
            retired = [range(self._joined[i], self._left[i]) for i in self._former.get(commitment, ())]
            retired += [range(self._joined[i], leaving) for i in indices]
        with self._state:
            self._history.push(plan.root, retired)
            self._tree.apply(plan)
            for index in indices:
                self._left[index] = leaving
                self._former.setdefault(commitment, []).append(index)
                del self._index_of[commitment]
            if slashed:
                self._slashed.add(commitment)

    def _check_new(self, pairs: list[tuple[int, int]], free: int) -> None:
        seen: set[int] = set()
        for commitment, _ in pairs:
            if commitment in self._slashed:
                raise AlreadyAMember("commitment: slashed, its secret is public")
            if commitment in self._index_of or commitment in seen:
                raise AlreadyAMember("commitment: registered already")
            seen.add(commitment)
        if len(pairs) > free:
            raise TreeFull(f"group: expected at most {free} more members, got {len(pairs)}")

    def _live(self, index: int) -> int:
        whole(index, "index", 0, self._tree.capacity - 1)
        if index >= len(self._left) or self._left[index] != _ALIVE:
            raise NotAMember(f"index {index}: no member stands there")
        return index

    def _membership(self, index: int) -> Membership:
        return Membership(index, self._limits[index], self._commitments[index], self.proof)
