"""Poseidon as constraints and as a witness graph.

Constraints. Only the S-boxes y = x^5 need constraints, three each: x x = x2, x2 x = x3, x2 x3 = y. Everything
between them is linear. Each S-box has wires for x, x2 and x3, but none for y: the y values of a layer are the
inverse matrix applied to the x values of the next layer. So long combinations occur in matrix C only, which
costs the prover nothing. A row of A or B has one entry: x is in A and B, x2 in A, x3 in B.
A lane is one element of the state. In a partial round only lane 0 has an S-box. The other lanes are computed
backwards, with the inverse matrix, from the first full round after them, where they are wires.
Lane 0, the capacity, starts at 0. So its first S-box gives a constant K, and one x of the second round is
determined by the others.

Values. The graph computes forward. In a partial round let s be lane 0, h the others, M = [[m, u], [v, W]];
then s' = m s^5 + u h + c and h' = v s^5 + W h + d. Over g_i = u W^i h, i = 0 .. t - 2, the matrix W is a
shift: g_i' = g_{i+1} + b_i s^5 with b_i = u W^i v. For the last g_i', the missing g_{t-1} is a combination of
g_0 .. g_{t-2} (Cayley-Hamilton). A round then takes 2t - 1 multiplications beside the S-box, instead of t^2.
The constants of the lanes in g are tracked separately and added to the constant of lane 0.

Source: Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon", 2021, section 2.3; the shift is the
observability form of a linear system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rln.circuit import linear
from rln.circuit.graph import GraphBuilder
from rln.circuit.system import ConstraintSystem, Signal, Terms
from rln.errors import ParameterError


@dataclass(frozen=True, slots=True)
class PoseidonParameters:
    """The dense form of the permutation.

    Attributes:
        modulus: the prime of the field.
        full, partial: numbers of rounds; half of the full rounds come before the partial ones, half after.
        constants: a row of `width` constants for each round.
        matrix: `width` rows of `width` entries; row i gives lane i.
    """

    modulus: int
    full: int
    partial: int
    constants: tuple[tuple[int, ...], ...]
    matrix: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if self.full < 2 or self.full % 2 or (self.partial and self.full < 4):
            raise ParameterError(f"poseidon: expected 4, 6, ... full rounds, got {self.full}")
        if len(self.constants) != self.rounds:
            raise ParameterError(
                f"poseidon: expected {self.rounds} rows of constants, got {len(self.constants)}"
            )
        lengths = {len(row) for row in (*self.constants, *self.matrix)}
        if lengths != {self.width}:
            raise ParameterError(f"poseidon: expected rows of {self.width} entries, got {sorted(lengths)}")

    @property
    def width(self) -> int:
        """Number of lanes, one more than the inputs."""
        return len(self.matrix)

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return self.full + self.partial

    def is_full(self, number: int) -> bool:
        """Whether a round has an S-box in every lane."""
        return not self.full // 2 <= number < self.full // 2 + self.partial

    @property
    def capacity(self) -> int:
        """K, the value of lane 0 after the first S-box, which is the same for every input."""
        return pow(self.constants[0][0], 5, self.modulus)


@dataclass(slots=True)
class _SBox:
    """An S-box, with the local wires of one hash: 0 is the constant, then 1, 2, ...

    Attributes:
        x_wire: the wire of x, if x has one.
        square, cube: the wires of x^2 and x^3.
        y_wire: the wire of y = x^5, in the last round only.
        x, y: input and output as combinations; x is empty in round 0, which uses the inputs of the hash.
    """

    number: int
    lane: int
    x_wire: int | None
    square: int
    cube: int
    y_wire: int | None
    x: Terms
    y: Terms


class Poseidon:
    """Poseidon of one width, prepared once for any number of hashes in circuits.

    It is read-only once it is made, so threads may share it.
    """

    def __init__(self, parameters: PoseidonParameters) -> None:
        self.parameters = parameters
        self._boxes, self._result = _layout(parameters)
        _connect(parameters, self._boxes, self._result)
        self._rounds = [[box for box in self._boxes if box.number == n] for n in range(parameters.rounds)]
        self._partial_rounds = _PartialRounds(parameters) if parameters.partial else None

    def hash(self, system: ConstraintSystem, inputs: Sequence[Signal], wire: int | None = None) -> Signal:
        """Return lane 0 of the permutation of (0, inputs...).

        Args:
            system: a circuit over the field of the parameters.
            inputs: width - 1 signals.
            wire: an output that holds the hash; if None, a new wire.
        """
        parameters = self.parameters
        if len(inputs) != parameters.width - 1:
            raise ParameterError(f"poseidon: expected {parameters.width - 1} inputs, got {len(inputs)}")
        if system.modulus != parameters.modulus:
            raise ParameterError("poseidon: expected a circuit over the field of the parameters")
        nodes = self._evaluate(system.graph, [signal.node for signal in inputs])
        wires = [0]
        for node in nodes[1:-1]:
            wires += system.allocate(node).terms
        result = system.allocate(nodes[-1], wire)
        wires += result.terms
        for box in self._boxes:
            if box.number == 0:
                x = system.merge(inputs[box.lane - 1].terms, {0: 1}, parameters.constants[0][box.lane])
            else:
                x = _on_wires(box.x, wires)
            square, cube = {wires[box.square]: 1}, {wires[box.cube]: 1}
            system.enforce(x, x, square)
            system.enforce(square, x, cube)
            system.enforce(square, cube, _on_wires(box.y, wires))
        return result

    def _evaluate(self, graph: GraphBuilder, inputs: Sequence[int]) -> list[int]:
        """Return the node of each local wire; entry 0 is unused."""
        parameters, matrix = self.parameters, self.parameters.matrix
        nodes = [0] * (self._result + 1)
        lanes: list[int] = []
        for number, boxes in enumerate(self._rounds):
            constants = list(parameters.constants[number])
            if number == 0:
                given = zip(inputs, constants[1:], strict=True)
                xs = [graph.combination((1,), (node,), constant) for node, constant in given]
            elif parameters.is_full(number) and parameters.is_full(number - 1):
                weights = matrix
                if number == 1:
                    k = parameters.capacity
                    constants = [c + row[0] * k for c, row in zip(constants, matrix, strict=True)]
                    weights = tuple(row[1:] for row in matrix)
                xs = [graph.combination(w, lanes, c) for w, c in zip(weights, constants, strict=True)]
            else:
                assert self._partial_rounds is not None
                xs = self._partial_rounds.step(graph, number, lanes)
            lanes = xs[len(boxes) :]  # in partial rounds, g follows the S-box input
            lanes = [_power(graph, box, x, nodes) for box, x in zip(boxes, xs, strict=False)] + lanes
        nodes[self._result] = graph.combination(matrix[0], lanes)
        return nodes


class _PartialRounds:
    """The partial rounds over g: lanes 1, 2, ... in the basis in which W is a shift.

    Between rounds, the values are [y of lane 0, g_0, ..., g_{t-2}].
    """

    def __init__(self, parameters: PoseidonParameters) -> None:
        p, t, matrix = parameters.modulus, parameters.width, parameters.matrix
        lower = [row[1:] for row in matrix[1:]]  # W
        basis = [list(matrix[0][1:])]  # u W^i
        for _ in range(t - 1):
            basis += linear.multiply(basis[-1:], lower, p)
        closing = basis.pop()
        back = linear.invert(basis, p)
        self._first, self._end = parameters.full // 2, parameters.full // 2 + parameters.partial
        self._top = matrix[0]
        self._enter = linear.multiply(basis, matrix[1:], p)
        self._gain = linear.apply(basis, [row[0] for row in matrix[1:]], p)  # b
        self._close = linear.multiply([closing], back, p)[0]
        self._leave = back
        self._constants: dict[int, list[int]] = {}
        offset = [0] * (t - 1)
        for number in range(self._first, self._end + 1):
            constants = parameters.constants[number]
            top = constants[0] + offset[0]
            offset = [*offset[1:], linear.dot(self._close, offset, p)]
            offset = [(a + b) % p for a, b in zip(offset, linear.apply(basis, constants[1:], p), strict=True)]
            self._constants[number] = [top % p]
        self._constants[self._end] += linear.apply(back, offset, p)

    def step(self, graph: GraphBuilder, number: int, values: list[int]) -> list[int]:
        """Return the S-box inputs of a round from the values before it; in partial rounds, g follows them."""
        constants = self._constants[number]
        if number == self._first:
            top = graph.combination(self._top, values, constants[0])
            return [top, *(graph.combination(row, values) for row in self._enter)]
        y, g = values[0], values[1:]
        top = graph.combination((self._top[0], 1), (y, g[0]), constants[0])
        last = graph.combination((self._gain[-1], *self._close), values)
        moved = [
            graph.combination((gain, 1), (y, lane)) for gain, lane in zip(self._gain[:-1], g[1:], strict=True)
        ]
        g = [*moved, last]
        if number == self._end:
            g = [graph.combination(row, g, c) for row, c in zip(self._leave, constants[1:], strict=True)]
        return [top, *g]


def _layout(parameters: PoseidonParameters) -> tuple[list[_SBox], int]:
    """Return all S-boxes in order with their local wires, and the wire of the result, which is the last."""
    boxes: list[_SBox] = []
    last = parameters.rounds - 1
    wire = 0
    for number in range(parameters.rounds):
        lanes = range(1 if number == 0 else 0, parameters.width if parameters.is_full(number) else 1)
        for lane in lanes:
            x_wire = y_wire = None
            if number > 1 or (number == 1 and lane > 0):
                x_wire = wire = wire + 1
            square, cube, wire = wire + 1, wire + 2, wire + 2
            if number == last and lane > 0:
                y_wire = wire = wire + 1
            boxes.append(_SBox(number, lane, x_wire, square, cube, y_wire, {}, {}))
    return boxes, wire + 1


def _connect(parameters: PoseidonParameters, boxes: list[_SBox], result: int) -> None:
    """Set x and y of every S-box, from the last round back to the first."""
    p, matrix, constants = parameters.modulus, parameters.matrix, parameters.constants
    back = linear.invert(matrix, p)
    box_at = {(box.number, box.lane): box for box in boxes}
    last = parameters.rounds - 1
    ys: list[Terms] = [{box.y_wire: 1} for box in boxes if box.number == last and box.y_wire is not None]
    scale = pow(matrix[0][0], -1, p)
    lane0 = linear.combine([scale, *(-scale * m for m in matrix[0][1:])], [{result: 1}, *ys], 0, p)
    ys.insert(0, lane0)
    for number in range(last, 0, -1):
        xs = list(ys)  # lanes without an S-box pass unchanged
        for lane in range(parameters.width):
            box = box_at.get((number, lane))
            if box is not None:
                box.y = ys[lane]
                xs[lane] = {} if box.x_wire is None else {box.x_wire: 1}
        if number == 1:
            before = _second_round(parameters, xs)
            xs[0] = linear.combine(matrix[0], before, constants[1][0], p)
        else:
            shifted = [linear.combine((1,), (x,), -c, p) for x, c in zip(xs, constants[number], strict=True)]
            before = [linear.combine(row, shifted, 0, p) for row in back]
        for lane, x in enumerate(xs):
            if (number, lane) in box_at:
                box_at[number, lane].x = x
        ys = before
    for lane in range(1, parameters.width):
        box_at[0, lane].y = ys[lane]


def _second_round(parameters: PoseidonParameters, xs: list[Terms]) -> list[Terms]:
    """Return the outputs of round 0 from lanes 1, 2, ... of round 1, which suffice because lane 0 is K."""
    p, k = parameters.modulus, parameters.capacity
    rows = list(zip(xs, parameters.constants[1], parameters.matrix, strict=True))[1:]
    known = [linear.combine((1,), (x,), -constant - row[0] * k, p) for x, constant, row in rows]
    back = linear.invert([row[1:] for row in parameters.matrix[1:]], p)
    return [{0: k}, *(linear.combine(row, known, 0, p) for row in back)]


def _power(graph: GraphBuilder, box: _SBox, x: int, nodes: list[int]) -> int:
    """Add x^5, and set the nodes of the wires of its intermediate values."""
    square = graph.mul(x, x)
    cube = graph.mul(square, x)
    y = graph.mul(square, cube)
    for wire, node in ((box.x_wire, x), (box.square, square), (box.cube, cube), (box.y_wire, y)):
        if wire is not None:
            nodes[wire] = node
    return y


def _on_wires(terms: Terms, wires: Sequence[int]) -> Terms:
    return {wires[local]: coefficient for local, coefficient in terms.items()}
