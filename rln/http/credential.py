r"""Credential: a proof for one request, as the value of its `Authorization` field.

    RLN <token>

The token is base64url without padding, of these bytes:

    1 byte    format, 1
    1 byte    k, the number of units that the request spends: 1 to the slots of a proof
    4 bytes   the first bytes of the verifying key's digest
    16 bytes  nonce
    32 bytes  x
    32 bytes  external nullifier
    32 bytes  root
    128 bytes proof
    64 bytes  y and nullifier, k times

Numbers are little-endian and canonical. In a proof with several slots the first k are used. x and external
nullifier follow from the request, and are in the credential nevertheless: so a credential for another request
or epoch is found before its proof is verified.

k = 1 gives a token of 414 characters, k = 16 one of 1,694.
"""

from __future__ import annotations

import base64
import re
import string
from dataclasses import dataclass, field
from typing import Final, Self

from rln.base import scalar
from rln.base.arguments import check_digest, fixed_bytes, plain_bytes, whole
from rln.base.arguments import text as checked_text
from rln.base.bounds import MAX_SLOTS
from rln.errors import EncodingError, ParameterError
from rln.http.signal import NONCE_BYTES
from rln.protocol.proof import PROOF_BYTES, AnyProof, MultiRlnProof, RlnProof

SCHEME: Final = "RLN"
FORMAT: Final = 1
KEY_ID_BYTES: Final = 4

_FIRST_NUMBER: Final = 2 + KEY_ID_BYTES + NONCE_BYTES
_PROOF: Final = _FIRST_NUMBER + 3 * scalar.SIZE
_SHARES: Final = _PROOF + PROOF_BYTES
_SHARE: Final = 2 * scalar.SIZE
_VALUE: Final = re.compile(rb"RLN ([A-Za-z0-9_-]{414,1694})\Z")
_BASE64URL: Final = string.ascii_letters.encode() + string.digits.encode() + b"-_"


def key_id(digest: str) -> bytes:
    """Return the four bytes that name a verifying key in a credential.

    Args:
        digest: SHA-256 of the verifying key in hexadecimal, `VerifyingKey.digest`.

    Raises:
        EncodingError: not such a digest.
    """
    return bytes.fromhex(check_digest(digest, "digest"))[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class Credential:
    """A proof for one request. It can be sent again, but only ever with this request.

    Args:
        key_id: names the verifying key, 4 bytes.
        nonce: of the request, 16 bytes.
        proof: uses the slots from the first one on.

    Raises:
        EncodingError: a wrong length, or bytes that are no `bytes`.
        ParameterError: no proof, or one that uses other slots.
    """

    key_id: bytes
    nonce: bytes = field(repr=False)
    proof: AnyProof = field(repr=False)

    def __post_init__(self) -> None:
        fixed_bytes(self.key_id, KEY_ID_BYTES, "key id")
        fixed_bytes(self.nonce, NONCE_BYTES, "nonce")
        if not isinstance(self.proof, (RlnProof, MultiRlnProof)):
            raise ParameterError(f"proof: expected a proof, got {type(self.proof).__name__}")
        if isinstance(self.proof, MultiRlnProof) and not all(self.proof.selector_used[: self.units]):
            raise ParameterError("slots: expected the used ones first, got an unused one before a used one")

    @property
    def units(self) -> int:
        """Number of units that the request spends, one for each message id."""
        proof = self.proof
        return sum(proof.selector_used) if isinstance(proof, MultiRlnProof) else 1

    def encode(self) -> str:
        """Return the value of the `Authorization` field."""
        proof = self.proof
        numbers = [proof.x, proof.external_nullifier, proof.root]
        pairs = [value for share in proof.shares for value in (share.y, share.nullifier or 0)]
        data = b"".join(
            [
                bytes([FORMAT, self.units]),
                self.key_id,
                self.nonce,
                scalar.encode_many(numbers),
                proof.proof,
                scalar.encode_many(pairs),
            ]
        )
        return f"{SCHEME} {encode_base64url(data)}"

    @classmethod
    def decode(cls, value: bytes, max_out: int | None) -> Self:
        """Read the value of an `Authorization` field.

        Args:
            value: as received.
            max_out: slots of a proof of this application, 1 to 16; None: one message id a proof.

        Raises:
            EncodingError: another scheme, another form of token, or a wrong length.
            FieldRangeError: a number is not canonical.
            PointError: a point of the proof is infinity.
            ParameterError: x is 0, or the units are more than the slots.
        """
        slots = 1 if max_out is None else whole(max_out, "max_out", 1, MAX_SLOTS)
        found = _VALUE.match(plain_bytes(value, "credential"))
        if found is None:
            raise EncodingError(
                f"credential: expected {SCHEME}, a space and 414 to 1,694 characters of base64url; got "
                f"{len(value)} bytes, which are not shown because a log of them would link requests"
            )
        data = decode_base64url(found[1], "credential")
        if data[0] != FORMAT:
            raise EncodingError(f"credential: format: expected {FORMAT}, got {data[0]}")
        units = whole(data[1], "units", 1, slots)
        fixed_bytes(data, _SHARES + units * _SHARE, "credential")
        # The proof checks that they are canonical.
        x, external_nullifier, root = _numbers(data, _FIRST_NUMBER, _PROOF)
        values = _numbers(data, _SHARES, len(data))
        ys, nullifiers, proof = values[::2], values[1::2], data[_PROOF:_SHARES]
        made: AnyProof
        if max_out is None:
            made = RlnProof(proof, ys[0], root, nullifiers[0], x, external_nullifier)
        else:
            unused = (0,) * (slots - units)
            made = MultiRlnProof(
                proof,
                (*ys, *unused),
                root,
                (*nullifiers, *unused),
                x,
                external_nullifier,
                (True,) * units + (False,) * (slots - units),
            )
        nonce = data[2 + KEY_ID_BYTES : _FIRST_NUMBER]
        return cls(data[2 : 2 + KEY_ID_BYTES], nonce, made)


def _numbers(data: bytes, start: int, end: int) -> list[int]:
    return [int.from_bytes(data[at : at + scalar.SIZE], "little") for at in range(start, end, scalar.SIZE)]


def encode_base64url(data: bytes) -> str:
    """Return base64url without padding.

    Raises:
        EncodingError: not `bytes`.
    """
    return base64.urlsafe_b64encode(plain_bytes(data, "data")).rstrip(b"=").decode("ascii")


def decode_base64url(text: bytes, name: str) -> bytes:
    """Return the bytes of base64url without padding.

    Args:
        text: as received.
        name: for the message.

    Raises:
        EncodingError: a character outside the alphabet, an impossible length, or bits behind the last byte
            that are not 0.
    """
    others = plain_bytes(text, checked_text(name, "name")).translate(None, _BASE64URL)
    if not others and len(text) % 4 != 1:
        data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        rest = len(data) % 3
        if not rest or text.endswith(
            encode_base64url(data[-rest:]).encode()
        ):  # only the last bits can differ
            return data
    raise EncodingError(
        f"{name}: expected canonical base64url without padding; got {len(text)} characters, which are not "
        "shown because they may be private"
    )
