"""How a case is written down, and the numbers that cases are made of."""

from oracle.field import Refused, encode
from oracle.keccak import keccak256


def number(label: str, modulus: int) -> int:
    """A fixed number below the modulus that looks random: two digests of its label."""
    wide = keccak256(label.encode()) + keccak256(b"again " + label.encode())
    return int.from_bytes(wide, "little") % modulus


def hexed(value: int) -> str:
    """The 32 bytes of an integer below 2^256, as hex."""
    return encode(value).hex()


def case(identifier, why, given, answer, flags=()):
    """One case; `answer` is called, and what it returns or refuses becomes the result."""
    entry = {"id": identifier, "why": why, "flags": list(flags), "input": given}
    try:
        output = answer()
    except Refused as refusal:
        return {**entry, "result": "invalid", "error": str(refusal)}
    return {**entry, "result": "valid", "output": output}


def document(origin, notation, cases):
    """One vector file."""
    return {"origin": origin, "notation": notation, "cases": cases}
