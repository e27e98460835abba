"""Groth16 verification over BN254. Source: Groth 2016; zerokit-spec 6 and 7.2."""

from collections.abc import Sequence

from .curve import (
    Element2,
    Fp,
    Fp2,
    Point,
    add,
    decode_g1,
    decode_g2,
    encode_g1,
    encode_g2,
    finite,
    multiply,
    negate,
)
from .field import R, Refused, decode
from .pairing import product_is_one

Key = tuple[Point[int], Point[Element2], Point[Element2], Point[Element2], list[Point[int]]]
"""alpha, beta, gamma, delta, IC."""

Proof = tuple[Point[int], Point[Element2], Point[int]]
"""A, B, C."""


def read_key(data: bytes) -> Key:
    """Read alpha, beta, gamma, delta, the u64 number of IC points and these, all compressed."""
    count = int.from_bytes(data[224:232], "little")
    if len(data) != 232 + 32 * count:
        raise Refused("length")
    ic = [decode_g1(data[232 + 32 * i : 264 + 32 * i]) for i in range(count)]
    alpha, beta = decode_g1(data[:32]), decode_g2(data[32:96])
    return alpha, beta, decode_g2(data[96:160]), decode_g2(data[160:224]), ic


def read_proof(data: bytes) -> Proof:
    """Read A, B and C from 128 bytes."""
    if len(data) != 128:
        raise Refused("length")
    return decode_g1(data[:32]), decode_g2(data[32:96]), decode_g1(data[96:])


def write_proof(a: Point[int], b: Point[Element2], c: Point[int]) -> bytes:
    """Write A, B and C as 128 bytes."""
    return encode_g1(a) + encode_g2(b) + encode_g1(c)


def verify(key: Key, inputs: Sequence[bytes], proof: bytes) -> bool:
    """Return whether e(A, B) = e(alpha, beta) e(IC, gamma) e(C, delta); Refused if an input is malformed.

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
    total: Point[int] | None = ic[0]
    for point, scalar in zip(ic[1:], scalars, strict=True):
        total = add(Fp, total, multiply(Fp, point, scalar) if scalar else None)
    terms = [(negate(Fp, a), b), (alpha, beta), (total, gamma), (c, delta)]
    return product_is_one(terms)


def rerandomise(proof: bytes, key: Key, t: int, s: int) -> bytes:
    """Make another valid proof of the same statement: (t^-1 A, t B + t s delta, C + s A)."""
    a, b, c = read_proof(proof)
    delta = key[3]
    return write_proof(
        finite(multiply(Fp, a, pow(t, -1, R))),
        finite(add(Fp2, multiply(Fp2, b, t), multiply(Fp2, delta, t * s % R))),
        finite(add(Fp, c, multiply(Fp, a, s))),
    )
