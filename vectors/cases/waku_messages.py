"""waku-messages.json: messages of a Waku network, their fields, bytes and deterministic hashes."""

from collections.abc import Sequence

from oracle.waku import message_hash, number, read_message, string, write_message

from . import form
from .waku_wires import PAYLOAD, PROOF, PUBSUB, TIME, TOPIC, WIRE

HEAD = string(1, PAYLOAD) + string(2, TOPIC)
TIMED = HEAD + number(80) + number(TIME)
RFC_TOPIC = b"/waku/2/default-content/proto"
RFC_PAYLOAD = bytes.fromhex("010203045445535405060708")
RFC_TIME = number(80) + number(2 * 0x175789BFA23F8400)


def _case(
    identifier: str, why: str, data: bytes, flags: Sequence[str] = (), pubsub_topic: str = PUBSUB
) -> form.Case:
    def answer() -> dict[str, object]:
        message = read_message(data)
        shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in message.items()}
        return {
            **shown,
            "timestamp": None if message["timestamp"] is None else str(message["timestamp"]),
            "ephemeral": None if message["ephemeral"] is None else message["ephemeral"] == 1,
            "encoded": write_message(message).hex(),
            "hash": message_hash(message, pubsub_topic.encode()).hex(),
        }

    return form.case(identifier, why, {"data": data.hex(), "pubsub_topic": pubsub_topic}, answer, flags)


def _rfc(identifier: str, why: str, payload: bytes, meta: bytes | None) -> form.Case:
    data = (string(1, payload) if payload else b"") + string(2, RFC_TOPIC) + RFC_TIME
    data += b"" if meta is None else string(11, meta)
    return _case(identifier, why, data, pubsub_topic="/waku/2/default-waku/proto")


def document() -> form.Document:
    """Return the whole file."""
    good = [
        _case("js-waku", "made by js-waku and zerokit", WIRE),
        _case("no-proof", "before a proof is attached", TIMED),
        _case("no-fields", "all fields are absent", b""),
        _case("no-payload", "js-waku writes no field for an empty payload", string(2, TOPIC)),
        _case("empty-payload", "the same message in other bytes", string(1, b"") + string(2, TOPIC)),
        _case("empty-proof", "not absent", TIMED + string(21, b"")),
        _case("not-ephemeral", "false is not absent", TIMED + b"\xf8\x01\x00"),
        _case("ephemeral", "outside the signal and the hash", TIMED + b"\xf8\x01\x01"),
        _case("version-0", "0 is not absent", HEAD + b"\x18\x00"),
        _case("version-largest", "2^32 - 1", HEAD + b"\x18\xff\xff\xff\xff\x0f"),
        _case("time-1", "the earliest", HEAD + b"\x50\x02"),
        _case("time-latest", "2^63 - 1", HEAD + b"\x50\xfe" + b"\xff" * 8 + b"\x01"),
        _case("meta-64", "the longest", TIMED + string(11, bytes(64))),
        _case("meta-empty", "the same hash as without", TIMED + string(11, b"")),
        _case("order", "fields in another order", string(2, TOPIC) + string(1, PAYLOAD)),
        _case("long-number", "a number in more bytes than it needs", HEAD + b"\x18\x80\x00"),
        _case("unknown-bytes", "field 15", TIMED + string(15, b"padding")),
        _case("unknown-number", "field 15", TIMED + b"\x78\x05"),
        _case("unknown-fixed", "fields of 8 and 4 bytes", TIMED + b"\x79" + bytes(8) + b"\x7d" + bytes(4)),
        _case("unknown-largest", "field 2^29 - 1", TIMED + b"\xf8\xff\xff\xff\x0f\x00"),
        _case("fields-64", "the most", TIMED + b"\x78\x05" * 61),
        _case("unicode", "a topic in UTF-8", string(1, b"a") + string(2, "/é/1/日本/proto".encode())),
        _rfc("rfc-meta-12", "14/WAKU2-MESSAGE", RFC_PAYLOAD, b"super-secret"),
        _rfc("rfc-meta-64", "14/WAKU2-MESSAGE", RFC_PAYLOAD, bytes(range(64))),
        _rfc("rfc-no-meta", "14/WAKU2-MESSAGE", RFC_PAYLOAD, None),
        _rfc("rfc-no-payload", "14/WAKU2-MESSAGE", b"", b"super-secret"),
    ]
    broken = {
        "ends-in-payload": ("the length reaches beyond the end", WIRE[:10]),
        "ends-in-tag": ("a tag of two bytes", WIRE[:-2]),
        "ends-in-number": ("the last field has no value", WIRE[:-1]),
        "ends-in-fixed": ("a field of 8 bytes", TIMED + b"\x79" + bytes(7)),
        "ends-in-fixed-4": ("a field of 4 bytes", TIMED + b"\x7d" + bytes(3)),
        "length-huge": ("2^64 - 1 bytes", b"\x0a" + b"\xff" * 9 + b"\x01"),
        "number-11": ("11 bytes", HEAD + b"\x18" + b"\x80" * 10 + b"\x00"),
        "type-6": ("no such wire type", TIMED + b"\x7e\x00"),
        "type-7": ("no such wire type", TIMED + b"\x7f\x00"),
    }
    lax = {
        "payload-twice": ("protobuf takes the last", HEAD + string(1, b"b")),
        "topic-twice": ("protobuf takes the last", HEAD + string(2, b"/a/1/b/c")),
        "time-twice": ("protobuf takes the last", TIMED + b"\x50\x02"),
        "proof-twice": ("protobuf takes the last", WIRE + string(21, PROOF)),
        "payload-number": ("another wire type", b"\x08\x05" + string(2, TOPIC)),
        "version-bytes": ("another wire type", HEAD + string(3, b"\x05")),
        "time-fixed": ("another wire type", HEAD + b"\x51" + bytes(8)),
        "version-33-bits": ("protobuf takes the lower 32 bits", HEAD + b"\x18\x80\x80\x80\x80\x10"),
        "version-65-bits": ("protobuf takes the lower bits", HEAD + b"\x18" + b"\x80" * 9 + b"\x02"),
        "ephemeral-2": ("true for protobuf", TIMED + b"\xf8\x01\x02"),
        "time-0": ("nwaku takes an absent timestamp for 0", HEAD + b"\x50\x00"),
        "time-negative": ("-1", HEAD + b"\x50\x01"),
        "meta-65": ("go-waku and nwaku refuse it, js-waku does not", TIMED + string(11, bytes(65))),
        "topic-not-utf-8": ("js-waku replaces the byte", string(1, b"a") + string(2, b"/a/1/\xff/proto")),
        "topic-surrogate": ("a surrogate", string(1, b"a") + string(2, b"/a/1/\xed\xa0\x80/proto")),
        "topic-overlong": ("a slash in two bytes", string(1, b"a") + string(2, b"/a/1\xc0\xaf/proto")),
        "text": ("JSON begins as a group", b'{"payload":"aGVsbG8="}'),
        "fields-65": ("more than there may be", TIMED + b"\x78\x05" * 62),
        "group": ("field 15 as a group", TIMED + b"\x7b\x7c"),
        "group-end": ("no group to end", TIMED + b"\x7c"),
        "field-0": ("no such field", TIMED + b"\x02\x00"),
        "tag-6": ("a tag of 6 bytes", TIMED + b"\xf8\x81\x80\x80\x80\x00\x01"),
        "field-2-29": ("field 2^29", TIMED + b"\x80\x80\x80\x80\x10\x00"),
    }
    bad = [_case(name, why, data, ["length"]) for name, (why, data) in broken.items()]
    bad += [_case(name, why, data, ["lax"]) for name, (why, data) in lax.items()]
    notation = (
        "bytes in hex; timestamp: nanoseconds since 1970, as decimal text; null: absent; unknown: whether "
        "there are other fields; encoded: the bytes that js-waku writes for the same message; hash: the "
        "deterministic hash on the pubsub topic"
    )
    return form.document("computed by vectors/oracle/waku.py", notation, [*good, *bad])
