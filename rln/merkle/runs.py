"""Runs: consecutive nodes of one level of a tree that change together, packed into one byte string."""

from __future__ import annotations

from collections.abc import Sequence

from rln.merkle.level import NODE_BYTES, Nodes

Run = tuple[int, Nodes]
"""Consecutive nodes: the index of the first, and all of them packed."""

Span = tuple[int, int, list[Run]]
"""Consecutive parents: the index of the first, the index after the last, and the runs below them."""


def join_runs(runs: Sequence[Run]) -> list[Run]:
    """Sort runs that do not overlap and join those that touch."""
    joined: list[tuple[int, int, list[Nodes]]] = []
    for first, nodes in sorted(runs, key=lambda run: run[0]):
        end = first + len(nodes) // NODE_BYTES
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], end, joined[-1][2])
            joined[-1][2].append(nodes)
        else:
            joined.append((first, end, [nodes]))
    return [(first, parts[0] if len(parts) == 1 else b"".join(parts)) for first, _, parts in joined]


def parent_spans(runs: Sequence[Run]) -> list[Span]:
    """Return the parents of runs that are ascending and do not touch."""
    spans: list[Span] = []
    for first, nodes in runs:
        low, high = first >> 1, (first + len(nodes) // NODE_BYTES + 1) >> 1
        if spans and low <= spans[-1][1]:
            spans[-1][2].append((first, nodes))
            spans[-1] = (spans[-1][0], high, spans[-1][2])
        else:
            spans.append((low, high, [(first, nodes)]))
    return spans


def zero_indices(start: int, packed: bytes) -> frozenset[int]:
    """Return the indices at which a leaf is set to 0."""
    found, empty, at = [], bytes(NODE_BYTES), packed.find(bytes(NODE_BYTES))
    while at >= 0:
        node = at // NODE_BYTES
        if packed[node * NODE_BYTES : (node + 1) * NODE_BYTES] == empty:
            found.append(start + node)
        at = packed.find(empty, (node + 1) * NODE_BYTES)
    return frozenset(found)
