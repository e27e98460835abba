"""Arithmetic in the fields, for many elements at once, and the number-theoretic transform."""

from __future__ import annotations

from typing import Literal

from rln import errors
from rln.base.arguments import plain_bytes
from rln.lowlevel import _call
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import ffi, lib

FieldName = Literal["fr", "fp", "fp2", "fp6", "fp12"]
Operation = Literal["add", "sub", "mul", "sqr", "neg", "inv"]

FIELDS: dict[str, int] = {
    "fr": lib.RLN_FIELD_FR,
    "fp": lib.RLN_FIELD_FP,
    "fp2": lib.RLN_FIELD_FP2,
    "fp6": lib.RLN_FIELD_FP6,
    "fp12": lib.RLN_FIELD_FP12,
}
OPERATIONS: dict[str, int] = {
    "add": lib.RLN_ADD,
    "sub": lib.RLN_SUB,
    "mul": lib.RLN_MUL,
    "sqr": lib.RLN_SQR,
    "neg": lib.RLN_NEG,
    "inv": lib.RLN_INV,
}

MAX_DOMAIN = 1 << 28
"""Most values of a transform: Fr has no root of unity of a larger power of two."""


def evaluate(field: FieldName, operation: Operation, a: bytes, b: bytes | None = None) -> bytes:
    """Compute a[i] op b[i] for every i.

    Args:
        field: an element of fr or fp has 32 bytes, of fp2 64, of fp6 192, of fp12 384.
        operation: add, sub and mul read b; sqr, neg and inv do not. The inverse of 0 is 0.
        a: elements side by side.
        b: the same number of elements.

    Raises:
        ParameterError: no such field or operation.
        EncodingError: not a whole number of elements, or b is not as long as a.
        FieldRangeError: an element is not canonical.
    """
    if field not in FIELDS:
        raise errors.ParameterError(f"field: expected one of {', '.join(FIELDS)}, got {field!r}")
    if operation not in OPERATIONS:
        raise errors.ParameterError(f"operation: expected one of {', '.join(OPERATIONS)}, got {operation!r}")
    a = plain_bytes(a, "a")
    right, right_len = (ffi.NULL, 0) if b is None else (plain_bytes(b, "b"), len(b))
    out, fault = _call.output(len(a)), _call.new_fault()
    status = lib.rln_field_evaluate(
        FIELDS[field], OPERATIONS[operation], out, len(a), a, len(a), right, right_len, fault
    )
    _call.check(status, fault, "evaluate")
    return _call.take(out)


def ntt(values: bytes, inverse: bool = False, threads: int | None = 1) -> bytes:
    """Transform 2^k scalars, k in 0..28, from coefficients to values at the roots of unity, or back.

    Raises:
        EncodingError: not a whole number of scalars.
        ParameterError: the number of scalars is not such a power of two.
        FieldRangeError: a scalar is not canonical.
    """
    values = plain_bytes(values, "values")
    count, rest = divmod(len(values), 32)
    if rest:
        raise errors.EncodingError(f"values: expected a whole number of scalars, got {len(values)} bytes")
    if count.bit_count() != 1 or count > MAX_DOMAIN:
        raise errors.ParameterError(f"values: expected a power of two, at most 2^28 of them, got {count}")
    out, fault = _call.output(len(values)), _call.new_fault()
    pool = _threads.pool(threads)
    status = lib.rln_ntt(out, len(values), values, len(values), int(inverse), pool, fault)
    _call.check(status, fault, "ntt")
    return _call.take(out)
