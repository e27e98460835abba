"""TreePlan: the new nodes of a change, computed in separate memory before the tree changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rln.lowlevel import hashes
from rln.merkle.level import NODE_BYTES, Level, Nodes
from rln.merkle.runs import PIECE_BYTES, Run, Span, parent_spans

_SMALL: Final = 256
"""Hashes up to which threads cost more than they save."""


@dataclass(frozen=True, slots=True)
class TreePlan:
    """A planned change: its nodes are hashed, but not yet in the tree; `MerkleTree.apply` puts them there.

    Attributes:
        root: of the tree after the change, a field element.
        next_index: of the tree after the change.
        version: of the tree that the plan was made for.
        levels: the nodes that change, level by level, leaves first.
        zeros_set: indices at which the change sets a leaf of 0.
        zeros_removed: indices with a leaf of 0 that counts as set now, but not after the change.
    """

    root: int
    next_index: int
    version: int
    levels: tuple[tuple[Run, ...], ...]
    zeros_set: frozenset[int]
    zeros_removed: frozenset[int]


def hash_ancestors(levels: Sequence[Level], runs: list[Run], threads: int | None) -> list[list[Run]]:
    """Compute all ancestors of some changed leaves.

    Args:
        levels: of the tree, leaves first; they are only read.
        runs: the leaves, ascending; the runs do not overlap.
        threads: for many hashes, 1 to 256; None is as many as the machine has.

    Returns:
        The runs of each level, leaves first.
    """
    if len(runs) == 1 and len(runs[0][1]) == NODE_BYTES:
        return _path(levels, *runs[0])
    changed = [runs]
    for level in levels[:-1]:
        changed.append(_parents(level, changed[-1], threads) if runs else [])
    return changed


def siblings(levels: Sequence[Level], index: int) -> list[bytes]:
    """Return the siblings of a leaf and its ancestors below the root."""
    return [level.node(index >> height ^ 1) for height, level in enumerate(levels[:-1])]


def _path(levels: Sequence[Level], index: int, leaf: Nodes) -> list[list[Run]]:
    """Do as `hash_ancestors` for one leaf: one call into C."""
    depth = len(levels) - 1
    bits = bytes([index >> level & 1 for level in range(depth)])
    nodes = hashes.merkle_path(bytes(leaf), b"".join(siblings(levels, index)), bits)
    changed: list[list[Run]] = [[(index, leaf)]]
    for level in range(depth):
        changed.append([(index >> level + 1, nodes[level * NODE_BYTES : (level + 1) * NODE_BYTES])])
    return changed


def _parents(level: Level, runs: list[Run], threads: int | None) -> list[Run]:
    """Hash the parents of changed nodes of a level; the runs are ascending and do not overlap."""
    spans = parent_spans(runs)
    hashed, done = memoryview(bytearray(NODE_BYTES * sum(high - low for low, high, _ in spans))), 0
    for children in _pieces(_overlay(level, spans)):
        size = len(children) // 2
        few = size <= _SMALL * NODE_BYTES
        hashes.poseidon_into(hashed[done : done + size], children, 2, threads=1 if few else threads)
        done += size
    done = 0
    parents: list[Run] = []
    for low, high, _ in spans:
        parents.append((low, hashed[done : done + (high - low) * NODE_BYTES]))
        done += (high - low) * NODE_BYTES
    return parents


def _overlay(level: Level, spans: Sequence[Span]) -> Iterator[Nodes]:
    """Yield the children of the spans, in order, as they will be with the runs in the level."""
    for low, high, runs in spans:
        here = 2 * low
        for first, nodes in runs:
            if here < first:
                yield level.read(here, first)
            yield nodes
            here = first + len(nodes) // NODE_BYTES
        if here < 2 * high:
            yield level.read(here, 2 * high)


def _pieces(parts: Iterator[Nodes]) -> Iterator[Nodes]:
    """Join small parts, and leave large ones where they are, so that no large part is copied.

    Args:
        parts: an even number of nodes in all.

    Yields:
        The same nodes, each time an even number of them.
    """
    pair = 2 * NODE_BYTES
    waiting, size = list[Nodes](), 0
    for part in parts:
        rest = memoryview(part)
        if len(rest) >= PIECE_BYTES:
            odd = size % pair
            if size:
                yield b"".join([*waiting, rest[:odd]])
            rest = rest[odd:]
            whole = len(rest) // pair * pair
            yield rest[:whole]
            waiting, size, rest = [], 0, rest[whole:]
        waiting.append(rest)
        size += len(rest)
        if size >= PIECE_BYTES:
            joined = memoryview(b"".join(waiting))
            whole = size // pair * pair
            yield joined[:whole]
            waiting, size = [joined[whole:]], size - whole
    if size:
        yield b"".join(waiting)
