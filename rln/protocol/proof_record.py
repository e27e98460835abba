"""Proof record: a verified message without its signal, as files and databases store it.

    length of all that follows, u16 little-endian
    number of public values, u8
    proof, 128 bytes
    public values in the verifying key's order, 32 bytes each
    CRC-32 of everything between the length and the CRC-32, little-endian

A record holds x, the hash of the signal, but not the signal. Its proof can be verified again.
"""

from __future__ import annotations

import zlib

from rln.base import scalar
from rln.base.arguments import plain_bytes
from rln.errors import EncodingError
from rln.protocol.proof import PROOF_BYTES, AnyProof, from_public_inputs

_CRC = 4
_RESIDUE = 0x2144DF1C
"""The CRC-32 of any bytes that are followed by their CRC-32, little-endian."""


def size(public_values: int) -> int:
    """Return the size in bytes of a record with this number of public values."""
    return 2 + 1 + PROOF_BYTES + public_values * scalar.SIZE + _CRC


def encode(proof: AnyProof) -> bytes:
    """Return the record of a message."""
    values = proof.public_inputs
    body = bytes([len(values)]) + proof.proof + b"".join(map(scalar.encode, values))
    framed = body + zlib.crc32(body).to_bytes(_CRC, "little")
    return len(framed).to_bytes(2, "little") + framed


def count_damaged(records: bytes, public_values: int) -> int:
    """Count the records whose length or checksum is wrong; values are not checked.

    Args:
        records: whole records, one after the other.
        public_values: number of public values of each.
    """
    whole, view, crc32 = size(public_values), memoryview(records), zlib.crc32
    length = (whole - 2).to_bytes(2, "little")
    return sum(
        crc32(view[at + 2 : at + whole]) != _RESIDUE or view[at : at + 2] != length
        for at in range(0, len(records), whole)
    )


def decode(data: bytes) -> AnyProof:
    """Read one record without trailing bytes.

    Raises:
        EncodingError: the length or the checksum is wrong, or bytes follow the record.
        InputError: the record has values that no proof has.
    """
    plain_bytes(data, "record")
    end = 2 + int.from_bytes(data[:2], "little")
    if len(data) < end:
        raise EncodingError(f"record: expected {end} bytes, got {len(data)}: it is cut short")
    body, crc = data[2 : end - _CRC], data[end - _CRC : end]
    count = body[0] if body else 0
    if len(body) != 1 + PROOF_BYTES + count * scalar.SIZE:
        raise EncodingError(f"record: expected {size(count)} bytes for {count} public values, got {end}")
    if zlib.crc32(body).to_bytes(_CRC, "little") != crc:
        raise EncodingError("record: its checksum is wrong: it is damaged")
    starts = range(1 + PROOF_BYTES, len(body), scalar.SIZE)
    values = tuple(scalar.decode(body[i : i + scalar.SIZE], f"value {n}") for n, i in enumerate(starts))
    proof = from_public_inputs(body[1 : 1 + PROOF_BYTES], values)
    if end != len(data):
        raise EncodingError(f"record: expected {end} bytes, got {len(data)}")
    return proof
