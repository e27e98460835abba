"""Recovery: compute a member's identity secret from two messages on one message id, for slashing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rln.base import scalar
from rln.base.arguments import instances, sequence
from rln.base.injected import implements
from rln.errors import RecoveryError
from rln.protocol.identity import IdentitySecret, UnverifiedSecret, secret_on_line, unverified_on_line
from rln.protocol.share import Share


@runtime_checkable
class ShareSource(Protocol):
    """An `RlnProof` or a `MultiRlnProof`: it has one share for each message id that it uses."""

    @property
    def shares(self) -> Sequence[Share]:
        """The shares, each with its nullifier."""


def recover_secret(
    first: Share | ShareSource, second: Share | ShareSource, commitment: int | None = None
) -> IdentitySecret:
    """Recover the secret on the line through two shares of one nullifier.

    Pass only shares of verified proofs, because anyone can invent two points of a line. If the messages have
    several message ids, the first pair with equal nullifiers and different x is used. The nullifier, or the
    commitment, shows that the two shares belong together: any two points are on some line. If you have
    neither, use `recover_unverified`.

    Args:
        first: a share, or a proof of either kind.
        second: another share or proof.
        commitment: the identity commitment that the secret must have; None: any, and then a share must have
            its nullifier.

    Returns:
        The secret a0 of y = a0 + a1 x, with Poseidon(a1) equal to the nullifier if a share has one, and with
        the expected commitment if that is given.

    Raises:
        RecoveryError: there is no common nullifier, x is the same, the line does not belong to the nullifier,
            the secret has another commitment, or neither a nullifier nor a commitment is given.
        FieldRangeError: the commitment is not a field element.

    Source: RLN specification, slashing; threats A3, A5, A16.
    """
    if commitment is not None:
        scalar.check(commitment, "commitment")
    one, other = _pair(first, second)
    nullifier = one.nullifier if one.nullifier is not None else other.nullifier
    if nullifier is not None:
        secret = secret_on_line(one, other, nullifier)
        return secret if commitment is None else UnverifiedSecret._of(secret.handle).confirm(commitment)
    if commitment is None:
        raise RecoveryError(
            "shares: expected a nullifier or the commitment of the member, got neither, so nothing shows "
            "that the shares belong together; pass one of them, or use recover_unverified"
        )
    return unverified_on_line(one, other).confirm(commitment)


def recover_unverified(first: Share | ShareSource, second: Share | ShareSource) -> UnverifiedSecret:
    """Return the number on the line through two shares whose nullifiers are lost.

    Two shares of different members give a number too, which is nobody's secret. `UnverifiedSecret.confirm`
    tells the cases apart, with a commitment that you have from the group.

    Raises:
        RecoveryError: x is the same, or the nullifiers are known and different.
    """
    return unverified_on_line(*_pair(first, second))


def _pair(first: Share | ShareSource, second: Share | ShareSource) -> tuple[Share, Share]:
    """Return the first two shares that can be on one line."""
    reason = "expected two shares with the same nullifier, got different nullifiers"
    others = _shares(second, "second")
    for one in _shares(first, "first"):
        for other in others:
            if one.nullifier is not None and other.nullifier is not None and one.nullifier != other.nullifier:
                continue
            if one.x == other.x:
                reason = "both have the same x, so they are one message"
                continue
            return one, other
    raise RecoveryError(f"shares: {reason}")


def _shares(source: Share | ShareSource, name: str) -> Sequence[Share]:
    if isinstance(source, Share):
        return (source,)
    implements(source, ShareSource, name)
    instances(sequence(source.shares, name), Share, name)
    return source.shares
