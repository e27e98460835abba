"""share.json: shares of a secret, and its recovery from two of them."""

from collections.abc import Sequence

from oracle.field import R, Refused, decode, encode
from oracle.share import recover, share

from . import form

EXTERNAL = 0x089804A30E02D64C0E56C50D4EC27C93884199D41627367E931E3A423EA52CB3
SECRET = 0x07984F7C054AD7793D9F31A1E9F29EAA8D05966511E546BCED89961EB8874AB9


def _share(
    identifier: str,
    why: str,
    secret: bytes,
    external: bytes,
    message_id: bytes,
    x: bytes,
    flags: Sequence[str] = (),
) -> form.Case:
    def answer() -> dict[str, str]:
        values = [decode(value) for value in (secret, external, message_id, x)]
        if values[0] == 0:
            raise Refused("parameter")
        y, nullifier = share(*values)
        return {"y": encode(y).hex(), "nullifier": encode(nullifier).hex()}

    given = {
        "secret": secret.hex(),
        "external_nullifier": external.hex(),
        "message_id": message_id.hex(),
        "x": x.hex(),
    }
    return form.case(identifier, why, given, answer, flags)


def _recover(
    identifier: str,
    why: str,
    nullifier: bytes,
    first: tuple[bytes, bytes],
    second: tuple[bytes, bytes],
    flags: Sequence[str] = (),
) -> form.Case:
    def answer() -> dict[str, str]:
        one, two = ((decode(x), decode(y)) for x, y in (first, second))
        return {"secret": encode(recover(decode(nullifier), one, two)).hex()}

    given = {
        "nullifier": nullifier.hex(),
        "first": [value.hex() for value in first],
        "second": [value.hex() for value in second],
    }
    return form.case(identifier, why, given, answer, flags)


def document() -> form.Document:
    """Return the whole file."""
    secret, external = encode(SECRET), encode(EXTERNAL)
    x = encode(form.number("x", R))
    cases: list[form.Case] = []
    for message_id in (0, 1, 99, 65535):
        for name, value in (("one", 1), ("top", R - 1), ("fixed", form.number("x", R))):
            why = "any message id and any x but 0"
            arguments = (secret, external, encode(message_id), encode(value))
            cases.append(_share(f"share-{message_id}-{name}", why, *arguments))
    zero = encode(0)
    cases.append(
        _share("share-x-zero", "y would be the secret", secret, external, encode(1), zero, ["parameter"])
    )
    cases.append(
        _share("share-no-secret", "0 is nobody's secret", zero, external, encode(1), x, ["parameter"])
    )
    names = ("secret", "external_nullifier", "message_id", "x")
    for position, name in enumerate(names):
        for k in (1, 2, 5):
            values = [secret, external, encode(1), encode(5)]
            values[position] = encode((k * R + 5) % 2**256 if k * R + 5 < 2**256 else 2**256 - 1)
            a, b, c, d = values
            cases.append(_share(f"share-{name}-alias-{k}", "5 + k r is not 5", a, b, c, d, ["range"]))
    for i in range(6):
        s, e = form.number(f"s{i}", R), form.number(f"e{i}", R)
        x1, x2 = form.number(f"x{i}", R), form.number(f"z{i}", R)
        (y1, nullifier), (y2, _) = share(s, e, i, x1), share(s, e, i, x2)
        other_y, other = share(form.number(f"t{i}", R), e, i, x2)
        first, second = (encode(x1), encode(y1)), (encode(x2), encode(y2))
        n = encode(nullifier)
        cases.append(_recover(f"recover-{i}", "two shares of one message id", n, first, second))
        cases.append(_recover(f"recover-{i}-swapped", "order does not matter", n, second, first))
        wrong = {
            "same": (n, first, first, "one share twice"),
            "same-x": (n, first, (encode(x1), encode((y1 + 1) % R)), "one x, two y"),
            "nullifier": (encode(other), first, second, "another nullifier"),
            "strangers": (n, first, (encode(x2), encode(other_y)), "shares of two members"),
            "y": (n, first, (encode(x2), encode((y2 + 1) % R)), "a wrong y"),
        }
        for fault, (claimed, one, two, why) in wrong.items():
            cases.append(_recover(f"recover-{i}-{fault}", why, claimed, one, two, ["recovery"]))
    return form.document(
        "computed by vectors/oracle/share.py; the first cases' secret is hash_to_field(test-merkle-proof)",
        "hex of 32 bytes, little-endian; a point is [x, y]",
        cases,
    )
