"""Runs: consecutive nodes of one level of a tree that change together, packed into one byte string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rln.merkle.level import NODE_BYTES, Nodes

PIECE_BYTES: Final = NODE_BYTES << 14
"""Nodes are copied in pieces of at most this many bytes."""

Run = tuple[int, Nodes]
"""Consecutive nodes: the index of the first, and all of them packed."""

Span = tuple[int, int, list[Run]]
"""Consecutive parents: the index of the first, the index after the last, and the runs below them."""


def parent_spans(runs: Sequence[Run]) -> list[Span]:
    """Return the parents of runs that are ascending and do not overlap."""
    spans: list[Span] = []
    for first, nodes in runs:
        low, high = first >> 1, (first + len(nodes) // NODE_BYTES + 1) >> 1
        if spans and low <= spans[-1][1]:
            spans[-1][2].append((first, nodes))
            spans[-1] = (spans[-1][0], high, spans[-1][2])
        else:
            spans.append((low, high, [(first, nodes)]))
    return spans


def zero_indices(start: int, packed: Nodes) -> frozenset[int]:
    """Return the indices at which a leaf is set to 0."""
    found, empty = [], bytes(NODE_BYTES)
    for done in range(0, len(packed), PIECE_BYTES):
        piece = bytes(packed[done : done + PIECE_BYTES])  # only bytes can be searched
        at = piece.find(empty)
        while at >= 0:
            node = at // NODE_BYTES
            if piece[node * NODE_BYTES : (node + 1) * NODE_BYTES] == empty:
                found.append(start + done // NODE_BYTES + node)
            at = piece.find(empty, (node + 1) * NODE_BYTES)
    return frozenset(found)
