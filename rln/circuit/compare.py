"""Booleans, ranges and comparisons.

The lowest bit of a number is never a wire of its own: it is what remains when the others are taken away. So
b bits cost b constraints and b - 1 wires.
"""

from __future__ import annotations

from rln.circuit.graph import Operation
from rln.circuit.system import ConstraintSystem, Signal
from rln.errors import ParameterError


def require_boolean(system: ConstraintSystem, value: Signal) -> None:
    """Hold a value to 0 and 1: value (value - 1) = 0. One constraint."""
    system.enforce(value.terms, system.merge(value.terms, {0: 1}, -1), {})


def require_range(system: ConstraintSystem, value: Signal, bits: int) -> None:
    """Hold a value to 0 <= value < 2^bits. `bits` constraints.

    Args:
        system: the circuit.
        value: what to hold.
        bits: at least 1, with 2^bits < modulus, or two sets of bits could stand for one value.
    """
    if bits < 1 or 1 << bits >= system.modulus:
        raise ParameterError(f"range: expected bits >= 1 with 2^bits below the modulus, got {bits}")
    graph = system.graph
    one = graph.constant(1)
    rest = value.terms
    for position in range(1, bits):
        shifted = graph.apply(Operation.SHR, value.node, graph.constant(position))
        bit = system.allocate(graph.apply(Operation.BAND, shifted, one))
        require_boolean(system, bit)
        rest = system.merge(rest, bit.terms, -(1 << position))
    require_boolean(system, Signal(system, rest, value.node))


def require_less(system: ConstraintSystem, value: Signal, limit: Signal, bits: int) -> None:
    """Hold a limit to value < limit <= value + 2^bits. `bits` constraints.

    The sums are those of the field. They are those of integers when the caller holds `value` below 2^bits too
    and the modulus is above 2^(bits + 1).
    """
    require_range(system, limit - value - 1, bits)


def require_nonzero(system: ConstraintSystem, values: list[Signal]) -> None:
    """Hold every value to something other than 0. As many constraints as values.

    The product of all has an inverse: a field has no other way to fail. The inverse is unique, so the wire is
    determined.
    """
    product = values[0]
    for value in values[1:]:
        product = system.product(value, product)
    one = system.constant(1)
    inverse = system.allocate(system.graph.apply(Operation.DIV, one.node, product.node))
    system.enforce(inverse.terms, product.terms, one.terms)
