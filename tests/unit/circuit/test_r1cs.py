"""The `.r1cs` file: the round trip, a real file, and hostile files."""

import hashlib
import struct
import tracemalloc
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rln.base.scalar import ORDER
from rln.circuit import Matrix, R1cs, failures, rln
from rln.errors import EncodingError, FieldRangeError, InputError, ParameterError
from tests.unit.circuit import evaluator
from tests.unit.circuit.reference import inputs

PRIME = ORDER.to_bytes(32, "little")


def file(
    rows: bytes = b"", count: int = 0, wires: int = 2, labels: bytes | None = None, prime: bytes = PRIME
) -> list[tuple[int, bytes]]:
    """The sections of a small file; each test changes one."""
    header = struct.pack("<I", len(prime)) + prime + struct.pack("<IIIIQI", wires, 0, 0, 1, wires, count)
    return [(1, header), (2, rows), (3, bytes(8 * wires) if labels is None else labels)]


def pack(sections: list[tuple[int, bytes]], count: int | None = None) -> bytes:
    head = b"r1cs" + struct.pack("<II", 1, len(sections) if count is None else count)
    return head + b"".join(struct.pack("<IQ", kind, len(body)) + body for kind, body in sections)


def entry(wire: int, value: int) -> bytes:
    return struct.pack("<I", wire) + value.to_bytes(32, "little")


def combination(*entries: tuple[int, int]) -> bytes:
    return struct.pack("<I", len(entries)) + b"".join(entry(*pair) for pair in entries)


def test_matrix_rows() -> None:
    matrix = Matrix.from_rows([{3: 5, 1: 2}, {}, {0: ORDER - 1, 2: 0}])
    assert list(matrix.rows()) == [[(1, 2), (3, 5)], [], [(0, ORDER - 1)]]
    assert (len(matrix), matrix.entries) == (3, 3)
    assert matrix.row_starts == array("I", [0, 2, 2, 3])
    assert matrix.columns == array("I", [1, 3, 0])
    assert matrix.coefficients == b"".join(v.to_bytes(32, "little") for v in (2, 5, ORDER - 1))
    assert matrix.row_starts.itemsize == matrix.columns.itemsize == 4


def test_round_trip() -> None:
    r1cs = rln(2, 4).r1cs
    data = r1cs.encode()
    assert R1cs.decode(data) == r1cs
    assert R1cs.decode(data).encode() == data
    assert r1cs.digest() == hashlib.sha256(data).digest()


def test_a_small_file_by_hand() -> None:
    rows = combination((1, 2)) + combination((1, 3), (0, 1)) + combination()
    r1cs = R1cs.decode(pack(file(rows, 1)))
    assert list(r1cs.rows()) == [([(1, 2)], [(1, 3), (0, 1)], [])]
    assert (r1cs.wires, r1cs.outputs, r1cs.public_inputs, r1cs.private_inputs) == (2, 0, 0, 1)
    assert r1cs.public == 0
    assert list(r1cs.inputs) == [1]


def test_sections_may_stand_in_any_order() -> None:
    sections = file(combination((1, 2)) * 3, 1)
    assert R1cs.decode(pack(sections[::-1])) == R1cs.decode(pack(sections))


def test_the_ceremony_circuit(zerokit_dir: Path) -> None:
    directory = zerokit_dir / "tree_depth_20"
    data = (directory / "rln.r1cs").read_bytes()
    tracemalloc.start()
    r1cs = R1cs.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(data) + (4 << 20)
    assert (r1cs.constraints, r1cs.wires, r1cs.outputs, r1cs.public_inputs, r1cs.private_inputs) == (
        *(5820, 5844, 3, 2),
        43,
    )
    assert (r1cs.a.entries, r1cs.b.entries) == (9658, 13282)
    assert R1cs.decode(r1cs.encode()) == r1cs
    witness = evaluator.evaluate(evaluator.load((directory / "graph.bin").read_bytes()), inputs())
    packed = b"".join(value.to_bytes(32, "little") for value in witness)
    assert (
        hashlib.sha256(packed).hexdigest()
        == "4f14062029a53b06a0be656e82cea5024493a3a9cdc9e5fdcfe4f4ddd237ab25"
    )
    assert list(failures(r1cs, witness)) == []
    ours = evaluator.evaluate(evaluator.load(rln().graph), inputs())
    assert witness[: 6 + 43] == ours[: 6 + 43]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", EncodingError, "r1cs file: expected 4 more bytes, got 0"),
        (b"r1cz" + pack(file())[4:], EncodingError, "r1cs file: expected the magic bytes"),
        (b"r1cs" + struct.pack("<II", 2, 3), EncodingError, "r1cs file: expected format 1, got 2"),
        (pack(file()) + b"\0", EncodingError, "r1cs file: expected the end, got 1 more bytes"),
        (pack(file())[:-1], EncodingError, "r1cs file: expected 16 more bytes, got 15"),
        (pack([*file(), (4, b"")]), EncodingError, "r1cs file: expected sections 1 to 3, got 4"),
        (
            pack([*file(), (1, b"")]),
            EncodingError,
            "r1cs file: expected the section header once, got it twice",
        ),
        (pack(file()[:2]), EncodingError, "r1cs file: expected 3 sections, got 2"),
        (pack(file(), 0xFFFFFFFF), EncodingError, "r1cs file: expected 4 more bytes, got 0"),
        (
            pack([(1, file()[0][1] + b"\0"), *file()[1:]]),
            EncodingError,
            "r1cs header: expected 64 bytes, got 65",
        ),
        (
            pack([(1, file()[0][1][:-1]), *file()[1:]]),
            EncodingError,
            "r1cs header: expected 64 bytes, got 63",
        ),
        (pack(file(prime=PRIME[:8])), FieldRangeError, "r1cs field: expected elements of 32 bytes, got 8"),
        (pack(file(prime=bytes(32))), FieldRangeError, "r1cs field: expected the modulus of this curve"),
        (pack(file(labels=bytes(8))), EncodingError, "r1cs wire labels: expected 16 bytes, got 8"),
        (pack(file(wires=1)), ParameterError, "r1cs: expected at least 2 wires, got 1"),
        (
            pack(file(b"", 0xFFFFFFFF)),
            EncodingError,
            "r1cs constraints: expected 4294967295 rows, got 0 bytes",
        ),
        (pack(file(bytes(24), 1)), EncodingError, "r1cs constraints: expected the end, got 12 more bytes"),
        (
            pack(file(b"\xff" * 12, 1)),
            EncodingError,
            "r1cs row 0: expected 4294967295 entries, got 8 bytes",
        ),
        (
            pack(file(combination((2, 1)) * 3, 1)),
            ParameterError,
            "r1cs row 0: expected a wire below 2, got 2",
        ),
        (
            pack(file(combination((1, 1), (1, 1)) * 3, 1)),
            EncodingError,
            "r1cs row 0: expected wire 1 once, got it twice",
        ),
        (
            pack(file(combination((1, ORDER)) * 3, 1)),
            FieldRangeError,
            "r1cs row 0: expected a canonical non-zero coefficient",
        ),
        (
            pack(file(combination((1, 0)) * 3, 1)),
            FieldRangeError,
            "r1cs row 0: expected a canonical non-zero coefficient",
        ),
    ],
)
def test_hostile_files_are_refused(data: bytes, error: type[InputError], message: str) -> None:
    with pytest.raises(error) as caught:
        R1cs.decode(data)
    assert type(caught.value) is error
    assert str(caught.value).startswith(message)


def test_a_section_longer_than_any_file_is_refused() -> None:
    data = b"r1cs" + struct.pack("<IIIQ", 1, 3, 2, 2**64 - 1)
    with pytest.raises(EncodingError, match="^r1cs file: expected 18446744073709551615 more bytes, got 0$"):
        R1cs.decode(data)


def test_every_truncation_is_refused() -> None:
    data = pack(file(combination((1, 2)) * 3, 1))
    for length in range(len(data)):
        with pytest.raises(EncodingError):
            R1cs.decode(data[:length])


@given(st.data())
def test_a_changed_byte_is_refused_or_read_as_another_system(data: st.DataObject) -> None:
    good = bytearray(pack(file(combination((1, 2)) * 3, 1)))
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= data.draw(st.integers(1, 255))
    try:
        r1cs = R1cs.decode(bytes(good))
    except InputError:
        return
    assert R1cs.decode(r1cs.encode()) == r1cs


def test_rows_and_wires_must_fit() -> None:
    r1cs = rln(1, 1).r1cs
    with pytest.raises(ParameterError, match="^r1cs: expected as many rows in A, B and C"):
        replace(r1cs, a=Matrix.from_rows([]))
    with pytest.raises(ParameterError, match="^r1cs [ABC]: expected wires below"):
        replace(r1cs, wires=r1cs.wires - 1)
    with pytest.raises(ParameterError, match="^r1cs: expected at least"):
        replace(r1cs, private_inputs=r1cs.wires)


def test_private_inputs_that_were_optimised_away_have_no_wire() -> None:
    """circom counts three private inputs in the header; the labels show that one of them has a wire."""
    files = Path(__file__).resolve().parents[1] / "formats" / "files"
    r1cs = R1cs.decode((files / "optimised_away_inputs.r1cs").read_bytes())
    assert (r1cs.wires, r1cs.outputs, r1cs.public_inputs, r1cs.private_inputs) == (6, 2, 2, 1)
    assert list(r1cs.inputs) == [3, 4, 5]
    assert R1cs.decode(r1cs.encode()) == r1cs


def test_inputs_are_missing_also_where_there_are_many_other_wires() -> None:
    """Six wires, three private inputs: signals 1 to 3, of which 2 has no wire; 4 and more are computed."""
    for labels, private in (((0, 1, 3, 4, 5, 6), 2), ((0, 1, 2, 3, 4, 5), 3), ((0, 4, 5, 6, 7, 8), 0)):
        header = struct.pack("<I", 32) + PRIME + struct.pack("<IIIIQI", 6, 0, 0, 3, 9, 0)
        sections = [(1, header), (2, b""), (3, struct.pack("<6Q", *labels))]
        assert R1cs.decode(pack(sections)).private_inputs == private


def test_labels_of_other_programs_say_nothing_about_inputs() -> None:
    header = struct.pack("<I", 32) + PRIME + struct.pack("<IIIIQI", 4, 0, 0, 3, 9, 0)
    assert R1cs.decode(pack([(1, header), (2, b""), (3, bytes(32))])).private_inputs == 3
    header = struct.pack("<I", 32) + PRIME + struct.pack("<IIIIQI", 3, 0, 0, 3, 9, 0)
    with pytest.raises(ParameterError, match="^r1cs: expected at least 4 wires, got 3"):
        R1cs.decode(pack([(1, header), (2, b""), (3, bytes(24))]))
