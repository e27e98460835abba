"""WakuMessage: what a Waku network relays.

The wire form is a protobuf message (14/WAKU2-MESSAGE):

    1 payload   2 content_topic   3 version (uint32)   10 timestamp (sint64, nanoseconds since 1970)
    11 meta     21 proof (`RateLimitProof`)            31 ephemeral (bool)

An optional field that is absent is another message than one with the value 0, because the network
identifies a message by its bytes. `encode` writes the fields as js-waku does: in order, payload and topic
only if they are not empty, the others if they are not None.

Only payload, topic and timestamp are part of the signal that a proof is about. Whoever relays a message can
change `version`, `meta` and `ephemeral`, and add unknown fields.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from rln.base.arguments import flag, plain_bytes, text, whole
from rln.errors import EncodingError
from rln.waku import wire
from rln.waku.wire import LENGTH, VARINT, LaxEncoding

MAX_BYTES: Final = 150 * 1024
"""Largest size of an encoded message, in bytes."""
MAX_META: Final = 64
"""Largest size of `meta`, in bytes."""
MAX_TIMESTAMP: Final = (1 << 63) - 1
_MAX_VERSION: Final = (1 << 32) - 1
_NAME: Final = "message"

_FIELDS: Final = {
    1: ("payload", LENGTH),
    2: ("content_topic", LENGTH),
    3: ("version", VARINT),
    10: ("timestamp", VARINT),
    11: ("meta", LENGTH),
    21: ("proof", LENGTH),
    31: ("ephemeral", VARINT),
}


@dataclass(frozen=True, slots=True)
class WakuMessage:
    """A message of a Waku network.

    Args:
        payload: what the application sends; may be empty, but nwaku and go-waku refuse an empty one.
        content_topic: names the application and what the message is for; `ContentTopic` reads it.
        version: of the payload's encryption, 0 to 2^32 - 1. None: absent.
        timestamp: nanoseconds since 1970, 1 to 2^63 - 1. None: absent.
        meta: the application's own data about the message, at most 64 bytes. None: absent.
        proof: an encoded `RateLimitProof`. None: absent.
        ephemeral: whether the network should not store the message. None: absent.
        unknown: whether the bytes had fields other than these; `encode` leaves them out.

    Raises:
        EncodingError: payload, meta or proof is not `bytes`, meta is too long, or the topic is not text that
            UTF-8 can encode.
        ParameterError: another value has the wrong type or is outside its range.
    """

    payload: bytes
    content_topic: str
    version: int | None = None
    timestamp: int | None = None
    meta: bytes | None = None
    proof: bytes | None = None
    ephemeral: bool | None = None
    unknown: bool = False

    def __post_init__(self) -> None:
        plain_bytes(self.payload, "payload")
        _utf8(text(self.content_topic, "content_topic"), "content_topic")
        if self.version is not None:
            whole(self.version, "version", 0, _MAX_VERSION)
        if self.timestamp is not None:
            whole(self.timestamp, "timestamp", 1, MAX_TIMESTAMP)
        if self.meta is not None and len(plain_bytes(self.meta, "meta")) > MAX_META:
            raise EncodingError(f"meta: expected at most {MAX_META} bytes, got {len(self.meta)}")
        if self.proof is not None:
            plain_bytes(self.proof, "proof")
        if self.ephemeral is not None:
            flag(self.ephemeral, "ephemeral")
        flag(self.unknown, "unknown")

    def encode(self) -> bytes:
        """Return the bytes of the message, as js-waku writes them.

        Raises:
            EncodingError: more than 150 KiB.
        """
        parts = []
        if self.payload:
            parts.append(wire.length_field(1, self.payload))
        if self.content_topic:
            parts.append(wire.length_field(2, self.content_topic.encode()))
        if self.version is not None:
            parts.append(wire.number_field(3, self.version))
        if self.timestamp is not None:
            parts.append(wire.number_field(10, wire.zigzag(self.timestamp)))
        if self.meta is not None:
            parts.append(wire.length_field(11, self.meta))
        if self.proof is not None:
            parts.append(wire.length_field(21, self.proof))
        if self.ephemeral is not None:
            parts.append(wire.number_field(31, int(self.ephemeral)))
        data = b"".join(parts)
        if len(data) > MAX_BYTES:
            raise EncodingError(f"{_NAME}: expected at most {MAX_BYTES} bytes, got {len(data)}")
        return data

    @classmethod
    def decode(cls, data: bytes) -> WakuMessage:
        """Read a message strictly. The field `proof` is not read; `RateLimitProof.decode` does that.

        Raises:
            EncodingError: bytes that every implementation refuses, or not `bytes`.
            LaxEncoding: bytes that others accept: above 150 KiB, a field twice or of another type, more
                than 64 fields, a topic that is not UTF-8, a number outside its range, a timestamp of 0 or
                less, `meta` of more than 64 bytes.
        """
        if len(plain_bytes(data, _NAME)) > MAX_BYTES:
            raise LaxEncoding(f"{_NAME}: expected at most {MAX_BYTES} bytes, got {len(data)}")
        found: dict[str, Any] = {}
        unknown = False
        for number, kind, value in wire.read_fields(data, _NAME):
            if number not in _FIELDS:
                unknown = True
                continue
            name, wanted = _FIELDS[number]
            wire.check_kind(kind, wanted, name)
            if name in found:
                raise LaxEncoding(f"{name}: expected it once, got it twice")
            found[name] = value
        return cls(**{"payload": b"", **_checked(found)}, unknown=unknown)

    def hash(self, pubsub_topic: str) -> bytes:
        """Return the deterministic hash of the message, 32 bytes, by which stores and applications name it.

        It is SHA-256(pubsub topic ‖ payload ‖ content topic ‖ meta ‖ timestamp as int64 big-endian); what is
        absent adds nothing. The parts have no lengths, so different messages can have one hash.

        Raises:
            ParameterError: the pubsub topic is not `str`.
            EncodingError: it is text that UTF-8 cannot encode.
        """
        parts = [
            _utf8(text(pubsub_topic, "pubsub_topic"), "pubsub_topic"),
            self.payload,
            self.content_topic.encode(),
            self.meta or b"",
            b"" if self.timestamp is None else self.timestamp.to_bytes(8, "big"),
        ]
        return hashlib.sha256(b"".join(parts)).digest()


def _checked(found: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the fields as a message holds them."""
    try:
        found["content_topic"] = found.get("content_topic", b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise LaxEncoding(f"content_topic: not UTF-8 at byte {error.start}") from None
    if found.get("version", 0) > _MAX_VERSION:
        raise LaxEncoding("version: expected a number below 2^32, got a larger one")
    if "timestamp" in found:
        found["timestamp"] = wire.unzigzag(found["timestamp"])
        if found["timestamp"] <= 0:
            raise LaxEncoding("timestamp: expected 1 or more, got 0 or less")
    if len(found.get("meta", b"")) > MAX_META:
        raise LaxEncoding(f"meta: expected at most {MAX_META} bytes, got {len(found['meta'])}")
    if found.get("ephemeral", 0) > 1:
        raise LaxEncoding("ephemeral: expected 0 or 1, got a larger number")
    if "ephemeral" in found:
        found["ephemeral"] = found["ephemeral"] == 1
    return found


def _utf8(value: str, name: str) -> bytes:
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise EncodingError(f"{name}: expected text without lone surrogates") from None
