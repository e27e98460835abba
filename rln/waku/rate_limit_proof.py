"""RateLimitProof: field 21 of a Waku message, a proof with the index of its epoch.

The wire form is a protobuf message in which every field is bytes, numbers as 32 bytes, little-endian:

    1 proof (128)   2 merkle root   3 epoch   4 x   5 y   6 nullifier   7 rln identifier (may be absent)

The external nullifier is not sent: it follows from the epoch and the rln identifier. A proof whose fields
stand in order, as everybody writes it, has each field at a fixed place and is read without a search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rln.base import scalar
from rln.base.arguments import fixed_bytes, instance, nonzero, plain_bytes, whole
from rln.errors import ParameterError
from rln.protocol.epoch import MAX_INDEX, Epoch
from rln.protocol.proof import PROOF_BYTES, RlnProof, check_proof_bytes
from rln.waku import wire
from rln.waku.wire import LENGTH, LaxEncoding

IDENTIFIER_BYTES: Final = 32
"""Bytes of the rln identifier of a Waku network."""
ENCODED_BYTES: Final = 335
"""Bytes of an encoded proof with its rln identifier; 34 less without."""
_NAME: Final = "proof"

_SIZES: Final = {
    1: ("proof", PROOF_BYTES),
    2: ("root", scalar.SIZE),
    3: ("epoch", scalar.SIZE),
    4: ("x", scalar.SIZE),
    5: ("y", scalar.SIZE),
    6: ("nullifier", scalar.SIZE),
    7: ("rln_identifier", IDENTIFIER_BYTES),
}
_HEAD: Final = b"\x0a\x80\x01"
"""Tag and length of the proof; those of field n of 32 bytes are `8 n + 2` and 32."""


@dataclass(frozen=True, slots=True)
class RateLimitProof:
    """A proof as a Waku message carries it.

    Args:
        proof: 128 bytes.
        root: of the membership tree.
        epoch: index of the epoch, 0 to 2^64 - 1.
        x: hash of the signal, not 0.
        y: value of the member's line at x.
        nullifier: identifies the line.
        rln_identifier: of the network, 32 bytes before hashing. None: absent, so the receiver's network.

    Raises:
        EncodingError: the proof or the identifier is not as many bytes.
        FieldRangeError: a number is not canonical.
        PointError: a point is infinity.
        ParameterError: x is 0, or the epoch is outside its range.
    """

    proof: bytes
    root: int
    epoch: int
    x: int
    y: int
    nullifier: int
    rln_identifier: bytes | None = None

    def __post_init__(self) -> None:
        check_proof_bytes(self.proof)
        scalar.check(self.root, "root")
        whole(self.epoch, "epoch", 0, MAX_INDEX)
        nonzero(self.x, "x")
        scalar.check(self.y, "y")
        scalar.check(self.nullifier, "nullifier")
        if self.rln_identifier is not None:
            fixed_bytes(self.rln_identifier, IDENTIFIER_BYTES, "rln_identifier")

    @classmethod
    def of(cls, proof: RlnProof, epoch: Epoch) -> RateLimitProof:
        """Return a proof of an epoch in the form of a Waku message, with the network's rln identifier.

        Raises:
            ParameterError: the proof is for another epoch.
            EncodingError: the rln identifier of the epoch is not 32 bytes.
        """
        instance(proof, RlnProof, "proof")
        instance(epoch, Epoch, "epoch")
        if proof.external_nullifier != epoch.external_nullifier:
            raise ParameterError(
                f"epoch: expected the epoch of the proof, got index {epoch.index}; use the same clock"
            )
        return cls(proof.proof, proof.root, epoch.index, proof.x, proof.y, proof.nullifier, epoch.identifier)

    def rln_proof(self, epoch: Epoch) -> RlnProof:
        """Return the proof with the external nullifier of its epoch, for `Verifier`.

        Args:
            epoch: the epoch with this index, of the receiver's network: `clock.epoch(found.epoch)`.

        Raises:
            ParameterError: the epoch has another index, or the proof names another network.
        """
        instance(epoch, Epoch, "epoch")
        if epoch.index != self.epoch:
            raise ParameterError(f"epoch: expected index {self.epoch}, got {epoch.index}")
        if self.rln_identifier not in (None, epoch.identifier):
            raise ParameterError("rln_identifier: expected that of the epoch, got that of some other network")
        return RlnProof(self.proof, self.y, self.root, self.nullifier, self.x, epoch.external_nullifier)

    def encode(self) -> bytes:
        """Return the bytes of the proof: 335, or 301 without an rln identifier."""
        values = (self.root, self.epoch, self.x, self.y, self.nullifier)
        parts = [self.proof, *(value.to_bytes(scalar.SIZE, "little") for value in values)]
        if self.rln_identifier is not None:
            parts.append(self.rln_identifier)
        return b"".join(wire.length_field(number, part) for number, part in enumerate(parts, 1))

    @classmethod
    def decode(cls, data: bytes) -> RateLimitProof:
        """Read a proof strictly.

        Raises:
            EncodingError: bytes that every implementation refuses, or not `bytes`.
            LaxEncoding: bytes that others accept: a field twice, missing, unknown or of another length, or an
                epoch of 2^64 or more.
            FieldRangeError: a number is not canonical; old versions of zerokit reduce it.
            PointError: a point is infinity.
            ParameterError: x is 0.
        """
        found = _at_fixed_places(plain_bytes(data, _NAME)) or _in_any_order(data)
        proof, *numbers = found[:6]
        root, epoch, x, y, nullifier = (int.from_bytes(number, "little") for number in numbers)
        if epoch > MAX_INDEX:
            raise LaxEncoding("epoch: expected an index below 2^64, got a larger one")
        return cls(proof, root, epoch, x, y, nullifier, found[6] if len(found) == 7 else None)


def _at_fixed_places(data: bytes) -> list[bytes] | None:
    """Return the values of the fields if they stand in order with minimal lengths, else None."""
    step = 2 + scalar.SIZE
    count = 5 + (len(data) == ENCODED_BYTES)
    start = len(_HEAD) + PROOF_BYTES
    if len(data) != start + count * step or data[: len(_HEAD)] != _HEAD:
        return None
    tags = data[start::step] + data[start + 1 :: step]
    if tags != bytes(range(0x12, 0x12 + 8 * count, 8)) + bytes([scalar.SIZE]) * count:
        return None
    return [data[len(_HEAD) : start], *(data[at + 2 : at + step] for at in range(start, len(data), step))]


def _length(value: int | bytes) -> int:
    """Return the length of the bytes in a field, for a message."""
    return len(value) if isinstance(value, bytes) else 0


def _in_any_order(data: bytes) -> list[bytes]:
    """Return the values of the fields, found one by one."""
    found: dict[int, bytes] = {}
    for number, kind, value in wire.read_fields(data, _NAME):
        if number not in _SIZES:
            raise LaxEncoding(f"{_NAME}: expected fields 1 to 7, got {number}")
        name, size = _SIZES[number]
        wire.check_kind(kind, LENGTH, name)
        if number in found:
            raise LaxEncoding(f"{name}: expected it once, got it twice")
        if not isinstance(value, bytes) or len(value) != size:
            raise LaxEncoding(f"{name}: expected {size} bytes, got {_length(value)}")
        found[number] = value
    for number in range(1, 7):
        if number not in found:
            raise LaxEncoding(f"{_SIZES[number][0]}: expected it, got a proof without it")
    return [found[number] for number in sorted(found)]
