"""Evidence: the two messages that convict a member, for anybody to check who has the verifying key.

Nobody needs to be believed: both proofs verify, both are on one message id of one epoch, and the secret that
follows from them is the proof that their sender overspent. A signal is not part of it; x stands for it.

Whoever holds evidence can compute the secret, so it is kept as a secret is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from rln.base import canonical_json, scalar
from rln.base.arguments import instance
from rln.errors import EncodingError, InvalidProof, ParameterError, RecoveryError
from rln.keys.verifying_key import VerifyingKey
from rln.protocol.identity import IdentitySecret
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof, from_public_inputs
from rln.protocol.recovery import recover_secret

MAX_BYTES: Final = 1 << 16
"""Bytes of the longest evidence."""
_NAME: Final = "evidence"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
_PROOF: Final = re.compile(r"[0-9a-f]{256}\Z")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two messages on one message id.

    Args:
        first: the message that was accepted.
        second: the one that came after it.
        verifying_key: SHA-256 of the key that both verify with, 64 hexadecimal digits.

    Raises:
        ParameterError: an argument of another type or form.
    """

    first: AnyProof
    second: AnyProof
    verifying_key: str

    def __post_init__(self) -> None:
        for name, proof in (("first", self.first), ("second", self.second)):
            if not isinstance(proof, (RlnProof, MultiRlnProof)):
                raise ParameterError(f"{name}: expected a proof, got {type(proof).__name__}")
        if type(self.verifying_key) is not str or not _DIGEST.match(self.verifying_key):
            raise ParameterError("verifying_key: expected 64 hexadecimal digits, got something else")

    def check(self, verifying_key: VerifyingKey) -> IdentitySecret:
        """Check everything, and recover the secret of whoever sent both messages.

        That he was a member follows from the proofs, for whoever trusts their roots.

        Raises:
            ParameterError: the evidence is for another verifying key.
            InputError: a proof with points that are none, or another number of public values.
            InvalidProof: one of the proofs does not hold.
            RecoveryError: the messages are for different epochs, or have no message id in common with
                different x, or their line is not that of the nullifier.
        """
        instance(verifying_key, VerifyingKey, "verifying_key")
        if verifying_key.digest != self.verifying_key:
            raise ParameterError(
                f"verifying key: expected {self.verifying_key[:16]}…, got {verifying_key.digest[:16]}…"
            )
        for name, proof in (("first", self.first), ("second", self.second)):
            if not verifying_key.verify(proof.public_inputs, proof.proof):
                raise InvalidProof(f"{name} proof: the equation does not hold")
        if self.first.external_nullifier != self.second.external_nullifier:
            raise RecoveryError("evidence: expected two messages for one epoch, got two epochs")
        if self.first.x == self.second.x:
            raise RecoveryError("evidence: both messages have the same x: it is one message, not two")
        return recover_secret(self.first, self.second)

    def encode(self) -> bytes:
        """The canonical JSON document that `decode` reads."""
        return canonical_json.write(
            {
                "first": _written(self.first),
                "second": _written(self.second),
                "verifying_key": self.verifying_key,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a document of at most 64 KiB; `check` says what it is worth.

        Raises:
            EncodingError: another form.
            InputError: values that no proof has.
        """
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
        raise EncodingError(f"{name} proof: expected 256 hexadecimal digits, got other text")
    numbers = canonical_json.items(found["public"], f"{name} public")
    values = tuple(scalar.parse(number, f"{name} public[{i}]") for i, number in enumerate(numbers))
    return from_public_inputs(bytes.fromhex(text), values)
