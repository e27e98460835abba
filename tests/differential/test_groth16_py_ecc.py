"""Proofs of ours and of zerokit's ceremony, verified with py_ecc's pairing.

vectors/oracle, which shares no code with the library, reads keys and proofs. So the tests cover their bytes
too.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from py_ecc import optimized_bn128 as ecc

from rln.keys.verifying_key import VerifyingKey
from rln.protocol.proof import RlnProof
from tests.support.field_elements import R
from tests.support.small_world import World
from vectors.oracle.groth16 import read_key, read_proof

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "proof.json"


def point1(point: Any) -> Any:
    x, y = point
    return ecc.FQ(x), ecc.FQ(y), ecc.FQ(1)


def point2(point: Any) -> Any:
    x, y = point
    return ecc.FQ2(x), ecc.FQ2(y), ecc.FQ2([1, 0])


def holds(key: bytes, inputs: tuple[int, ...], proof: bytes) -> bool:
    """Return whether e(-A, B) e(alpha, beta) e(IC, gamma) e(C, delta) = 1, computed with py_ecc."""
    alpha, beta, gamma, delta, ic = read_key(key)
    a, b, c = read_proof(proof)
    total = point1(ic[0])
    for point, value in zip(ic[1:], inputs, strict=True):
        total = ecc.add(total, ecc.multiply(point1(point), value))
    product = ecc.FQ12.one()
    pairs = [(ecc.neg(point1(a)), b), (point1(alpha), beta), (total, gamma), (point1(c), delta)]
    for left, right in pairs:
        assert ecc.is_on_curve(left, ecc.b)
        assert ecc.is_on_curve(point2(right), ecc.b2)
        product *= ecc.pairing(point2(right), left, final_exponentiate=False)
    return bool(ecc.final_exponentiate(product) == ecc.FQ12.one())


@pytest.fixture(scope="module")
def message() -> tuple[VerifyingKey, RlnProof]:
    world = World()
    return world.key.verifying_key, world.prover(world.join()).prove(b"asked elsewhere")


def test_a_proof_of_ours_holds(message: tuple[VerifyingKey, RlnProof]) -> None:
    key, proof = message
    assert holds(key.encode(), proof.public_inputs, proof.proof)
    assert key.verify(proof.public_inputs, proof.proof)


def test_a_proof_of_ours_for_another_value_does_not_hold(message: tuple[VerifyingKey, RlnProof]) -> None:
    key, proof = message
    changed = ((proof.y + 1) % R, *proof.public_inputs[1:])
    assert not holds(key.encode(), changed, proof.proof)
    assert not key.verify(changed, proof.proof)


def test_zerokits_proof_holds_under_the_key_of_the_ceremony() -> None:
    document = json.loads(VECTORS.read_text())
    key = bytes.fromhex(document["verifying_key"])
    (case,) = (case["input"] for case in document["cases"] if case["id"] == "upstream")
    inputs = tuple(int.from_bytes(bytes.fromhex(value), "little") for value in case["inputs"])
    proof = bytes.fromhex(case["proof"])
    assert holds(key, inputs, proof)
    assert VerifyingKey.decode(key).verify(inputs, proof)
    assert VerifyingKey.builtin("zerokit-20").encode() == key
