"""Groth16 verification over BN254. Source: Groth 2016; zerokit-spec 6 and 7.2."""

from .curve import Fp, Fp2, add, decode_g1, decode_g2, encode_g1, encode_g2, multiply, negate
from .field import R, Refused, decode
from .pairing import product_is_one


def read_key(data):
    """alpha, beta, gamma, delta, u64 count, IC points, all compressed."""
    count = int.from_bytes(data[224:232], "little")
    if len(data) != 232 + 32 * count:
        raise Refused("length")
    ic = [decode_g1(data[232 + 32 * i : 264 + 32 * i]) for i in range(count)]
    alpha, beta = decode_g1(data[:32]), decode_g2(data[32:96])
    return alpha, beta, decode_g2(data[96:160]), decode_g2(data[160:224]), ic


def read_proof(data):
    """A, B, C from 128 bytes."""
    if len(data) != 128:
        raise Refused("length")
    return decode_g1(data[:32]), decode_g2(data[32:96]), decode_g1(data[96:])


def write_proof(a, b, c):
    """The 128 bytes."""
    return encode_g1(a) + encode_g2(b) + encode_g1(c)


def verify(key, inputs, proof):
    """Return whether e(A, B) = e(alpha, beta) e(IC, gamma) e(C, delta); Refused for what is malformed.

    Args:
        key: what read_key returned.
        inputs: each public input as 32 bytes.
        proof: 128 bytes.
    """
    alpha, beta, gamma, delta, ic = key
    if len(inputs) != len(ic) - 1:
        raise Refused("length")
    scalars = [decode(value, R) for value in inputs]
    a, b, c = read_proof(proof)
    total = ic[0]
    for point, scalar in zip(ic[1:], scalars, strict=True):
        total = add(Fp, total, multiply(Fp, point, scalar) if scalar else None)
    terms = [(negate(Fp, a), b), (alpha, beta), (total, gamma), (c, delta)]
    return product_is_one(terms)


def rerandomise(proof, key, t, s):
    """Another valid proof of the same statement: (t^-1 A, t B + t s delta, C + s A)."""
    a, b, c = read_proof(proof)
    delta = key[3]
    return write_proof(
        multiply(Fp, a, pow(t, -1, R)),
        add(Fp2, multiply(Fp2, b, t), multiply(Fp2, delta, t * s % R)),
        add(Fp, c, multiply(Fp, a, s)),
    )
