import struct

import pytest

from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError
from rln.formats import wtns

WIRES = b"".join(scalar.encode(value) for value in (1, 0, 7, scalar.ORDER - 1))
FILE = wtns.write(WIRES)


def test_the_file_is_iden3s():
    head = b"wtns" + struct.pack("<IIIQI", 2, 2, 1, 40, 32) + scalar.ORDER.to_bytes(32, "little")
    assert head + struct.pack("<IIQ", 4, 2, 128) + WIRES == FILE
    assert wtns.read(FILE) == WIRES


@pytest.mark.parametrize("wires", [b"", bytes(32), WIRES[:-1], scalar.encode(2)])
def test_only_assignments_are_written(wires):
    with pytest.raises(EncodingError, match="wires"):
        wtns.write(wires)


def test_every_length_but_the_right_one_is_refused():
    for length in range(len(FILE)):
        with pytest.raises(EncodingError):
            wtns.read(FILE[:length])
    with pytest.raises(EncodingError, match="wires: expected 128 bytes, got 129"):
        wtns.read(FILE + b"\0")


@pytest.mark.parametrize("position", range(76))
def test_every_byte_of_the_head_counts(position):
    changed = bytearray(FILE)
    changed[position] ^= 1
    with pytest.raises(EncodingError):
        wtns.read(bytes(changed))


def test_wires_are_canonical():
    for k in range(1, 6):
        alias = (7 + k * scalar.ORDER).to_bytes(32, "little")
        data = FILE[: 76 + 64] + alias + FILE[76 + 96 :]
        with pytest.raises(FieldRangeError, match="wire 2"):
            wtns.read(data)


def test_huge_counts_do_not_allocate():
    data = FILE[:60] + b"\xff\xff\xff\xff" + FILE[64:]
    with pytest.raises(EncodingError, match="wires: expected"):
        wtns.read(data)
