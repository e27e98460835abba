"""Groth16 on a toy circuit: set-up, keys and their files, proofs, batches, and everybody who lies."""

import os
import random
import struct
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pytest

from rln import errors
from rln.lowlevel import curve, entropy, groth16
from rln.lowlevel._call import ffi, lib
from rln.lowlevel.groth16 import ACCEPTED, REFUSED, ProvingKeyHandle, VerifyingKeyHandle
from rln.lowlevel.witness import Witness

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
G1 = (1).to_bytes(32, "little") + (2).to_bytes(32, "little")
INFINITY_1, INFINITY_2 = bytes(63) + b"\x40", bytes(127) + b"\x40"

# wires: 0 one, 1 out, 2 p, 3 a, 4 b = a^2, 5 c = a b, 6 d = a + 5, 7 is nowhere
A_ROWS = [{3: 1}, {3: 1}, {5: 1}, {3: 1, 0: 5}]
B_ROWS = [{3: 1}, {4: 1}, {2: 1}, {0: 1}]
C_ROWS = [{4: 1}, {5: 1}, {1: 1}, {6: 1}]
WIRES, PUBLIC, DOMAIN = 8, 2, 8
ROOT_16 = pow(5, (R - 1) // 16, R)  # its powers are the domain and its coset


class Matrix(NamedTuple):
    row_starts: Sequence[int]
    columns: Sequence[int]
    coefficients: bytes


def word(value: int) -> bytes:
    return value.to_bytes(32, "little")


def matrix(rows: Sequence[Mapping[int, int]]) -> Matrix:
    starts, columns, coefficients = [0], [], []
    for row in rows:
        columns += list(row)
        coefficients += [word(value % R) for value in row.values()]
        starts.append(len(columns))
    return Matrix(array("I", starts), columns, b"".join(coefficients))


MATRICES = (matrix(A_ROWS), matrix(B_ROWS), matrix(C_ROWS))


def wires_of(a: int, p: int) -> list[int]:
    return [1, a**3 * p % R, p, a, a * a % R, a**3 % R, (a + 5) % R, 12345]


def witness_of(a: int, p: int) -> Witness:
    return Witness.from_wires(b"".join(map(word, wires_of(a, p))))


def inputs_of(a: int, p: int) -> bytes:
    return b"".join(map(word, wires_of(a, p)[1:3]))


def set_up(threads: int = 1) -> ProvingKeyHandle:
    return groth16.setup(*MATRICES, WIRES, PUBLIC, threads)


@pytest.fixture(scope="module")
def key() -> ProvingKeyHandle:
    return set_up()


@pytest.fixture(scope="module")
def verifying_key(key: ProvingKeyHandle) -> VerifyingKeyHandle:
    return key.verifying_key()


@pytest.fixture(scope="module")
def proof(key: ProvingKeyHandle) -> bytes:
    return groth16.prove(key, witness_of(3, 7))


# ---- set-up ----------------------------------------------------------------------------------------


def filled_with(*values: int) -> Callable[[object], None]:
    """Stands in for entropy.fill: tau, alpha, beta, gamma, delta."""
    data = b"".join(value.to_bytes(64, "little") for value in values)

    def fill(out: object) -> None:
        ffi.memmove(out, data, len(data))

    return fill


def at(tau: int, rows: Sequence[Mapping[int, int]], basis: Sequence[int]) -> list[int]:
    values = [0] * WIRES
    for row, lagrange in zip(rows, basis, strict=False):
        for column, value in row.items():
            values[column] += value * lagrange
    return [value % R for value in values]


def times_generator(scalar: int) -> bytes:
    return curve.msm(G1, word(scalar % R))


def test_the_key_is_what_the_paper_says(monkeypatch: pytest.MonkeyPatch) -> None:
    tau, alpha, beta, gamma, delta = 1234567, 2345678, 3456789, 4567891, 5678912
    monkeypatch.setattr(entropy, "fill", filled_with(tau, alpha, beta, gamma, delta))
    data = set_up().encode("ark")
    omega = ROOT_16 * ROOT_16 % R

    def lagrange(point: int) -> int:  # of the polynomials of degree < 16 on the powers of ROOT_16
        return (pow(tau, 16, R) - 1) * point * pow(16 * (tau - point), -1, R) % R

    basis = [
        (pow(tau, 8, R) - 1) * pow(omega, i, R) * pow(8 * (tau - pow(omega, i, R)), -1, R) % R for i in range(8)
    ]
    a = at(tau, [*A_ROWS, {0: 1}, {1: 1}, {2: 1}], basis)
    b, c = at(tau, B_ROWS, basis), at(tau, C_ROWS, basis)
    mixed = [(beta * x + alpha * y + z) % R for x, y, z in zip(a, b, c, strict=True)]
    h = [lagrange(ROOT_16 * pow(omega, i, R) % R) * pow(delta, -1, R) for i in range(8)]
    position = 448 + 8
    for expected in ([v * pow(gamma, -1, R) for v in mixed[:3]], [beta, delta], a, b):
        for scalar in expected:
            assert data[position : position + 64] == times_generator(scalar)
            position += 64
        position += 8 if expected != [beta, delta] and expected is not b else 0
        position -= 8 if len(expected) == 3 else 0
        position += 8 if expected == [beta, delta] else 0
    position += 8 + 128 * WIRES + 8
    for scalar in h:
        assert data[position : position + 64] == times_generator(scalar)
        position += 64
    position += 8
    for value in mixed[3:]:
        assert data[position : position + 64] == times_generator(value * pow(delta, -1, R))
        position += 64


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_set_up_proves_and_verifies(threads: int) -> None:
    key = set_up(threads)
    assert key.info() == (WIRES, PUBLIC, 4, DOMAIN, 5, 4)
    key.check(threads)
    verifying_key = key.verifying_key()
    verifying_key.check(PUBLIC)
    for a, p in ((3, 7), (0, 0), (R - 1, 1), (2**200, 5)):
        proof = groth16.prove(key, witness_of(a, p), threads=threads)
        assert groth16.verify(verifying_key, inputs_of(a, p), proof)
        assert not groth16.verify(verifying_key, inputs_of(a + 1, p), proof)


def test_two_set_ups_make_two_keys() -> None:
    assert set_up().encode("ark") != set_up().encode("ark")


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    key = groth16.setup(*MATRICES, WIRES, PUBLIC, 2, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    key.check()


@pytest.mark.parametrize(
    "values",
    [
        (0, 2, 3, 4, 5), (R, 2, 3, 4, 5), (6, 0, 3, 4, 5), (6, 2, 0, 4, 5), (6, 2, 3, 0, 5), (6, 2, 3, 4, 0),
        (6, 2, 3, 4, 4), (6, 2, 3, 4, R - 4),
        (1, 2, 3, 4, 5), (pow(ROOT_16, 2, R), 2, 3, 4, 5), (ROOT_16, 2, 3, 4, 5), (pow(ROOT_16, 7, R), 2, 3, 4, 5),
    ],
)  # fmt: skip
def test_numbers_that_spoil_a_key_are_refused(monkeypatch: pytest.MonkeyPatch, values: tuple[int, ...]) -> None:
    monkeypatch.setattr(entropy, "fill", filled_with(*values))
    with pytest.raises(errors.EntropyError):
        set_up()


def test_the_random_bytes_are_wiped_whatever_happens() -> None:
    """Threats D8, as far as the caller's buffer goes."""
    for first, expected in ((6, lib.RLN_OK), (1, lib.RLN_ERR_ENTROPY)):
        buffer = ffi.new("uint8_t[320]")
        filled_with(first, 2, 3, 4, 5)(buffer)
        slot = ffi.new("rln_proving_key **")
        matrices = [groth16._Matrix(m) for m in MATRICES]
        status = lib.rln_setup(
            *(m.pointer for m in matrices), WIRES, PUBLIC, buffer, 320, ffi.NULL, ffi.NULL, slot, ffi.NULL
        )
        assert status == expected
        assert bytes(buffer) == bytes(320)
        lib.rln_proving_key_free(slot[0])


def changed(which: int, **parts: object) -> tuple[Matrix, ...]:
    return tuple(m._replace(**parts) if i == which else m for i, m in enumerate(MATRICES))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("matrices", "wires", "public", "kind"),
    [
        (MATRICES, 6, 2, errors.ParameterError),
        (MATRICES, 2, 2, errors.ParameterError),
        (changed(0, row_starts=[0, 1, 2, 3]), WIRES, PUBLIC, errors.ParameterError),
        (changed(0, row_starts=[]), WIRES, PUBLIC, errors.ParameterError),
        (changed(1, row_starts=[0, 2, 1, 3, 4]), WIRES, PUBLIC, errors.ParameterError),
        (changed(1, row_starts=[1, 1, 2, 3, 4]), WIRES, PUBLIC, errors.ParameterError),
        (changed(1, row_starts=[0, 1, 2, 3, 5]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, row_starts=[0, 1, 2**32 - 1, 3, 4]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, columns=[4, 5, 1]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, columns=[4, 5, 1, 8]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, columns=[4, 5, 1, -1]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, coefficients=word(1) * 3), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, coefficients=word(1) * 3 + word(R)), WIRES, PUBLIC, errors.FieldRangeError),
    ],
)
def test_matrices_that_do_not_hold_together_are_refused(
    matrices: tuple[Matrix, Matrix, Matrix], wires: int, public: int, kind: type[errors.InputError]
) -> None:
    with pytest.raises(kind):
        groth16.setup(*matrices, wires, public)


# ---- key files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["ark", "zkey"])
def test_a_key_comes_back_from_its_file(key: ProvingKeyHandle, form: groth16.Format) -> None:
    data = key.encode(form)
    other = ProvingKeyHandle.load(form, data, threads=2)
    assert other.info() == key.info()
    assert other.encode("ark") == key.encode("ark")
    assert other.encode("zkey") == key.encode("zkey")
    proof = groth16.prove(other, witness_of(3, 7))
    assert groth16.verify(key.verifying_key(), inputs_of(3, 7), proof)


@pytest.mark.parametrize("form", ["ark", "zkey"])
def test_a_file_that_is_cut_or_longer_is_refused(key: ProvingKeyHandle, form: groth16.Format) -> None:
    data = key.encode(form)
    for cut in range(len(data)):
        with pytest.raises(errors.InputError):
            ProvingKeyHandle.load(form, data[:cut])
    for more in (b"\x00", bytes(40)):
        with pytest.raises(errors.EncodingError, match="data"):
            ProvingKeyHandle.load(form, data + more)


@pytest.mark.parametrize("form", ["ark", "zkey"])
def test_no_damage_to_a_file_does_harm(key: ProvingKeyHandle, form: groth16.Format) -> None:
    """What is loaded nevertheless comes back as it was: nothing is read in two ways."""
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


def counts_of(data: bytes) -> list[int]:
    """Where the counts and numbers of a toy .arkzkey stand."""
    places, position = [448], 448 + 8 + 64 * 3 + 128
    for size, count in ((64, WIRES), (64, WIRES), (128, WIRES), (64, DOMAIN), (64, WIRES - 3)):
        places.append(position)
        assert int.from_bytes(data[position : position + 8], "little") == count
        position += 8 + size * count
    return [*places, *range(position, position + 8 * 8, 8)]


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


def patched(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def test_points_that_are_none_are_named(key: ProvingKeyHandle) -> None:
    data = key.encode("ark")
    counts = counts_of(data)
    starts = {"alpha_g1": 0, "beta_g1": 448 + 8 + 192, "ic": 456}
    starts |= {name: counts[i] + 8 for i, name in ((1, "a_query"), (2, "b_g1_query"), (4, "h_query"), (5, "l_query"))}
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


# ---- verifying keys --------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [True, False])
def test_a_verifying_key_comes_back_and_nothing_else_does(
    verifying_key: VerifyingKeyHandle, compressed: bool
) -> None:
    data = verifying_key.encode(compressed)
    other = VerifyingKeyHandle.decode(data, compressed)
    assert (other.public_inputs, other.encode(compressed)) == (PUBLIC, data)
    for cut in range(len(data)):
        with pytest.raises(errors.EncodingError):
            VerifyingKeyHandle.decode(data[:cut], compressed)
    with pytest.raises(errors.EncodingError):
        VerifyingKeyHandle.decode(data + b"\x00", compressed)
    count = 32 + 3 * 64 if compressed else 64 + 3 * 128
    for lie in (0, 1, 2, 4, 2**58, 2**59 + 3, 2**64 - 1):
        with pytest.raises(errors.EncodingError):
            VerifyingKeyHandle.decode(patched(data, count, lie.to_bytes(8, "little")), compressed)


def negated(point: bytes) -> bytes:
    half = len(point) // 2
    y = bytearray(point[half:])
    y[-1] &= 0x3F
    numbers = [-int.from_bytes(y[i : i + 32], "little") % P for i in range(0, half, 32)]
    flag = 0x80 ^ point[-1] & 0x80
    out = bytearray(point[:half] + b"".join(map(word, numbers)))
    out[-1] |= flag
    return bytes(out)


def test_twelve_bad_verifying_keys(verifying_key: VerifyingKeyHandle) -> None:
    """Threats D4."""
    data = verifying_key.encode(False)
    gamma, ic = data[192:320], [data[456 + 64 * i : 520 + 64 * i] for i in range(3)]
    generator = curve_generator_2()
    refused = [
        ("alpha_g1", 0, INFINITY_1), ("beta_g2", 64, INFINITY_2), ("gamma_g2", 192, INFINITY_2),
        ("delta_g2", 320, INFINITY_2), ("delta_g2", 320, gamma), ("delta_g2", 320, negated(gamma)),
        ("ic", 456 + 64, INFINITY_1), ("ic", 456 + 128, INFINITY_1),
    ]  # fmt: skip
    for name, place, point in refused:
        with pytest.raises(errors.KeyFileError, match=name):
            VerifyingKeyHandle.decode(patched(data, place, point), False)
    suspicious = [
        ("delta_g2", 320, generator), ("delta_g2", 320, negated(generator)), ("ic", 456 + 64, ic[0]),
        ("ic", 456 + 128, ic[1]), ("ic", 456 + 128, negated(ic[0])),
    ]  # fmt: skip
    for name, place, point in suspicious:
        bad = VerifyingKeyHandle.decode(patched(data, place, point), False)
        with pytest.raises(errors.KeyFileError, match=name):
            bad.check(PUBLIC)
    for count in (PUBLIC - 1, PUBLIC + 1):
        with pytest.raises(errors.KeyFileError, match="public_inputs"):
            verifying_key.check(count)
    VerifyingKeyHandle.decode(patched(data, 456, INFINITY_1), False).check(PUBLIC)  # IC 0 may be infinity


def test_a_sum_of_inputs_at_infinity_is_handled(key: ProvingKeyHandle) -> None:
    """Threats D1: IC 0 + x1 IC 1 + x2 IC 2 = 0 is a statement like others."""
    data = key.verifying_key().encode(False)
    inputs = word(3) + word(R - 2)
    ic = [data[456 + 64 * i : 520 + 64 * i] for i in range(3)]
    minus = negated(curve.msm(ic[1] + ic[2], inputs))
    verifying_key = VerifyingKeyHandle.decode(patched(data, 456, minus), False)
    beta, alpha = data[64:192], data[:64]
    # e(alpha, beta) = e(A, B) e(-C, delta): A = alpha + C', B = beta, C' with e(C', beta) = e(C, delta) is not
    # known, so only the refusal of a proof of something else can be seen, and that nothing breaks
    proof = groth16.compress(alpha + beta + G1)
    assert not groth16.verify(verifying_key, inputs, proof)
    assert groth16.verify_many(verifying_key, inputs * 2, proof * 2) == [REFUSED, REFUSED]


# ---- proofs ----------------------------------------------------------------------------------------


def test_fresh_proofs_differ_and_fixed_ones_do_not(key: ProvingKeyHandle) -> None:
    witness = witness_of(3, 7)
    assert groth16.prove(key, witness) != groth16.prove(key, witness)
    assert groth16.prove(key, witness, (5, 6)) == groth16.prove(key, witness, (5, 6), threads=2)
    assert groth16.prove(key, witness, (5, 6)) != groth16.prove(key, witness, (5, 7))
    for blinding in ((0, 0), (4, 4), (R - 1, 0)):
        proof = groth16.prove(key, witness, blinding)
        assert groth16.verify(key.verifying_key(), inputs_of(3, 7), proof)


@pytest.mark.parametrize("byte", [b"\x00", b"\x01", b"\xff"])
def test_a_random_source_that_repeats_itself_makes_no_proof(
    monkeypatch: pytest.MonkeyPatch, key: ProvingKeyHandle, byte: bytes
) -> None:
    """Threats D9."""
    monkeypatch.setattr(entropy, "draw", lambda n: byte * n)
    with pytest.raises(errors.EntropyError, match="blinding"):
        groth16.prove(key, witness_of(3, 7))


def test_blinding_outside_the_field_is_refused(key: ProvingKeyHandle) -> None:
    for blinding in ((R, 1), (1, R), (-1, 1)):
        with pytest.raises(errors.ParameterError, match="blinding"):
            groth16.prove(key, witness_of(3, 7), blinding)


def test_a_witness_of_another_circuit_is_refused(key: ProvingKeyHandle) -> None:
    for wires in (1, WIRES - 1, WIRES + 1):
        witness = Witness.from_wires(word(1) * wires)
        with pytest.raises(errors.ParameterError, match="witness"):
            groth16.prove(key, witness)
        with pytest.raises(errors.ParameterError, match="witness"):
            groth16.quotient(key, witness)


def test_an_assignment_that_breaks_a_constraint_makes_no_proof_that_verifies(
    key: ProvingKeyHandle, verifying_key: VerifyingKeyHandle
) -> None:
    good = wires_of(3, 7)
    for wire in range(1, 7):
        bad = [*good[:wire], good[wire] + 1, *good[wire + 1 :]]
        proof = groth16.prove(key, Witness.from_wires(b"".join(map(word, bad))))
        inputs = b"".join(map(word, bad[1:3]))
        assert not groth16.verify(verifying_key, inputs, proof), wire


def test_every_flipped_bit_is_refused(verifying_key: VerifyingKeyHandle, proof: bytes) -> None:
    inputs = inputs_of(3, 7)
    for bit in range(8 * len(proof)):
        bad = bytearray(proof)
        bad[bit // 8] ^= 1 << bit % 8
        assert not accepts(verifying_key, inputs, bytes(bad)), bit
    for bit in range(8 * len(inputs)):
        changed_inputs = bytearray(inputs)
        changed_inputs[bit // 8] ^= 1 << bit % 8
        assert not accepts(verifying_key, bytes(changed_inputs), proof), bit


def accepts(key: VerifyingKeyHandle, inputs: bytes, proof: bytes) -> bool:
    try:
        return groth16.verify(key, inputs, proof)
    except errors.InputError:
        return False


def test_aliases_of_the_public_inputs_are_refused(verifying_key: VerifyingKeyHandle, proof: bytes) -> None:
    """Threats C1, C3: value + k r, and values between r and q."""
    first, second = (int.from_bytes(inputs_of(3, 7)[i : i + 32], "little") for i in (0, 32))
    for k in range(1, 6):
        for inputs in (word(first + k * R) + word(second), word(first) + word(second + k * R)):
            with pytest.raises(errors.FieldRangeError, match="inputs"):
                groth16.verify(verifying_key, inputs, proof)
    for value in (R, R + 1, P - 1, P, 2**256 - 1):
        with pytest.raises(errors.FieldRangeError, match=r"inputs\[1\]"):
            groth16.verify(verifying_key, word(first) + word(value), proof)


def test_another_number_of_inputs_is_refused(verifying_key: VerifyingKeyHandle, proof: bytes) -> None:
    inputs = inputs_of(3, 7)
    for bad in (b"", inputs[:32], inputs + bytes(32), inputs[:-1]):
        with pytest.raises(errors.EncodingError, match="inputs"):
            groth16.verify(verifying_key, bad, proof)
    for short in (b"", proof[:-1], proof + b"\x00"):
        with pytest.raises(errors.EncodingError, match="proof"):
            groth16.verify(verifying_key, inputs, short)


def spoiled(proof: bytes) -> Iterator[tuple[str, type[errors.InputError], bytes]]:
    """Proofs that have no points, and what is wrong with each (threats C2, D1, D2)."""
    a, b, c = proof[:32], proof[32:96], proof[96:]
    infinity = bytes(31) + b"\x40"
    for name, start, size in (("proof_a", 0, 32), ("proof_b", 32, 64), ("proof_c", 96, 32)):
        yield name, errors.PointError, patched(proof, start, bytes(size - 1) + b"\x40")
        yield name, errors.PointError, patched(proof, start, bytes(size - 1) + b"\xc0")
        yield name, errors.PointError, patched(proof, start, b"\x01" + bytes(size - 2) + b"\x40")
        last = start + size - 1
        yield name, errors.PointError, patched(proof, last, bytes([proof[last] | 0xC0]))
        yield name, errors.PointError, patched(proof, last, bytes([proof[last] & 0x3F | 0x40]))
        yield name, errors.FieldRangeError, patched(proof, start + size - 32, word(P))
        yield name, errors.FieldRangeError, patched(proof, start + size - 32, word(2**254 - 1))
    x = int.from_bytes(a[:31] + bytes([a[31] & 0x3F]), "little")
    if x + P < 2**254:
        yield "proof_a", errors.FieldRangeError, word(x + P | (a[31] >> 6) << 254) + b + c
    yield "proof_a", errors.PointError, word(x_off_curve()) + b + c
    yield "proof_b", errors.PointError, a + compressed_outside() + c
    yield "proof_a", errors.PointError, infinity + bytes(63) + b"\x40" + infinity


def test_what_is_no_proof_is_refused_with_its_reason(verifying_key: VerifyingKeyHandle, proof: bytes) -> None:
    for name, kind, bad in spoiled(proof):
        with pytest.raises(kind, match=name):
            groth16.verify(verifying_key, inputs_of(3, 7), bad)
        with pytest.raises(kind, match=name):
            groth16.decompress(bad)


def test_a_proof_and_its_points_are_the_same(proof: bytes) -> None:
    points = groth16.decompress(proof)
    assert groth16.compress(points) == proof
    for name, kind, bad in (
        ("proof_a", errors.PointError, patched(points, 0, INFINITY_1)),
        ("proof_b", errors.PointError, patched(points, 64, INFINITY_2)),
        ("proof_c", errors.PointError, patched(points, 192, INFINITY_1)),
        ("proof_a", errors.PointError, patched(points, 63, bytes([points[63] ^ 0x80]))),
        ("proof_a", errors.PointError, patched(points, 0, word(5) + word(6))),
        ("proof_b", errors.PointError, patched(points, 64, twist_point_outside())),
        ("proof_c", errors.FieldRangeError, patched(points, 192, word(P))),
    ):
        with pytest.raises(kind, match=name):
            groth16.compress(bad)
    with pytest.raises(errors.EncodingError, match="points"):
        groth16.compress(points[:-1])


def test_children_of_a_fork_prove_with_other_numbers(key: ProvingKeyHandle) -> None:
    """Threats D9: after proving on two threads parent and child prove, verify and differ."""
    witness = witness_of(3, 7)
    groth16.prove(key, witness, threads=2)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            made = groth16.prove(key, witness, threads=2)
            if groth16.verify(key.verifying_key(), inputs_of(3, 7), made):
                os.write(write, made)
                status = 0
        finally:
            os._exit(status)
    os.close(write)
    made = groth16.prove(key, witness, threads=2)
    with os.fdopen(read, "rb") as pipe:
        theirs = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert len(theirs) == 128
    assert theirs != made
    assert groth16.verify(key.verifying_key(), inputs_of(3, 7), theirs)


# ---- batches ---------------------------------------------------------------------------------------


class Item(NamedTuple):
    inputs: bytes
    proof: bytes


@pytest.fixture(scope="module")
def items(key: ProvingKeyHandle) -> list[Item]:
    return [Item(inputs_of(a, 2 * a), groth16.prove(key, witness_of(a, 2 * a))) for a in range(1, 13)]


def answers(key: VerifyingKeyHandle, items: Sequence[Item], threads: int = 1) -> list[int]:
    inputs, proofs = b"".join(i.inputs for i in items), b"".join(i.proof for i in items)
    return groth16.verify_many(key, inputs, proofs, threads)


STATUS = {errors.PointError: lib.RLN_ERR_POINT, errors.FieldRangeError: lib.RLN_ERR_RANGE}


def single(key: VerifyingKeyHandle, item: Item) -> int:
    try:
        return ACCEPTED if groth16.verify(key, *item) else REFUSED
    except errors.InputError as error:
        return int(STATUS[type(error)])


def test_a_good_batch_is_accepted(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    for n in (0, 1, 2, 3, 12):
        for threads in (1, 2):
            assert answers(verifying_key, items[:n], threads) == [ACCEPTED] * n


def test_the_same_item_many_times_is_accepted(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    assert answers(verifying_key, items[:1] * 9) == [ACCEPTED] * 9
    bad = Item(items[1].inputs, items[0].proof)
    assert answers(verifying_key, [bad] * 9) == [REFUSED] * 9


def moved(proof: bytes, c: int, by: int) -> bytes:
    """The proof with by * generator added to its C."""
    points = groth16.decompress(proof)
    new = curve.add(points[c:], times_generator(by))
    return groth16.compress(points[:c] + new)


def test_a_pair_that_cancels_is_refused(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    """Threats D10: C1 + D and C2 - D satisfy the sum of the equations but neither of them."""
    first, second = items[0], items[1]
    batch = [
        Item(first.inputs, moved(first.proof, 192, 77)),
        Item(second.inputs, moved(second.proof, 192, -77)),
    ]
    assert answers(verifying_key, batch) == [REFUSED, REFUSED]
    assert answers(verifying_key, [*items[2:], *batch]) == [ACCEPTED] * 10 + [REFUSED] * 2


@pytest.mark.parametrize("k", [3, 4, 7])
def test_k_items_that_cancel_are_refused(verifying_key: VerifyingKeyHandle, items: list[Item], k: int) -> None:
    shifts = [*range(1, k), -sum(range(1, k))]
    batch = [Item(i.inputs, moved(i.proof, 192, shift)) for i, shift in zip(items, shifts, strict=False)]
    assert answers(verifying_key, batch) == [REFUSED] * k
    assert answers(verifying_key, batch + items[k:], threads=2) == [REFUSED] * k + [ACCEPTED] * (12 - k)


def test_swapped_inputs_are_refused(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    batch = [Item(items[1].inputs, items[0].proof), Item(items[0].inputs, items[1].proof), *items[2:4]]
    assert answers(verifying_key, batch) == [REFUSED, REFUSED, ACCEPTED, ACCEPTED]


def test_every_item_gets_the_answer_that_it_gets_alone(
    verifying_key: VerifyingKeyHandle, items: list[Item]
) -> None:
    """Threats D11, with infinity in every place and every other thing that is no proof."""
    draw = random.Random(2)
    bad = [Item(items[0].inputs, proof) for _, _, proof in spoiled(items[0].proof)]
    bad += [Item(word(R) + word(2), items[0].proof), Item(items[3].inputs, items[4].proof)]
    bad += [Item(items[5].inputs, moved(items[5].proof, 192, 1))]
    alone = {item: single(verifying_key, item) for item in [*items, *bad]}
    assert set(alone.values()) == {ACCEPTED, REFUSED, lib.RLN_ERR_POINT, lib.RLN_ERR_RANGE}
    for _ in range(30):
        part = draw.choice((0.05, 0.3, 0.9, 1.0))
        batch = [draw.choice(bad if draw.random() < part else items) for _ in range(draw.randrange(1, 20))]
        assert answers(verifying_key, batch, draw.choice((1, 2))) == [alone[item] for item in batch]
    for item in bad:
        assert answers(verifying_key, [item]) == [alone[item]]


@pytest.mark.parametrize("fake", [lambda n: bytes(n), lambda n: b"\x01" * n, lambda n: (b"\x07" + bytes(15)) * (n // 16)])
def test_coefficients_that_are_not_random_stop_the_batch(
    monkeypatch: pytest.MonkeyPatch,
    verifying_key: VerifyingKeyHandle,
    items: list[Item],
    fake: Callable[[int], bytes],
) -> None:
    """Threats D10: nothing is answered, not even what is no proof at all."""
    monkeypatch.setattr(entropy, "draw", fake)
    for batch in (items, [Item(items[0].inputs, bytes(128)), items[1]]):
        with pytest.raises(errors.EntropyError):
            answers(verifying_key, batch)


def test_two_equal_coefficients_far_apart_are_noticed(
    monkeypatch: pytest.MonkeyPatch, verifying_key: VerifyingKeyHandle, items: list[Item]
) -> None:
    draw = entropy.draw

    def fake(n: int) -> bytes:
        made = draw(n)
        return made[:-16] + made[:16]

    monkeypatch.setattr(entropy, "draw", fake)
    with pytest.raises(errors.EntropyError):
        answers(verifying_key, items)


def test_lengths_of_a_batch_are_checked(verifying_key: VerifyingKeyHandle, items: list[Item]) -> None:
    inputs, proofs = items[0].inputs * 2, items[0].proof * 2
    for bad_inputs, bad_proofs in ((inputs[:-1], proofs), (inputs[:64], proofs), (inputs, proofs[:-1])):
        with pytest.raises(errors.EncodingError):
            groth16.verify_many(verifying_key, bad_inputs, bad_proofs)


def test_results_of_a_batch_that_failed_accept_nothing(verifying_key: VerifyingKeyHandle) -> None:
    results = ffi.new("int32_t[]", [0, 0])
    status = lib.rln_proof_verify_many(
        verifying_key.pointer, bytes(128), 128, bytes(256), 256, bytes(32), 32, ffi.NULL, results, 2
    )
    assert (status, list(results)) == (lib.RLN_ERR_ENTROPY, [REFUSED, REFUSED])


# ---- points that lie -------------------------------------------------------------------------------


def sqrt_fp(a: int) -> int | None:
    root = pow(a, (P + 1) // 4, P)
    return root if root * root % P == a % P else None


def x_off_curve() -> int:
    return next(x for x in range(1, 100) if sqrt_fp(x**3 + 3) is None)


Fp2 = tuple[int, int]


def mul2(a: Fp2, b: Fp2) -> Fp2:
    return ((a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P)


def sqrt2(a: Fp2) -> Fp2 | None:
    norm = sqrt_fp(a[0] ** 2 + a[1] ** 2)
    if norm is None:
        return None
    for sign in (norm, -norm):
        real = sqrt_fp((a[0] + sign) * pow(2, -1, P) % P)
        if real:
            root = (real, a[1] * pow(2 * real, -1, P) % P)
            if mul2(root, root) == (a[0] % P, a[1] % P):
                return root
    return None


def outside() -> tuple[Fp2, Fp2]:
    """A point of the twist; a random one is outside the subgroup of order r but with probability 2^-254."""
    inverse = pow(82, -1, P)  # 1 / (9 + u) = (9 - u) / 82
    b = (27 * inverse % P, -3 * inverse % P)
    for real in range(1, 100):
        x = (real, 1)
        cube = mul2(mul2(x, x), x)
        y = sqrt2(((cube[0] + b[0]) % P, (cube[1] + b[1]) % P))
        if y is not None:
            return x, y
    raise AssertionError("no point found")


def larger(y: Fp2) -> bool:
    return (y[1], y[0]) > (-y[1] % P, -y[0] % P)


def twist_point_outside() -> bytes:
    x, y = outside()
    return word(x[0]) + word(x[1]) + word(y[0]) + word(y[1] | larger(y) << 255)


def compressed_outside() -> bytes:
    x, y = outside()
    return word(x[0]) + word(x[1] | larger(y) << 255)


def curve_generator_2() -> bytes:
    x = (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    )
    y = (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    )
    return word(x[0]) + word(x[1]) + word(y[0]) + word(y[1] | larger(y) << 255)
