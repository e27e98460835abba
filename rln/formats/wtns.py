"""iden3's `.wtns` file: a whole assignment of wires, which snarkjs proves from.

    "wtns"  u32 version 2  u32 number of sections 2
    u32 id 1  u64 length 40  u32 bytes of a scalar 32  r  u32 number of wires
    u32 id 2  u64 length      the wires, 32 bytes each; the first is 1

All numbers little-endian. The wires behind the public values are secret: keep such a file as private as the
secret.
Source: iden3/snarkjs, wtns_utils.
"""

from __future__ import annotations

import struct

from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError

_HEAD = struct.Struct("<4sIIIQI32sIIQ")
_PRIME = scalar.ORDER.to_bytes(scalar.SIZE, "little")


def write(wires: bytes) -> bytes:
    """The file for an assignment of 32-byte wires, the first of which is 1."""
    count, rest = divmod(len(wires), scalar.SIZE)
    if rest or not count or wires[: scalar.SIZE] != (1).to_bytes(scalar.SIZE, "little"):
        raise EncodingError("wires: expected 32 bytes a wire, the first one 1")
    return _HEAD.pack(b"wtns", 2, 2, 1, 40, scalar.SIZE, _PRIME, count, 2, len(wires)) + wires


def read(data: bytes) -> bytes:
    """The wires of a file, each canonical, the first one 1.

    Raises:
        EncodingError: another magic, version, order of sections, field, or length.
        FieldRangeError: a wire of r or more.
    """
    if len(data) < _HEAD.size:
        raise EncodingError(f"wtns: expected at least {_HEAD.size} bytes, got {len(data)}")
    magic, version, sections, first, size, width, prime, count, second, length = _HEAD.unpack_from(data)
    if magic != b"wtns":
        raise EncodingError("wtns: the file does not start with wtns")
    if version != 2:
        raise EncodingError(f"wtns: version: expected 2, got {version}")
    if (sections, first, size, second) != (2, 1, 40, 2):
        raise EncodingError("wtns: expected section 1 of 40 bytes, then section 2, and no other")
    if width != scalar.SIZE or prime != _PRIME:
        raise EncodingError("wtns: field: expected r of BN254, got another")
    if length != count * scalar.SIZE or len(data) - _HEAD.size != length:
        raise EncodingError(
            f"wtns: wires: expected {count * scalar.SIZE} bytes, got {len(data) - _HEAD.size}"
        )
    wires = data[_HEAD.size :]
    for start in range(0, len(wires), scalar.SIZE):
        if int.from_bytes(wires[start : start + scalar.SIZE], "little") >= scalar.ORDER:
            raise FieldRangeError(
                f"wtns: wire {start // scalar.SIZE}: expected a canonical scalar, got r or more"
            )
    if wires[: scalar.SIZE] != (1).to_bytes(scalar.SIZE, "little"):
        raise EncodingError("wtns: wire 0: expected 1")
    return wires
