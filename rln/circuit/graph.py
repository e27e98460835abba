"""The witness graph, which says how every wire is computed from the inputs.

It is a list of nodes, each an input slot, a constant or an operation on earlier nodes. A second list gives
the node of each wire's value. The file form is `wtns.graph.001` (zerokit-spec 5.3); the C core evaluates our
files and zerokit's. Slot 0 of the inputs is the constant 1.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence

from rln.errors import ParameterError

_MAGIC = b"wtns.graph.001"
_INPUT, _CONSTANT, _OPERATION = 1, 2, 4  # field numbers of the Node message
_VARINT, _BYTES = 0, 2  # protobuf wire types


class Operation(enum.IntEnum):
    """Operations on two nodes; the values are the codes in the file."""

    MUL = 0
    DIV = 1
    ADD = 2
    SUB = 3
    SHR = 16
    BAND = 18


Inputs = Mapping[str, tuple[int, int]]
"""Named inputs: name -> (first slot, number of slots)."""


class GraphBuilder:
    """Collects nodes; each method returns the number of the node that it adds.

    Each constant and each input is one node. Nodes that no wire needs are left out of the file.
    """

    __slots__ = ("_leaves", "_modulus", "_nodes")

    def __init__(self, modulus: int) -> None:
        self._modulus = modulus
        self._nodes: list[tuple[int, int, int, int]] = []
        self._leaves: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        """Return the number of nodes so far, unneeded ones included."""
        return len(self._nodes)

    def input(self, slot: int) -> int:
        """Add an input slot."""
        return self._add_once(_INPUT, slot)

    def constant(self, value: int) -> int:
        """Add a fixed field element."""
        return self._add_once(_CONSTANT, value % self._modulus)

    def apply(self, operation: Operation, left: int, right: int) -> int:
        """Add an operation on two nodes."""
        nodes = self._nodes
        if not 0 <= left < len(nodes) or not 0 <= right < len(nodes):
            raise ParameterError(f"graph node: expected operands below {len(nodes)}, got {left} and {right}")
        nodes.append((_OPERATION, operation, left, right))
        return len(nodes) - 1

    def mul(self, left: int, right: int) -> int:
        """Add a product."""
        return self.apply(Operation.MUL, left, right)

    def add(self, left: int, right: int) -> int:
        """Add a sum."""
        return self.apply(Operation.ADD, left, right)

    def sub(self, left: int, right: int) -> int:
        """Add the difference left - right."""
        return self.apply(Operation.SUB, left, right)

    def combination(self, coefficients: Sequence[int], nodes: Sequence[int], constant: int = 0) -> int:
        """Add constant + sum coefficients[i] * nodes[i], for at least one node."""
        total: int | None = None
        for coefficient, node in zip(coefficients, nodes, strict=True):
            term = node if coefficient == 1 else self.mul(self.constant(coefficient), node)
            total = term if total is None else self.add(total, term)
        if total is None:
            raise ParameterError("graph combination: expected at least one node, got none")
        return total if constant % self._modulus == 0 else self.add(total, self.constant(constant))

    def encode(self, wires: Sequence[int], inputs: Inputs) -> bytes:
        """Return the `wtns.graph.001` file.

        Args:
            wires: for each wire the node of its value.
            inputs: all named inputs.
        """
        order = self._needed_nodes(wires)
        index_of = {node: index for index, node in enumerate(order)}
        out = bytearray(_MAGIC)
        out += struct.pack("<Q", len(order))
        for node in order:
            message = self._message(node, index_of)
            out += _varint(len(message)) + message
        position = len(out)
        metadata = _metadata([index_of[node] for node in wires], inputs)
        out += _varint(len(metadata)) + metadata
        out += struct.pack("<Q", position)
        return bytes(out)

    def _add_once(self, kind: int, value: int) -> int:
        key = (kind, value)
        node = self._leaves.get(key)
        if node is None:
            node = self._leaves[key] = len(self._nodes)
            self._nodes.append((kind, value, 0, 0))
        return node

    def _needed_nodes(self, wires: Sequence[int]) -> list[int]:
        """List the nodes that a wire depends on: inputs, then constants, then operations in their order."""
        needed = bytearray(len(self._nodes))
        for node in wires:
            needed[node] = 1
        for node in range(len(self._nodes) - 1, -1, -1):
            kind, _, left, right = self._nodes[node]
            if needed[node] and kind == _OPERATION:
                needed[left] = needed[right] = 1
        # Operands are inputs, constants or earlier operations, so this order is valid.
        kept = [node for node in range(len(self._nodes)) if needed[node]]
        return sorted(kept, key=lambda node: self._nodes[node][0])

    def _message(self, node: int, index_of: Mapping[int, int]) -> bytes:
        kind, value, left, right = self._nodes[node]
        if kind == _INPUT:
            body = _number(1, value)
        elif kind == _CONSTANT:
            body = _field(1, _field(1, value.to_bytes((value.bit_length() + 7) // 8 or 1, "little")))
        else:
            body = _number(1, value) + _number(2, index_of[left]) + _number(3, index_of[right])
        return _field(kind, body)


def _metadata(signals: Sequence[int], inputs: Inputs) -> bytes:
    out = _field(1, b"".join(map(_varint, signals)))
    for name, (offset, length) in inputs.items():
        description = _number(1, offset) + _number(2, length)
        out += _field(2, _field(1, name.encode()) + _field(2, description))
    return out


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    """Encode a number field; proto3 leaves out zeros."""
    return _varint(number << 3 | _VARINT) + _varint(value) if value else b""
