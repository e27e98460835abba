"""Ruling: what a relay does with a message, and why.

A relay tells the gossip protocol one of three answers. REJECT lowers the score of the peer who sent the
message, so it is for what every implementation that checks proofs refuses by the bytes alone. Whatever an
honest peer may forward, because its reader is more lenient, its roots are newer or its clock differs, is
IGNORE. A peer could abuse that, so a ruling also says whether to count the message against the peer's budget.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from rln.base.arguments import flag, instance, text
from rln.errors import ParameterError
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict


class Gossip(enum.Enum):
    """What to tell the gossip protocol."""

    ACCEPT = "accept"
    """Forward the message."""
    IGNORE = "ignore"
    """Do not forward it; the peer loses no score."""
    REJECT = "reject"
    """Do not forward it, and lower the peer's score."""
    PARK = "park"
    """Tell nothing yet: refresh the roots, and ask again. After about 3 seconds, or without room: IGNORE."""


class Why(enum.Enum):
    """Why a message got its ruling."""

    VALID = "valid"
    NEW_HERE = "new to this node, known to the shared log"
    DUPLICATE = "duplicate"
    VIOLATION = "rate limit violation"
    OWN_VIOLATION = "rate limit violation with an identity of this node"
    MALFORMED = "malformed"
    NO_PROOF = "no proof"
    WRONG_SIGNAL = "wrong signal"
    BAD_PROOF = "bad proof"
    LAX = "accepted by other implementations only"
    UNKNOWN_FIELDS = "unknown fields"
    WRONG_TOPIC = "wrong content topic"
    WRONG_SHARD = "wrong shard"
    WRONG_TIME = "wrong time"
    WRONG_EPOCH = "wrong epoch"
    OTHER_NETWORK = "proof for another network"
    UNKNOWN_ROOT = "unknown root"
    EXPIRED_ROOT = "expired root"
    OVERLOADED = "overloaded"
    UNSURE = "store, clock or machine unsure"


@dataclass(frozen=True, slots=True)
class _Row:
    gossip: Gossip
    counts: bool = False


RULINGS: Final = MappingProxyType(
    {
        Why.VALID: _Row(Gossip.ACCEPT),
        Why.NEW_HERE: _Row(Gossip.ACCEPT),
        Why.DUPLICATE: _Row(Gossip.IGNORE),
        Why.VIOLATION: _Row(Gossip.IGNORE),
        Why.OWN_VIOLATION: _Row(Gossip.IGNORE),
        Why.MALFORMED: _Row(Gossip.REJECT),
        Why.NO_PROOF: _Row(Gossip.REJECT),
        Why.WRONG_SIGNAL: _Row(Gossip.REJECT),
        Why.BAD_PROOF: _Row(Gossip.REJECT),
        Why.LAX: _Row(Gossip.IGNORE, counts=True),
        Why.UNKNOWN_FIELDS: _Row(Gossip.IGNORE, counts=True),
        Why.WRONG_TOPIC: _Row(Gossip.IGNORE, counts=True),
        Why.WRONG_SHARD: _Row(Gossip.IGNORE, counts=True),
        Why.WRONG_TIME: _Row(Gossip.IGNORE),
        Why.WRONG_EPOCH: _Row(Gossip.IGNORE),
        Why.OTHER_NETWORK: _Row(Gossip.IGNORE, counts=True),
        Why.UNKNOWN_ROOT: _Row(Gossip.PARK),
        Why.EXPIRED_ROOT: _Row(Gossip.IGNORE),
        Why.OVERLOADED: _Row(Gossip.IGNORE),
        Why.UNSURE: _Row(Gossip.IGNORE),
    }
)
"""For each reason the answer, and whether the message counts against the peer's budget."""

_VERDICTS: Final = (Valid, Duplicate, RateLimitViolation, Invalid)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What to do with one message.

    Args:
        why: the reason; `gossip` follows from it.
        verdict: of the verifier. None: it was not asked, or it must not be acted on.
        counts: whether the message counts against the peer's budget. None: as `RULINGS` says.
        detail: what is wrong, for a log line; may be empty.
        error: what kept the verifier from a verdict. None: nothing did.

    Raises:
        ParameterError: an argument has the wrong type.
    """

    why: Why
    verdict: Verdict | None = None
    counts: bool | None = None
    detail: str = field(default="", compare=False)
    error: Exception | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        instance(self.why, Why, "why")
        if self.verdict is not None and not isinstance(self.verdict, _VERDICTS):
            raise ParameterError(f"verdict: expected a verdict, got {type(self.verdict).__name__}")
        object.__setattr__(
            self,
            "counts",
            RULINGS[self.why].counts if self.counts is None else flag(self.counts, "counts"),
        )
        text(self.detail, "detail")
        if self.error is not None:
            instance(self.error, Exception, "error")

    @property
    def gossip(self) -> Gossip:
        """What to tell the gossip protocol."""
        return RULINGS[self.why].gossip

    @property
    def delivers(self) -> bool:
        """Whether to hand the message to applications: once, over all nodes that share the log."""
        return self.why is Why.VALID
