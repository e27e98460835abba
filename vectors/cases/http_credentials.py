"""http-credentials.json: values of the Authorization field, read without verifying their proofs."""

from collections.abc import Iterator, Sequence

from oracle.credential import alternatives, credential_bytes, read_credential, to_base64url
from oracle.field import P, R, encode
from oracle.keccak import keccak256

from . import form

KEY_ID = bytes.fromhex("9f3c01d4")
NONCE = keccak256(b"nonce")[:16]
PLACES = {"x": 22, "external-nullifier": 54, "root": 86, "y": 246, "nullifier": 278}


def _proof(name: str = "proof") -> bytes:
    """Return 128 bytes with canonical coordinates. They are no points: reading does not verify."""
    return b"".join(encode(form.number(f"{name}-{place}", P)) for place in range(4))


def _share(place: int) -> bytes:
    return encode(form.number(f"y-{place}", R)) + encode(form.number(f"nullifier-{place}", R))


def _numbers() -> tuple[bytes, bytes, bytes]:
    x, external, root = (encode(form.number(name, R)) for name in ("x", "external", "root"))
    return x, external, root


def _data(units: int = 1, nonce: bytes = NONCE, key_id: bytes = KEY_ID) -> bytes:
    return credential_bytes(units, key_id, nonce, _numbers(), _proof(), [_share(i) for i in range(units)])


def _put(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def _value(data: bytes) -> bytes:
    return b"RLN " + to_base64url(data)


def _case(
    identifier: str, why: str, value: bytes, max_out: int | None = None, flags: Sequence[str] = ()
) -> form.Case:
    def answer() -> dict[str, object]:
        found = read_credential(value, max_out)
        return {
            "key_id": found["key_id"].hex(),
            "nonce": found["nonce"].hex(),
            "x": form.hexed(found["x"]),
            "external_nullifier": form.hexed(found["external_nullifier"]),
            "root": form.hexed(found["root"]),
            "proof": found["proof"].hex(),
            "shares": [[form.hexed(number) for number in share] for share in found["shares"]],
            "value": value.hex(),
        }

    return form.case(identifier, why, {"value": value.hex(), "max_out": max_out}, answer, flags)


def _accepted() -> Iterator[form.Case]:
    good = _data()
    yield _case("one", "one unit, with a key for one message id a proof", _value(good))
    for slots in (1, 2, 16):
        yield _case(f"one-of-{slots}", "one unit, with a key for several message ids", _value(good), slots)
    for units, slots in ((2, 2), (2, 16), (3, 4), (5, 16), (15, 16), (16, 16)):
        why = "the first slots are the used ones"
        yield _case(f"{units}-of-{slots}", why, _value(_data(units)), slots)
    yield _case("nonce-zero", "any nonce", _value(_data(nonce=bytes(16))))
    yield _case("nonce-ones", "any nonce", _value(_data(nonce=b"\xff" * 16)))
    yield _case("key-id-zero", "any key id", _value(_data(key_id=bytes(4))))
    yield _case("key-id-ones", "any key id", _value(_data(key_id=b"\xff" * 4)))
    for name, place in PLACES.items():
        yield _case(f"{name}-top", "r - 1 is canonical", _value(_put(good, place, encode(R - 1))))
        if name != "x":
            yield _case(f"{name}-zero", "0 is a number", _value(_put(good, place, bytes(32))))
    yield _case("x-one", "the smallest x", _value(_put(good, 22, encode(1))))
    for name, place in (("A", 118), ("B", 182), ("C", 214)):
        signed = bytes([good[place + 31] | 0x80])
        why = "the sign of a point belongs to its bytes"
        yield _case(f"{name}-sign", why, _value(_put(good, place + 31, signed)))
    yield _case("coordinate-top", "p - 1 is canonical", _value(_put(good, 118, encode(P - 1))))
    zero = _put(_put(good, 118, bytes(32)), 150, bytes(32))
    yield _case("coordinate-zero", "0 is canonical; whether a point has it is another question", _value(zero))


def _form_refused() -> Iterator[form.Case]:
    data = _data()
    value = _value(data)
    token = value[4:]
    changed = {
        "empty": (b"", "no value"),
        "scheme-alone": (b"RLN", "no token"),
        "no-token": (b"RLN ", "no token"),
        "scheme-lower": (b"rln " + token, "this scheme is in capitals"),
        "scheme-other": (b"Bearer " + token, "another scheme"),
        "scheme-missing": (token, "no scheme"),
        "two-spaces": (b"RLN  " + token, "one space"),
        "tab": (b"RLN\t" + token, "one space, no tab"),
        "space-before": (b" " + value, "no white space at the ends"),
        "space-behind": (value + b" ", "no white space at the ends"),
        "newline": (value + b"\n", "no newline at the end"),
        "comma-joined": (value + b", " + value, "two fields that a proxy joined"),
        "parameter": (b"RLN token=" + token, "a token, not parameters"),
        "plus": (value[:-1] + b"+", "base64url, not base64"),
        "slash": (value[:-1] + b"/", "base64url, not base64"),
        "byte-8-bit": (value[:-1] + b"\xe9", "ASCII"),
        "nul": (value[:-1] + b"\0", "the alphabet has no NUL"),
        "newline-inside": (value[:50] + b"\r\n " + value[50:], "no folded field"),
        "too-short": (value[:-1], "413 characters"),
        "too-long": (b"RLN " + b"A" * 1695, "1,695 characters"),
        "huge": (b"RLN " + b"A" * 8192, "8 KiB"),
        "length-impossible": (
            value + b"AAA",
            "417 characters: 1 more than a multiple of 4",
        ),
    }
    for name, (bad, why) in changed.items():
        yield _case(name, why, bad, flags=["form"])
    for place, text in enumerate(alternatives(data)):
        if place in (0, 1, 8, 15):
            why = "padding" if place == 0 else "bits behind the last byte"
            yield _case(f"alternative-{place}", why, b"RLN " + text, flags=["form"])
    for version in (0, 2, 255):
        why = "format 1 is the only one"
        yield _case(f"format-{version}", why, _value(_put(data, 0, bytes([version]))), flags=["form"])


def _content_refused() -> Iterator[form.Case]:
    good = _data()
    for units, slots in ((0, None), (0, 16), (2, None), (3, 2), (16, 15), (17, 16), (255, 16)):
        bad = _put(_data(min(max(units, 1), 16)), 1, bytes([units]))
        why = "1 to the slots of a proof"
        yield _case(f"units-{units}-of-{slots}", why, _value(bad), slots, ["parameter"])
    for slots in (0, 17):
        yield _case(f"slots-{slots}", "a proof has 1 to 16 slots", _value(good), slots, ["parameter"])
    for units, wrong in ((2, 1), (1, 2), (16, 15)):
        bad = _put(_data(wrong), 1, bytes([units]))
        why = "the units that it says, not those that it has"
        yield _case(f"says-{units}-has-{wrong}", why, _value(bad), 16, ["length"])
    for more in (1, 32, 63):
        yield _case(f"longer-{more}", "bytes behind the end", _value(good + bytes(more)), 16, ["length"])
    yield _case("shorter", "a byte is missing", _value(_data(2)[:-1]), 16, ["length"])
    for name, place in PLACES.items():
        value = int.from_bytes(good[place : place + 32], "little")
        for label, number in (("r", R), ("alias", value + R), ("ones", 2**256 - 1)):
            bad = _put(good, place, number.to_bytes(32, "little"))
            yield _case(f"{name}-{label}", "not below r", _value(bad), flags=["range"])
    late = _put(_data(16), len(_data(16)) - 32, b"\xff" * 32)
    yield _case("last-nullifier-ones", "not below r", _value(late), 16, ["range"])
    yield _case("x-zero", "y would be the secret", _value(_put(good, 22, bytes(32))), flags=["parameter"])
    twice = credential_bytes(2, KEY_ID, NONCE, _numbers(), _proof(), [_share(0), _share(0)])
    yield _case("nullifier-twice", "one message id twice", _value(twice), 2, ["parameter"])
    for name, place in (("A", 118), ("B", 182), ("C", 214)):
        infinity = bytes([good[place + 31] | 0x40])
        bad = _put(good, place + 31, infinity)
        yield _case(f"{name}-infinity", "infinity is no part of a proof", _value(bad), flags=["point"])
        yield _case(f"{name}-p", "not below p", _value(_put(good, place, encode(P))), flags=["range"])
    yield _case("B-c0-p", "not below p", _value(_put(good, 150, encode(P))), flags=["range"])
    bad = _put(good, 181, bytes([good[181] | 0x80]))
    yield _case("B-c0-flag", "this half has no flags", _value(bad), flags=["range"])


def document() -> form.Document:
    """Return the whole file."""
    cases = [*_accepted(), *_form_refused(), *_content_refused()]
    notation = (
        "hex of the field's value; numbers 32 bytes, little-endian; a share is [y, nullifier]; max_out: "
        "slots of a proof, null: one message id a proof; the output's value is what encoding gives again"
    )
    return form.document("computed by vectors/oracle/credential.py from docs/http.md", notation, cases)
