"""Record: a verified message without its signal, as files and databases keep it.

    length of all that follows, u16 little-endian
    number of public values, u8
    proof, 128 bytes
    public values in the verifying key's order, 32 bytes each
    CRC-32 of what stands between length and here, little-endian

The signal is not in it: x stands for it. What is in it, anybody can verify again.
"""

from __future__ import annotations

import zlib

from rln.base import scalar
from rln.base.arguments import plain_bytes
from rln.errors import EncodingError
from rln.protocol.proof import PROOF_BYTES, AnyProof, from_public_inputs

_CRC = 4


def size(public_values: int) -> int:
    """Bytes of the record of a message with so many public values."""
    return 2 + 1 + PROOF_BYTES + public_values * scalar.SIZE + _CRC


def encode(proof: AnyProof) -> bytes:
    """The record of a message."""
    values = proof.public_inputs
    body = bytes([len(values)]) + proof.proof + b"".join(map(scalar.encode, values))
    framed = body + zlib.crc32(body).to_bytes(_CRC, "little")
    return len(framed).to_bytes(2, "little") + framed


def decode(data: bytes) -> AnyProof:
    """Read one record, with nothing behind it.

    Raises:
        EncodingError: another length, a wrong checksum, trailing bytes.
        InputError: values that no proof has.
    """
    proof, end = _read(plain_bytes(data, "record"), 0)
    if end != len(data):
        raise EncodingError(f"record: expected {end} bytes, got {len(data)}")
    return proof


def _read(data: bytes, at: int) -> tuple[AnyProof, int]:
    end = at + 2 + int.from_bytes(data[at : at + 2], "little")
    if len(data) - at < 2 or end > len(data):
        raise EncodingError(f"record at {at}: expected more bytes, got the end: it is cut short")
    body, crc = data[at + 2 : end - _CRC], data[end - _CRC : end]
    count = body[0] if body else 0
    if len(body) != 1 + PROOF_BYTES + count * scalar.SIZE:
        raise EncodingError(f"record at {at}: expected a length that fits its {count} values, got another")
    if zlib.crc32(body).to_bytes(_CRC, "little") != crc:
        raise EncodingError(f"record at {at}: expected another checksum: it is damaged")
    starts = range(1 + PROOF_BYTES, len(body), scalar.SIZE)
    values = tuple(scalar.decode(body[i : i + scalar.SIZE], f"value {n}") for n, i in enumerate(starts))
    return from_public_inputs(body[1 : 1 + PROOF_BYTES], values), end
