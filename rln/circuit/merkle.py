"""The Merkle root above a leaf, from the siblings and the path bits."""

from __future__ import annotations

from collections.abc import Sequence

from rln.circuit.compare import require_boolean
from rln.circuit.poseidon import Poseidon
from rln.circuit.system import ConstraintSystem, Signal
from rln.errors import ParameterError


def swap(system: ConstraintSystem, bit: Signal, first: Signal, second: Signal) -> tuple[Signal, Signal]:
    """Return (first, second) if bit is 0, (second, first) if it is 1. One constraint.

    The caller requires that `bit` is 0 or 1.
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
    """Return the root, and require that each bit is 0 or 1.

    Args:
        system: the circuit.
        hash_pair: the permutation of width 3.
        leaf: the start of the path.
        siblings: at least one, starting with the leaf's sibling.
        bits: one for each sibling: 0 if the current node is the left child, 1 if it is the right one.
        wire: an output that holds the root; if None, a new wire.
    """
    if len(siblings) != len(bits) or not bits:
        raise ParameterError(
            f"path: expected a bit for each of {len(siblings)} siblings, at least one, got {len(bits)}"
        )
    current = leaf
    last = len(bits) - 1
    for level, (sibling, bit) in enumerate(zip(siblings, bits, strict=True)):
        with system.scope(f"path[{level}]"):
            require_boolean(system, bit)
            left, right = swap(system, bit, current, sibling)
            current = hash_pair.hash(system, (left, right), wire if level == last else None)
    return current
