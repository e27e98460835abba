"""waku-proofs.json: field 21 of Waku messages."""

from collections.abc import Sequence

from oracle.field import P, R, encode
from oracle.waku import PROOF as NAMES
from oracle.waku import number, read_proof, string

from . import form
from .waku_wires import PROOF

PARTS = [PROOF[3:131], *(PROOF[start + 2 : start + 34] for start in range(131, 335, 34))]


def _case(identifier: str, why: str, data: bytes, flags: Sequence[str] = ()) -> form.Case:
    def answer() -> dict[str, object]:
        found = read_proof(data)
        shown = {name: form.hexed(found[name]) for name in ("root", "epoch", "x", "y", "nullifier")}
        identifier = found["rln_identifier"]
        return {
            **shown,
            "proof": found["proof"].hex(),
            "rln_identifier": None if identifier is None else identifier.hex(),
        }

    return form.case(identifier, why, {"data": data.hex()}, answer, flags)


def _joined(parts: Sequence[bytes | None]) -> bytes:
    return b"".join(string(place, part) for place, part in enumerate(parts, 1) if part is not None)


def _with(name: str, value: bytes | None) -> bytes:
    place = NAMES.index(name)
    return _joined([*PARTS[:place], value, *PARTS[place + 1 :]])


def _with_coordinate(start: int, value: int, flags: int = 0) -> bytes:
    raw = bytearray(encode(value))
    raw[31] |= flags
    return _with("proof", PARTS[0][:start] + bytes(raw) + PARTS[0][start + 32 :])


def document() -> form.Document:
    """Return the whole file."""
    fields = [string(place, part) for place, part in enumerate(PARTS, 1)]
    good = [
        _case("zerokit", "made by js-waku and zerokit", PROOF),
        _case("no-identifier", "301 bytes: that of the network", _with("rln_identifier", None)),
        _case("backwards", "fields in another order", b"".join(reversed(fields))),
        _case("long-tag", "a tag in more bytes than it needs", b"\x8a\x00" + PROOF[1:]),
        _case("long-length", "a length in more bytes than it needs", b"\x0a\x80\x81\x00" + PROOF[3:]),
        _case("identifier-first", "335 bytes in another order", fields[6] + b"".join(fields[:6])),
        _case("epoch-0", "the first epoch", _with("epoch", bytes(32))),
        _case("epoch-largest", "2^64 - 1", _with("epoch", encode(2**64 - 1))),
        _case("root-largest", "r - 1", _with("root", encode(R - 1))),
        _case("zeros", "y and nullifier 0", _joined([*PARTS[:4], bytes(32), bytes(32)])),
    ]
    lax = {
        "empty": ("all fields are missing; nwaku takes zeros", b""),
        "proof-127": ("nwaku fills up with zeros", _with("proof", PARTS[0][:127])),
        "proof-129": ("nwaku cuts it off", _with("proof", PARTS[0] + b"\0")),
        "proof-288": ("a whole message of zerokit", _with("proof", PARTS[0] + bytes(160))),
        "root-31": ("nwaku fills up with zeros", _with("root", PARTS[1][:31])),
        "identifier-33": ("nwaku cuts it off", _with("rln_identifier", PARTS[6] + b"\0")),
        "x-twice": ("protobuf takes the last", PROOF + fields[3]),
        "identifier-twice": ("protobuf takes the last", PROOF + fields[6]),
        "field-8": ("an unknown field", PROOF + string(8, b"")),
        "field-21": ("a proof in a proof", PROOF + string(21, PROOF)),
        "root-number": ("another wire type", fields[0] + b"\x10\x05" + b"".join(fields[2:])),
        "epoch-2-64": ("zerokit hashes all 32 bytes", _with("epoch", encode(2**64))),
        "group": ("field 8 as a group", PROOF + b"\x43\x44"),
        **{f"no-{name}": ("nwaku takes zeros", _with(name, None)) for name in NAMES[:6]},
    }
    length = {
        "cut": ("the last byte is missing", PROOF[:-1]),
        "cut-first": ("a tag alone", PROOF[:1]),
        "behind": ("a byte behind the last field", PROOF + b"\x3a"),
        "type-7": ("no such wire type", PROOF + number(8 * 8 + 7) + b"\0"),
    }
    of_numbers = {
        f"{name}-r": ("r; zerokit before 2.0 reduces it", _with(name, encode(R)))
        for name in ("root", "x", "y", "nullifier")
    } | {"a-p": ("p as a coordinate", _with_coordinate(0, P)), "b-p": ("p", _with_coordinate(32, P))}
    points = {
        "a-infinity": ("infinity", _with_coordinate(0, 0, 0x40)),
        "b-infinity": ("infinity", _with_coordinate(64, 0, 0x40)),
        "c-infinity": ("infinity", _with_coordinate(96, 0, 0x40)),
    }
    bad = [_case(name, why, data, ["lax"]) for name, (why, data) in lax.items()]
    bad += [_case(name, why, data, ["length"]) for name, (why, data) in length.items()]
    bad += [_case(name, why, data, ["range"]) for name, (why, data) in of_numbers.items()]
    bad += [_case(name, why, data, ["point"]) for name, (why, data) in points.items()]
    bad.append(_case("x-0", "y would be the secret", _with("x", bytes(32)), ["parameter"]))
    notation = "hex; numbers 32 bytes, little-endian; null: absent"
    return form.document("computed by vectors/oracle/waku.py", notation, [*good, *bad])
