"""Groth16 proofs: make, verify and compress them.

A scalar has 32 bytes. A proof has 128, its three points compressed. Never use these bytes as a key of a
store: anybody can turn a proof into another proof of the same statement.
"""

from __future__ import annotations

from rln.base.arguments import fixed_bytes, instance, plain_bytes
from rln.lowlevel import _call, entropy
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import ffi, lib
from rln.lowlevel.blinding import blinders
from rln.lowlevel.keys import COEFFICIENT_BYTES, ProvingKeyHandle, VerifyingKeyHandle
from rln.lowlevel.tables import Tables
from rln.lowlevel.witness import Witness

ACCEPTED: int = lib.RLN_OK
"""The result of `verify_many` for a valid proof."""

REFUSED: int = lib.RLN_REFUSED
"""The result of `verify_many` for a proof that is well formed but does not verify."""

PROOF_BYTES = 128
POINTS_BYTES = 256


def prove(
    key: ProvingKeyHandle,
    witness: Witness,
    blinding: tuple[int, int] | None = None,
    threads: int | None = 1,
    tables: Tables | None = None,
) -> bytes:
    """Make a proof of 128 bytes, which is not verified. The time depends on the witness.

    Args:
        key: of the witness's circuit.
        witness: all wires.
        blinding: (r, s), to make a known proof again; None draws fresh scalars, as every real proof must.
        threads: 1..256, None is one for each processor.
        tables: of this key, for speed.

    Raises:
        ParameterError: the number of wires differs between witness and key, or the tables are another key's.
        FieldRangeError: r or s is not canonical.
        EntropyError: the system has no random bytes.
    """
    instance(witness, Witness, "witness")
    out, fault = _call.output(PROOF_BYTES), _call.new_fault()
    opened = ffi.NULL if tables is None else tables.pointer
    with blinders(blinding) as (drawn, size):
        status = lib.rln_proof_create(
            key.pointer, opened, witness.pointer, drawn, size, _threads.pool(threads), out, PROOF_BYTES, fault
        )
    _call.check(status, fault, "proof")
    return _call.take(out)


def quotient(key: ProvingKeyHandle, witness: Witness, threads: int | None = 1) -> bytes:
    """Compute the secret scalars for the points of the H query, 32 bytes for each point of the domain.

    Raises:
        ParameterError: the number of wires differs between witness and key.
    """
    size = 32 * key.info().domain
    out, fault = _call.output(size), _call.new_fault()
    status = lib.rln_proof_quotient(key.pointer, witness.pointer, _threads.pool(threads), out, size, fault)
    _call.check(status, fault, "quotient")
    return _call.take(out)


def decompress(proof: bytes) -> bytes:
    """Decompress a proof of 128 bytes to its points A, B, C, 256 bytes.

    Raises:
        EncodingError, FieldRangeError, PointError: not a proof.
    """
    proof = fixed_bytes(proof, PROOF_BYTES, "proof")
    out, fault = _call.output(POINTS_BYTES), _call.new_fault()
    _call.check(lib.rln_proof_decompress(proof, len(proof), out, POINTS_BYTES, fault), fault, "proof")
    return _call.take(out)


def compress(points: bytes) -> bytes:
    """Compress the points A, B, C, 256 bytes, to a proof of 128 bytes.

    Raises:
        EncodingError, FieldRangeError, PointError: not a proof.
    """
    points = fixed_bytes(points, POINTS_BYTES, "points")
    out, fault = _call.output(PROOF_BYTES), _call.new_fault()
    _call.check(lib.rln_proof_compress(points, len(points), out, PROOF_BYTES, fault), fault, "points")
    return _call.take(out)


def verify(key: VerifyingKeyHandle, inputs: bytes, proof: bytes) -> bool:
    """Return whether the verification equation holds.

    Args:
        key: of the circuit.
        inputs: key.public_inputs scalars.
        proof: 128 bytes.

    Raises:
        EncodingError: a wrong length.
        FieldRangeError, PointError: an invalid scalar, coordinate or point.
    """
    inputs = fixed_bytes(inputs, 32 * key.public_inputs, "inputs")
    proof = fixed_bytes(proof, PROOF_BYTES, "proof")
    ok, fault = ffi.new("int *"), _call.new_fault()
    status = lib.rln_proof_verify(key.pointer, inputs, len(inputs), proof, len(proof), ok, fault)
    _call.check(status, fault, "proof")
    return bool(ok[0] == 1)


def verify_many(key: VerifyingKeyHandle, inputs: bytes, proofs: bytes, threads: int | None = 1) -> list[int]:
    """Verify n proofs, with a single pairing product if all are valid.

    Args:
        key: of the circuit of all of them.
        inputs: n times key.public_inputs scalars.
        proofs: n times 128 bytes.
        threads: 1..256, None is one for each processor.

    Returns:
        For each proof ACCEPTED, REFUSED, or the status of the error that `verify` would raise.

    Raises:
        EncodingError: a wrong length.
        EntropyError: the system has no random bytes for the coefficients, so no proof was verified.
    """
    count = len(plain_bytes(proofs, "proofs")) // PROOF_BYTES
    proofs = fixed_bytes(proofs, count * PROOF_BYTES, "proofs")
    inputs = fixed_bytes(inputs, count * 32 * key.public_inputs, "inputs")
    coefficients = entropy.draw(count * COEFFICIENT_BYTES)
    results = ffi.new("int32_t[]", count)
    status = lib.rln_proof_verify_many(
        key.pointer, inputs, len(inputs), proofs, len(proofs), coefficients, len(coefficients),
        _threads.pool(threads), results, count,
    )  # fmt: skip
    _call.check(status, what="batch")
    return [int(results[i]) for i in range(count)]
