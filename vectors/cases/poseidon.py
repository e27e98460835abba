"""poseidon.json: hashes of one to eight elements."""

from collections.abc import Sequence

from oracle.field import P, R, Refused, decode, encode
from oracle.poseidon import poseidon

from . import form


def _case(inputs: Sequence[bytes], identifier: str, why: str, flags: Sequence[str] = ()) -> form.Case:
    def answer() -> str:
        if not 1 <= len(inputs) <= 8:
            raise Refused("parameter")
        return encode(poseidon([decode(value) for value in inputs])).hex()

    return form.case(identifier, why, {"inputs": [value.hex() for value in inputs]}, answer, flags)


def document() -> form.Document:
    """Return the whole file."""
    cases: list[form.Case] = []
    for arity in range(1, 9):
        rows = {
            "count": [i + 1 for i in range(arity)],
            "zero": [0] * arity,
            "top": [R - 1 - i for i in range(arity)],
            "fixed": [form.number(f"poseidon {arity} {i}", R) for i in range(arity)],
        }
        for name, values in rows.items():
            cases.append(
                _case(
                    [encode(v) for v in values], f"arity-{arity}-{name}", "each width has its own parameters"
                )
            )
        for position in range(arity):
            row = [encode(i + 1) for i in range(arity)]
            row[position] = encode(R + 1)
            cases.append(_case(row, f"arity-{arity}-alias-{position}", "1 + r is not 1", ["range"]))
    for i, value in enumerate((0, 1, 255, 65535, 2**64 - 1)):
        cases.append(_case([encode(value)], f"zerokit-one-{i}", "zerokit's own one-input vectors"))
    for i in range(0, 8, 2):
        cases.append(
            _case([encode(i), encode(i + 1)], f"zerokit-pair-{i}", "leaves of zerokit's eight-leaf tree")
        )
    cases.append(_case([], "empty", "no input", ["parameter"]))
    cases.append(_case([encode(1)] * 9, "nine", "wider than circomlib's use here", ["parameter"]))
    cases.append(_case([encode(P - 1)], "field-mixed-up", "below the base field's modulus only", ["range"]))
    cases.append(_case([bytes(31)], "short", "31 bytes", ["length"]))
    cases.append(_case([bytes(33)], "long", "33 bytes", ["length"]))
    return form.document(
        "computed by vectors/oracle/poseidon.py; zerokit-* equal utils/tests/poseidon_hash_test.rs of "
        "vacp2p/zerokit e077b5b, and arities 1 to 8 equal circomlibjs 0.1.7",
        "hex of 32 bytes, little-endian",
        cases,
    )
