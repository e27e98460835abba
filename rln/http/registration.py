"""Registration: how an applicant shows that they know the secret of the commitment that they register.

Without this, somebody could register the commitment of somebody else with a limit of 1 (threats A10). No
circuit of its own is needed: the applicant makes an ordinary proof, in the tree whose only leaf is theirs.

Signal and external nullifier both come from all parts of the registration: application, account, tier, both
nonces, commitment. So one line of the secret has one x, whatever a dishonest registrar repeats. The
applicant's nonce is drawn for each attempt, so no two attempts share a line.

    signal              join_signal("rln registration", parts)
    rln identifier      join_signal("rln registration line", parts)
    external nullifier  that of epoch 0 of this identifier
    message id          0
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Self

from rln.base import scalar
from rln.base.arguments import fixed_bytes, instance, text, whole
from rln.base.bounds import MAX_SLOTS
from rln.errors import EncodingError, InvalidProof
from rln.keys.proving_key import ProvingKey
from rln.keys.verifying_key import VerifyingKey
from rln.lowlevel import entropy
from rln.merkle.proof import MerkleProof
from rln.merkle.tree import MerkleTree
from rln.protocol.epoch import Epoch, check_application
from rln.protocol.identity import Identity
from rln.protocol.membership import Membership, check_commitment, rate_commitment
from rln.protocol.proof import PROOF_BYTES, AnyProof, MultiRlnProof, RlnProof, check_proof_bytes
from rln.protocol.signal import hash_signal, join_signal
from rln.proving.proof_builder import ProofBuilder

LABEL: Final = "rln registration"
LINE_LABEL: Final = "rln registration line"
NONCE_BYTES: Final = 16

_TIER: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\Z")
_ACCOUNT: Final = re.compile(r"[\x21-\x7e]{1,128}\Z")


def check_tier(tier: str) -> str:
    """Return the name of a tier if it is 1 to 32 letters a to z, digits and inner hyphens.

    Raises:
        EncodingError: anything else.
    """
    if not _TIER.match(text(tier, "tier")):
        raise EncodingError(f"tier: expected 1 to 32 of a to z, 0 to 9 and inner hyphens, got {tier[:40]!r}")
    return tier


def check_account(account: str) -> str:
    """Return the name of an account if it is 1 to 128 visible ASCII characters without spaces.

    Raises:
        EncodingError: anything else.
    """
    if not _ACCOUNT.match(text(account, "account")):
        raise EncodingError("account: expected 1 to 128 visible ASCII characters without spaces, got others")
    return account


@dataclass(frozen=True, slots=True)
class RegistrationParts:
    """What an applicant registers, and for whom.

    Args:
        application: domain name of the provider.
        account: name of the account, as the registrar gave it.
        tier: name of the tier.
        server_nonce: 16 bytes of the registrar, for one attempt of this account.
        client_nonce: 16 bytes of the applicant, drawn for each attempt.
        commitment: identity commitment to register.

    Raises:
        EncodingError: a part has another form.
        InputError: the application or the commitment is none.
    """

    application: str
    account: str
    tier: str
    server_nonce: bytes
    client_nonce: bytes
    commitment: int

    def __post_init__(self) -> None:
        check_application(self.application)
        check_account(self.account)
        check_tier(self.tier)
        fixed_bytes(self.server_nonce, NONCE_BYTES, "server nonce")
        fixed_bytes(self.client_nonce, NONCE_BYTES, "client nonce")
        check_commitment(self.commitment)

    @property
    def signal(self) -> bytes:
        """The signal of the proof."""
        return join_signal(LABEL, self._parts)

    @property
    def epoch(self) -> Epoch:
        """The epoch of the proof, which no request has."""
        return Epoch.of(0, 1, join_signal(LINE_LABEL, self._parts))

    def root(self, limit: int, depth: int) -> int:
        """Return the root of the tree whose only leaf is the applicant's.

        Args:
            limit: of the tier, 1 to 65,536.
            depth: of the membership tree, 1 to 32.

        Raises:
            ParameterError: a number is outside its range.
        """
        return _only_leaf(self.commitment, limit, depth).root

    @property
    def _parts(self) -> list[bytes]:
        return [
            self.application.encode("ascii"),
            self.account.encode("ascii"),
            self.tier.encode("ascii"),
            self.server_nonce,
            self.client_nonce,
            scalar.encode(self.commitment, "commitment"),
        ]


@dataclass(frozen=True, slots=True)
class RegistrationProof:
    """A proof of knowledge of one secret, 192 bytes on the wire: proof, y and nullifier.

    Everything else that a proof has follows from the parts and the limit.

    Args:
        proof: 128 bytes.
        y: value of the line at x.
        nullifier: identifies the line.

    Raises:
        EncodingError: the proof is not 128 bytes.
        FieldRangeError: a number is not canonical.
        PointError: a point is infinity.
    """

    proof: bytes = field(repr=False)
    y: int = field(repr=False)
    nullifier: int = field(repr=False)

    def __post_init__(self) -> None:
        check_proof_bytes(self.proof)
        scalar.check(self.y, "y")
        scalar.check(self.nullifier, "nullifier")

    def encode(self) -> bytes:
        """Return the 192 bytes."""
        return self.proof + scalar.encode(self.y) + scalar.encode(self.nullifier)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read 192 bytes.

        Raises:
            EncodingError: another length.
            FieldRangeError: a number is not canonical.
            PointError: a point is infinity.
        """
        fixed_bytes(data, PROOF_BYTES + 2 * scalar.SIZE, "registration proof")
        y = data[PROOF_BYTES : PROOF_BYTES + scalar.SIZE]
        return cls(
            data[:PROOF_BYTES],
            scalar.decode(y, "y"),
            scalar.decode(data[PROOF_BYTES + scalar.SIZE :], "nullifier"),
        )

    def check(
        self, parts: RegistrationParts, limit: int, depth: int, max_out: int | None, key: VerifyingKey
    ) -> None:
        """Check that whoever made the proof knows the secret of the commitment.

        Args:
            parts: of the registration, with the registrar's own nonce and account.
            limit: of the tier, 1 to 2^limit_bits.
            depth: of the membership tree, 1 to 32.
            max_out: slots of a proof; None: one message id a proof.
            key: the verifying key of the application.

        Raises:
            InvalidProof: the proof is for other parts, another limit, or somebody else's commitment.
            InputError: an argument is outside its range, or the proof is not three points.
        """
        instance(parts, RegistrationParts, "parts")
        instance(key, VerifyingKey, "key")
        x = hash_signal(parts.signal)
        root = parts.root(limit, depth)
        values: AnyProof
        if max_out is None:
            values = RlnProof(self.proof, self.y, root, self.nullifier, x, parts.epoch.external_nullifier)
        else:
            rest = (0,) * (whole(max_out, "max_out", 1, MAX_SLOTS) - 1)
            values = MultiRlnProof(
                self.proof,
                (self.y, *rest),
                root,
                (self.nullifier, *rest),
                x,
                parts.epoch.external_nullifier,
                (True, *(False for _ in rest)),
            )
        if not key.verify(values.public_inputs, self.proof):
            raise InvalidProof(
                "registration: the proof does not show the secret of this commitment for this account, tier "
                "and attempt; ask for a new nonce and prove again"
            )


def prove_registration(
    identity: Identity,
    application: str,
    account: str,
    tier: str,
    limit: int,
    server_nonce: bytes,
    key: ProvingKey,
    *,
    threads: int | None = None,
) -> tuple[RegistrationParts, RegistrationProof]:
    """Make the proof that the registrar asks for, with a new nonce of the applicant.

    Args:
        identity: of the applicant.
        application, account, tier, server_nonce: as for `RegistrationParts`.
        limit: of the tier, 1 to 2^limit_bits.
        key: the proving key of the application.
        threads: for the proof; None is one for each processor.

    Returns:
        What is registered, and the proof.

    Raises:
        InputError: an argument is outside its range.
        KeyFileError: the key computed something other than RLN; nothing is released.
        EntropyError: the random source failed.
    """
    instance(identity, Identity, "identity")
    instance(key, ProvingKey, "key")
    # Drawn here for each attempt, so that no two proofs can be made on one line of the secret.
    nonce = entropy.draw(NONCE_BYTES)
    parts = RegistrationParts(application, account, tier, server_nonce, nonce, identity.commitment)
    circuit = key.parameters
    path = _only_leaf(parts.commitment, whole(limit, "limit", 1, circuit.largest_limit), circuit.depth)
    builder = ProofBuilder(identity, Membership(0, limit, parts.commitment), key, path, True, threads)
    try:
        made = builder.prove((0,), path, hash_signal(parts.signal), parts.epoch)
    finally:
        builder.close()
    (share,) = made.shares
    return parts, RegistrationProof(made.proof, share.y, share.nullifier or 0)


def _only_leaf(commitment: int, limit: int, depth: int) -> MerkleProof:
    """Return the path in the tree whose only leaf is the applicant's, at index 0."""
    tree = MerkleTree(depth, threads=1)
    tree.append(rate_commitment(commitment, limit))
    return tree.proof(0)
