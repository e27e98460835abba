"""field.json: arithmetic in Fr and Fp, and what their decoders must refuse."""

from collections.abc import Sequence

from oracle.field import P, R, decode, encode, evaluate

from . import form

MODULI = {"fr": R, "fp": P}
BINARY = ("add", "sub", "mul")


def _case(
    name: str, operation: str, a: bytes, b: bytes, identifier: str, why: str, flags: Sequence[str] = ()
) -> form.Case:
    modulus = MODULI[name]

    def answer() -> str:
        x = decode(a, modulus)
        y = decode(b, modulus) if operation in BINARY else 0
        return encode(evaluate(operation, x, y, modulus)).hex()

    given = {"field": name, "operation": operation, "a": a.hex()}
    if operation in BINARY:
        given["b"] = b.hex()
    return form.case(identifier, why, given, answer, flags)


def document() -> form.Document:
    """Return the whole file."""
    cases: list[form.Case] = []
    for name, modulus in MODULI.items():
        edges = [0, 1, 2, modulus - 1, modulus - 2, 2**64 - 1, 2**128, 2**253, (modulus + 1) // 2]
        edges += [form.number(f"{name} {i}", modulus) for i in range(5)]
        for operation in (*BINARY, "sqr", "neg", "inv"):
            for i, a in enumerate(edges):
                b = edges[(3 * i + 5) % len(edges)]
                cases.append(
                    _case(name, operation, encode(a), encode(b), f"{name}-{operation}-{i}", "edge or fixed")
                )
        beyond = [modulus, modulus + 1, modulus + 2**64, 2**254, 2**255, 2**256 - 1]
        beyond += [k * modulus + a for k in range(1, 6) for a in (0, 1, 5) if k * modulus + a < 2**256]
        if name == "fr":
            beyond += [P - 1, P, R + 1, (R + P) // 2]
        values = sorted(set(beyond))
        for operation in ("add", "mul", "neg"):
            for i, value in enumerate(values):
                why = f"{value // modulus} r + small: an alias" if name == "fr" else "not below p"
                cases.append(
                    _case(
                        name,
                        operation,
                        encode(value),
                        encode(1),
                        f"{name}-{operation}-range-{i}",
                        why,
                        ["range"],
                    )
                )
        for length in (*range(0, 32, 3), 33, 40, 64, 96):
            short = bytes(length)
            cases.append(
                _case(name, "add", short, encode(1), f"{name}-length-{length}", "not 32 bytes", ["length"])
            )
        for i, value in enumerate(values):
            flags = ["range"]
            cases.append(
                _case(name, "sub", encode(3), encode(value), f"{name}-second-{i}", "b not canonical", flags)
            )
    return form.document(
        "computed by vectors/oracle/field.py from the BN254 parameter",
        "hex of 32 bytes, little-endian; the inverse of 0 is 0",
        cases,
    )
