"""TreePlan: the new nodes of a change, computed in separate memory before the tree changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rln.lowlevel import hashes
from rln.merkle.level import NODE_BYTES, Level, Nodes
from rln.merkle.runs import Run, parent_spans

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
        runs: the leaves, ascending; the runs do not touch.
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
    """Hash the parents of changed nodes of a level; the runs are ascending and do not touch."""
    spans = parent_spans(runs)
    hashed = bytearray(NODE_BYTES * sum(high - low for low, high, _ in spans))
    children: Nodes
    if len(runs) == 1 and runs[0][0] % 2 == 0 and len(runs[0][1]) == 2 * len(hashed):
        children = runs[0][1]
    else:
        children = b"".join([_overlay(level, 2 * low, 2 * high, inside) for low, high, inside in spans])
    few = len(hashed) <= _SMALL * NODE_BYTES
    hashes.poseidon_into(hashed, children, 2, threads=1 if few else threads)
    view, done = memoryview(hashed), 0
    parents: list[Run] = []
    for low, high, _ in spans:
        parents.append((low, view[done : done + (high - low) * NODE_BYTES]))
        done += (high - low) * NODE_BYTES
    return parents


def _overlay(level: Level, start: int, stop: int, runs: list[Run]) -> bytes:
    """Return the nodes start .. stop of a level as they will be with the runs in it."""
    parts: list[Nodes] = []
    here = start
    for first, nodes in runs:
        parts += [level.read(here, first), nodes]
        here = first + len(nodes) // NODE_BYTES
    return b"".join([*parts, level.read(here, stop)])
