"""MerkleTree: a sparse Merkle tree of Poseidon hashes over 2^depth leaves; unset leaves take no memory.

A node is Poseidon(left, right), a leaf is stored as it is, and an unset leaf is 0. In this module level 0
holds the leaves; only `subtree_root` counts from the root, as zerokit does. The tree behaves as that of
zerokit 3.0.0 (zerokit-spec 8.2).

Every change is first planned, then applied. A plan hashes all new nodes in separate memory, and may fail at
any point. Applying it only copies bytes. So a change is made completely or not at all, and readers wait only
for the copying.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from rln.base import forks, scalar
from rln.base.arguments import instance, iterable, plain_bytes, sequence, thread_count, whole
from rln.base.bounds import MAX_DEPTH
from rln.base.torn_lock import StateLock, in_child
from rln.errors import EncodingError, ParameterError, TreeFull
from rln.merkle.level import NODE_BYTES, Level, Nodes
from rln.merkle.plan import TreePlan, hash_ancestors, siblings
from rln.merkle.proof import MerkleProof
from rln.merkle.runs import Run, zero_indices
from rln.merkle.state import TreeState, empty_nodes


class MerkleTree:
    """A Merkle tree with a next free index and random access.

    Any number of threads may read while one changes the tree; changes wait for each other. A forked child has
    its own copy of the tree. If a fork could not wait until a change was copied, every use in the child
    raises `StoreUnavailable`.

    Args:
        depth: 1 to 32.
        threads: for large changes, 1 to 256; None is as many as the machine has.

    Raises:
        ParameterError: depth or threads is outside its range.
    """

    def __init__(self, depth: int = 20, *, threads: int | None = None) -> None:
        self._depth = whole(depth, "depth", 1, MAX_DEPTH)
        self._threads = thread_count(threads)
        self._empty = empty_nodes(depth)
        self._levels = [Level(1 << (depth - k), self._empty[k]) for k in range(depth + 1)]
        self._next_index = 0
        self._zeros_set: set[int] = set()
        self._metadata = b""
        self._version = 0
        self._writing = threading.RLock()  # held while nodes are hashed
        self._state: StateLock = threading.Lock()
        forks.register(self)

    @classmethod
    def from_state(cls, state: TreeState, *, threads: int | None = None) -> MerkleTree:
        """Make a tree from its nodes, and keep views of them; a leaf of 0 counts as deleted.

        Raises:
            ParameterError: threads is outside its range.
        """
        instance(state, TreeState, "state")
        tree = cls(state.depth, threads=threads)
        for level, nodes in zip(tree._levels, state.levels, strict=True):
            level.fill(nodes)
        tree._next_index = state.next_index
        return tree

    def state(self) -> TreeState:
        """Return a copy of all nodes, from one moment."""
        with self._writing:
            with self._state:
                widths = TreeState.widths(self._depth, self._next_index)
            levels = [level.read(0, count) for level, count in zip(self._levels, widths, strict=True)]
            return TreeState(self._depth, self._next_index, tuple(levels))

    def __repr__(self) -> str:
        return f"MerkleTree(depth {self._depth}, next index {self._next_index})"

    # ---- what the tree is

    @property
    def depth(self) -> int:
        """Number of levels above the leaves."""
        return self._depth

    @property
    def capacity(self) -> int:
        """Number of leaves, 2^depth."""
        return 1 << self._depth

    @property
    def next_index(self) -> int:
        """One more than the highest index ever set; zerokit calls it `leaves_set`."""
        return self._next_index

    @property
    def root(self) -> int:
        """The root, a field element."""
        return self._node(self._depth, 0)

    def get(self, index: int) -> int:
        """Return the leaf at an index, 0 if it is not set.

        Raises:
            ParameterError: no such index.
        """
        return self._node(0, self._index(index))

    def subtree_root(self, level: int, index: int) -> int:
        """Return the ancestor of a leaf at a level.

        Args:
            level: 0 is the root, `depth` the leaf itself.
            index: of the leaf.

        Raises:
            ParameterError: no such level or index.
        """
        height = self._depth - whole(level, "level", 0, self._depth)
        return self._node(height, self._index(index) >> height)

    def empty_indices(self) -> list[int]:
        """Return the indices below `next_index` that were never set, or were deleted; not those set to 0."""
        with self._state:
            leaves = self._levels[0].read(0, self._next_index)
            zeros_set = set(self._zeros_set)
        empty = self._empty[0]
        return [
            i
            for i in range(len(leaves) // NODE_BYTES)
            if leaves[i * NODE_BYTES : (i + 1) * NODE_BYTES] == empty and i not in zeros_set
        ]

    def proof(self, index: int) -> MerkleProof:
        """Return a leaf, which may be unset, and its path, both from one state of the tree.

        Raises:
            ParameterError: no such index.
        """
        self._index(index)
        with self._state:
            leaf, path = self._levels[0].node(index), siblings(self._levels, index)
        return MerkleProof(_integer(leaf), index, tuple(map(_integer, path)))

    def verify(self, leaf: int, proof: MerkleProof) -> bool:
        """Tell whether the path of a proof leads from a leaf to the root of this tree.

        Raises:
            ParameterError: the path has another depth.
            FieldRangeError: the leaf is not a field element.
        """
        instance(proof, MerkleProof, "proof")
        if proof.depth != self._depth:
            raise ParameterError(f"proof: expected a path of {self._depth} nodes, got {proof.depth}")
        return proof.root_of(leaf) == self.root

    @property
    def metadata(self) -> bytes:
        """Bytes that the owner keeps with the tree; the tree does not read them."""
        return self._metadata

    @metadata.setter
    def metadata(self, data: bytes) -> None:
        self._metadata = plain_bytes(data, "metadata")

    # ---- changes

    def set(self, index: int, leaf: int) -> None:
        """Set one leaf.

        Raises:
            ParameterError: no such index.
            FieldRangeError: not a field element.
        """
        self.set_range(self._index(index), [leaf])

    def set_range(self, start: int, leaves: Iterable[int]) -> None:
        """Set neighbouring leaves; an empty list changes nothing.

        Raises:
            ParameterError: no such start, or too few indices from there on.
            FieldRangeError: a leaf is not a field element.
        """
        self.override_range(start, leaves, ())

    def append(self, leaf: int) -> int:
        """Set the leaf at `next_index` and return that index.

        Raises:
            TreeFull: no index is left.
            FieldRangeError: not a field element.
        """
        return self.extend([leaf])

    def extend(self, leaves: Iterable[int]) -> int:
        """Set the leaves from `next_index` on, hashing level by level, and return the first index.

        Raises:
            TreeFull: too few indices are left; nothing was set.
            FieldRangeError: a leaf is not a field element; nothing was set.
        """
        return self.extend_packed(scalar.encode_many(iterable(leaves, "leaves"), "leaf"))

    def extend_packed(self, packed: bytes) -> int:
        """Do as `extend` with packed leaves, which is faster for many.

        Args:
            packed: leaves, 32 little-endian bytes each; the tree keeps a reference to them, not a copy.

        Raises:
            EncodingError: not `bytes`, or not 32 bytes a leaf; nothing was set.
            TreeFull: too few indices are left; nothing was set.
            FieldRangeError: a leaf is not canonical; nothing was set.
        """
        with self._writing:
            start = self._next_index
            self.apply(self.plan_extend(packed))
        return start

    def delete(self, index: int) -> None:
        """Set a leaf back to 0. `next_index` stays, so `append` does not use the index again.

        An index from `next_index` on does not change.

        Raises:
            ParameterError: no such index.
        """
        with self._writing:
            if self._index(index) < self._next_index:
                self.apply(self.plan(0, b"", (index,)))

    def override_range(self, start: int, leaves: Iterable[int], deleted: Iterable[int]) -> None:
        """Set neighbouring leaves and delete others in one step.

        An index that is both set and deleted is set.

        Args:
            start: index of the first leaf to set.
            leaves: field elements, maybe none.
            deleted: indices, maybe none, in any order; those from `next_index` on do not change.

        Raises:
            ParameterError: no such index, or too few indices; nothing was changed.
            FieldRangeError: a leaf is not a field element; nothing was changed.
        """
        packed = scalar.encode_many(iterable(leaves, "leaves"), "leaf")
        with self._writing:
            self.apply(self.plan(start, packed, tuple(iterable(deleted, "deleted"))))

    # ---- the two halves of a change

    def plan_extend(self, packed: bytes) -> TreePlan:
        """Plan to set leaves from `next_index` on.

        Args:
            packed: leaves, 32 little-endian bytes each.

        Raises:
            EncodingError: not `bytes`, or not 32 bytes a leaf.
            TreeFull: too few indices are left.
            FieldRangeError: a leaf is not canonical.
        """
        plain_bytes(packed, "leaves")
        with self._writing:
            free = self.capacity - self._next_index
            if len(packed) // NODE_BYTES > free:
                raise TreeFull(f"tree: expected at most {free} more leaves, got {len(packed) // NODE_BYTES}")
            return self.plan(self._next_index, packed, ())

    def plan(self, start: int, packed: Nodes, deleted: Sequence[int]) -> TreePlan:
        """Plan to set and delete leaves as `override_range` does, and hash all nodes that change.

        Args:
            start: index of the first leaf to set.
            packed: leaves, 32 little-endian bytes each, maybe none. The tree keeps a reference to them, not a
                copy; if they are in writable memory, it also writes there.
            deleted: indices, maybe none.

        Raises:
            EncodingError: not `bytes` or a memoryview of bytes, or not 32 bytes a leaf.
            ParameterError: no such index, or too few indices.
            FieldRangeError: a leaf is not canonical.
        """
        if not isinstance(packed, memoryview):
            plain_bytes(packed, "leaves")
        count, rest = divmod(len(packed), NODE_BYTES)
        if rest:
            raise EncodingError(f"leaves: expected {NODE_BYTES} bytes each, got {rest} bytes more")
        whole(start, "start", 0, self.capacity)
        if count > self.capacity - start:
            raise ParameterError(
                f"leaves: expected at most {self.capacity - start} from index {start}, got {count}"
            )
        for index in sequence(deleted, "deleted"):
            self._index(index)
        with self._writing:
            stop = start + count
            cleared = sorted({i for i in deleted if i < self._next_index and not start <= i < stop})
            runs: list[Run] = [(i, self._empty[0]) for i in cleared]
            runs = sorted([*runs, (start, packed)], key=lambda run: run[0]) if count else runs
            levels = hash_ancestors(self._levels, runs, self._threads)
            for height, changed in enumerate(levels):
                for first, nodes in changed:
                    self._levels[height].reserve(first, first + len(nodes) // NODE_BYTES)
            root = levels[-1][0][1] if runs else self._levels[-1].node(0)
            return TreePlan(
                root=_integer(root),
                next_index=max(self._next_index, stop) if count else self._next_index,
                version=self._version,
                levels=tuple(map(tuple, levels)),
                zeros_set=zero_indices(start, packed),
                zeros_removed=frozenset(cleared) | {i for i in self._zeros_set if start <= i < stop},
            )

    def apply(self, plan: TreePlan) -> None:
        """Apply a planned change; it cannot fail half-way.

        Raises:
            ParameterError: the tree has changed since the plan was made.
        """
        instance(plan, TreePlan, "plan")
        with self._writing:
            if plan.version != self._version:
                raise ParameterError(
                    "plan: the tree has changed since the plan was made; plan the change again"
                )
            with self._state:
                for level, runs in zip(self._levels, plan.levels, strict=True):
                    for first, nodes in runs:
                        level.write(first, nodes)
                self._zeros_set -= plan.zeros_removed
                self._zeros_set |= plan.zeros_set
                self._next_index = plan.next_index
                self._version += 1

    def _node(self, level: int, position: int) -> int:
        with self._state:
            return _integer(self._levels[level].node(position))

    def _index(self, index: int) -> int:
        return whole(index, "index", 0, self.capacity - 1)

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._state,)

    def _after_fork(self, torn: bool) -> None:
        # A change that was only planned does not exist in the child, and its thread does not either.
        self._writing = threading.RLock()
        self._state = in_child(torn, "the nodes of a tree", "build the tree again")


def _integer(node: Nodes) -> int:
    return int.from_bytes(node, "little")
