"""Witness graph of a relation, which computes a witness from named inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rln.base import scalar
from rln.base.arguments import instance, sequence, shown
from rln.base.file_kind import FileKind, expect
from rln.circuit.parameters import CircuitParameters
from rln.errors import InputError, ParameterError
from rln.lowlevel.witness import Graph, Witness
from rln.protocol.identity import Identity
from rln.protocol.statement import MESSAGE_INPUTS, SECRET, input_lengths, parameters_of


class WitnessGraph:
    """Computes witnesses. Immutable, and safe to use from several threads.

    Args:
        data: the graph, a `wtns.graph.001` file.
        parameters: of the relation; its inputs must be those of the graph.

    Attributes:
        data: the graph file.
        wires: number of wires of the circuit, the constant 1 included.
        known: a byte for each wire: 1 if no input of a message changes it, otherwise 0.

    Raises:
        EncodingError: not such a file.
        ParameterError: the graph has other inputs than the relation.
    """

    __slots__ = ("_graph", "_public_inputs", "data", "known", "wires")

    def __init__(self, data: bytes, parameters: CircuitParameters) -> None:
        graph = _load_graph(data)
        found = {name: length for name, (_, length) in graph.inputs.items()}
        if found != input_lengths(parameters):
            raise ParameterError(f"graph: expected the inputs {input_lengths(parameters)}, got {found}")
        places = [graph.inputs[name] for name in MESSAGE_INPUTS if name in graph.inputs]
        self.data = data
        self.wires = graph.witness_size
        self.known = graph.known(slot for offset, count in places for slot in range(offset, offset + count))
        self._graph = graph
        self._public_inputs = parameters.public_inputs

    def witness(self, inputs: Mapping[str, Sequence[int]], identity: Identity | None = None) -> Witness:
        """Evaluate the graph; see `ProvingKey.witness`."""
        if not isinstance(inputs, Mapping):
            raise ParameterError(f"inputs: expected a mapping, got {type(inputs).__name__}")
        if identity is not None:
            instance(identity, Identity, "identity")
        wanted = dict(self._graph.inputs)
        slot = wanted.pop(SECRET)[0] if identity is not None else 0
        for name in inputs:
            if name not in wanted:
                raise ParameterError(f"inputs: unknown name {shown(name)}")
        packed = bytearray(scalar.SIZE * self._graph.input_size)
        for name, (offset, length) in wanted.items():
            if name not in inputs:
                raise ParameterError(f"inputs: {name} is missing")
            if len(sequence(inputs[name], name)) != length:
                raise ParameterError(f"inputs: {name}: expected {length} values, got {len(inputs[name])}")
            encoded = b"".join(scalar.encode(value, name) for value in inputs[name])
            packed[scalar.SIZE * offset : scalar.SIZE * (offset + length)] = encoded
        return Witness(self._graph, bytes(packed), None if identity is None else identity.handle, slot)

    def public_values(self, witness: Witness) -> tuple[int, ...]:
        """Return the public values of a witness, in the order of the verifying key."""
        instance(witness, Witness, "witness")
        data = witness.read(1, self._public_inputs)
        return tuple(scalar.decode(data[i : i + scalar.SIZE]) for i in range(0, len(data), scalar.SIZE))


def parameters_of_graph(data: bytes, limit_bits: int) -> CircuitParameters:
    """Return the parameters of the relation that an imported graph is for, according to its inputs.

    Args:
        data: the graph file.
        limit_bits: width of the circuit's range check, which the inputs do not tell.

    Raises:
        EncodingError: not such a file.
        ParameterError: an input that every relation has is missing, or a number is outside its range.
    """
    return parameters_of(_load_graph(data).inputs, limit_bits)


def _load_graph(data: bytes) -> Graph:
    expect(data, "graph", FileKind.GRAPH)
    try:
        return Graph.load(data)
    except InputError as error:
        raise error if str(error).startswith("graph") else type(error)(f"graph: {error}") from error
