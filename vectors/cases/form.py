"""The form of a vector file and of a case, and the fixed numbers that cases use."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oracle.field import Refused, encode
from oracle.keccak import keccak256

Case = dict[str, Any]
Document = dict[str, Any]


def number(label: str, modulus: int) -> int:
    """Return a fixed number below the modulus that looks random: two digests of its label."""
    wide = keccak256(label.encode()) + keccak256(b"again " + label.encode())
    return int.from_bytes(wide, "little") % modulus


def hexed(value: int) -> str:
    """Return the 32 bytes of an integer below 2^256, as hex."""
    return encode(value).hex()


def case(
    identifier: str,
    why: str,
    given: Mapping[str, Any],
    answer: Callable[[], Any],
    flags: Sequence[str] = (),
) -> Case:
    """Make a case whose result is what `answer` returns, or the reason for which it refuses."""
    entry: Case = {"id": identifier, "why": why, "flags": list(flags), "input": given}
    try:
        output = answer()
    except Refused as refusal:
        return {**entry, "result": "invalid", "error": str(refusal)}
    return {**entry, "result": "valid", "output": output}


def document(origin: str, notation: str, cases: Sequence[Case]) -> Document:
    """Make one vector file."""
    return {"origin": origin, "notation": notation, "cases": cases}
