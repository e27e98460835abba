"""A rank-1 constraint system: row i says <A_i, w> <B_i, w> = <C_i, w> for the wires w.

Wire 0 is the constant 1; then come the public wires (outputs before inputs), the private inputs, and the
others. Rows are sparse. The three matrices have the layout that the setup of the C core reads, so they need
no conversion.

The file form is iden3's `.r1cs`, format 1, with the sections header, constraints and wire labels in any
order. Reading is strict: exact lengths, canonical coefficients, each wire once in a row, no unknown section.
Coefficients stay bytes, so memory use is close to the length of the file.
Source: iden3, "r1cs binary format".
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from rln.base.arguments import instance, iterable, plain_bytes, whole
from rln.base.file_kind import FileKind, expect
from rln.base.scalar import ORDER
from rln.errors import EncodingError, FieldRangeError, ParameterError

_MAGIC = b"r1cs"
_FORMAT = 1
_HEADER, _CONSTRAINTS, _LABELS = 1, 2, 3
_SECTION_NAMES = {_HEADER: "header", _CONSTRAINTS: "constraints", _LABELS: "wire labels"}
_HEADER_COUNTS = struct.Struct("<IIIIQI")  # wires, outputs, public, private inputs, labels, constraints

_LAST_WIRE = (1 << 32) - 1
_LARGEST_SIZE = 64
"""Bytes of the largest coefficient."""

Row = list[tuple[int, int]]
"""The entries (wire, coefficient) of one row, in ascending order of wires."""


def element_size(modulus: int) -> int:
    """Return the bytes of a field element in files, a whole number of 64-bit words (32 bytes for r)."""
    return (modulus.bit_length() + 63) // 64 * 8


def _check_modulus(modulus: int) -> None:
    whole(modulus, "modulus", 2, (1 << 8 * _LARGEST_SIZE) - 1)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A sparse matrix, row after row.

    Attributes:
        row_starts: rows + 1 positions; row i holds the entries row_starts[i] .. row_starts[i + 1] - 1.
        columns: the wire of each entry.
        coefficients: the value of each entry, little-endian, `size` bytes each (32 for r).
        size: bytes of one coefficient.
    """

    row_starts: array[int] = field(repr=False)
    columns: array[int] = field(repr=False)
    coefficients: bytes = field(repr=False)
    size: int = 32

    def __post_init__(self) -> None:
        whole(self.size, "size", 8, _LARGEST_SIZE)
        for name, values in (("row_starts", self.row_starts), ("columns", self.columns)):
            if type(values) is not array or values.typecode != "I":
                raise ParameterError(f'{name}: expected array("I"), got {type(values).__name__}')
        entries = len(self.columns)
        if len(plain_bytes(self.coefficients, "coefficients")) != entries * self.size:
            raise ParameterError(
                f"coefficients: expected {entries * self.size} bytes, got {len(self.coefficients)}"
            )
        if not self.row_starts or self.row_starts[0] != 0 or self.row_starts[-1] != entries:
            raise ParameterError(f"row_starts: expected positions from 0 to {entries}, got others")

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[int, int]], size: int = 32) -> Matrix:
        """Build a matrix from rows of {wire: coefficient}; zero coefficients are left out.

        Raises:
            ParameterError: a row is not a mapping, or a number is outside its range.
        """
        whole(size, "size", 8, _LARGEST_SIZE)
        starts = array("I", [0])
        columns = array("I")
        parts: list[bytes] = []
        largest = (1 << 8 * size) - 1
        for row in iterable(rows, "rows"):
            if not isinstance(row, Mapping):
                raise ParameterError(f"rows: expected mappings, got {type(row).__name__}")
            for column in row:
                whole(column, "wire", 0, _LAST_WIRE)
            for column in sorted(row):
                coefficient = whole(row[column], "coefficient", 0, largest)
                if coefficient:
                    columns.append(column)
                    parts.append(coefficient.to_bytes(size, "little"))
            starts.append(len(columns))
        return cls(starts, columns, b"".join(parts), size)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row_starts) - 1

    @property
    def entries(self) -> int:
        """Number of non-zero entries."""
        return len(self.columns)

    def row(self, index: int) -> Row:
        """Return the entries of one row.

        Raises:
            ParameterError: there is no such row.
        """
        whole(index, "row", 0, len(self) - 1)
        start, end = self.row_starts[index], self.row_starts[index + 1]
        return [(self.columns[i], self._coefficient(i)) for i in range(start, end)]

    def rows(self) -> Iterator[Row]:
        """Yield all rows, first to last."""
        for index in range(len(self)):
            yield self.row(index)

    def encode_row(self, index: int) -> bytes:
        """Return one row in the file form: the count, then wire and coefficient of each entry.

        Raises:
            ParameterError: there is no such row.
        """
        whole(index, "row", 0, len(self) - 1)
        start, end = self.row_starts[index], self.row_starts[index + 1]
        parts = [struct.pack("<I", end - start)]
        for i in range(start, end):
            parts.append(struct.pack("<I", self.columns[i]))
            parts.append(self.coefficients[i * self.size : (i + 1) * self.size])
        return b"".join(parts)

    def _coefficient(self, entry: int) -> int:
        return int.from_bytes(self.coefficients[entry * self.size : (entry + 1) * self.size], "little")


@dataclass(frozen=True, slots=True)
class R1cs:
    """The constraints of a circuit, and the numbers of its wires of each kind.

    Attributes:
        a, b, c: the matrices, with one row for each constraint.
        wires: number of wires, the constant 1 included.
        outputs: number of public wires that the circuit computes: wires 1 .. outputs.
        public_inputs: number of public wires that are given; they follow the outputs.
        private_inputs: number of secret wires that are given; they follow the public inputs.
        modulus: the prime of the field.
    """

    a: Matrix = field(repr=False)
    b: Matrix = field(repr=False)
    c: Matrix = field(repr=False)
    wires: int
    outputs: int
    public_inputs: int
    private_inputs: int
    modulus: int = ORDER

    def __post_init__(self) -> None:
        for name, matrix in (("a", self.a), ("b", self.b), ("c", self.c)):
            instance(matrix, Matrix, name)
        for name in ("wires", "outputs", "public_inputs", "private_inputs"):
            whole(getattr(self, name), name, 0, _LAST_WIRE)
        _check_modulus(self.modulus)
        if not len(self.a) == len(self.b) == len(self.c):
            counts = f"{len(self.a)}, {len(self.b)} and {len(self.c)}"
            raise ParameterError(f"r1cs: expected as many rows in A, B and C, got {counts}")
        given = 1 + self.outputs + self.public_inputs + self.private_inputs
        if min(self.outputs, self.public_inputs, self.private_inputs) < 0 or given > self.wires:
            raise ParameterError(f"r1cs: expected at least {given} wires, got {self.wires}")
        for name, matrix in (("A", self.a), ("B", self.b), ("C", self.c)):
            if matrix.columns and max(matrix.columns) >= self.wires:
                raise ParameterError(
                    f"r1cs {name}: expected wires below {self.wires}, got {max(matrix.columns)}"
                )

    @property
    def constraints(self) -> int:
        """Number of rows."""
        return len(self.a)

    @property
    def public(self) -> int:
        """Number of public wires, the constant 1 not counted."""
        return self.outputs + self.public_inputs

    @property
    def inputs(self) -> range:
        """The wires that are given."""
        start = 1 + self.outputs
        return range(start, start + self.public_inputs + self.private_inputs)

    def rows(self) -> Iterator[tuple[Row, Row, Row]]:
        """Yield the constraints, first to last, as (A row, B row, C row)."""
        return zip(self.a.rows(), self.b.rows(), self.c.rows(), strict=True)

    def digest(self) -> bytes:
        """Return the SHA-256 of the `.r1cs` file, which binds a key to its circuit."""
        return hashlib.sha256(self.encode()).digest()

    def encode(self) -> bytes:
        """Return the `.r1cs` file; wire i has label i."""
        size = element_size(self.modulus)
        header = struct.pack("<I", size) + self.modulus.to_bytes(size, "little")
        header += _HEADER_COUNTS.pack(
            self.wires, self.outputs, self.public_inputs, self.private_inputs, self.wires, self.constraints
        )
        body = b"".join(
            matrix.encode_row(i) for i in range(self.constraints) for matrix in (self.a, self.b, self.c)
        )
        labels = struct.pack(f"<{self.wires}Q", *range(self.wires))
        sections = ((_HEADER, header), (_CONSTRAINTS, body), (_LABELS, labels))
        parts = [_MAGIC, struct.pack("<II", _FORMAT, len(sections))]
        for kind, content in sections:
            parts += (struct.pack("<IQ", kind, len(content)), content)
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes, modulus: int = ORDER) -> R1cs:
        """Read an `.r1cs` file over the field of `modulus`.

        Args:
            data: the whole file. Its header counts the private inputs of the source; those that the compiler
                optimised away have no wire, as the labels of the wires show.
            modulus: the prime that the file must state.

        Raises:
            EncodingError: not an `.r1cs` file, a truncated file, trailing bytes, or a repeated or unknown
                section.
            FieldRangeError: a coefficient that is zero or not canonical, or another field.
            ParameterError: wires or counts that do not fit together.
        """
        _check_modulus(modulus)
        expect(plain_bytes(data, "r1cs file"), "r1cs file", FileKind.R1CS)
        sections = _split(data)
        size = element_size(modulus)
        header = _Reader(sections[_HEADER], "r1cs header")
        expected = 4 + size + _HEADER_COUNTS.size
        got = header.word()
        if got != size:
            raise FieldRangeError(f"r1cs field: expected elements of {size} bytes, got {got}")
        if len(sections[_HEADER]) != expected:
            raise EncodingError(f"r1cs header: expected {expected} bytes, got {len(sections[_HEADER])}")
        if (found := int.from_bytes(header.take(size), "little")) != modulus:
            raise FieldRangeError(f"r1cs field: expected the modulus of this curve, {modulus}, got {found}")
        wires, outputs, public, private, label_count, rows = _HEADER_COUNTS.unpack(
            header.take(_HEADER_COUNTS.size)
        )
        if label_count < wires:
            raise ParameterError(f"r1cs labels: expected at least {wires}, got {label_count}")
        if len(sections[_LABELS]) != 8 * wires:
            raise EncodingError(f"r1cs wire labels: expected {8 * wires} bytes, got {len(sections[_LABELS])}")
        matrices = _read_rows(_Reader(sections[_CONSTRAINTS], "r1cs constraints"), rows, wires, size, modulus)
        first = 1 + outputs + public
        if first + private <= label_count:
            private = _remaining_inputs(sections[_LABELS], first, private)
        return cls(*matrices, wires, outputs, public, private, modulus)


class _Reader:
    """A cursor that never reads beyond the end."""

    __slots__ = ("_data", "_name", "_position")

    def __init__(self, data: memoryview, name: str) -> None:
        self._data = data
        self._name = name
        self._position = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._position

    def take(self, count: int) -> memoryview:
        if count > self.left:
            raise EncodingError(f"{self._name}: expected {count} more bytes, got {self.left}")
        start = self._position
        self._position += count
        return self._data[start : self._position]

    def word(self) -> int:
        return int.from_bytes(self.take(4), "little")


def _split(data: bytes) -> dict[int, memoryview]:
    """Return the content of each section; each of the three must occur once."""
    reader = _Reader(memoryview(data), "r1cs file")
    if (magic := bytes(reader.take(4))) != _MAGIC:
        raise EncodingError(f"r1cs file: expected the magic bytes {_MAGIC!r}, got {magic!r}")
    found = reader.word()
    if found != _FORMAT:
        raise EncodingError(f"r1cs file: expected format {_FORMAT}, got {found}")
    count = reader.word()
    sections: dict[int, memoryview] = {}
    for _ in range(min(count, len(_SECTION_NAMES) + 1)):
        kind = reader.word()
        length = int.from_bytes(reader.take(8), "little")
        if kind not in _SECTION_NAMES:
            raise EncodingError(f"r1cs file: expected sections 1 to 3, got {kind}")
        if kind in sections:
            raise EncodingError(f"r1cs file: expected the section {_SECTION_NAMES[kind]} once, got it twice")
        sections[kind] = reader.take(length)
    if count != len(_SECTION_NAMES):
        raise EncodingError(f"r1cs file: expected {len(_SECTION_NAMES)} sections, got {count}")
    if reader.left:
        raise EncodingError(f"r1cs file: expected the end, got {reader.left} more bytes")
    return sections


def _remaining_inputs(labels: memoryview, first: int, private: int) -> int:
    """Return how many of the private inputs have a wire.

    circom numbers all signals of the source: outputs, public inputs, private inputs, then the others. A wire
    has the number of its signal as its label. An input that is in no constraint has no wire; the wires of the
    other inputs still follow the public wires, in order.

    Args:
        labels: of all wires, 8 bytes each.
        first: number of the first private input.
        private: number of private inputs in the source.
    """
    numbers = struct.unpack(f"<{len(labels) // 8}Q", labels)
    if any(one >= other for one, other in pairwise(numbers)):
        return private  # another program's labels, which say nothing
    return sum(first <= number < first + private for number in numbers)


def _read_rows(
    reader: _Reader, rows: int, wires: int, size: int, modulus: int
) -> tuple[Matrix, Matrix, Matrix]:
    """Read the three matrices, whose rows are interleaved in the file."""
    if rows > reader.left // 12:  # a row of three empty combinations takes 12 bytes
        raise EncodingError(f"r1cs constraints: expected {rows} rows, got {reader.left} bytes")
    starts = [array("I", [0]) for _ in range(3)]
    columns = [array("I") for _ in range(3)]
    values = [bytearray() for _ in range(3)]
    for index in range(rows):
        for which in range(3):
            count = reader.word()
            if count > reader.left // (4 + size):
                raise EncodingError(f"r1cs row {index}: expected {count} entries, got {reader.left} bytes")
            entries = reader.take(count * (4 + size))
            seen: set[int] = set()
            for at in range(0, len(entries), 4 + size):
                wire = int.from_bytes(entries[at : at + 4], "little")
                raw = entries[at + 4 : at + 4 + size]
                if wire >= wires:
                    raise ParameterError(f"r1cs row {index}: expected a wire below {wires}, got {wire}")
                if wire in seen:
                    raise EncodingError(f"r1cs row {index}: expected wire {wire} once, got it twice")
                if not 0 < int.from_bytes(raw, "little") < modulus:
                    raise FieldRangeError(
                        f"r1cs row {index}: expected a canonical non-zero coefficient, "
                        f"got {int.from_bytes(raw, 'little')}"
                    )
                seen.add(wire)
                columns[which].append(wire)
                values[which] += raw
            starts[which].append(len(columns[which]))
    if reader.left:
        raise EncodingError(f"r1cs constraints: expected the end, got {reader.left} more bytes")
    a, b, c = (Matrix(starts[i], columns[i], bytes(values[i]), size) for i in range(3))
    return a, b, c
