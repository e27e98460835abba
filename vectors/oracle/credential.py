"""Credentials and challenges: the values of two fields of HTTP, read as strictly as docs/http.md says."""

import string
from collections.abc import Iterator
from typing import Any

from .curve import INFINITY
from .field import P, Refused, decode
from .signal import DIGITS, LOWER, application

ALPHABET = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_").encode()
ERRORS = (b"unknown-key", b"unknown-root", b"wrong-epoch", b"units-needed")


def from_base64url(text: bytes) -> bytes:
    """Return the bytes of base64url without padding; bits behind the last byte must be 0."""
    if not set(text) <= set(ALPHABET) or len(text) % 4 == 1:
        raise Refused("form")
    bits = "".join(format(ALPHABET.index(character), "06b") for character in text)
    end = len(bits) // 8 * 8
    if "1" in bits[end:]:
        raise Refused("form")
    return bytes(int(bits[at : at + 8], 2) for at in range(0, end, 8))


def to_base64url(data: bytes) -> bytes:
    """Return base64url without padding."""
    bits = "".join(format(byte, "08b") for byte in data)
    bits += "0" * (-len(bits) % 6)
    return bytes(ALPHABET[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))


def coordinates(proof: bytes) -> None:
    """Check that the coordinates of the three points are canonical, and that no point is infinity."""
    for start, has_flags in ((0, True), (32, False), (64, True), (96, True)):
        value = int.from_bytes(proof[start : start + 32], "little")
        if has_flags and proof[start + 31] & INFINITY:
            raise Refused("point")
        if (value % 2**254 if has_flags else value) >= P:
            raise Refused("range")


def read_credential(value: bytes, max_out: int | None) -> dict[str, Any]:
    """Return the parts of a credential.

    Args:
        value: of the Authorization field.
        max_out: slots of a proof, or None for one message id a proof.
    """
    slots = 1 if max_out is None else max_out
    if not 1 <= slots <= 16:
        raise Refused("parameter")
    if value[:4] != b"RLN " or not 414 <= len(value) - 4 <= 1694:
        raise Refused("form")
    data = from_base64url(value[4:])
    if data[0] != 1:
        raise Refused("form")
    units = data[1]
    if not 1 <= units <= slots:
        raise Refused("parameter")
    if len(data) != 246 + 64 * units:
        raise Refused("length")
    x, external, root = (decode(data[at : at + 32]) for at in (22, 54, 86))
    proof = data[118:246]
    shares = [
        (decode(data[at : at + 32]), decode(data[at + 32 : at + 64])) for at in range(246, len(data), 64)
    ]
    coordinates(proof)
    if x == 0 or len({nullifier for _, nullifier in shares}) != units:
        raise Refused("parameter")
    return {
        "key_id": data[2:6],
        "nonce": data[6:22],
        "x": x,
        "external_nullifier": external,
        "root": root,
        "proof": proof,
        "shares": shares,
    }


def _taken(text: bytes, start: bytes) -> bytes:
    if not text.startswith(start):
        raise Refused("form")
    return text[len(start) :]


def read_challenge(value: bytes) -> dict[str, Any]:
    """Return the parts of a challenge."""
    parts: list[bytes] = []
    rest = value
    for number, name in enumerate((b"realm", b"policy", b"units", b"error")):
        if name == b"error" and not rest:
            break
        rest = _taken(rest, (b", " if number else b"RLN ") + name + b'="')
        part, quote, rest = rest.partition(b'"')
        if not quote:
            raise Refused("form")
        parts.append(part)
    realm, policy, units, *error = parts
    is_number = 1 <= len(units) <= 2 and set(units) <= DIGITS and not units.startswith(b"0")
    is_realm = 3 <= len(realm) <= 253 and set(realm) <= LOWER | DIGITS | set(b"-.")
    is_error = all(1 <= len(name) <= 20 and set(name) <= LOWER | set(b"-") for name in error)
    if rest or not is_number or not is_realm or not is_error or len(policy) != 43:
        raise Refused("form")
    digest = from_base64url(policy)
    application(realm)
    if int(units) > 16 or not set(error) <= set(ERRORS):
        raise Refused("parameter")
    return {"realm": realm, "policy": digest, "units": int(units), "error": error[0] if error else None}


def find_challenge(values: list[bytes]) -> dict[str, Any] | None:
    """Return the one challenge of this scheme among the values of all fields, or None."""
    own = [value for value in values if value.startswith(b"RLN ")]
    if len(own) > 1:
        raise Refused("form")
    return read_challenge(own[0]) if own else None


def credential_bytes(
    units: int,
    key_id: bytes,
    nonce: bytes,
    numbers: tuple[bytes, bytes, bytes],
    proof: bytes,
    shares: list[bytes],
) -> bytes:
    """Put the bytes of a credential together, without any check."""
    return bytes([1, units]) + key_id + nonce + b"".join(numbers) + proof + b"".join(shares)


def alternatives(data: bytes) -> Iterator[bytes]:
    """Yield base64url texts that a lenient decoder takes for the same bytes."""
    text = to_base64url(data)
    yield text + b"=" * (-len(text) % 4)
    last = ALPHABET.index(text[-1:])
    for more in range(1, 4 ** (-len(data) % 3)):
        yield text[:-1] + ALPHABET[last + more : last + more + 1]
