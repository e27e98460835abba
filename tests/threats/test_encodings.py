"""Threats C1, C2, C3, C7: each number and each point has one encoding, and only bytes are accepted."""

import json
import threading

import pytest

import rln
from rln.base.scalar import ORDER
from rln.errors import EncodingError, FieldRangeError, InputError, PointError
from rln.formats import snarkjs
from rln.lowlevel import curve, field, groth16, hashes, identity
from rln.lowlevel._call import lib
from rln.lowlevel.witness import Graph, Witness
from tests.threats.full_world import G1, INFINITY_1, NAMES, P, R, patched, verify_in_c, word, words

WIRE = ("root", "external_nullifier", "x", "y", "nullifier")  # after 128 bytes of proof


# ---- C1, C3 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [1, 2, 3, 4, None])
def test_c1_a_value_plus_k_r_is_refused(
    key: rln.ProvingKey, sample_proof: rln.RlnProof, name: str, k: int | None
) -> None:
    """k = None means the largest k for which value + k r fits in 256 bits."""
    value = getattr(sample_proof, name)
    alias = value + R * (k or (2**256 - 1 - value) // R)
    place = NAMES.index(name)
    inputs = patched(words(sample_proof.public_inputs), 32 * place, word(alias))
    verifying = key.verifying_key
    assert verify_in_c(verifying, inputs, sample_proof.proof) == lib.RLN_ERR_RANGE
    with pytest.raises(FieldRangeError, match=rf"inputs\[{place}\]"):
        groth16.verify(verifying._handle, inputs, sample_proof.proof)
    assert groth16.verify_many(verifying._handle, inputs, sample_proof.proof) == [lib.RLN_ERR_RANGE]
    values = list(sample_proof.public_inputs)
    values[place] = alias
    with pytest.raises(FieldRangeError, match=f"public value {place}"):
        verifying.verify(values, sample_proof.proof)
    with pytest.raises(FieldRangeError, match=name):
        rln.RlnProof(sample_proof.proof, *values)
    message = patched(sample_proof.encode(), 128 + 32 * WIRE.index(name), word(alias))
    with pytest.raises(FieldRangeError, match=name):
        rln.RlnProof.decode(message)
    with pytest.raises(FieldRangeError, match=rf"\[{place}\]"):
        snarkjs.read_public(json.dumps([str(value) for value in values]).encode())


@pytest.mark.parametrize("value", [R, R + 1, P - 1, P, P + 1, 2**254 - 1, 2**255, 2**256 - 1])
def test_c3_scalars_end_at_r_and_not_at_q(
    key: rln.ProvingKey, sample_proof: rln.RlnProof, value: int
) -> None:
    """The two moduli agree in 127 bits; a check against the larger one would accept aliases."""
    assert (R, P - R) == (ORDER, 147946756881789318990833708069417712966)
    for place in range(5):
        inputs = patched(words(sample_proof.public_inputs), 32 * place, word(value))
        assert verify_in_c(key.verifying_key, inputs, sample_proof.proof) == lib.RLN_ERR_RANGE
    for refuse in (
        lambda: hashes.poseidon([word(value)]),
        lambda: identity.from_secret(word(value)),
        lambda: field.evaluate("fr", "neg", word(value)),
        lambda: curve.msm(G1, word(value)),
        lambda: rln.base.scalar.decode(word(value)),
        lambda: rln.base.scalar.parse(str(value)),
        lambda: rln.Share(value, 1),
        lambda: rln.poseidon_hash([value]),
    ):
        with pytest.raises(FieldRangeError):
            refuse()
    if value < P:
        field.evaluate("fp", "neg", word(value))
    else:
        with pytest.raises(FieldRangeError):
            field.evaluate("fp", "neg", word(value))


def test_c3_r_minus_1_is_a_scalar() -> None:
    assert field.evaluate("fr", "neg", word(R - 1)) == word(1)
    assert field.evaluate("fp", "neg", word(P - 1)) == word(1)
    hashes.poseidon([word(R - 1)])


# ---- C2 --------------------------------------------------------------------------------------------


EDGE_X = [0, 1, 2, 3, P - 1, P, P + 1, P + 2, R, (P - 1) // 2, 2**253, 2**254 - 1]


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("flags", [0, 0x40, 0x80, 0xC0])
@pytest.mark.parametrize("x", EDGE_X)
def test_c2_what_decompresses_compresses_to_the_same_bytes(group: int, flags: int, x: int) -> None:
    for low in (0, 1, 7) if group == 2 else (None,):
        data = bytearray((b"" if low is None else word(low)) + word(x))
        data[-1] |= flags
        try:
            point = curve.decompress(bytes(data), group)
        except InputError:
            continue
        assert x < P
        assert flags != 0xC0
        assert curve.compress(point, group) == data
        assert curve.decompress(curve.compress(point, group), group) == point


def test_c2_infinity_has_one_form() -> None:
    assert curve.compress(INFINITY_1) == bytes(31) + b"\x40"
    for bad in (bytes(31) + b"\xc0", b"\x01" + bytes(30) + b"\x40", bytes(30) + b"\x01\x40"):
        with pytest.raises(PointError):
            curve.decompress(bad)
    for bad in (
        bytes(64),
        bytes(63) + b"\xc0",
        patched(INFINITY_1, 40, b"\x01"),
        patched(INFINITY_1, 0, b"\x01"),
    ):
        with pytest.raises(PointError):
            curve.compress(bad)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_c2_coordinates_plus_k_q_are_refused(sample_proof: rln.RlnProof, k: int) -> None:
    points = groth16.decompress(sample_proof.proof)
    for place in range(0, 256, 32):
        end = place + 31
        last = place in (32, 160, 224)  # its two top bits are flags
        number = int.from_bytes(points[place:end] + bytes([points[end] & 0x3F]), "little") + k * P
        if number < 2 ** (254 if last else 256):
            flags = (points[end] >> 6) << 254 if last else 0
            with pytest.raises(FieldRangeError):
                groth16.compress(patched(points, place, word(number | flags)))
    for place, flagged in ((0, True), (32, False), (64, True), (96, True)):
        last_byte = sample_proof.proof[place + 31]
        plain = sample_proof.proof[place : place + 31] + bytes([last_byte & 0x3F if flagged else last_byte])
        number = int.from_bytes(plain, "little") + k * P
        if number < 2 ** (254 if flagged else 256):
            bad = patched(
                sample_proof.proof, place, word(number | ((last_byte >> 6) << 254 if flagged else 0))
            )
            with pytest.raises(FieldRangeError):
                groth16.decompress(bad)
            with pytest.raises(FieldRangeError):
                rln.RlnProof(bad, *sample_proof.public_inputs)


def test_c2_every_flag_of_every_point_matters(key: rln.ProvingKey, sample_proof: rln.RlnProof) -> None:
    for place in (31, 95, 127):
        for flags in (0, 0x40, 0x80, 0xC0):
            byte = sample_proof.proof[place] & 0x3F | flags
            if byte != sample_proof.proof[place]:
                bad = patched(sample_proof.proof, place, bytes([byte]))
                assert not accepted(key.verifying_key, words(sample_proof.public_inputs), bad)


def accepted(key: rln.VerifyingKey, inputs: bytes, proof: bytes) -> bool:
    try:
        return groth16.verify(key._handle, inputs, proof)
    except InputError:
        return False


def test_c2_all_2304_single_bit_flips_are_refused(key: rln.ProvingKey, sample_proof: rln.RlnProof) -> None:
    verifying, inputs = key.verifying_key, words(sample_proof.public_inputs)
    assert accepted(verifying, inputs, sample_proof.proof)
    flipped = 0
    for data in (sample_proof.proof, inputs):
        for bit in range(8 * len(data)):
            bad = patched(data, bit // 8, bytes([data[bit // 8] ^ 1 << bit % 8]))
            good = (
                accepted(verifying, inputs, bad)
                if data is sample_proof.proof
                else accepted(verifying, bad, sample_proof.proof)
            )
            assert not good, bit
            flipped += 1
    assert flipped == 2304


# ---- C7 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bytearray, memoryview, list, str, None])
def test_c7_only_bytes_are_accepted(
    key: rln.ProvingKey, sample_proof: rln.RlnProof, kind: type | None
) -> None:
    def other(data: bytes) -> object:
        if kind is None:
            return None
        return data.decode("latin-1") if kind is str else kind(data)

    verifying = key.verifying_key
    inputs = words(sample_proof.public_inputs)
    signal = other(b"sample")
    for attempt in (
        lambda: rln.RlnProof.decode(other(sample_proof.encode())),
        lambda: rln.RlnProof(other(sample_proof.proof), *sample_proof.public_inputs),
        lambda: verifying.verify(sample_proof.public_inputs, other(sample_proof.proof)),
        lambda: groth16.verify(verifying._handle, other(inputs), sample_proof.proof),
        lambda: groth16.verify(verifying._handle, inputs, other(sample_proof.proof)),
        lambda: groth16.verify_many(verifying._handle, other(inputs), sample_proof.proof),
        lambda: groth16.decompress(other(sample_proof.proof)),
        lambda: rln.VerifyingKey.decode(other(verifying.encode())),
        lambda: rln.VerifyingKey.from_json(other(verifying.to_json())),
        lambda: rln.ProvingKey.decode(other(key.encode())),
        lambda: rln.ProvingKey.from_arkzkey(other(key.to_arkzkey()), key.graph_data, name="x"),
        lambda: rln.ProvingKey.from_arkzkey(key.to_arkzkey(), other(key.graph_data), name="x"),
        lambda: rln.ProvingKey.from_zkey(other(key.to_zkey()), key.graph_data, name="x"),
        lambda: rln.hash_signal(signal),
        lambda: rln.hash_to_field(signal),
        lambda: rln.join_signal("domain", [signal]),
        lambda: rln.Identity.from_seed(signal),
        lambda: Graph.load(other(key.graph_data)),
        lambda: Witness.from_wires(other(word(1))),
        lambda: hashes.keccak256(other(b"x")),
        lambda: hashes.poseidon_many(other(word(1)), 1),
        lambda: snarkjs.read_proof(other(snarkjs.write_proof(sample_proof.proof))),
    ):
        with pytest.raises(EncodingError):
            attempt()


def test_c7_a_buffer_that_another_thread_changes_is_refused(
    key: rln.ProvingKey, sample_proof: rln.RlnProof
) -> None:
    shared = bytearray(sample_proof.proof)
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            shared[5] ^= 1

    flipper = threading.Thread(target=flip)
    flipper.start()
    try:
        for _ in range(200):
            with pytest.raises(EncodingError, match="bytearray"):
                key.verifying_key.verify(sample_proof.public_inputs, shared)  # type: ignore[arg-type]
            # the copy is both checked and verified
            copy = bytes(shared)
            assert accepted(key.verifying_key, words(sample_proof.public_inputs), copy) == (
                copy == sample_proof.proof
            )
    finally:
        stop.set()
        flipper.join()
