"""zerokit's messages: a proof with its public values, in the byte layouts of zerokit 0.9, 2.0 and 3.0.

Written from docs/zerokit-spec.md, 7.1, 7.4 and 7.5. The proof is 128 bytes; a list is its length, 8 bytes,
and its items. Only what zerokit writes is accepted.
"""

from dataclasses import dataclass, field
from typing import Literal

from .field import P, R, Refused

ORDERS = {
    "zerokit-0.9": "root ext x y nullifier",
    "zerokit-2": "root ext x y nullifier",
    "zerokit-2-be": "root ext x y nullifier",
    "zerokit-3": "y root nullifier x ext",
    "zerokit-3-mixed": "y root nullifier x ext",
}


def endianness(codec: str) -> Literal["little", "big"]:
    """Return the byte order of values and lengths."""
    return "big" if codec in ("zerokit-2-be", "zerokit-3-mixed") else "little"


@dataclass
class Message:
    """A message; `selectors` is empty if it has one message id, and then the two lists have one item."""

    proof: bytes
    root: int
    x: int
    ext: int
    ys: list[int]
    nullifiers: list[int]
    selectors: list[int] = field(default_factory=list)


def encode(codec: str, message: Message) -> bytes:
    """Write a message, whatever its values."""
    endian = endianness(codec)

    def number(value: int) -> bytes:
        return value.to_bytes(32, endian)

    def count() -> bytes:
        return len(message.selectors).to_bytes(8, endian) if message.selectors else b""

    tag = b"\1" if message.selectors else b"\0"
    parts = {
        "root": number(message.root),
        "x": number(message.x),
        "ext": number(message.ext),
        "y": count() + b"".join(map(number, message.ys)),
        "nullifier": count() + b"".join(map(number, message.nullifiers)),
    }
    values = b"".join(parts[name] for name in ORDERS[codec].split()) + count() + bytes(message.selectors)
    if codec == "zerokit-0.9":
        return message.proof + values
    first = tag if codec.startswith("zerokit-2") else b""
    return first + message.proof + tag + values


def decode(codec: str, data: bytes) -> Message:
    """Read a message and check what every reader must: ranges, infinity, slots, x."""
    endian = endianness(codec)
    rest = data

    def take(size: int) -> bytes:
        nonlocal rest
        if len(rest) < size:
            raise Refused("length")
        taken, rest = rest[:size], rest[size:]
        return taken

    def number() -> int:
        return int.from_bytes(take(32), endian)

    def several() -> list[int]:
        size = int.from_bytes(take(8), endian)
        if 32 * size > len(rest):
            raise Refused("length")
        return [number() for _ in range(size)]

    first = take(1) if codec.startswith("zerokit-2") else None
    proof = take(128)
    tag = take(1) if codec != "zerokit-0.9" else b"\0"
    if tag not in (b"\0", b"\1") or first not in (None, tag):
        raise Refused("form")
    single = tag == b"\0"
    found: dict[str, list[int]] = {}
    for name in ORDERS[codec].split():
        found[name] = several() if not single and name in ("y", "nullifier") else [number()]
    selectors = [] if single else list(take(int.from_bytes(take(8), endian)))
    if rest or (not single and not 1 <= len(selectors) == len(found["y"]) == len(found["nullifier"]) <= 16):
        raise Refused("length")
    if any(selector > 1 for selector in selectors):
        raise Refused("form")
    if any(value >= R for values in found.values() for value in values):
        raise Refused("range")
    _check_points(proof)
    made = Message(
        proof, found["root"][0], found["x"][0], found["ext"][0], found["y"], found["nullifier"], selectors
    )
    if made.x == 0 or (not single and not _slots_are_sound(made)):
        raise Refused("parameter")
    return made


def _check_points(proof: bytes) -> None:
    """Check the flags and the range of each coordinate; whether the points exist is for the verifier."""
    for start, flagged in ((0, True), (32, False), (64, True), (96, True)):
        value = int.from_bytes(proof[start : start + 32], "little")
        if flagged:
            if value >> 254 & 1:
                raise Refused("point")
            value &= 2**254 - 1
        if value >= P:
            raise Refused("range")


def _slots_are_sound(message: Message) -> bool:
    used = [n for n, selector in zip(message.nullifiers, message.selectors, strict=True) if selector]
    unused = [
        (y, n)
        for y, n, selector in zip(message.ys, message.nullifiers, message.selectors, strict=True)
        if not selector
    ]
    return bool(used) and len(set(used)) == len(used) and all(pair == (0, 0) for pair in unused)
