"""zerokit-messages.json: messages in the layouts of zerokit's releases; no proof is verified."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from oracle.field import P, R, encode
from oracle.message import ORDERS, Message, decode, endianness
from oracle.message import encode as write

from . import form

SIZES = {"zerokit-0.9": 288, "zerokit-2": 290, "zerokit-2-be": 290, "zerokit-3": 289, "zerokit-3-mixed": 289}


def _number(name: str) -> int:
    return form.number(f"message-{name}", R)


def _proof() -> bytes:
    """Return 128 bytes with canonical coordinates. They are no points: reading does not verify."""
    return b"".join(encode(form.number(f"message-proof-{place}", P)) for place in range(4))


SINGLE = Message(
    _proof(), _number("root"), _number("x"), _number("ext"), [_number("y")], [_number("nullifier")]
)


def _several(selectors: Sequence[int]) -> Message:
    ys = [_number(f"y{i}") * used for i, used in enumerate(selectors)]
    nullifiers = [_number(f"nullifier{i}") * used for i, used in enumerate(selectors)]
    return replace(SINGLE, ys=ys, nullifiers=nullifiers, selectors=list(selectors))


def _case(identifier: str, why: str, codec: str, data: bytes, flags: Sequence[str] = ()) -> form.Case:
    def answer() -> dict[str, object]:
        found = decode(codec, data)
        return {
            "proof": found.proof.hex(),
            "root": form.hexed(found.root),
            "x": form.hexed(found.x),
            "external_nullifier": form.hexed(found.ext),
            "ys": [form.hexed(y) for y in found.ys],
            "nullifiers": [form.hexed(nullifier) for nullifier in found.nullifiers],
            "selectors": found.selectors,
            "message": write(codec, found).hex(),
        }

    return form.case(identifier, why, {"codec": codec, "message": data.hex()}, answer, flags)


def _single(codec: str) -> Iterator[form.Case]:
    whole = write(codec, SINGLE)
    yield _case(f"{codec}-single", "one message id", codec, whole)
    for label, change in (("zeros", 0), ("top", R - 1)):
        numbers = replace(SINGLE, root=change, ext=change, ys=[change], nullifiers=[change])
        yield _case(f"{codec}-{label}", "the ends of the range", codec, write(codec, numbers))
    lengths = (0, 1, 128, len(whole) - 32, len(whole) - 1)
    for wrong in (*(whole[:length] for length in lengths), whole + b"\0", whole + whole):
        why = f"a message with one id has {SIZES[codec]} bytes"
        yield _case(f"{codec}-length-{len(wrong)}", why, codec, wrong, ["length"])
    for name, numbers in (
        ("root", replace(SINGLE, root=SINGLE.root + R)),
        ("x", replace(SINGLE, x=SINGLE.x + R)),
        ("ext", replace(SINGLE, ext=SINGLE.ext + R)),
        ("y", replace(SINGLE, ys=[SINGLE.ys[0] + R])),
        ("nullifier", replace(SINGLE, nullifiers=[SINGLE.nullifiers[0] + R])),
    ):
        yield _case(f"{codec}-{name}-alias", "value + r", codec, write(codec, numbers), ["range"])
    zero = write(codec, replace(SINGLE, x=0))
    yield _case(f"{codec}-x-zero", "y would be the secret", codec, zero, ["parameter"])
    for place, end in (("A", 31), ("B", 95), ("C", 127)):
        proof = bytearray(SINGLE.proof)
        proof[end] = proof[end] & 0x3F | 0x40
        data = write(codec, replace(SINGLE, proof=bytes(proof)))
        yield _case(f"{codec}-{place}-infinity", "infinity is no part of a proof", codec, data, ["point"])


def _tagged(codec: str) -> Iterator[form.Case]:
    twice = codec.startswith("zerokit-2")
    places = (0, 129) if twice else (128,)
    for label, message in (("single", SINGLE), ("several", _several([1, 0, 1, 0]))):
        whole = write(codec, message)
        for place in places:
            for tag in (1 - whole[place], 2, 255) if twice else (2, 255):
                changed = whole[:place] + bytes([tag]) + whole[place + 1 :]
                why = "a tag is 0 or 1, and both are the same"
                yield _case(f"{codec}-{label}-tag-{place}-{tag}", why, codec, changed, ["form"])
    for selectors in ([1], [1, 0], [0, 1, 0, 1], [1] * 16):
        label = "".join(map(str, selectors))
        yield _case(f"{codec}-slots-{label}", "some slots", codec, write(codec, _several(selectors)))
    sound = _several([1, 0, 1, 0])
    whole = write(codec, sound)
    for label, message, flag in (
        ("none-used", _several([0, 0]), "parameter"),
        ("too-many", _several([1] * 17), "length"),
        ("unused-y", replace(sound, ys=[sound.ys[0], 1, *sound.ys[2:]]), "parameter"),
        (
            "unused-nullifier",
            replace(sound, nullifiers=[sound.nullifiers[0], 1, *sound.nullifiers[2:]]),
            "parameter",
        ),
        ("one-nullifier", replace(sound, nullifiers=[5, 0, 5, 0]), "parameter"),
        ("slot-alias", replace(sound, ys=[sound.ys[0] + R, *sound.ys[1:]]), "range"),
        ("selector-2", replace(sound, selectors=[1, 0, 2, 0]), "form"),
    ):
        yield _case(f"{codec}-{label}", "slots that no proof has", codec, write(codec, message), [flag])
    endian = endianness(codec)
    counts = (226, 362, 498) if twice else (129, 297, 497)  # a list of four numbers has 136 bytes
    for place in counts:
        for count in (0, 3, 5, 2**64 - 1):
            changed = whole[:place] + count.to_bytes(8, endian) + whole[place + 8 :]
            why = "the three lists have one length"
            yield _case(f"{codec}-list-{place}-{count}", why, codec, changed, ["length"])
    for wrong in (whole[:-1], whole + b"\0"):
        yield _case(f"{codec}-several-{len(wrong)}", "cut, or a byte more", codec, wrong, ["length"])


def document() -> form.Document:
    """Return the whole file."""
    cases = [case for codec in ORDERS for case in _single(codec)]
    cases += [case for codec in ORDERS if codec != "zerokit-0.9" for case in _tagged(codec)]
    for codec in ORDERS:
        for other in ORDERS:
            if SIZES[codec] != SIZES[other]:
                why = f"a message of {other}: nothing is guessed"
                flags = ["length" if codec == "zerokit-0.9" else "form"]
                cases.append(_case(f"{codec}-given-{other}", why, codec, write(other, SINGLE), flags))
    origin = (
        "computed from docs/zerokit-spec.md 7.4 and 7.5. zerokit-0.9 has been checked against zerokit's own "
        "build (npm @waku/zerokit-rln-wasm 0.2.1); the other codecs have no peer: no package index has one"
    )
    notation = "hex; values in the output are 32 bytes, little-endian, in every codec; no proof is verified"
    return form.document(origin, notation, cases)
