"""Read and evaluate `wtns.graph.001` files (zerokit-spec 5.3) in plain Python, without the library."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rln.base.scalar import ORDER

INPUT, CONSTANT, UNARY, BINARY, TERNARY = 1, 2, 3, 4, 5

OPERATIONS: dict[int, Callable[[int, int, int], int]] = {
    0: lambda a, b, p: a * b % p,
    1: lambda a, b, p: a * pow(b, -1, p) % p if b else 0,
    2: lambda a, b, p: (a + b) % p,
    3: lambda a, b, p: (a - b) % p,
    8: lambda a, b, p: int(a != b),
    16: lambda a, b, p: a >> b if b < 254 else 0,
    18: lambda a, b, p: a & b,
}


@dataclass(frozen=True)
class Graph:
    nodes: list[tuple[int, ...]]
    signals: list[int]
    inputs: dict[str, tuple[int, int]]


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            found.append((tag >> 3, data[at : at + value]))
            at += value
        else:
            assert tag & 7 == 0
            found.append((tag >> 3, value))
    assert at == len(data)
    return found


def load(data: bytes) -> Graph:
    assert data[:14] == b"wtns.graph.001"
    (count,) = struct.unpack_from("<Q", data, 14)
    at = 22
    nodes: list[tuple[int, ...]] = []
    for index in range(count):
        length, at = varint(data, at)
        ((kind, body),) = fields(data[at : at + length])
        at += length
        parts = dict(fields(body))
        if kind == CONSTANT:
            (value,) = dict(fields(parts[1])).values() or (b"",)
            nodes.append((kind, int.from_bytes(value, "little")))
        else:
            numbers = tuple(
                parts.get(i, 0) for i in range(1, {INPUT: 2, UNARY: 3, BINARY: 4, TERNARY: 5}[kind])
            )
            assert kind == INPUT or all(operand < index for operand in numbers[1:])
            nodes.append((kind, *numbers))
    position = at
    length, at = varint(data, at)
    metadata = fields(data[at : at + length])
    at += length
    assert struct.unpack_from("<Q", data, at) == (position,)
    assert at + 8 == len(data)
    signals: list[int] = []
    inputs: dict[str, tuple[int, int]] = {}
    for number, value in metadata:
        if number == 1:
            place = 0
            while place < len(value):
                signal, place = varint(value, place)
                signals.append(signal)
        elif number == 2:  # newer files of zerokit also name the field, under 3 and 4
            entry = dict(fields(value))
            description = dict(fields(entry[2]))
            inputs[entry[1].decode()] = (description.get(1, 0), description.get(2, 0))
    return Graph(nodes, signals, inputs)


def evaluate(graph: Graph, given: Mapping[str, Sequence[int]], modulus: int = ORDER) -> list[int]:
    assert given.keys() == graph.inputs.keys()
    slots = [1] + [0] * max(offset + length - 1 for offset, length in graph.inputs.values())
    for name, values in given.items():
        offset, length = graph.inputs[name]
        assert len(values) == length, name
        slots[offset : offset + length] = values
    values: list[int] = []
    for kind, first, *rest in graph.nodes:
        if kind == INPUT:
            values.append(slots[first])
        elif kind == CONSTANT:
            values.append(first)
        elif kind == UNARY:
            assert first == 0
            values.append(-values[rest[0]] % modulus)
        elif kind == BINARY:
            values.append(OPERATIONS[first](values[rest[0]], values[rest[1]], modulus))
        else:
            values.append(values[rest[1]] if values[rest[0]] else values[rest[2]])
    return [values[signal] for signal in graph.signals]
