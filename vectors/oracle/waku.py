"""Waku messages: fields of protobuf, proofs, topics, signals and hashes.

Sources: protobuf.dev/programming-guides/encoding; 14/WAKU2-MESSAGE, 17/WAKU2-RLN-RELAY, 23/WAKU2-TOPICS and
51/WAKU2-RELAY-SHARDING; js-waku and nwaku for what they differ in. A refusal is "length" if every reader of
protobuf refuses the bytes, and "lax" if some reader accepts them.
"""

import hashlib
from typing import Any

from .credential import coordinates
from .field import Refused, decode

NUMBERS = {"version": 3, "timestamp": 10, "ephemeral": 31}
STRINGS = {"payload": 1, "content_topic": 2, "meta": 11, "proof": 21}
PROOF = ("proof", "root", "epoch", "x", "y", "nullifier", "rln_identifier")


class Reader:
    """Takes bytes from the front."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def take(self, count: int) -> bytes:
        """Take as many bytes."""
        if count > len(self.rest):
            raise Refused("length")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def groups_of_seven(self) -> list[int]:
        """Take the groups of a number."""
        groups: list[int] = []
        more = True
        while more:
            if len(groups) == 10:
                raise Refused("length")
            (byte,) = self.take(1)
            groups.append(byte % 128)
            more = byte >= 128
        return groups

    def number(self, bits: int = 64) -> int:
        """Take a number of so many bits; a tag has 32 and at most 5 groups."""
        groups = self.groups_of_seven()
        value = sum(group << 7 * place for place, group in enumerate(groups))
        if value >= 2**bits or (bits == 32 and len(groups) > 5):
            raise Refused("lax")
        return value


def fields(data: bytes) -> list[tuple[int, int, Any]]:
    """Return number, wire type and value of each field."""
    reader = Reader(data)
    found: list[tuple[int, int, Any]] = []
    while reader.rest:
        if len(found) == 64:
            raise Refused("lax")
        number, kind = divmod(reader.number(32), 8)
        if number == 0:
            raise Refused("lax")
        value: Any
        match kind:
            case 0:
                value = reader.number()
            case 1:
                value = reader.take(8)
            case 2:
                value = reader.take(reader.number())
            case 5:
                value = reader.take(4)
            case 3 | 4:
                raise Refused("lax")
            case _:
                raise Refused("length")
        found.append((number, kind, value))
    return found


def known(data: bytes, numbers: dict[str, int], strings: dict[str, int]) -> tuple[dict[str, Any], bool]:
    """Return the values of known fields by name, and whether there are others."""
    names = {number: (name, 0) for name, number in numbers.items()}
    names |= {number: (name, 2) for name, number in strings.items()}
    values: dict[str, Any] = {}
    others = False
    for number, kind, value in fields(data):
        if number not in names:
            others = True
            continue
        name, wanted = names[number]
        if kind != wanted or name in values:
            raise Refused("lax")
        values[name] = value
    return values, others


def read_message(data: bytes) -> dict[str, Any]:
    """Return the fields of a message; None for what is absent."""
    if len(data) > 153_600:
        raise Refused("lax")
    values, others = known(data, NUMBERS, STRINGS)
    found = {name: values.get(name) for name in (*STRINGS, *NUMBERS)}
    found["payload"] = values.get("payload", b"")
    found["content_topic"] = topic = values.get("content_topic", b"")
    try:
        topic.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("lax") from None
    if found["timestamp"] is not None:
        half, odd = divmod(found["timestamp"], 2)
        found["timestamp"] = -half - 1 if odd else half
        if found["timestamp"] < 1:
            raise Refused("lax")
    if (found["version"] or 0) >= 2**32 or (found["ephemeral"] or 0) > 1 or len(found["meta"] or b"") > 64:
        raise Refused("lax")
    return {**found, "unknown": others}


def number(value: int) -> bytes:
    """Return a number in groups of seven bits."""
    return bytes([value]) if value < 128 else bytes([128 + value % 128]) + number(value // 128)


def string(place: int, data: bytes) -> bytes:
    """Return a field of bytes."""
    return number(8 * place + 2) + number(len(data)) + data


def write_message(message: dict[str, Any]) -> bytes:
    """Return the bytes of a message, without unknown fields."""
    out = {}
    for name, place in STRINGS.items():
        value = message[name]
        if value or (value is not None and name in ("meta", "proof")):
            out[place] = string(place, value)
    for name, place in NUMBERS.items():
        if message[name] is not None:
            value = 2 * message[name] if name == "timestamp" else message[name]
            out[place] = number(8 * place) + number(value)
    return b"".join(out[place] for place in sorted(out))


def message_hash(message: dict[str, Any], pubsub_topic: bytes) -> bytes:
    """Return the deterministic hash of a message."""
    time = b"" if message["timestamp"] is None else message["timestamp"].to_bytes(8, "big")
    parts = (pubsub_topic, message["payload"], message["content_topic"], message["meta"] or b"", time)
    return hashlib.sha256(b"".join(parts)).digest()


def read_proof(data: bytes) -> dict[str, Any]:
    """Return the values of a proof: bytes, and numbers."""
    values, others = known(data, {}, {name: place for place, name in enumerate(PROOF, 1)})
    if others or any(len(value) != (128 if name == "proof" else 32) for name, value in values.items()):
        raise Refused("lax")
    if set(PROOF[:6]) - set(values):
        raise Refused("lax")
    epoch = int.from_bytes(values["epoch"], "little")
    if epoch >= 2**64:
        raise Refused("lax")
    coordinates(values["proof"])
    numbers = {name: decode(values[name]) for name in ("root", "x", "y", "nullifier")}
    if numbers["x"] == 0:
        raise Refused("parameter")
    return {
        "proof": values["proof"],
        **numbers,
        "epoch": epoch,
        "rln_identifier": values.get("rln_identifier"),
    }


def read_topic(topic: bytes, five_parts: bool) -> tuple[list[bytes], bool]:
    """Return the four parts of a content topic, and whether a generation stands before them."""
    head, *parts = topic.split(b"/")
    generation = five_parts and len(parts) == 5 and parts[0] == b"0"
    parts = parts[1:] if generation else parts
    if head != b"" or len(parts) != 4 or b"" in parts:
        raise Refused("form")
    return parts, generation


def signal(message: dict[str, Any], form: str, five_parts: bool) -> tuple[bytes, list[bytes]]:
    """Return the signal of a message, and the parts of its topic, if the signal has no other reading."""
    parts, generation = read_topic(message["content_topic"], five_parts)
    if five_parts and not generation and message["payload"].endswith(b"/0"):
        raise Refused("form")
    joined = message["payload"] + message["content_topic"]
    if form == "waku-2023":
        return joined, parts
    if form != "waku-2025":
        raise Refused("parameter")
    if message["timestamp"] is None:
        raise Refused("lax")
    return joined + message["timestamp"].to_bytes(8, "little"), parts


def shard(parts: list[bytes], shards: int) -> int:
    """Return the shard of a topic among so many."""
    if not 1 <= shards <= 1024:
        raise Refused("parameter")
    return int(hashlib.sha256(parts[0] + parts[1]).hexdigest()[-16:], 16) % shards
