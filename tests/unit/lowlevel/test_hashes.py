"""Keccak-256, hashing to the field, Poseidon, Merkle roots: golden values of zerokit-spec 1.6, 2 and 8.5."""

import hashlib

import pytest

from rln import errors
from rln.lowlevel import hashes

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617


def scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")


def integer(data: bytes) -> int:
    return int.from_bytes(data, "little")


def poseidon(*inputs: int) -> int:
    return integer(hashes.poseidon([scalar(value) for value in inputs]))


# A plain sponge from the Keccak reference, which is checked against hashlib's SHA3-256.

MASK = 2**64 - 1


def lfsr_bits() -> list[int]:
    state, bits = 1, []
    for _ in range(7 * 24):
        bits.append(state & 1)
        state = (state << 1) ^ (0x171 if state & 0x80 else 0)
    return bits


def keccak_f(lanes: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    def rotate(value: int, n: int) -> int:
        n %= 64
        return (value << n | value >> (64 - n)) & MASK

    bits = lfsr_bits()
    for i in range(24):
        column = [0] * 5
        for (x, _), lane in lanes.items():
            column[x] ^= lane
        lanes = {
            (x, y): lane ^ column[x - 1] ^ rotate(column[(x + 1) % 5], 1) for (x, y), lane in lanes.items()
        }
        x, y, moved = 1, 0, {(0, 0): lanes[0, 0]}
        for t in range(24):
            moved[y, (2 * x + 3 * y) % 5] = rotate(lanes[x, y], (t + 1) * (t + 2) // 2)
            x, y = y, (2 * x + 3 * y) % 5
        lanes = {
            (x, y): moved[x, y] ^ (~moved[(x + 1) % 5, y] & MASK & moved[(x + 2) % 5, y]) for (x, y) in moved
        }
        for j in range(7):
            lanes[0, 0] ^= bits[7 * i + j] << (2**j - 1)
    return lanes


def sponge(message: bytes, padding: int) -> bytes:
    padded = bytearray(message + bytes([padding]))
    padded += bytes(-len(padded) % 136)
    padded[-1] |= 0x80
    lanes = {(x, y): 0 for x in range(5) for y in range(5)}
    for start in range(0, len(padded), 136):
        for i in range(17):
            word = padded[start + 8 * i : start + 8 * i + 8]
            lanes[i % 5, i // 5] ^= int.from_bytes(word, "little")
        lanes = keccak_f(lanes)
    return b"".join(lanes[i, 0].to_bytes(8, "little") for i in range(4))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 64, 134, 135, 136, 137, 271, 272, 273, 500])
def test_keccak_equals_a_plain_sponge_around_its_rate(n: int) -> None:
    message = bytes(i * 7 % 256 for i in range(n))
    assert sponge(message, 0x06) == hashlib.sha3_256(message).digest()
    assert hashes.keccak256(message) == sponge(message, 0x01)


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"hey hey", "049be11fd722a91f2fb496911c47ed74e83afc003c6a10355b4b9bd2a4655651"),
        (b"test-epoch", "8bec855b612540fc986b42322f8cb91c2273afad58ed006fdba0c97b4b16b12f"),
    ],
)
def test_keccak_known_digests(message: bytes, digest: str) -> None:
    assert hashes.keccak256(message).hex() == digest


@pytest.mark.parametrize(
    ("message", "element"),
    [
        (b"", 0x0FDBE8774275BA27CA86F75D50B3502B6F9BF74BBF0A9D6FB4600C5E2146D2C3),
        (b"hey hey", 0x20F21731F169AB317CC024857F7AE28B4CB95ED417DD439DDBC72D432FE19B03),
        (b"test-epoch", 0x2FB1164B7BC9A0DB6F00ED58ADAF73221CB98C2F32426B98FC4025615B85EC8B),
        (b"test-rln-identifier", 0x1791C40F4CD7BD0E143E12EA3A5A53CEFE61F10F9103EFD7D20458EEC4233642),
        (b"test-merkle-proof", 0x07984F7C054AD7793D9F31A1E9F29EAA8D05966511E546BCED89961EB8874AB9),
        (b"second signal", 0x1BFA61D9B1CBBB3BC852EEFC9D87EF4DE4716B11BCE1FFFD584E981D7E77BA53),
    ],
)
def test_hash_to_field_known_elements(message: bytes, element: int) -> None:
    assert integer(hashes.hash_to_field(message)) == element


def test_hash_to_field_reduces_the_digest_read_either_way() -> None:
    for i in range(100):
        digest = hashes.keccak256(bytes([i]))
        assert integer(hashes.hash_to_field(bytes([i]))) == int.from_bytes(digest, "little") % R
        assert integer(hashes.hash_to_field(bytes([i]), big_endian=True)) == int.from_bytes(digest, "big") % R


def test_messages_must_be_bytes() -> None:
    for function in (hashes.keccak256, hashes.hash_to_field):
        with pytest.raises(errors.EncodingError, match=r"^message: expected bytes, got bytearray$"):
            function(bytearray(3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("inputs", "result"),
    [
        ([0], 0x2A09A9FD93C590C26B91EFFBB2499F07E8F7AA12E2B4940A3AED2411CB65E11C),
        ([1], 0x29176100EAA962BDC1FE6C654D6A3C130E96A4D1168B33848B897DC502820133),
        ([2**64 - 1], 0x2693F54C370D174AAE1942F40015C61862F0ED7022BCB6DD59CCC70D631F9055),
        ([0, 1], 0x1BD20834F5DE9830C643778A2E88A3A1363C8B9AC083D36D75BF87C49953E65E),
        (range(1, 3), 0x115CC0F5E7D690413DF64C6B9662E9CF2A3617F2743245519E19607A4417189A),
        (range(1, 4), 0x0E7732D89E6939C0FF03D5E58DAB6302F3230E269DC5B968F725DF34AB36D732),
        (range(1, 5), 0x299C867DB6C1FDD79DCEFA40E4510B9837E60EBB1CE0663DBAA525DF65250465),
        (range(1, 6), 0x0DAB9449E4A1398A15224C0B15A49D598B2174D305A316C918125F8FEEB123C0),
        (range(1, 7), 0x2D1A03850084442813C8EBF094DEA47538490A68B05F2239134A4CCA2F6302E1),
        (range(1, 8), 0x1C2F3482DBB140C4EBB9ADA49ABDBC374A9A85FCFC6533EC2E9DF45B4921C318),
        (range(1, 9), 0x2921AB9BD0140CBC98E40395C0FEFB40337A4D54FBBECD9A4D43B3D8D0C4D8D1),
    ],
)
def test_poseidon_known_hashes(inputs: list[int], result: int) -> None:
    assert poseidon(*inputs) == result


def plain_poseidon(inputs: list[int]) -> int:
    width = len(inputs) + 1
    full, partial, rounds, matrix = hashes.poseidon_parameters(width)
    state = [0, *inputs]
    for i in range(full + partial):
        state = [(s + rounds[i * width + j]) % R for j, s in enumerate(state)]
        boxes = width if i < full // 2 or i >= full // 2 + partial else 1
        state = [pow(s, 5, R) if j < boxes else s for j, s in enumerate(state)]
        state = [sum(matrix[j * width + k] * s for k, s in enumerate(state)) % R for j in range(width)]
    return state[0]


@pytest.mark.parametrize("arity", range(1, 9))
def test_poseidon_is_the_permutation_with_its_published_parameters(arity: int) -> None:
    edges = [0, 1, R - 1, 2**64 - 1, R - 2**64, 2**253, (R + 1) // 2, 5]
    for start in range(4):
        inputs = [edges[(start + i) % 8] for i in range(arity)]
        assert poseidon(*inputs) == plain_poseidon(inputs)


ROUND_CONSTANTS = {
    2: (56, "13b6a213e645ab836456e67c84f7ef3b71d32195c3a0e29f4dd2fa69fa28182c"),
    3: (57, "9aefe557f9d948b83eba6d3fcf8ee7dbda4d404c708c902e729ee9c8c6b75f48"),
    9: (63, "055cb5d9bb54ea6b207f768a282e40e1f8aa7cd39dd2db8e79ecad11b0b84ca3"),
}


@pytest.mark.parametrize("width", sorted(ROUND_CONSTANTS))
def test_poseidon_parameters_have_their_digest(width: int) -> None:
    full, partial, rounds, matrix = hashes.poseidon_parameters(width)
    expected_partial, digest = ROUND_CONSTANTS[width]
    assert (full, partial) == (8, expected_partial)
    assert hashlib.sha256(b"".join(map(scalar, rounds))).hexdigest() == digest
    assert len(matrix) == width * width


@pytest.mark.parametrize("width", [0, 1, 10])
def test_poseidon_parameters_refuse_other_widths(width: int) -> None:
    with pytest.raises(errors.ParameterError, match=rf"^width: expected 2 to 9, got {width}$"):
        hashes.poseidon_parameters(width)


def test_poseidon_many_hashes_each_group() -> None:
    packed = b"".join(scalar(i) for i in range(30))
    for arity in (1, 2, 3, 5):
        groups = [packed[i : i + 32 * arity] for i in range(0, len(packed), 32 * arity)]
        expected = b"".join(hashes.poseidon_many(group, arity) for group in groups)
        assert hashes.poseidon_many(packed, arity) == expected
    assert hashes.poseidon_many(b"", 2) == b""


@pytest.mark.parametrize("n", [0, 9])
def test_poseidon_refuses_other_arities(n: int) -> None:
    with pytest.raises(errors.ParameterError, match=rf"^arity: expected 1 to 8, got {n}$"):
        hashes.poseidon([scalar(1)] * n)


@pytest.mark.parametrize("value", [R, R + 1, 2**256 - 1])
def test_poseidon_refuses_numbers_that_are_not_canonical(value: int) -> None:
    with pytest.raises(errors.FieldRangeError, match=r"\[1\]: not a canonical number of its field$"):
        hashes.poseidon([scalar(0), scalar(value)])


@pytest.mark.parametrize("n", [1, 31, 33, 63, 65, 96])
def test_poseidon_many_refuses_a_part_of_a_group(n: int) -> None:
    with pytest.raises(errors.EncodingError, match=rf"expected \d+ bytes, got {n}$"):
        hashes.poseidon_many(bytes(n), 2)


def zero_hashes(depth: int) -> list[int]:
    found = [0]
    for _ in range(depth):
        found.append(poseidon(found[-1], found[-1]))
    return found


def test_merkle_root_known_trees() -> None:
    zeros = zero_hashes(20)
    assert zeros[20] == 0x2134E76AC5D21AAB186C2BE1DD8F84EE880A1E46EAF712F9D371B6DF22191F3E
    siblings = b"".join(scalar(value) for value in zeros[:20])
    leaf = 0x09BEAC7784ABFADC9958B3176B352389D0B969CCC7F8BCCF3E968ED632E26ECA
    root = hashes.merkle_root(scalar(leaf), siblings, bytes([1, 1] + [0] * 18))
    assert integer(root) == 0x0CA44928DFAA33B33D7204B1691194BA46ED393ECBE0DAD1448BFF673F2519AF
    root = hashes.merkle_root(scalar(1), siblings, bytes(20))
    assert integer(root) == 0x137270F386421F156B0A67BB3725D7C08E192ED6213A988BF721EC1CD5AC0916


def test_merkle_root_of_every_leaf_of_a_small_tree() -> None:
    levels = [list(range(8))]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([poseidon(below[i], below[i + 1]) for i in range(0, len(below), 2)])
    assert levels[3] == [0x1A0B9C9B0D77BB79F76C83982539D110F778C63F4C94F7155E6452576825AD84]
    for index in range(8):
        siblings = b"".join(scalar(levels[k][(index >> k) ^ 1]) for k in range(3))
        bits = bytes(index >> k & 1 for k in range(3))
        assert integer(hashes.merkle_root(scalar(index), siblings, bits)) == levels[3][0]


def test_merkle_path_gives_every_node_up_to_the_root() -> None:
    leaf, siblings = scalar(5), [scalar(value) for value in (1, R - 1, 3, 4)]
    for number in range(16):
        bits = bytes(number >> k & 1 for k in range(4))
        nodes = hashes.merkle_path(leaf, b"".join(siblings), bits)
        assert [nodes[32 * k : 32 * (k + 1)] for k in range(4)] == [
            hashes.merkle_root(leaf, b"".join(siblings[: k + 1]), bits[: k + 1]) for k in range(4)
        ]
    assert hashes.merkle_path(leaf, b"", b"") == b""
    with pytest.raises(errors.FieldRangeError, match=r"^siblings\[1\]"):
        hashes.merkle_path(leaf, scalar(1) + b"\xff" * 32, bytes(2))
    with pytest.raises(errors.EncodingError):
        hashes.merkle_path(leaf, bytes(64), bytes(1))


def test_hashes_into_a_buffer_and_of_one_group() -> None:
    packed = b"".join(scalar(value) for value in range(40))
    expected = hashes.poseidon_many(packed, 2)
    out = bytearray(b"\xa5" * 672)
    hashes.poseidon_into(out, memoryview(packed), 2)
    assert out == expected + b"\xa5" * 32
    assert hashes.poseidon_one(packed[:64], 2) == expected[:32]
    with pytest.raises(errors.EncodingError, match="^out: expected 640 bytes, got 639"):
        hashes.poseidon_into(bytearray(639), packed, 2)
    with pytest.raises(errors.FieldRangeError):
        hashes.poseidon_into(out, b"\xff" * 64, 2)
    assert out[:32] == bytes(32)
    for arity in (0, 1, 3, 9):
        with pytest.raises((errors.EncodingError, errors.ParameterError)):
            hashes.poseidon_one(packed[:64], arity)


def test_merkle_root_of_depth_zero_is_the_leaf() -> None:
    assert hashes.merkle_root(scalar(7), b"", b"") == scalar(7)


@pytest.mark.parametrize(
    ("leaf", "siblings", "bits", "kind", "message"),
    [
        (bytes(31), bytes(64), bytes(2), errors.EncodingError, r"^leaf: expected 32 bytes, got 31$"),
        (bytes(32), bytes(63), bytes(2), errors.EncodingError, r"^siblings: expected 32 bytes, got 63$"),
        (bytes(32), bytes(64), bytes(3), errors.EncodingError, r"^bits: expected 2 bytes, got 3$"),
        (bytes(32), bytes(64), b"\0\2", errors.ParameterError, r"^bits\[1\]: not allowed$"),
        (scalar(R), bytes(64), bytes(2), errors.FieldRangeError, r"^leaf: not a canonical number"),
        (
            bytes(32),
            bytes(32) + scalar(R),
            bytes(2),
            errors.FieldRangeError,
            r"^siblings\[1\]: not a canonical",
        ),
    ],
)
def test_merkle_root_refuses(
    leaf: bytes, siblings: bytes, bits: bytes, kind: type[errors.RlnError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        hashes.merkle_root(leaf, siblings, bits)
