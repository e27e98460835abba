"""Threats D1, D2: infinity and points outside the groups, in proofs and in keys."""

import json

import pytest
from py_ecc import optimized_bn128 as ecc

import rln
from rln.errors import EncodingError, KeyFileError, PointError
from rln.formats import snarkjs
from rln.lowlevel import curve, groth16
from rln.lowlevel.keys import ProvingKeyHandle, VerifyingKeyHandle
from tests.differential import bn254
from tests.threats.full_world import (
    G1,
    INFINITY_1,
    P,
    R,
    key_points,
    negated,
    patched,
    plus,
    verdict,
    word,
    words,
)
from tests.unit.lowlevel.toy import outside

COFACTOR = 2 * P - R


# ---- D1 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_d1_infinity_in_a_proof_is_refused(
    key: rln.ProvingKey, sample_proof: rln.RlnProof, which: tuple[int, ...]
) -> None:
    places, plain_places = ((0, 32), (32, 64), (96, 32)), ((0, 64), (64, 128), (192, 64))
    proof, points = sample_proof.proof, groth16.decompress(sample_proof.proof)
    for i in which:
        proof = patched(proof, places[i][0], bytes(places[i][1] - 1) + b"\x40")
        points = patched(points, plain_places[i][0], bytes(plain_places[i][1] - 1) + b"\x40")
    assert verdict(key.verifying_key, sample_proof.public_inputs, proof) is PointError
    for refuse in (
        lambda: rln.RlnProof(proof, *sample_proof.public_inputs),
        lambda: rln.RlnProof.decode(proof + sample_proof.encode()[128:]),
        lambda: groth16.decompress(proof),
        lambda: groth16.compress(points),
    ):
        with pytest.raises(PointError):
            refuse()


def test_d1_infinity_in_a_proof_json_is_refused(sample_proof: rln.RlnProof) -> None:
    text = json.loads(snarkjs.write_proof(sample_proof.proof))
    infinite = {
        "pi_a": ["0", "1", "0"],
        "pi_b": [["0", "0"], ["1", "0"], ["0", "0"]],
        "pi_c": ["0", "1", "0"],
    }
    for name, point in infinite.items():
        with pytest.raises(EncodingError, match=f"^{name}: expected"):
            snarkjs.read_proof(json.dumps({**text, name: point}).encode())


def test_d1_a_sum_of_inputs_at_infinity_is_an_ordinary_statement(
    key: rln.ProvingKey, sample_proof: rln.RlnProof
) -> None:
    """IC 0 is chosen so that IC 0 + x1 IC 1 + ... is infinity for the values of a proof."""
    points = key_points(key.verifying_key)
    rest = curve.msm(b"".join(points[f"ic{i}"] for i in range(1, 6)), words(sample_proof.public_inputs))
    data = patched(key.verifying_key.encode(compressed=False), 456, negated(rest))
    changed = rln.VerifyingKey.decode(data, compressed=False)
    assert plus(negated(rest), rest) == INFINITY_1
    assert verdict(changed, sample_proof.public_inputs, sample_proof.proof) is False
    # e(A, B) = e(alpha, beta) e(C, delta) holds for these three
    delta, alpha, beta = points["delta"], points["alpha"], points["beta"]
    forged = patched(data, 320, beta)
    trapdoor = VerifyingKeyHandle.decode(forged, False)  # only the C core takes it: threats D14
    with pytest.raises(KeyFileError, match="delta_g2"):
        rln.VerifyingKey.decode(forged, compressed=False)
    proof = groth16.compress(plus(alpha, G1) + beta + G1)
    assert delta != beta
    assert groth16.verify(trapdoor, words(sample_proof.public_inputs), proof) is True
    assert groth16.verify(trapdoor, words((*sample_proof.public_inputs[:4], 1)), proof) is False
    answers = groth16.verify_many(trapdoor, words(sample_proof.public_inputs) * 3, proof * 3)
    assert answers == [groth16.ACCEPTED] * 3


# ---- D2 --------------------------------------------------------------------------------------------


def twist_point() -> tuple[object, object, object]:
    (x0, x1), (y0, y1) = outside()
    return ecc.FQ2([x0, x1]), ecc.FQ2([y0, y1]), ecc.FQ2.one()


def encoded(point: tuple[object, object, object]) -> bytes:
    x, y = ecc.normalize(point)
    return bn254.point([int(c) for c in (*x.coeffs, *y.coeffs)])


def compressed_anyway(point: bytes) -> bytes:
    """Compress any point of the twist, without a check: x with the flag of y."""
    return point[:63] + bytes([point[63] | point[127] & 0x80])


@pytest.mark.parametrize("order", [0, 10069, 5864401])
def test_d2_points_of_the_twist_outside_g2_are_refused(
    key: rln.ProvingKey, sample_proof: rln.RlnProof, order: int
) -> None:
    """Order 0 is a random point; else B + T with T of this small order, which a pairing might not notice."""
    assert COFACTOR % 10069 == COFACTOR % 5864401 == 0
    b = groth16.decompress(sample_proof.proof)[64:192]
    point = twist_point()
    if order:
        small = ecc.multiply(point, R * COFACTOR // order)
        assert not ecc.is_inf(small)
        assert ecc.is_inf(ecc.multiply(small, order))
        x0, x1, y0, y1 = (int.from_bytes(b[i : i + 32], "little") for i in range(0, 128, 32))
        y1 &= 2**254 - 1
        here = (ecc.FQ2([x0, x1]), ecc.FQ2([y0, y1]), ecc.FQ2.one())
        assert encoded(here) == b
        point = ecc.add(here, small)
    assert ecc.is_on_curve(point, ecc.b2)
    bad = encoded(point)
    points = groth16.decompress(sample_proof.proof)
    with pytest.raises(PointError, match="proof_b"):
        groth16.compress(patched(points, 64, bad))
    assert (
        verdict(
            key.verifying_key,
            sample_proof.public_inputs,
            patched(sample_proof.proof, 32, compressed_anyway(bad)),
        )
        is PointError
    )
    with pytest.raises(PointError):
        curve.decompress(compressed_anyway(bad), 2)
    plain = key.verifying_key.encode(compressed=False)
    for start in (64, 192, 320):
        with pytest.raises(PointError):
            rln.VerifyingKey.decode(patched(plain, start, bad), compressed=False)
    ark = key.to_arkzkey()
    for start in (64, 192, 320):
        with pytest.raises(PointError):
            ProvingKeyHandle.load("ark", patched(ark, start, bad))


def test_d2_points_off_the_curve_are_refused(key: rln.ProvingKey, sample_proof: rln.RlnProof) -> None:
    points = groth16.decompress(sample_proof.proof)
    for start, size in ((0, 64), (64, 128), (192, 64)):
        for place in range(start, start + size, 32):
            bad = patched(points, place, word(12345))
            with pytest.raises(PointError):
                groth16.compress(bad)
    no_x = next(x for x in range(1, 99) if pow(x**3 + 3, (P - 1) // 2, P) == P - 1)
    for start in (0, 96):
        bad = patched(sample_proof.proof, start, word(no_x))
        assert verdict(key.verifying_key, sample_proof.public_inputs, bad) is PointError
    plain = key.verifying_key.encode(compressed=False)
    for start in (0, *range(456, 840, 64)):
        with pytest.raises(PointError):
            rln.VerifyingKey.decode(patched(plain, start, word(5) + word(6)), compressed=False)
