"""Proving keys in both file formats, with valid and with malformed files."""

import random
import struct
from collections.abc import Sequence

import pytest

from rln import errors
from rln.lowlevel import entropy, groth16
from rln.lowlevel._call import ffi, lib
from rln.lowlevel.keys import Format, ProvingKeyHandle
from tests.unit.lowlevel.toy import (
    INFINITY_1,
    INFINITY_2,
    P,
    R,
    counts_of,
    inputs_of,
    patched,
    set_up,
    twist_point_outside,
    witness_of,
    word,
)


@pytest.mark.parametrize("form", ["ark", "zkey"])
def test_a_key_comes_back_from_its_file(key: ProvingKeyHandle, form: Format) -> None:
    data = key.encode(form)
    other = ProvingKeyHandle.load(form, data, threads=2)
    assert other.info() == key.info()
    assert other.encode("ark") == key.encode("ark")
    assert other.encode("zkey") == key.encode("zkey")
    proof = groth16.prove(other, witness_of(3, 7))
    assert groth16.verify(key.verifying_key(), inputs_of(3, 7), proof)


@pytest.mark.parametrize("form", ["ark", "zkey"])
def test_a_file_that_is_cut_or_longer_is_refused(key: ProvingKeyHandle, form: Format) -> None:
    data = key.encode(form)
    for cut in range(len(data)):
        with pytest.raises(errors.EncodingError):
            ProvingKeyHandle.load(form, data[:cut])
    for more in (b"\x00", bytes(40)):
        with pytest.raises(errors.EncodingError, match="data"):
            ProvingKeyHandle.load(form, data + more)


@pytest.mark.parametrize("form", ["ark", "zkey"])
def test_no_damage_to_a_file_does_harm(key: ProvingKeyHandle, form: Format) -> None:
    """A file that loads is written back unchanged: it cannot be read in two ways."""
    data, draw = key.encode(form), random.Random(1)
    loaded = 0
    for _ in range(3000):
        bad = bytearray(data)
        for _ in range(draw.choice((1, 1, 1, 2, 5))):
            place = draw.randrange(len(bad))
            bad[place] = draw.choice((0, 1, 0xFF, 0x40, 0x80, bad[place] ^ 1 << draw.randrange(8)))
        if bytes(bad) == data:
            continue
        try:
            other = ProvingKeyHandle.load(form, bytes(bad))
        except errors.InputError:
            continue
        loaded += 1
        if form == "ark":
            assert other.encode(form) == bytes(bad)
    assert loaded < 1000


def test_counts_that_lie_are_refused(key: ProvingKeyHandle) -> None:
    data = key.encode("ark")
    for place in counts_of(data):
        true = int.from_bytes(data[place : place + 8], "little")
        for lie in (0, true - 1, true + 1, 2 * true, 2**32, 2**58, 2**61 + true, 2**63, 2**64 - 1):
            if lie % 2**64 == true:
                continue
            bad = data[:place] + (lie % 2**64).to_bytes(8, "little") + data[place + 8 :]
            with pytest.raises(errors.EncodingError):
                ProvingKeyHandle.load("ark", bad)


def test_points_that_are_none_are_named(key: ProvingKeyHandle) -> None:
    data = key.encode("ark")
    counts = counts_of(data)
    starts = {"alpha_g1": 0, "beta_g1": 448 + 8 + 192, "ic": 456}
    queries = ((1, "a_query"), (2, "b_g1_query"), (4, "h_query"), (5, "l_query"))
    starts |= {name: counts[i] + 8 for i, name in queries}
    for name, start in starts.items():
        with pytest.raises(errors.PointError, match=name):  # off the curve
            ProvingKeyHandle.load("ark", patched(data, start, word(5) + word(6)))
        with pytest.raises(errors.FieldRangeError, match=name):
            ProvingKeyHandle.load("ark", patched(data, start, word(P)))
        with pytest.raises(errors.PointError, match=name):  # (0, 0) without the flag is no infinity
            ProvingKeyHandle.load("ark", patched(data, start, bytes(64)))
        flipped = bytes([data[start + 63] ^ 0x80])
        with pytest.raises(errors.PointError, match=name):
            ProvingKeyHandle.load("ark", patched(data, start + 63, flipped))
        both = bytes([data[start + 63] | 0xC0])
        with pytest.raises(errors.PointError, match=name):
            ProvingKeyHandle.load("ark", patched(data, start + 63, both))
    outside = twist_point_outside()
    places = {"beta_g2": 64, "gamma_g2": 192, "delta_g2": 320, r"b_g2_query\[0\]": counts[3] + 8}
    for name, start in places.items():
        with pytest.raises(errors.PointError, match=name):  # on the twist, outside the subgroup
            ProvingKeyHandle.load("ark", patched(data, start, outside))


def test_a_proving_key_with_an_unsound_verifying_key_is_refused(key: ProvingKeyHandle) -> None:
    data = key.encode("ark")
    for name, start, point in (
        ("alpha_g1", 0, INFINITY_1),
        ("beta_g2", 64, INFINITY_2),
        ("gamma_g2", 192, INFINITY_2),
        ("delta_g2", 320, INFINITY_2),
        ("delta_g2", 320, data[192:320]),
        ("ic", 456 + 64, INFINITY_1),
        ("beta_g1", 456 + 192, INFINITY_1),
        ("delta_g1", 456 + 256, INFINITY_1),
    ):
        with pytest.raises(errors.KeyFileError, match=name):
            ProvingKeyHandle.load("ark", patched(data, start, point))


def test_a_proving_key_that_belongs_to_another_is_noticed(key: ProvingKeyHandle) -> None:
    """Threats D5."""
    data, other = key.encode("ark"), set_up().encode("ark")
    counts = counts_of(data)
    for name, start, size in (
        ("beta_g1", 456 + 192, 64),
        ("beta_g1", 64, 128),
        ("delta_g1", 456 + 256, 64),
        ("delta_g1", 320, 128),
        ("b_g1_query", counts[2] + 8, 64),
        ("b_g1_query", counts[3] + 8 + 128 * 2, 128),
        ("b_g1_query", counts[2] + 8 + 64 * 5, 64),
    ):
        foreign = other[start : start + size]
        if start == counts[2] + 8 + 64 * 5:
            foreign = other[counts[2] + 8 : counts[2] + 8 + 64]  # where infinity should be
        bad = ProvingKeyHandle.load("ark", patched(data, start, foreign))
        with pytest.raises(errors.KeyFileError, match=name):
            bad.check()
    for index in (1, 4, 5):  # A, H, L: seen by the proof that does not verify
        start = counts[index] + 8
        bad = ProvingKeyHandle.load("ark", patched(data, start, other[start : start + 64]))
        made = groth16.prove(bad, witness_of(3, 7))
        assert not groth16.verify(key.verifying_key(), inputs_of(3, 7), made)


def test_check_needs_random_numbers(monkeypatch: pytest.MonkeyPatch, key: ProvingKeyHandle) -> None:
    for byte in (b"\x00", b"\x01"):
        monkeypatch.setattr(entropy, "draw", lambda n, byte=byte: byte * n)
        with pytest.raises(errors.EntropyError):
            key.check()


def sections_of(zkey: bytes) -> dict[int, bytes]:
    sections, position = {}, 12
    while position < len(zkey):
        number, size = struct.unpack_from("<IQ", zkey, position)
        sections[number] = zkey[position + 12 : position + 12 + size]
        position += 12 + size
    return sections


def joined(sections: Sequence[tuple[int, bytes]], magic: bytes = b"zkey", version: int = 1) -> bytes:
    parts = [magic, struct.pack("<II", version, len(sections))]
    parts += [struct.pack("<IQ", number, len(data)) + data for number, data in sections]
    return b"".join(parts)


def test_sections_may_come_in_any_order_but_each_once(key: ProvingKeyHandle) -> None:
    sections = sections_of(key.encode("zkey"))
    assert list(sections) == list(range(1, 11))
    items = list(sections.items())
    again = ProvingKeyHandle.load("zkey", joined(items[::-1]))
    assert again.encode("ark") == key.encode("ark")
    for bad in (
        joined(items[:-1]),
        joined([*items[:-1], items[0]]),
        joined([*items[:-1], (11, b"")]),
        joined([*items[:-1], (0, b"")]),
        joined([*items, (11, b"")]),
        joined(items, magic=b"zkex"),
        joined(items, version=2),
    ):
        with pytest.raises(errors.EncodingError):
            ProvingKeyHandle.load("zkey", bad)


@pytest.mark.parametrize("number", range(1, 11))
def test_a_section_of_another_length_is_refused(key: ProvingKeyHandle, number: int) -> None:
    sections = sections_of(key.encode("zkey"))
    for data in (sections[number][:-1], sections[number] + b"\x00", b""):
        if number == 10 and len(data) > 68:
            continue  # contributions may be as long as they like
        with pytest.raises(errors.EncodingError):
            ProvingKeyHandle.load("zkey", joined([*(sections | {number: data}).items()]))


def test_a_section_that_claims_more_than_there_is_is_refused(key: ProvingKeyHandle) -> None:
    data = key.encode("zkey")
    position = 12
    while position < len(data):
        size = int.from_bytes(data[position + 4 : position + 12], "little")
        for lie in (2**64 - 1, 2**63, len(data)):
            with pytest.raises(errors.EncodingError):
                ProvingKeyHandle.load("zkey", patched(data, position + 4, lie.to_bytes(8, "little")))
        position += 12 + size


def test_a_zkey_of_another_proof_system_or_curve_is_refused(key: ProvingKeyHandle) -> None:
    sections = sections_of(key.encode("zkey"))
    for number, place, value in (
        (1, 0, 2), (2, 0, 31), (2, 4, 0), (2, 36, 48), (2, 40, 0),
        (2, 72, 7), (2, 72, 2**32 - 1), (2, 76, 1), (2, 76, 2**32 - 1), (2, 80, 16), (2, 80, 0),
    ):  # fmt: skip
        bad = patched(sections[number], place, struct.pack("<I", value))
        with pytest.raises(errors.EncodingError):
            ProvingKeyHandle.load("zkey", joined([*(sections | {number: bad}).items()]))


def test_the_rows_that_bind_the_public_inputs_are_insisted_on(key: ProvingKeyHandle) -> None:
    sections = sections_of(key.encode("zkey"))
    entries = [sections[4][i : i + 44] for i in range(4, len(sections[4]), 44)]
    assert [struct.unpack_from("<III", e) for e in entries[-3:]] == [(0, 4, 0), (0, 5, 1), (0, 6, 2)]

    def load(changed: Sequence[bytes]) -> ProvingKeyHandle:
        data = struct.pack("<I", len(changed)) + b"".join(changed)
        return ProvingKeyHandle.load("zkey", joined([*(sections | {4: data}).items()]))

    assert load(entries[-3:] + entries[:-3]).encode("ark") == key.encode("ark")
    for bad in (
        entries[:-1],
        [*entries, entries[-1]],
        [*entries[:-1], patched(entries[-1], 8, struct.pack("<I", 1))],
        [*entries[:-1], patched(entries[-1], 0, struct.pack("<I", 1))],
        [*entries[:-1], patched(entries[-1], 12, word(1))],
        [*entries[:-1], patched(entries[-1], 4, struct.pack("<I", 5))],
        [*entries, patched(entries[-1], 4, struct.pack("<I", 8))],
        [patched(entries[0], 0, struct.pack("<I", 2)), *entries[1:]],
        [patched(entries[0], 8, struct.pack("<I", 8)), *entries[1:]],
        [],
    ):
        with pytest.raises(errors.EncodingError):
            load(bad)
    with pytest.raises(errors.FieldRangeError):
        load([patched(entries[0], 12, word(R)), *entries[1:]])


def test_an_unknown_format_is_refused(key: ProvingKeyHandle) -> None:
    with pytest.raises(errors.ParameterError, match="format"):
        ProvingKeyHandle.load("pem", b"")  # type: ignore[arg-type]
    slot = ffi.new("rln_proving_key **")
    assert lib.rln_proving_key_load(7, b"x", 1, ffi.NULL, slot, ffi.NULL) == lib.RLN_ERR_PARAMETER
