"""Evidence: two messages that prove a violation. Anyone with the verifying key can check them.

You need not trust whoever hands it over. `Evidence.check` verifies both proofs, checks that both messages use
one message id of one epoch, and recovers the identity secret, which shows that their sender exceeded the
limit. Evidence holds no signal, only its hash x.

Evidence reveals the identity secret, so keep it as you keep a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from rln.base import canonical_json, scalar
from rln.base.arguments import instance, plain_bytes
from rln.base.file_kind import FileKind, expect
from rln.errors import EncodingError, InvalidProof, ParameterError, RecoveryError
from rln.keys.verifying_key import VerifyingKey
from rln.protocol.identity import IdentitySecret
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof, from_public_inputs
from rln.protocol.recovery import recover_secret

MAX_BYTES: Final = 1 << 16
"""Largest size of an encoded `Evidence`, in bytes."""
_NAME: Final = "evidence"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
_PROOF: Final = re.compile(r"[0-9a-f]{256}\Z")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two messages that use one message id.

    Args:
        first: the message that was accepted.
        second: the message that came after it.
        verifying_key: SHA-256 of the verifying key for both proofs, 64 lower-case hexadecimal digits.

    Raises:
        ParameterError: an argument has the wrong type or form.
    """

    first: AnyProof
    second: AnyProof
    verifying_key: str

    def __post_init__(self) -> None:
        for name, proof in (("first", self.first), ("second", self.second)):
            if not isinstance(proof, (RlnProof, MultiRlnProof)):
                raise ParameterError(f"{name}: expected a proof, got {type(proof).__name__}")
        if type(self.verifying_key) is not str or not _DIGEST.match(self.verifying_key):
            raise ParameterError("verifying_key: expected a SHA-256 in 64 lower-case hexadecimal digits")

    def check(self, verifying_key: VerifyingKey) -> IdentitySecret:
        """Check both proofs, and recover the identity secret of the sender.

        The proofs also show that the sender was a member, if you trust their roots.

        Raises:
            ParameterError: the evidence is for another verifying key.
            KeyFileError: the key has not the number of public values of an RLN circuit.
            InputError: a proof has an invalid point or the wrong number of public values.
            InvalidProof: one of the proofs does not verify.
            RecoveryError: the messages are for different epochs, have no message id in common, have the same
                x, or lie on a line that does not belong to the nullifier.
        """
        instance(verifying_key, VerifyingKey, "verifying_key")
        if verifying_key.digest != self.verifying_key:
            raise ParameterError(
                f"verifying key: expected {self.verifying_key[:16]}…, got {verifying_key.digest[:16]}…; "
                "use the key that the messages were verified with"
            )
        verifying_key.check_rln()
        for name, proof in (("first", self.first), ("second", self.second)):
            if not verifying_key.verify(proof.public_inputs, proof.proof):
                raise InvalidProof(f"{name} proof: it does not verify with this verifying key")
        if self.first.external_nullifier != self.second.external_nullifier:
            raise RecoveryError("evidence: expected two messages for one epoch, got messages for two epochs")
        if self.first.x == self.second.x:
            raise RecoveryError("evidence: both messages have the same x, so they are one message")
        return recover_secret(self.first, self.second)

    def encode(self) -> bytes:
        """Return the canonical JSON document that `decode` reads."""
        return canonical_json.write(
            {
                "first": _written(self.first),
                "second": _written(self.second),
                "verifying_key": self.verifying_key,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a document of at most 64 KiB. Its proofs are not verified; `check` does that.

        Raises:
            EncodingError: the document has the wrong form.
            InputError: a proof has invalid values.
        """
        expect(plain_bytes(data, _NAME), _NAME, FileKind.EVIDENCE)
        names = ("first", "second", "verifying_key")
        found = canonical_json.fields(canonical_json.read(data, _NAME, MAX_BYTES), _NAME, names)
        key = canonical_json.text(found["verifying_key"], "verifying_key")
        return cls(_read(found["first"], "first"), _read(found["second"], "second"), key)


def _written(proof: AnyProof) -> dict[str, object]:
    return {"proof": proof.proof.hex(), "public": [str(value) for value in proof.public_inputs]}


def _read(value: object, name: str) -> AnyProof:
    found = canonical_json.fields(value, name, ("proof", "public"))
    text = canonical_json.text(found["proof"], f"{name} proof")
    if not _PROOF.match(text):
        raise EncodingError(f"{name} proof: expected 256 lower-case hexadecimal digits")
    numbers = canonical_json.items(found["public"], f"{name} public")
    values = tuple(scalar.parse(number, f"{name} public[{i}]") for i, number in enumerate(numbers))
    return from_public_inputs(bytes.fromhex(text), values)
