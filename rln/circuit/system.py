"""A circuit under construction: its wires and constraints, and for each wire the node that computes it.

A `Signal` has two forms: a linear combination of wires, for the constraints, and a node of the witness graph,
for the prover. Sums cost no constraint; only `product` and `enforce` add rows.

The order of wires is fixed at the start: the constant 1, outputs, public inputs, private inputs. The wires of
the gadgets follow. The modulus is a parameter, so that tests can try every witness over a small prime.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rln.base.scalar import ORDER
from rln.circuit.graph import GraphBuilder, Inputs
from rln.circuit.r1cs import Matrix, R1cs, element_size
from rln.errors import ParameterError

Terms = dict[int, int]
"""A linear combination: wire -> non-zero coefficient; wire 0 stands for the constant."""

Names = Sequence[tuple[str, int]]
"""Names with their numbers of wires: (("x", 1), ("pathElements", 20))."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A value in a circuit; `+`, `-` and `* int` make new signals without a constraint.

    Attributes:
        system: the circuit.
        terms: the value as a combination of wires.
        node: the value as a node of the witness graph.
    """

    system: ConstraintSystem
    terms: Terms
    node: int

    def __add__(self, other: Signal | int) -> Signal:
        right = self.system.signal(other)
        terms = self.system.merge(self.terms, right.terms, 1)
        return Signal(self.system, terms, self.system.graph.add(self.node, right.node))

    def __sub__(self, other: Signal | int) -> Signal:
        right = self.system.signal(other)
        terms = self.system.merge(self.terms, right.terms, -1)
        return Signal(self.system, terms, self.system.graph.sub(self.node, right.node))

    def __mul__(self, factor: int) -> Signal:
        system = self.system
        terms = system.merge({}, self.terms, factor)
        return Signal(system, terms, system.graph.mul(self.node, system.graph.constant(factor)))


@dataclass(frozen=True, slots=True)
class Assembly:
    """A finished circuit.

    Attributes:
        r1cs: its constraints.
        graph: its witness graph, a `wtns.graph.001` file.
        labels: for each constraint, the gadget that it comes from.
    """

    r1cs: R1cs
    graph: bytes
    labels: tuple[str, ...]


class ConstraintSystem:
    """A circuit under construction. Not thread-safe: use it from one thread only."""

    def __init__(
        self, outputs: Names = (), public: Names = (), private: Names = (), modulus: int = ORDER
    ) -> None:
        """Lay out the first wires.

        Args:
            outputs: public values that the circuit computes; each must be allocated exactly once.
            public: inputs that the verifier knows; they take the first slots of the witness graph, from 1 on.
            private: inputs that the verifier does not know; their slots follow.
            modulus: a prime; r except in tests that try every witness.
        """
        self.modulus = modulus
        self.graph = GraphBuilder(modulus)
        self._names = (*outputs, *public, *private)
        names = [name for name, _ in self._names]
        for name in names:
            if names.count(name) > 1:
                raise ParameterError(f"circuit: expected every name once, got {name!r} twice")
        self._counts = tuple(sum(length for _, length in group) for group in (outputs, public, private))
        self._nodes: list[int | None] = [self.graph.input(0)]
        self._outputs: dict[str, range] = {}
        self._inputs: dict[str, range] = {}
        for name, length in outputs:
            self._outputs[name] = range(len(self._nodes), len(self._nodes) + length)
            self._nodes += [None] * length
        for name, length in (*public, *private):
            self._inputs[name] = range(len(self._nodes), len(self._nodes) + length)
            for _ in range(length):
                self._nodes.append(self.graph.input(len(self._nodes) - self._counts[0]))
        self._rows: list[tuple[Terms, Terms, Terms]] = []
        self._labels: list[str] = []
        self._scope: tuple[str, ...] = ()

    def input(self, name: str) -> list[Signal]:
        """Return the signals of a named input."""
        return [Signal(self, {wire: 1}, self._node(wire)) for wire in self._inputs[name]]

    def output(self, name: str) -> range:
        """Return the wires of a named output, for the argument `wire` of a gadget."""
        return self._outputs[name]

    def constant(self, value: int) -> Signal:
        """Return a fixed field element as a signal."""
        value %= self.modulus
        return Signal(self, {0: value} if value else {}, self.graph.constant(value))

    def signal(self, value: Signal | int) -> Signal:
        """Return a signal unchanged, or an integer as a constant."""
        if isinstance(value, int):
            return self.constant(value)
        if value.system is not self:
            raise ParameterError("signal: expected a signal of this circuit, got one of another circuit")
        return value

    def merge(self, left: Terms, right: Terms, factor: int) -> Terms:
        """Return left + factor * right, without zero terms."""
        merged = dict(left)
        for wire, coefficient in right.items():
            value = (merged.get(wire, 0) + factor * coefficient) % self.modulus
            if value:
                merged[wire] = value
            else:
                merged.pop(wire, None)
        return merged

    def allocate(self, node: int, wire: int | None = None) -> Signal:
        """Give a new wire, or the given output wire, the value of a node; no constraint binds it yet."""
        if wire is None:
            wire = len(self._nodes)
            self._nodes.append(node)
        elif self._nodes[wire] is not None:
            raise ParameterError(f"wire {wire}: expected an output without a value, but it has one")
        else:
            self._nodes[wire] = node
        return Signal(self, {wire: 1}, node)

    def product(self, left: Signal, right: Signal) -> Signal:
        """Multiply two signals, with a new wire for the product.

        The wires of `right` go into matrix B, whose points cost the prover and the key more than those of A.
        So put wires that occur in B anyway on the right.
        """
        result = self.allocate(self.graph.mul(left.node, right.node))
        self.enforce(left.terms, right.terms, result.terms)
        return result

    def enforce(self, left: Terms, right: Terms, result: Terms) -> None:
        """Add the constraint left * right = result."""
        self._rows.append((left, right, result))
        self._labels.append("/".join(self._scope))

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Name the constraints that are added inside."""
        outer = self._scope
        self._scope = (*outer, name)
        try:
            yield
        finally:
            self._scope = outer

    def assemble(self) -> Assembly:
        """Return the finished circuit.

        Raises:
            ParameterError: an output has no value.
        """
        nodes = [self._node(wire) for wire in range(len(self._nodes))]
        size = element_size(self.modulus)
        outputs, public, private = self._counts
        a, b, c = (Matrix.from_rows((row[which] for row in self._rows), size) for which in range(3))
        r1cs = R1cs(a, b, c, len(nodes), outputs, public, private, self.modulus)
        return Assembly(r1cs, self.graph.encode(nodes, self.slots()), tuple(self._labels))

    def slots(self) -> Inputs:
        """Return the slots of the named inputs: name -> (first slot, number of slots)."""
        return {name: (wires.start - self._counts[0], len(wires)) for name, wires in self._inputs.items()}

    def _node(self, wire: int) -> int:
        node = self._nodes[wire]
        if node is None:
            raise ParameterError(f"wire {wire}: expected an output with a value, got none")
        return node
