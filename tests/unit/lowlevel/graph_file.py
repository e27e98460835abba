"""Witness graph files, written byte by byte: valid files, and parts of invalid ones."""

from collections.abc import Iterable, Sequence

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617

MUL, DIV, ADD, SUB, POW, IDIV, MOD = range(7)
SHL, SHR, BOR, BAND, BXOR = range(15, 20)
NEG, ID = range(2)


def varint(v: int) -> bytes:
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    return bytes([*out, v])


def block(field: int, body: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(body)) + body


def words(*values: int) -> bytes:
    return b"".join(varint(i << 3) + varint(v) for i, v in enumerate(values, 1) if v)


def input_node(slot: int) -> bytes:
    return block(1, words(slot))


def constant(value: int, n: int = 32) -> bytes:
    return block(2, block(1, block(1, value.to_bytes(n, "little"))))


def unary(code: int, a: int) -> bytes:
    return block(3, words(code, a))


def duo(code: int, a: int, b: int) -> bytes:
    return block(4, words(code, a, b))


def ternary(a: int, b: int, c: int, code: int = 0) -> bytes:
    return block(5, words(code, a, b, c))


def named(name: bytes, offset: int, length: int) -> bytes:
    return block(2, block(1, name) + block(2, words(offset, length)))


def wire_list(wires: Iterable[int]) -> bytes:
    return block(1, b"".join(map(varint, wires)))


def graph_file(
    nodes: Sequence[bytes],
    metadata: bytes,
    count: int | None = None,
    offset: int | None = None,
    tail: bytes = b"",
) -> bytes:
    body = b"wtns.graph.001" + (len(nodes) if count is None else count).to_bytes(8, "little")
    body += b"".join(varint(len(node)) + node for node in nodes)
    here = len(body) if offset is None else offset
    return body + varint(len(metadata)) + metadata + tail + here.to_bytes(8, "little")


def scalars(*values: int) -> bytes:
    return b"".join(v.to_bytes(32, "little") for v in values)


def numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]


ONE = constant(1, 1)
GOOD = [ONE, input_node(1), input_node(2), duo(ADD, 1, 2)]
GOOD_META = wire_list([0, 3]) + named(b"a", 1, 1) + named(b"b", 2, 1)
