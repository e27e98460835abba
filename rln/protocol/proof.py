"""Proof: the 128 bytes of a Groth16 proof, with its public values.

`RlnProof` uses one message id. `MultiRlnProof` has several slots, each used for a message id or not. Both
give the same `shares` for the same member, epoch, message ids and signal. So if a member uses one message id
for two signals, one in a proof of each kind, the two proofs reveal the secret.

These classes check that all values are present and canonical. The verifier checks that the points are on the
curve and that the equation holds. `encode` and `decode` use zerokit's layouts, which the caller names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rln.base import scalar
from rln.base.arguments import fixed_bytes, nonzero
from rln.base.bounds import MAX_SLOTS
from rln.errors import EncodingError, FieldRangeError, ParameterError, PointError
from rln.formats import zerokit_message
from rln.protocol.share import Share

PROOF_BYTES: Final = 128
"""A (G1, 32 bytes) ‖ B (G2, 64) ‖ C (G1, 32), compressed."""

_INFINITY: Final = 0x40
_FLAGS: Final = 0xC0
# name, first byte of the coordinate, whether its last byte holds the flags of the point
_COORDINATES: Final = (("A.x", 0, True), ("B.x.c0", 32, False), ("B.x.c1", 64, True), ("C.x", 96, True))


def check_proof_bytes(proof: bytes) -> bytes:
    """Return the proof if it is 128 bytes with canonical coordinates and no point at infinity.

    Raises:
        EncodingError: not `bytes`, or not 128 bytes.
        PointError: a point is infinity.
        FieldRangeError: a coordinate is p or more.
    """
    fixed_bytes(proof, PROOF_BYTES, "proof")
    for name, start, flagged in _COORDINATES:
        last = proof[start + 31]
        if flagged and last & _INFINITY:
            raise PointError(f"proof: {name}: expected a point other than infinity, got infinity")
        coordinate = proof[start : start + 31] + bytes([last & ~_FLAGS if flagged else last])
        if int.from_bytes(coordinate, "little") >= scalar.COORDINATE_MODULUS:
            raise FieldRangeError(f"proof: {name}: expected a coordinate below p, got p or more")
    return proof


def _check_common(proof: RlnProof | MultiRlnProof) -> None:
    check_proof_bytes(proof.proof)
    scalar.check(proof.root, "root")
    nonzero(proof.x, "x")
    scalar.check(proof.external_nullifier, "external_nullifier")


@dataclass(frozen=True, slots=True)
class RlnProof:
    """A proof with one message id.

    Args:
        proof: 128 bytes.
        y: value of the member's line at x.
        root: of the membership tree.
        nullifier: identifies the line. Two proofs with one nullifier and different x reveal the secret.
        x: hash of the signal, not 0.
        external_nullifier: of the epoch.

    Raises:
        EncodingError: the proof is not 128 bytes.
        FieldRangeError: a number is not canonical.
        PointError: a point is infinity.
        ParameterError: x is 0; at x = 0, y is the secret.
    """

    proof: bytes
    y: int
    root: int
    nullifier: int
    x: int
    external_nullifier: int

    def __post_init__(self) -> None:
        _check_common(self)
        scalar.check(self.y, "y")
        scalar.check(self.nullifier, "nullifier")

    @property
    def shares(self) -> tuple[Share, ...]:
        """The one share of the message."""
        return (Share(self.x, self.y, self.nullifier),)

    @property
    def public_inputs(self) -> tuple[int, ...]:
        """The public values in the order of the verifying key."""
        return (self.y, self.root, self.nullifier, self.x, self.external_nullifier)

    def encode(self, codec: str = "zerokit-0.9") -> bytes:
        """Return the bytes of the message in the named codec; see `CODECS`.

        Raises:
            ParameterError: there is no such codec.
        """
        return zerokit_message.write(self.proof, self.public_inputs, codec)

    @classmethod
    def decode(cls, data: bytes, codec: str = "zerokit-0.9") -> RlnProof:
        """Read a message in the named codec. The codec is never guessed from the bytes.

        Raises:
            EncodingError: the length is wrong, for example because of trailing bytes, or the message has
                several slots.
            FieldRangeError: a number is not canonical.
            PointError: a point is infinity.
            ParameterError: x is 0, or there is no such codec.
        """
        found = decode_message(data, codec)
        if not isinstance(found, RlnProof):
            raise EncodingError("proof message: expected one message id (tag 0), got several slots (tag 1)")
        return found


@dataclass(frozen=True, slots=True)
class MultiRlnProof:
    """A proof with several slots, each used or not.

    Args:
        proof: 128 bytes.
        ys: for each slot the value of the member's line at x; 0 in an unused slot.
        root: of the membership tree.
        nullifiers: for each slot the nullifier; 0 in an unused slot.
        x: hash of the signal, not 0.
        external_nullifier: of the epoch.
        selector_used: for each slot, whether it is used; at least one is.

    Raises:
        EncodingError, FieldRangeError, PointError: as for `RlnProof`.
        ParameterError: x is 0, lengths differ, no slot is used, an unused slot is not 0, or two slots have
            one nullifier.
    """

    proof: bytes
    ys: tuple[int, ...]
    root: int
    nullifiers: tuple[int, ...]
    x: int
    external_nullifier: int
    selector_used: tuple[bool, ...]

    def __post_init__(self) -> None:
        _check_common(self)
        for name, values in (
            ("ys", self.ys),
            ("nullifiers", self.nullifiers),
            ("selector_used", self.selector_used),
        ):
            if type(values) is not tuple:
                raise ParameterError(f"{name}: expected a tuple, got {type(values).__name__}")
        slots = len(self.selector_used)
        if not 1 <= slots <= MAX_SLOTS or len(self.ys) != slots or len(self.nullifiers) != slots:
            raise ParameterError(
                f"slots: expected as many ys as nullifiers and selectors, 1 to {MAX_SLOTS}, "
                f"got {len(self.ys)}, {len(self.nullifiers)}, {slots}"
            )
        for i, (y, nullifier, used) in enumerate(
            zip(self.ys, self.nullifiers, self.selector_used, strict=True)
        ):
            scalar.check(y, f"ys[{i}]")
            scalar.check(nullifier, f"nullifiers[{i}]")
            if type(used) is not bool:
                raise ParameterError(f"selector_used[{i}]: expected a bool, got {type(used).__name__}")
            if not used and (y or nullifier):
                raise ParameterError(f"slot {i}: expected y and nullifier 0 in an unused slot")
        found = [share.nullifier for share in self.shares]
        if not found:
            raise ParameterError("selector_used: expected at least one used slot, got none")
        if len(set(found)) != len(found):
            raise ParameterError("nullifiers: expected different nullifiers in the used slots")

    @property
    def shares(self) -> tuple[Share, ...]:
        """The shares of the used slots, in order."""
        slots = zip(self.ys, self.nullifiers, self.selector_used, strict=True)
        return tuple(Share(self.x, y, nullifier) for y, nullifier, used in slots if used)

    @property
    def public_inputs(self) -> tuple[int, ...]:
        """The public values in the order of the verifying key."""
        selectors = tuple(int(used) for used in self.selector_used)
        return (*self.ys, self.root, *self.nullifiers, self.x, self.external_nullifier, *selectors)

    def encode(self, codec: str) -> bytes:
        """Return the bytes of the message in the named codec; see `CODECS`.

        Raises:
            ParameterError: there is no such codec, or it is "zerokit-0.9", which has no form for slots.
        """
        return zerokit_message.write(self.proof, self.public_inputs, codec)

    @classmethod
    def decode(cls, data: bytes, codec: str) -> MultiRlnProof:
        """Read a message in the named codec. The codec is never guessed from the bytes.

        Raises:
            EncodingError: a length is wrong, for example because of trailing bytes, a selector is not 0 or 1,
                or the message has one message id and no slots.
            FieldRangeError, PointError: as for `RlnProof.decode`.
            ParameterError: values that the class refuses, or there is no such codec.
        """
        found = decode_message(data, codec)
        if not isinstance(found, MultiRlnProof):
            raise EncodingError("proof message: expected several slots (tag 1), got one message id (tag 0)")
        return found


AnyProof = RlnProof | MultiRlnProof


def from_public_inputs(proof: bytes, values: tuple[int, ...]) -> AnyProof:
    """Return the proof with these 128 bytes and public values, which are in the verifying key's order.

    Five values make an `RlnProof`, 3 + 3k values a `MultiRlnProof` with k slots.

    Raises:
        EncodingError: the number of values is wrong, or a selector is not 0 or 1.
        InputError: as for the two classes.
    """
    if len(values) == 5:
        y, root, nullifier, x, external_nullifier = values
        return RlnProof(proof, y, root, nullifier, x, external_nullifier)
    slots, rest = divmod(len(values) - 3, 3)
    if rest or not 1 <= slots <= MAX_SLOTS:
        raise EncodingError(f"public values: expected 5, or 3 + 3k for k slots, got {len(values)}")
    selectors = values[-slots:]
    if any(value not in (0, 1) for value in selectors):
        raise EncodingError("public values: expected selectors 0 or 1")
    x, external_nullifier = values[2 * slots + 1 : 2 * slots + 3]
    return MultiRlnProof(
        proof,
        values[:slots],
        values[slots],
        values[slots + 1 : 2 * slots + 1],
        x,
        external_nullifier,
        tuple(value == 1 for value in selectors),
    )


def decode_message(data: bytes, codec: str) -> AnyProof:
    """Read a message of either kind in the named codec, which must be one of `CODECS`.

    The tag of the message tells the kind; "zerokit-0.9" has no tag, and messages with one message id only.

    Raises:
        EncodingError, FieldRangeError, PointError, ParameterError: as for `RlnProof.decode`.
    """
    return from_public_inputs(*zerokit_message.read(data, codec))


CODECS: Final = tuple(zerokit_message.LAYOUTS)
"""The names of the codecs; `rln.formats.zerokit_message` describes them."""
