"""Stub proofs: a keyed hash over the public values in place of the pairing equation, 100 times as fast.

A stub key has the interface of a verifying key. With its secret you can make any number of proofs of the same
statement; without it you can neither make nor change a proof. The shares are real RLN shares, so recovered
secrets are those of the members.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import rln
from rln.base import scalar
from rln.errors import InputError, InvalidProof, KeyFileError
from rln.protocol.proof import AnyProof, from_public_inputs
from rln.protocol.signal import hash_signal

_TAG, _SALT = 24, 16
_HALF = 32
_REST = bytes(128 - 2 * _HALF)


class StubKey(rln.VerifyingKey):
    """A verifying key that also makes proofs.

    Args:
        slots: message ids in a proof; None for the circuit with one id.
        secret: proofs of a key with the same slots and secret are valid.
    """

    def __init__(self, slots: int | None = None, secret: bytes = b"stub") -> None:
        self.slots = slots
        self._values = 5 if slots is None else 3 + 3 * slots
        self._secret = blake2b(secret + bytes([slots or 0])).digest()
        self._digest = blake2b(self._secret, digest_size=32).hexdigest()

    @property
    def public_inputs(self) -> int:
        return self._values

    def check_rln(self, public_inputs: int | None = None) -> None:
        if public_inputs not in (None, self._values):
            raise KeyFileError("stub: expected another number of public values")

    def prove(self, values: Sequence[int], salt: int = 0) -> bytes:
        """Return the 128 bytes for these values; another salt gives another proof of the same statement."""
        salted = salt.to_bytes(_SALT, "little")
        tag = blake2b(salted + self._pack(values), key=self._secret, digest_size=_TAG).digest()
        return tag.ljust(_HALF, b"\0") + salted.ljust(_HALF, b"\0") + _REST

    def verify(self, public_values: Sequence[int], proof: bytes) -> bool:
        salt = int.from_bytes(proof[_HALF : _HALF + _SALT], "little")
        return hmac.compare_digest(self.prove(public_values, salt), proof)

    def verify_many(
        self, proofs: Sequence[AnyProof], threads: int | None = None
    ) -> list[InputError | InvalidProof | None]:
        refused = InvalidProof("proof: it does not verify with this verifying key")
        return [None if self.verify(one.public_inputs, one.proof) else refused for one in proofs]

    def another_proof(self, proof: AnyProof, salt: int) -> AnyProof:
        """Make another proof of a proven statement, as anybody can with a Groth16 proof."""
        assert self.verify(proof.public_inputs, proof.proof)
        return from_public_inputs(self.prove(proof.public_inputs, salt), proof.public_inputs)


@dataclass(frozen=True, slots=True)
class StubMember:
    """A member whose secret is known to the test.

    Args:
        secret: a field element other than 0.
        limit: messages an epoch.
        root: of the proofs; it need not be the root of a tree.
    """

    secret: int
    limit: int
    root: int
    identity: rln.Identity = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", rln.Identity.from_secret(self.secret))

    def message(
        self, key: StubKey, epoch: rln.Epoch, ids: Sequence[int], signal: bytes, salt: int = 0
    ) -> AnyProof:
        """Make a proof for the signal that spends these ids, each below the limit as in the circuit."""
        assert all(0 <= i < self.limit for i in ids)
        values = self.values(epoch, ids, signal, key.public_inputs)
        return from_public_inputs(key.prove(values, salt), values)

    def values(self, epoch: rln.Epoch, ids: Sequence[int], signal: bytes, count: int = 5) -> tuple[int, ...]:
        """Return the public values in the order of the verifying key; `count` is how many the circuit has."""
        x, external_nullifier = hash_signal(signal), epoch.external_nullifier
        shares = [self.identity.share(x, external_nullifier, i) for i in ids]
        ys, nullifiers = [share.y for share in shares], [share.nullifier or 0 for share in shares]
        if count == 5:
            return (ys[0], self.root, nullifiers[0], x, external_nullifier)
        slots = (count - 3) // 3
        unused = [0] * (slots - len(ids))
        used = [1] * len(ids) + unused
        return (*ys, *unused, self.root, *nullifiers, *unused, x, external_nullifier, *used)


def members(limits: Sequence[int], root: int = 17, first: int = 0) -> list[StubMember]:
    """Make members with these limits; the secret of each follows from its number, which starts at `first`."""
    seeds = [blake2b(b"member %d" % number).digest() for number in range(first, first + len(limits))]
    return [
        StubMember(int.from_bytes(seed, "little") % scalar.ORDER, limit, root)
        for seed, limit in zip(seeds, limits, strict=True)
    ]


class StubProofMaker:
    """Makes proofs of numbered members in one epoch; see `ProofMaker`.

    Args:
        key: makes the proofs.
        limits: of the members.
        epoch: of the proofs.
        first: number of the first member.
    """

    def __init__(self, key: StubKey, limits: Sequence[int], epoch: rln.Epoch, first: int = 0) -> None:
        self.limits = limits
        self._members = members(limits, first=first)
        self.secrets = [member.secret for member in self._members]
        self._key, self._epoch = key, epoch

    def prove(self, member: int, message_id: int, signal: bytes) -> rln.RlnProof:
        return self._single(self._members[member].message(self._key, self._epoch, (message_id,), signal))

    def another_proof(self, proof: rln.RlnProof, salt: int) -> rln.RlnProof:
        return self._single(self._key.another_proof(proof, salt))

    def over_limit(self, member: int, signal: bytes) -> rln.RlnProof:
        values = self._members[member].values(self._epoch, (self.limits[member],), signal)
        return rln.RlnProof(StubKey(secret=b"another").prove(values), *values)

    def _single(self, proof: AnyProof) -> rln.RlnProof:
        assert isinstance(proof, rln.RlnProof)
        return proof
