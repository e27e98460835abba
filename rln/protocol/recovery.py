"""Recovery: compute a member's identity secret from two messages on one message id, for slashing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rln.base import scalar
from rln.errors import RecoveryError
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import IdentitySecret, secret_on_line
from rln.protocol.share import Share


class ShareSource(Protocol):
    """An `RlnProof` or a `MultiRlnProof`: it has one share for each message id that it uses."""

    @property
    def shares(self) -> Sequence[Share]:
        """The shares, each with its nullifier."""


def recover_secret(first: Share | ShareSource, second: Share | ShareSource) -> IdentitySecret:
    """Recover the secret on the line through two shares of one nullifier.

    Pass only shares of verified proofs, because anyone can invent two points of a line. If the messages have
    several message ids, the first pair with equal nullifiers and different x is used. If both nullifiers are
    None, nothing shows that the two shares belong together. The result is then meaningful only if its
    identity commitment belongs to a member.

    Args:
        first: a share, or a proof of either kind.
        second: another share or proof.

    Returns:
        The secret a0 of y = a0 + a1 x, with Poseidon(a1) equal to the nullifier.

    Raises:
        RecoveryError: there is no common nullifier, x is the same, or the line does not belong to the
            nullifier.

    Source: RLN specification, slashing; threats A3, A5.
    """
    reason = "expected two shares with the same nullifier, got different nullifiers"
    for one in _shares(first):
        for other in _shares(second):
            if one.nullifier is not None and other.nullifier is not None and one.nullifier != other.nullifier:
                continue
            if one.x == other.x:
                reason = "both have the same x, so they are one message"
                continue
            return _secret_of_pair(one, other)
    raise RecoveryError(f"shares: {reason}")


def _shares(source: Share | ShareSource) -> Sequence[Share]:
    return (source,) if isinstance(source, Share) else source.shares


def _secret_of_pair(one: Share, other: Share) -> IdentitySecret:
    nullifier = one.nullifier if one.nullifier is not None else other.nullifier
    if nullifier is None:
        slope = (one.y - other.y) * pow(one.x - other.x, -1, scalar.ORDER) % scalar.ORDER
        nullifier = poseidon_hash([slope])
    return secret_on_line(one, other, nullifier)
