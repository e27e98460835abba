"""The two prime fields of BN254, and how their elements are written: 32 bytes, little-endian, canonical."""

X = 4965661367192848881
P = 36 * X**4 + 36 * X**3 + 24 * X**2 + 6 * X + 1
"""The base field's modulus, for coordinates."""
R = P - 6 * X**2
"""The scalar field's modulus, for hashes, secrets and exponents."""


class Refused(Exception):
    """Raised for an input that must be refused; its text is the `error` of the vectors."""


def decode(data: bytes, modulus: int = R) -> int:
    """Decode 32 bytes to an element. A wrong length or range is refused, never repaired."""
    if len(data) != 32:
        raise Refused("length")
    value = int.from_bytes(data, "little")
    if value >= modulus:
        raise Refused("range")
    return value


def encode(value: int) -> bytes:
    """Encode an element in 32 bytes."""
    return value.to_bytes(32, "little")


def evaluate(operation: str, a: int, b: int, modulus: int) -> int:
    """Compute one operation. The inverse of 0 is 0 by convention."""
    if operation == "inv":
        return pow(a, -1, modulus) if a else 0
    results = {"add": a + b, "sub": a - b, "mul": a * b, "sqr": a * a, "neg": -a}
    return results[operation] % modulus
