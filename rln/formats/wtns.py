"""iden3's `.wtns` file: a whole witness, from which snarkjs makes a proof.

    "wtns"  u32 version 2  u32 number of sections 2
    u32 id 1  u64 length 40  u32 bytes of a scalar 32  r  u32 number of wires
    u32 id 2  u64 length      the wires, 32 bytes each; the first is 1

Numbers are little-endian. The wires after the public values are secret: protect such a file like the identity
secret.
Source: iden3/snarkjs, wtns_utils.
"""

from __future__ import annotations

import struct

from rln.base import scalar
from rln.base.file_kind import FileKind, expect
from rln.errors import EncodingError, FieldRangeError

_HEAD = struct.Struct("<4sIIIQI32sIIQ")
_PRIME = scalar.ORDER.to_bytes(scalar.SIZE, "little")


def write(wires: bytes) -> bytes:
    """Return the file for wires of 32 bytes each; the first must be 1."""
    count, rest = divmod(len(wires), scalar.SIZE)
    if rest or not count or wires[: scalar.SIZE] != (1).to_bytes(scalar.SIZE, "little"):
        raise EncodingError("wires: expected 32 bytes for each wire, and 1 in the first")
    return _HEAD.pack(b"wtns", 2, 2, 1, 40, scalar.SIZE, _PRIME, count, 2, len(wires)) + wires


def read(data: bytes) -> bytes:
    """Return the wires of a file; each is canonical, and the first is 1.

    Raises:
        EncodingError: a wrong magic, version, order of sections, field or length.
        FieldRangeError: a wire is r or more.
    """
    expect(data, "wtns", FileKind.WITNESS)
    if len(data) < _HEAD.size:
        raise EncodingError(f"wtns: expected at least {_HEAD.size} bytes, got {len(data)}")
    magic, version, sections, first, size, width, prime, count, second, length = _HEAD.unpack_from(data)
    if magic != b"wtns":
        raise EncodingError(f"wtns: expected b'wtns' at the start, got {magic!r}")
    if version != 2:
        raise EncodingError(f"wtns: version: expected 2, got {version}")
    if (sections, first, size, second) != (2, 1, 40, 2):
        raise EncodingError("wtns: expected section 1 of 40 bytes, then section 2, and no other section")
    if width != scalar.SIZE or prime != _PRIME:
        found = f"{int.from_bytes(prime, 'little')} in {width} bytes"
        raise EncodingError(f"wtns: field: expected r of BN254 in {scalar.SIZE} bytes, got {found}")
    if length != count * scalar.SIZE or len(data) - _HEAD.size != length:
        raise EncodingError(
            f"wtns: wires: expected {count * scalar.SIZE} bytes, got {len(data) - _HEAD.size}"
        )
    wires = data[_HEAD.size :]
    for start in range(0, len(wires), scalar.SIZE):
        if int.from_bytes(wires[start : start + scalar.SIZE], "little") >= scalar.ORDER:
            raise FieldRangeError(
                f"wtns: wire {start // scalar.SIZE}: expected a canonical scalar, which is below r"
            )
    if wires[: scalar.SIZE] != (1).to_bytes(scalar.SIZE, "little"):
        raise EncodingError("wtns: wire 0: expected 1")
    return wires
