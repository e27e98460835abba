"""Verifying keys: their bytes and their checks."""

import pytest

from rln import errors
from rln.lowlevel import curve, groth16
from rln.lowlevel.groth16 import ACCEPTED, REFUSED
from rln.lowlevel.keys import ProvingKeyHandle, VerifyingKeyHandle
from tests.unit.lowlevel.toy import (
    G1,
    INFINITY_1,
    INFINITY_2,
    PUBLIC,
    R,
    negated,
    patched,
    times_generator,
    word,
)


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


def test_eight_bad_verifying_keys(verifying_key: VerifyingKeyHandle) -> None:
    """Threats D4. Other relations between points are refused by `rln.keys.key_checks` (threats D14)."""
    data = verifying_key.encode(False)
    gamma = data[192:320]
    refused = [
        ("alpha_g1", 0, INFINITY_1), ("beta_g2", 64, INFINITY_2), ("gamma_g2", 192, INFINITY_2),
        ("delta_g2", 320, INFINITY_2), ("delta_g2", 320, gamma), ("delta_g2", 320, negated(gamma)),
        ("ic", 456 + 64, INFINITY_1), ("ic", 456 + 128, INFINITY_1),
    ]  # fmt: skip
    for name, place, point in refused:
        with pytest.raises(errors.KeyFileError, match=name):
            VerifyingKeyHandle.decode(patched(data, place, point), False)
    VerifyingKeyHandle.decode(patched(data, 456, INFINITY_1), False)  # IC 0 may be infinity


def test_a_sum_of_inputs_at_infinity_is_handled(key: ProvingKeyHandle) -> None:
    """Threats D1: IC 0 + x1 IC 1 + x2 IC 2 = 0 is a statement like others."""
    data = key.verifying_key().encode(False)
    inputs = word(3) + word(R - 2)
    ic = [data[456 + 64 * i : 520 + 64 * i] for i in range(3)]
    minus = negated(curve.msm(ic[1] + ic[2], inputs))
    # with delta = beta, the equation is e(A, B) = e(alpha + C, beta)
    alpha, beta = data[:64], data[64:192]
    verifying_key = VerifyingKeyHandle.decode(patched(patched(data, 456, minus), 320, beta), False)
    proof = groth16.compress(curve.add(alpha, G1) + beta + G1)
    assert groth16.verify(verifying_key, inputs, proof)
    assert not groth16.verify(verifying_key, word(3) + word(R - 1), proof)
    assert groth16.verify_many(verifying_key, inputs * 3, proof * 3) == [ACCEPTED] * 3
    wrong = groth16.compress(curve.add(alpha, G1) + beta + times_generator(2))
    assert groth16.verify_many(verifying_key, inputs * 2, proof + wrong) == [ACCEPTED, REFUSED]
