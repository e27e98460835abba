"""Poseidon and hash-to-field against the values of zerokit's tests, circomlibjs and poseidon-lite."""

from __future__ import annotations

import pytest

from rln.base import scalar
from rln.errors import EncodingError, FieldRangeError, ParameterError
from rln.protocol.hashing import hash_to_field, hash_to_field_big_endian, poseidon_hash

POSEIDON = [
    ([0], 0x2A09A9FD93C590C26B91EFFBB2499F07E8F7AA12E2B4940A3AED2411CB65E11C),
    ([1], 0x29176100EAA962BDC1FE6C654D6A3C130E96A4D1168B33848B897DC502820133),
    ([255], 0x2C466383D962D921A23A7B26AA170C812A398545111F7F23B4C2E0096E46063C),
    ([65535], 0x1B52DF2BB3EFF08D57BA48B0D984C9309A65B7C62391204BABC9F4F73D3379AB),
    ([2**64 - 1], 0x2693F54C370D174AAE1942F40015C61862F0ED7022BCB6DD59CCC70D631F9055),
    ([0, 1], 0x1BD20834F5DE9830C643778A2E88A3A1363C8B9AC083D36D75BF87C49953E65E),
    ([1, 2], 0x115CC0F5E7D690413DF64C6B9662E9CF2A3617F2743245519E19607A4417189A),
    ([1, 2, 3], 0x0E7732D89E6939C0FF03D5E58DAB6302F3230E269DC5B968F725DF34AB36D732),
    ([*range(1, 5)], 0x299C867DB6C1FDD79DCEFA40E4510B9837E60EBB1CE0663DBAA525DF65250465),
    ([*range(1, 6)], 0x0DAB9449E4A1398A15224C0B15A49D598B2174D305A316C918125F8FEEB123C0),
    ([*range(1, 7)], 0x2D1A03850084442813C8EBF094DEA47538490A68B05F2239134A4CCA2F6302E1),
    ([*range(1, 8)], 0x1C2F3482DBB140C4EBB9ADA49ABDBC374A9A85FCFC6533EC2E9DF45B4921C318),
    ([*range(1, 9)], 0x2921AB9BD0140CBC98E40395C0FEFB40337A4D54FBBECD9A4D43B3D8D0C4D8D1),
]
TO_FIELD = [
    (b"", 0x0FDBE8774275BA27CA86F75D50B3502B6F9BF74BBF0A9D6FB4600C5E2146D2C3),
    (b"hey hey", 0x20F21731F169AB317CC024857F7AE28B4CB95ED417DD439DDBC72D432FE19B03),
    (b"test-epoch", 0x2FB1164B7BC9A0DB6F00ED58ADAF73221CB98C2F32426B98FC4025615B85EC8B),
    (b"test-rln-identifier", 0x1791C40F4CD7BD0E143E12EA3A5A53CEFE61F10F9103EFD7D20458EEC4233642),
    (b"test-merkle-proof", 0x07984F7C054AD7793D9F31A1E9F29EAA8D05966511E546BCED89961EB8874AB9),
]


@pytest.mark.parametrize(("inputs", "expected"), POSEIDON)
def test_poseidon_values(inputs: list[int], expected: int) -> None:
    assert poseidon_hash(inputs) == expected


def test_eight_leaves_of_zerokit() -> None:
    row = list(range(8))
    while len(row) > 1:
        row = [poseidon_hash(row[i : i + 2]) for i in range(0, len(row), 2)]
    assert row == [0x1A0B9C9B0D77BB79F76C83982539D110F778C63F4C94F7155E6452576825AD84]


@pytest.mark.parametrize("count", [0, 9])
def test_poseidon_takes_one_to_eight_inputs(count: int) -> None:
    with pytest.raises(ParameterError, match="^inputs: expected 1 to 8"):
        poseidon_hash([1] * count)


@pytest.mark.parametrize("value", [scalar.ORDER, -1, 1 << 256, True, 1.0, None, "1"])
def test_poseidon_refuses_what_is_no_field_element(value: object) -> None:
    with pytest.raises(FieldRangeError, match=r"^inputs\[1\]: "):
        poseidon_hash([1, value])  # type: ignore[list-item]


@pytest.mark.parametrize(("message", "expected"), TO_FIELD)
def test_hash_to_field_values(message: bytes, expected: int) -> None:
    assert hash_to_field(message) == expected


def test_big_endian_reads_the_same_digest_the_other_way() -> None:
    digest = bytes.fromhex("049be11fd722a91f2fb496911c47ed74e83afc003c6a10355b4b9bd2a4655651")
    assert hash_to_field_big_endian(b"hey hey") == int.from_bytes(digest, "big") % scalar.ORDER
    assert hash_to_field(b"hey hey") == int.from_bytes(digest, "little") % scalar.ORDER


@pytest.mark.parametrize("message", [bytearray(b"a"), "a", memoryview(b"a")])
def test_only_bytes_are_hashed(message: object) -> None:
    for function in (hash_to_field, hash_to_field_big_endian):
        with pytest.raises(EncodingError, match="^message: expected bytes"):
            function(message)  # type: ignore[arg-type]


@pytest.mark.parametrize("inputs", [b"ab", bytearray(2), memoryview(b"ab"), "12", 5, None, {1}, iter([1])])
def test_poseidon_refuses_what_is_no_sequence_of_int(inputs: object) -> None:
    """Bytes are refused: their items are ints, and a caller never means a hash of each byte."""
    with pytest.raises(ParameterError, match="^inputs: expected a sequence of int, got "):
        poseidon_hash(inputs)  # type: ignore[arg-type]
