"""The two prime fields of BN254, and how their elements are written: 32 bytes, little-endian, canonical."""

X = 4965661367192848881
P = 36 * X**4 + 36 * X**3 + 24 * X**2 + 6 * X + 1
"""The base field's modulus: coordinates."""
R = P - 6 * X**2
"""The scalar field's modulus: hashes, secrets, exponents."""


class Refused(Exception):
    """The input must be refused; the message is the kind of error that the vectors name."""


def decode(data: bytes, modulus: int = R) -> int:
    """32 bytes to an element; length and range are errors, never repaired."""
    if len(data) != 32:
        raise Refused("length")
    value = int.from_bytes(data, "little")
    if value >= modulus:
        raise Refused("range")
    return value


def encode(value: int) -> bytes:
    """An element to its 32 bytes."""
    return value.to_bytes(32, "little")


def evaluate(operation: str, a: int, b: int, modulus: int) -> int:
    """One operation; the inverse of 0 is 0 by convention."""
    if operation == "inv":
        return pow(a, -1, modulus) if a else 0
    results = {"add": a + b, "sub": a - b, "mul": a * b, "sqr": a * a, "neg": -a}
    return results[operation] % modulus
