"""The root above a leaf, from its siblings and the turns of its path."""

from __future__ import annotations

from collections.abc import Sequence

from rln.circuit.compare import require_boolean
from rln.circuit.poseidon import Poseidon
from rln.circuit.system import ConstraintSystem, Signal
from rln.errors import ParameterError


def swap(system: ConstraintSystem, bit: Signal, first: Signal, second: Signal) -> tuple[Signal, Signal]:
    """(first, second) when bit is 0, (second, first) when it is 1. One constraint.

    The caller holds `bit` to 0 and 1.
    """
    moved = system.product(second - first, bit)
    return first + moved, second - moved


def merkle_root(
    system: ConstraintSystem,
    hash_pair: Poseidon,
    leaf: Signal,
    siblings: Sequence[Signal],
    bits: Sequence[Signal],
    wire: int | None = None,
) -> Signal:
    """The root; a bit of 0 puts the running value left, 1 right. Each bit is held to 0 and 1.

    Args:
        system: the circuit.
        hash_pair: the permutation of width 3.
        leaf: where the path starts.
        siblings: the leaf's own first; at least one.
        bits: as many.
        wire: an output to hold the root; a new wire without it.
    """
    if len(siblings) != len(bits) or not bits:
        raise ParameterError(f"path: expected {len(siblings)} bits for as many siblings, got {len(bits)}")
    current = leaf
    last = len(bits) - 1
    for level, (sibling, bit) in enumerate(zip(siblings, bits, strict=True)):
        with system.scope(f"path[{level}]"):
            require_boolean(system, bit)
            left, right = swap(system, bit, current, sibling)
            current = hash_pair.hash(system, (left, right), wire if level == last else None)
    return current
