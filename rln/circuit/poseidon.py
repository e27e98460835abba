"""Poseidon as constraints and as witness graph.

Constraints. Only the S-boxes y = x^5 need any, three each: x x = x2, x2 x = x3, x2 x3 = y. Everything between
them is linear. The wires are the S-box inputs x, their x2 and x3, and no y: each layer's y is the inverse
matrix applied to the next layer's x, so long combinations stand in matrix C alone, which costs the prover
nothing, and A and B hold one entry a row. x is in A and B, x2 in A, x3 in B.
In a partial round only lane 0 has an S-box. The other lanes are the inverse matrix applied to what follows,
back from the first full round after them, where they are wires.
The capacity lane starts at 0, so its first S-box is a constant K, and one x of the second round depends on
the others.

Values. The graph runs forward. In a partial round let s be lane 0, h the others, M = [[m, u], [v, W]]; then
s' = m s^5 + u h + c and h' = v s^5 + W h + d. Over g_i = u W^i h, i = 0 .. t - 2, the matrix W is a shift:
g_i' = g_{i+1} + b_i s^5 with b_i = u W^i v, and the last one closes by Cayley-Hamilton. A round then takes
2t - 1 multiplications beside the S-box in place of t^2. Constants of the lanes in g are kept apart and join
the constant of lane 0.

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
        full, partial: numbers of rounds; half of the full ones stand before the partial ones, half after.
        constants: one row of `width` constants a round.
        matrix: width rows of width entries, row i gives lane i.
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
        if any(len(row) != self.width for row in (*self.constants, *self.matrix)):
            raise ParameterError(f"poseidon: expected rows of {self.width} entries, got another length")

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
        """K, lane 0 after the first S-box, the same for every input."""
        return pow(self.constants[0][0], 5, self.modulus)


@dataclass(slots=True)
class _Box:
    """An S-box in local wires: 1, 2, ... within one hash, 0 the constant.

    Attributes:
        own: the wire of x, where x has one.
        square, cube: the wires of x^2 and x^3.
        output: the wire of y = x^5, in the last round only.
        x, y: input and output as combinations; x stays empty in round 0, where the inputs stand.
    """

    number: int
    lane: int
    own: int | None
    square: int
    cube: int
    output: int | None
    x: Terms
    y: Terms


class Poseidon:
    """One width of Poseidon, prepared once and laid into circuits as often as needed.

    Read-only after it is made, so threads may share it.
    """

    def __init__(self, parameters: PoseidonParameters) -> None:
        self.parameters = parameters
        self._boxes, self._result = _layout(parameters)
        _connect(parameters, self._boxes, self._result)
        self._rounds = [[box for box in self._boxes if box.number == n] for n in range(parameters.rounds)]
        self._shift = _Shift(parameters) if parameters.partial else None

    def hash(self, system: ConstraintSystem, inputs: Sequence[Signal], wire: int | None = None) -> Signal:
        """Lane 0 of the permutation of (0, inputs...).

        Args:
            system: over the same field as the parameters.
            inputs: width - 1 signals.
            wire: an output to hold the hash; a new wire without it.
        """
        parameters = self.parameters
        if len(inputs) != parameters.width - 1:
            raise ParameterError(f"poseidon: expected {parameters.width - 1} inputs, got {len(inputs)}")
        if system.modulus != parameters.modulus:
            raise ParameterError("poseidon: expected a circuit over the field of the parameters, got another")
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
                x = _placed(box.x, wires)
            square, cube = {wires[box.square]: 1}, {wires[box.cube]: 1}
            system.enforce(x, x, square)
            system.enforce(square, x, cube)
            system.enforce(square, cube, _placed(box.y, wires))
        return result

    def _evaluate(self, graph: GraphBuilder, inputs: Sequence[int]) -> list[int]:
        """The node of each local wire; entry 0 is unused."""
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
                assert self._shift is not None
                xs = self._shift.step(graph, number, lanes)
            lanes = xs[len(boxes) :]  # in partial rounds g travels along behind the S-box
            lanes = [_power(graph, box, x, nodes) for box, x in zip(boxes, xs, strict=False)] + lanes
        nodes[self._result] = graph.combination(matrix[0], lanes)
        return nodes


class _Shift:
    """The partial rounds over g, the other lanes in the basis where W is a shift.

    Between rounds the values are [y of lane 0, g_0, ..., g_{t-2}].
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
        """S-box inputs of round `number` from what the one before left; g follows them in partial rounds."""
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


def _layout(parameters: PoseidonParameters) -> tuple[list[_Box], int]:
    """All S-boxes in order with their local wires, and the wire of the result, which is the last."""
    boxes: list[_Box] = []
    last = parameters.rounds - 1
    wire = 0
    for number in range(parameters.rounds):
        lanes = range(1 if number == 0 else 0, parameters.width if parameters.is_full(number) else 1)
        for lane in lanes:
            own = output = None
            if number > 1 or (number == 1 and lane > 0):
                own = wire = wire + 1
            square, cube, wire = wire + 1, wire + 2, wire + 2
            if number == last and lane > 0:
                output = wire = wire + 1
            boxes.append(_Box(number, lane, own, square, cube, output, {}, {}))
    return boxes, wire + 1


def _connect(parameters: PoseidonParameters, boxes: list[_Box], result: int) -> None:
    """Fill in x and y of every box, from the last round back to the first."""
    p, matrix, constants = parameters.modulus, parameters.matrix, parameters.constants
    back = linear.invert(matrix, p)
    places = {(box.number, box.lane): box for box in boxes}
    last = parameters.rounds - 1
    ys: list[Terms] = [{box.output: 1} for box in boxes if box.number == last and box.output is not None]
    scale = pow(matrix[0][0], -1, p)
    lane0 = linear.combine([scale, *(-scale * m for m in matrix[0][1:])], [{result: 1}, *ys], 0, p)
    ys.insert(0, lane0)
    for number in range(last, 0, -1):
        xs = list(ys)  # lanes without an S-box pass unchanged
        for lane in range(parameters.width):
            box = places.get((number, lane))
            if box is not None:
                box.y = ys[lane]
                xs[lane] = {} if box.own is None else {box.own: 1}
        if number == 1:
            before = _second_round(parameters, xs)
            xs[0] = linear.combine(matrix[0], before, constants[1][0], p)
        else:
            shifted = [linear.combine((1,), (x,), -c, p) for x, c in zip(xs, constants[number], strict=True)]
            before = [linear.combine(row, shifted, 0, p) for row in back]
        for lane, x in enumerate(xs):
            if (number, lane) in places:
                places[number, lane].x = x
        ys = before
    for lane in range(1, parameters.width):
        places[0, lane].y = ys[lane]


def _second_round(parameters: PoseidonParameters, xs: list[Terms]) -> list[Terms]:
    """First-round outputs from lanes 1, 2, ... of the second round: lane 0 is K, so these are enough."""
    p, k = parameters.modulus, parameters.capacity
    rows = list(zip(xs, parameters.constants[1], parameters.matrix, strict=True))[1:]
    known = [linear.combine((1,), (x,), -constant - row[0] * k, p) for x, constant, row in rows]
    back = linear.invert([row[1:] for row in parameters.matrix[1:]], p)
    return [{0: k}, *(linear.combine(row, known, 0, p) for row in back)]


def _power(graph: GraphBuilder, box: _Box, x: int, nodes: list[int]) -> int:
    """x^5, with its intermediate values noted as nodes of their wires."""
    square = graph.mul(x, x)
    cube = graph.mul(square, x)
    y = graph.mul(square, cube)
    for wire, node in ((box.own, x), (box.square, square), (box.cube, cube), (box.output, y)):
        if wire is not None:
            nodes[wire] = node
    return y


def _placed(terms: Terms, wires: Sequence[int]) -> Terms:
    return {wires[local]: coefficient for local, coefficient in terms.items()}
