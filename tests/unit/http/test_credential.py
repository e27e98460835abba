"""Credentials: their bytes, and every form that is refused."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import Any

import pytest

from rln.errors import EncodingError, FieldRangeError, InputError, ParameterError, PointError
from rln.http.credential import Credential, decode_base64url, encode_base64url, key_id
from rln.protocol.proof import MultiRlnProof, RlnProof
from tests.support.field_elements import P, R

KEY_ID, NONCE = b"\x9f<\x01\xd4", bytes(range(16))
BYTES = b"".join(number.to_bytes(32, "little") for number in (5, 6, 7, 8))


def single(**changed: Any) -> RlnProof:
    values: dict[str, Any] = {
        "proof": BYTES,
        "y": 1,
        "root": 2,
        "nullifier": 3,
        "x": 4,
        "external_nullifier": 5,
    }
    return RlnProof(**{**values, **changed})


def multi(units: int, slots: int) -> MultiRlnProof:
    unused = (0,) * (slots - units)
    ys, nullifiers = (tuple(range(start, start + units)) + unused for start in (100, 200))
    return MultiRlnProof(BYTES, ys, 2, nullifiers, 4, 5, (True,) * units + (False,) * (slots - units))


def raw(value: str) -> bytes:
    """Return the bytes of a credential; Python's own decoder."""
    token = value.removeprefix("RLN ")
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def value(data: bytes) -> bytes:
    return b"RLN " + base64.urlsafe_b64encode(data).rstrip(b"=")


def test_the_bytes_of_a_credential() -> None:
    made = Credential(KEY_ID, NONCE, single()).encode()
    numbers = [number.to_bytes(32, "little") for number in (4, 5, 2)]
    shares = [number.to_bytes(32, "little") for number in (1, 3)]
    assert raw(made) == b"\x01\x01" + KEY_ID + NONCE + b"".join(numbers) + BYTES + b"".join(shares)
    assert re.fullmatch(r"RLN [A-Za-z0-9_-]{414}", made)


@pytest.mark.parametrize(("units", "length"), [(1, 414), (2, 499), (16, 1694)])
def test_the_lengths_of_tokens(units: int, length: int) -> None:
    made = Credential(KEY_ID, NONCE, multi(units, 16))
    assert len(made.encode()) == 4 + length
    assert made.units == units
    assert Credential.decode(made.encode().encode(), 16) == made


def test_a_credential_is_read_for_the_key_of_its_application() -> None:
    """One unit has the same bytes with every key; what the proof is for, the reader knows."""
    made = Credential(KEY_ID, NONCE, single()).encode().encode()
    assert isinstance(Credential.decode(made, None).proof, RlnProof)
    for slots in (1, 3, 16):
        proof = Credential.decode(made, slots).proof
        assert isinstance(proof, MultiRlnProof)
        assert proof.selector_used == (True,) + (False,) * (slots - 1)
        assert Credential.decode(made, slots).encode().encode() == made


@pytest.mark.parametrize(
    "bad",
    [b"", b"RLN", b"RLN ", b"rln " + b"A" * 414, b"Bearer " + b"A" * 414, b"RLN  " + b"A" * 414]
    + [b"RLN " + b"A" * length for length in (0, 413, 1695, 1_000_000)]
    + [b"RLN " + b"A" * 413 + byte for byte in (b"=", b"+", b"/", b"\n", b" ", b"\0", b"\xe9", b",")]
    + [b"RLN " + b"A" * 414 + b"\n", b" RLN " + b"A" * 414, b"RLN " + b"A" * 414 + b", RLN " + b"A" * 414],
)
def test_another_form_is_refused(bad: bytes) -> None:
    with pytest.raises(EncodingError, match="^credential: expected RLN, a space and 414 to 1,694 characters"):
        Credential.decode(bad, None)


@pytest.mark.parametrize("bad", ["RLN " + "A" * 414, bytearray(418), None])
def test_a_value_is_bytes(bad: Any) -> None:
    with pytest.raises(EncodingError, match="^credential: expected bytes"):
        Credential.decode(bad, None)


def test_bits_behind_the_last_byte_are_refused() -> None:
    made = Credential(KEY_ID, NONCE, single()).encode().encode()
    accepted = set()
    for last in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        changed = made[:-1] + bytes([last])
        with suppress(EncodingError):
            assert Credential.decode(changed, None).encode().encode() == changed
            accepted.add(last)
    # The last of 414 characters holds two bits of byte 310, and four that must be 0.
    assert accepted == set(b"AQgw")


DATA = raw(Credential(KEY_ID, NONCE, multi(2, 2)).encode())


def put(place: int, new: bytes) -> bytes:
    return value(DATA[:place] + new + DATA[place + len(new) :])


def little(number: int) -> bytes:
    return number.to_bytes(32, "little")


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (put(0, b"\0"), EncodingError, "format: expected 1, got 0"),
        (put(0, b"\2"), EncodingError, "format: expected 1, got 2"),
        (put(1, b"\0"), ParameterError, "units: expected 1 to 2, got 0"),
        (put(1, b"\3"), ParameterError, "units: expected 1 to 2, got 3"),
        (put(1, b"\1"), EncodingError, "expected 310 bytes, got 374"),
        (value(DATA[:310]), EncodingError, "expected 374 bytes, got 310"),
        (value(DATA + b"\0"), EncodingError, "expected 374 bytes, got 375"),
        (put(22, little(0)), ParameterError, "x: expected a field element other than 0"),
        (put(22, little(R)), FieldRangeError, "^x: "),
        (put(54, little(R + 5)), FieldRangeError, "^external_nullifier: "),
        (put(86, b"\xff" * 32), FieldRangeError, "^root: "),
        (put(246, little(R)), FieldRangeError, r"^ys\[0\]: "),
        (put(342, little(R)), FieldRangeError, r"^nullifiers\[1\]: "),
        (put(342, little(200)), ParameterError, "nullifiers: expected different"),
        (put(149, b"\x40"), PointError, "expected a point other than infinity"),
        (put(118, little(P)), FieldRangeError, "expected a coordinate below p"),
        (put(181, b"\x80"), FieldRangeError, "expected a coordinate below p"),
    ],
)
def test_each_part_has_one_form(bad: bytes, error: type[InputError], words: str) -> None:
    assert Credential.decode(value(DATA), 2).units == 2
    with pytest.raises(error, match=words):
        Credential.decode(bad, 2)


@pytest.mark.parametrize("slots", [0, 17, True, 1.0, "2"])
def test_slots_are_1_to_16(slots: Any) -> None:
    with pytest.raises(ParameterError, match="^max_out: "):
        Credential.decode(value(DATA), slots)


def test_several_units_need_a_key_for_several() -> None:
    with pytest.raises(ParameterError, match="units: expected 1 to 1, got 2"):
        Credential.decode(value(DATA), None)


def test_used_slots_come_first() -> None:
    late = MultiRlnProof(BYTES, (0, 1), 2, (0, 3), 4, 5, (False, True))
    with pytest.raises(ParameterError, match="expected the used ones first"):
        Credential(KEY_ID, NONCE, late)


def test_a_credential_hides_its_nonce_and_proof() -> None:
    assert repr(Credential(KEY_ID, NONCE, single())) == f"Credential(key_id={KEY_ID!r})"


def test_a_key_is_named_by_the_first_bytes_of_its_digest() -> None:
    assert key_id("9f3c01d4" + "0" * 56) == KEY_ID
    for bad in ("9F3C01D4" + "0" * 56, "9f3c01d4", "٣" * 64, "0" * 64 + "\n"):
        with pytest.raises(EncodingError, match="^digest: expected 64"):
            key_id(bad)


@pytest.mark.parametrize("length", range(8))
def test_base64url_is_that_of_python(length: int) -> None:
    data = bytes(range(251, 251 - length, -1))
    text = base64.urlsafe_b64encode(data).rstrip(b"=")
    assert encode_base64url(data).encode() == text
    assert decode_base64url(text, "text") == data


@pytest.mark.parametrize(
    "bad",
    [b"A", b"AAAAA", b"QQ==", b"QQ=", b"QR", b"Q+", b"Q/", b"Q\n", b"QQ\n", b" QQ", b"!!!", b"\xe9\xe9"],
)
def test_other_base64url_is_refused(bad: bytes) -> None:
    with pytest.raises(EncodingError, match="^text: expected canonical base64url without padding"):
        decode_base64url(bad, "text")
