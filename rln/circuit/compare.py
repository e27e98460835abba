"""Booleans, ranges and comparisons.

The lowest bit of a number needs no wire: it is the number minus the values of its other bits. So b bits need
b constraints and b - 1 wires.
"""

from __future__ import annotations

from rln.circuit.graph import Operation
from rln.circuit.system import ConstraintSystem, Signal
from rln.errors import ParameterError


def require_boolean(system: ConstraintSystem, value: Signal) -> None:
    """Require that a value is 0 or 1: value (value - 1) = 0. One constraint."""
    system.enforce(value.terms, system.merge(value.terms, {0: 1}, -1), {})


def require_range(system: ConstraintSystem, value: Signal, bits: int) -> None:
    """Require 0 <= value < 2^bits. `bits` constraints.

    Args:
        system: the circuit.
        value: the signal.
        bits: at least 1, with 2^bits < modulus; otherwise two sets of bits could represent one value.
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
    """Require value < limit <= value + 2^bits. `bits` constraints.

    The sums are in the field. They equal the sums of integers if the caller also requires value < 2^bits and
    the modulus is above 2^(bits + 1).
    """
    require_range(system, limit - value - 1, bits)


def require_nonzero(system: ConstraintSystem, values: list[Signal]) -> None:
    """Require that no value is 0. As many constraints as values.

    The product of all values must have an inverse; in a field, it has one unless a value is 0. The inverse is
    unique, so its wire is determined.
    """
    product = values[0]
    for value in values[1:]:
        product = system.product(value, product)
    one = system.constant(1)
    inverse = system.allocate(system.graph.apply(Operation.DIV, one.node, product.node))
    system.enforce(inverse.terms, product.terms, one.terms)
