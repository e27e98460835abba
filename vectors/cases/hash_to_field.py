"""hash_to_field.json: Keccak-256 reduced mod r; a claimed result that differs must be refused."""

from collections.abc import Sequence

from oracle.field import R, Refused, encode
from oracle.keccak import hash_to_field, keccak256

from . import form

MESSAGES = {
    "empty": b"",
    "hey": b"hey hey",
    "epoch": b"test-epoch",
    "identifier": b"test-rln-identifier",
    "merkle": b"test-merkle-proof",
    "second": b"second signal",
    "zero": b"\0",
    "rate-less-one": b"a" * 135,
    "rate": b"a" * 136,
    "rate-and-one": b"a" * 137,
    "two-blocks": bytes(range(256)) + bytes(16),
    "utf8": "Grüße, 世界".encode(),
}


def _case(
    identifier: str, why: str, message: bytes, claimed: bytes | None, flags: Sequence[str] = ()
) -> form.Case:
    def answer() -> dict[str, str]:
        little = encode(hash_to_field(message))
        if claimed is not None and claimed != little:
            raise Refused("mismatch")
        return {
            "keccak256": keccak256(message).hex(),
            "little_endian": little.hex(),
            "big_endian": encode(hash_to_field(message, big_endian=True)).hex(),
        }

    given = {"message": message.hex(), "claimed": claimed.hex() if claimed is not None else None}
    return form.case(identifier, why, given, answer, flags)


def document() -> form.Document:
    """Return the whole file."""
    cases: list[form.Case] = []
    for name, message in MESSAGES.items():
        digest = keccak256(message)
        true = encode(hash_to_field(message))
        cases.append(_case(name, "plain reduction of the digest", message, None))
        cases.append(_case(f"{name}-claimed", "the true value is accepted", message, true))
        wrong = {
            "reversed": true[::-1],
            "digest": digest if int.from_bytes(digest, "little") >= R else bytes(32),
            "next": encode((hash_to_field(message) + 1) % R),
        }
        for fault, value in wrong.items():
            cases.append(
                _case(f"{name}-{fault}", "not the hash of this message", message, value, ["mismatch"])
            )
    return form.document(
        "computed by vectors/oracle/keccak.py; big_endian as zerokit 3.0.0 means it",
        "hex; elements 32 bytes, little-endian; mismatch: `claimed` is not the little-endian hash",
        cases,
    )
