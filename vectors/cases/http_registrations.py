"""http-registrations.json: what the proof of a registration proves."""

from collections.abc import Sequence

from oracle.field import R, decode, encode
from oracle.keccak import hash_to_field, keccak256
from oracle.poseidon import poseidon
from oracle.registration import check_parts, line, root, signal
from oracle.share import share

from . import form

NAMES = ("application", "account", "tier", "server_nonce", "client_nonce", "commitment")
SECRET = form.number("secret of http-registrations", R)
GOOD = (
    b"api.example.com",
    b"acct_5",
    b"pro",
    keccak256(b"server nonce")[:16],
    keccak256(b"client nonce")[:16],
    encode(poseidon([SECRET])),
)


def _case(
    identifier: str,
    why: str,
    parts: Sequence[bytes] = GOOD,
    limit: int = 100,
    depth: int = 20,
    flags: Sequence[str] = (),
) -> form.Case:
    def answer() -> dict[str, str]:
        check_parts(parts)
        x, external = hash_to_field(signal(parts)), line(parts)
        y, nullifier = share(SECRET, external, 0, x)
        numbers = {
            "x": x,
            "external_nullifier": external,
            "root": root(decode(parts[5]), limit, depth),
            "y": y,
            "nullifier": nullifier,
        }
        return {"signal": signal(parts).hex(), **{name: form.hexed(value) for name, value in numbers.items()}}

    given = {
        **{name: part.hex() for name, part in zip(NAMES, parts, strict=True)},
        "limit": limit,
        "depth": depth,
        "secret": form.hexed(SECRET),
    }
    return form.case(identifier, why, given, answer, flags)


def _with(place: int, value: bytes) -> tuple[bytes, ...]:
    return (*GOOD[:place], value, *GOOD[place + 1 :])


def document() -> form.Document:
    """Return the whole file."""
    cases = [
        _case("registration", "an applicant of the tier pro"),
        _case("other-tier", "another line, although both nonces repeat", _with(2, b"basic")),
        _case("other-account", "another line, although both nonces repeat", _with(1, b"acct_6")),
        _case("other-application", "another line, although both nonces repeat", _with(0, b"example.com")),
        _case("other-server-nonce", "another line", _with(3, bytes(16))),
        _case("other-client-nonce", "another line", _with(4, b"\xff" * 16)),
        _case("other-limit", "the same line and x, another root", limit=1),
        _case("largest-limit", "2^16", limit=65536),
        _case("least-depth", "another tree", depth=1),
        _case("most-depth", "another tree", depth=32),
        _case("longest-account", "128 characters", _with(1, b"~" * 128)),
        _case("longest-tier", "32 characters", _with(2, b"a" * 15 + b"--" + b"9" * 15)),
    ]
    bad = {
        "account-empty": (1, b"", "1 to 128 characters"),
        "account-long": (1, b"a" * 129, "1 to 128 characters"),
        "account-space": (1, b"a b", "no spaces"),
        "account-newline": (1, b"a\n", "no newline at the end"),
        "account-8-bit": (1, "é".encode(), "ASCII"),
        "tier-empty": (2, b"", "1 to 32 characters"),
        "tier-long": (2, b"a" * 33, "1 to 32 characters"),
        "tier-upper": (2, b"Pro", "lower case"),
        "tier-hyphen": (2, b"pro-", "inner hyphens only"),
        "tier-newline": (2, b"pro\n", "no newline at the end"),
        "tier-digit": (2, "٣".encode(), "ASCII digits"),
    }
    cases += [
        _case(name, why, _with(place, value), flags=["form"]) for name, (place, value, why) in bad.items()
    ]
    for place in (3, 4):
        for length in (15, 17):
            name = f"{NAMES[place].replace('_', '-')}-{length}"
            cases.append(_case(name, "16 bytes", _with(place, bytes(length)), flags=["length"]))
    for name, value in (("r", R), ("alias", decode(GOOD[5]) + R), ("ones", 2**256 - 1)):
        changed = _with(5, value.to_bytes(32, "little"))
        cases.append(_case(f"commitment-{name}", "not below r", changed, flags=["range"]))
    outside = {
        "commitment-zero": (_with(5, bytes(32)), 100, 20, "nobody's commitment"),
        "commitment-public": (_with(5, encode(poseidon([0]))), 100, 20, "everybody knows its secret, 0"),
        "application-one-label": (_with(0, b"localhost"), 100, 20, "a domain name"),
        "application-upper": (_with(0, b"API.example.com"), 100, 20, "a domain name"),
        "application-address": (_with(0, b"10.0.0.1"), 100, 20, "a domain name"),
        "limit-zero": (GOOD, 0, 20, "1 to 2^16"),
        "limit-large": (GOOD, 65537, 20, "1 to 2^16"),
        "depth-zero": (GOOD, 100, 0, "1 to 32"),
        "depth-33": (GOOD, 100, 33, "1 to 32"),
    }
    cases += [
        _case(name, why, parts, limit, depth, ["parameter"])
        for name, (parts, limit, depth, why) in outside.items()
    ]
    notation = (
        "hex, texts in UTF-8; numbers 32 bytes, little-endian; secret: that of the commitment in the "
        "accepted cases; root: of the tree of this depth whose only leaf is the applicant's"
    )
    return form.document("computed by vectors/oracle/registration.py from docs/http.md", notation, cases)
