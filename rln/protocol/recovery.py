"""Slashing: two messages on one message id determine their sender's secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rln.base import scalar
from rln.errors import RecoveryError
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import IdentitySecret, secret_on_line
from rln.protocol.share import Share


class ShareSource(Protocol):
    """A message that shows shares: a proof, one share for each of its active message ids."""

    @property
    def shares(self) -> Sequence[Share]:
        """The shares, each with its nullifier."""


def recover_secret(first: Share | ShareSource, second: Share | ShareSource) -> IdentitySecret:
    """Recover the secret on the line through two shares of one nullifier.

    Shares must come from verified proofs: anybody can write down two points of a line. Of messages with
    several message ids the first pair with equal nullifiers and different x counts. When neither share has a
    nullifier, nothing says that they belong together; the result means something only if its commitment is
    that of a member.

    Args:
        first: a share, or a proof of either mode.
        second: another one.

    Returns:
        The secret a0 of y = a0 + a1 x, with Poseidon(a1) equal to the nullifier.

    Raises:
        RecoveryError: no nullifier in common, the same x, or a line that does not belong to the nullifier.

    Source: RLN specification, slashing; threats A3, A5.
    """
    reason = "expected a nullifier that both have, got different nullifiers or none"
    for one in _shares(first):
        for other in _shares(second):
            if one.nullifier is not None and other.nullifier is not None and one.nullifier != other.nullifier:
                continue
            if one.x == other.x:
                reason = "both shares have the same x: it is one message, not two"
                continue
            return _on_line(one, other)
    raise RecoveryError(f"shares: {reason}")


def _shares(source: Share | ShareSource) -> Sequence[Share]:
    return (source,) if isinstance(source, Share) else source.shares


def _on_line(one: Share, other: Share) -> IdentitySecret:
    nullifier = one.nullifier if one.nullifier is not None else other.nullifier
    if nullifier is None:
        slope = (one.y - other.y) * pow(one.x - other.x, -1, scalar.ORDER) % scalar.ORDER
        nullifier = poseidon_hash([slope])
    return secret_on_line(one, other, nullifier)
