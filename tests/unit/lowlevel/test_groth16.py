"""Groth16 proofs of a toy circuit, valid and invalid."""

import os

import pytest

from rln import errors
from rln.lowlevel import entropy, groth16
from rln.lowlevel._call import ffi
from rln.lowlevel.keys import ProvingKeyHandle, VerifyingKeyHandle
from rln.lowlevel.witness import Witness
from tests.unit.lowlevel.toy import (
    INFINITY_1,
    INFINITY_2,
    WIRES,
    P,
    R,
    inputs_of,
    patched,
    spoiled,
    twist_point_outside,
    wires_of,
    witness_of,
    word,
)


@pytest.fixture(scope="module")
def proof(key: ProvingKeyHandle) -> bytes:
    return groth16.prove(key, witness_of(3, 7))


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
    monkeypatch.setattr(entropy, "fill", lambda out: ffi.memmove(out, byte * len(out), len(out)))
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
