"""waku-signals.json: what a proof of a Waku message is about, and the shard that carries it."""

from collections.abc import Sequence

from oracle.keccak import hash_to_field
from oracle.waku import number, read_message, shard, signal, string

from . import form
from .waku_wires import PAYLOAD, TIME, TOPIC, WIRE

BEHIND = WIRE[len(string(1, PAYLOAD) + string(2, TOPIC)) :]


def _case(
    identifier: str,
    why: str,
    data: bytes,
    flags: Sequence[str] = (),
    *,
    signal_format: str = "waku-2025",
    five_parts: bool = False,
    shards: int = 8,
) -> form.Case:
    def answer() -> dict[str, object]:
        found, parts = signal(read_message(data), signal_format, five_parts)
        return {
            "signal": found.hex(),
            "x": form.hexed(hash_to_field(found)),
            "shard": shard(parts, shards),
        }

    given = {
        "data": data.hex(),
        "signal_format": signal_format,
        "five_parts": five_parts,
        "shards": shards,
    }
    return form.case(identifier, why, given, answer, flags)


def _message(payload: bytes, topic: bytes) -> bytes:
    return string(1, payload) + string(2, topic) + number(80) + number(TIME)


def _shifted(bytes_moved: int) -> bytes:
    """Return the message of js-waku after so many bytes have moved from its payload into its topic."""
    joined, at = PAYLOAD + TOPIC, len(PAYLOAD) - bytes_moved
    return string(1, joined[:at]) + string(2, joined[at:]) + BEHIND


def document() -> form.Document:
    """Return the whole file."""
    untimed = string(1, PAYLOAD) + string(2, TOPIC)
    five = b"/0" + TOPIC
    good = [
        _case("js-waku", "made by js-waku, with a proof by zerokit", WIRE),
        _case(
            "js-waku-2023",
            "the same message in a network of the older signal",
            WIRE,
            signal_format="waku-2023",
        ),
        _case("untimed-2023", "no timestamp is needed", untimed, signal_format="waku-2023"),
        _case("no-payload", "the topic alone", _message(b"", TOPIC)),
        _case("payload-is-a-topic", "the boundary is the fourth slash from the end", _message(TOPIC, TOPIC)),
        _case("payload-end", "slash and 0 are an end like any other", _message(b"a/0", TOPIC)),
        _case("five-parts", "where they are allowed", _message(b"a", five), five_parts=True),
        _case("four-parts", "beside five", _message(b"a", TOPIC), five_parts=True),
        _case(
            "five-payload-end",
            "the payload of a topic of five parts",
            _message(b"a/0", five),
            five_parts=True,
        ),
        _case("shards-1", "one shard", WIRE, shards=1),
        _case("shards-1024", "the most", WIRE, shards=1024),
        _case("unicode", "a topic in UTF-8", _message(b"a", "/é/1/日本/proto".encode())),
        _case("same-shard", "the name has no influence", _message(b"a", b"/app/1/another/json")),
        _case("other-version", "the version has", _message(b"a", b"/app/2/chat/proto")),
    ]
    bad = {
        "shift-1": (
            "one byte moved into the topic: the signal of js-waku's message, and its hash",
            _shifted(1),
        ),
        "shift-5": ("five bytes moved", _shifted(5)),
        "shift-all": ("the whole payload moved", _shifted(len(PAYLOAD))),
        "shift-back": ("one byte moved into the payload", _shifted(-1)),
        "shift-part": ("the application moved into the payload", _shifted(-4)),
        "five-parts-not-allowed": ("a generation", _message(b"a", five)),
        "no-slash": ("begins with a slash", _message(b"a", TOPIC[1:])),
        "empty": ("no topic", _message(b"a", b"")),
        "application-empty": ("an empty part", _message(b"a", b"//1/chat/proto")),
        "version-empty": ("an empty part", _message(b"a", b"/app//chat/proto")),
        "name-empty": ("an empty part", _message(b"a", b"/app/1//proto")),
        "encoding-empty": ("an empty part", _message(b"a", b"/app/1/chat/")),
        "three-parts": ("four parts", _message(b"a", b"/app/1/chat")),
        "six-parts": ("four parts", _message(b"a", b"/0/0/app/1/chat/proto")),
    }
    five_bad = {
        "five-shift": ("the generation moved into the payload", _message(b"a/0", TOPIC)),
        "five-shift-alone": ("the payload is the generation", _message(b"/0", TOPIC)),
        "five-generation-1": ("there is one generation", _message(b"a", b"/1" + TOPIC)),
        "five-generation-00": ("one spelling", _message(b"a", b"/00" + TOPIC)),
        "five-application-empty": ("an empty part", _message(b"a", b"/0//1/chat/proto")),
    }
    refused = [_case(name, why, data, ["form"]) for name, (why, data) in bad.items()]
    refused += [_case(name, why, data, ["form"], five_parts=True) for name, (why, data) in five_bad.items()]
    refused += [
        _case("untimed-2025", "nwaku takes 0 for it", untimed, ["lax"]),
        _case("format-unknown", "no such signal", WIRE, ["parameter"], signal_format="waku-2024"),
        _case("shards-0", "at least one", WIRE, ["parameter"], shards=0),
        _case("shards-1025", "at most 1,024", WIRE, ["parameter"], shards=1025),
    ]
    notation = (
        "hex, x 32 bytes, little-endian; data: an encoded message; five_parts: whether topics of five parts "
        "are allowed; shards: how many the cluster has"
    )
    return form.document("computed by vectors/oracle/waku.py", notation, [*good, *refused])
