"""Traffic: what members and forgers send, and the exact results that it must have in any order.

Here a slot is one message id of one member in one epoch. Some slots get two messages: the one that arrives
first is valid. Every message is sent several times, partly with other proofs of the same statement. Some
attempts are forged.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

import rln
from rln.base.scalar import ORDER
from rln.errors import Reason
from rln.protocol.proof import AnyProof

GENUINE, OTHER_VALUES, SAME_VALUES, OTHER_SIGNAL = range(4)
"""Kinds of attempts: a true proof; a false proof of values that were never proven; a false proof of a
statement that another attempt proves, which may count as a copy but is never served; a true proof with
another signal."""


class Result(Enum):
    """The result of an attempt."""

    VALID = "V"
    DUPLICATE = "D"
    VIOLATION = "R"
    BAD_PROOF = "P"  # or malformed
    WRONG_SIGNAL = "S"


_REFUSED = {
    Reason.BAD_PROOF: Result.BAD_PROOF,
    Reason.MALFORMED: Result.BAD_PROOF,
    Reason.WRONG_SIGNAL: Result.WRONG_SIGNAL,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message that is sent.

    Attributes:
        slot: number of the member's message id among all slots; -1 if no proof exists for it. Messages with
            several ids that all share ids with each other are one slot.
        proof, signal: the message.
        kind: one of the kinds above.
    """

    slot: int
    proof: AnyProof
    signal: bytes
    kind: int = GENUINE


Answer = tuple[int, Result, int]
"""Number of the attempt, its result, and the recovered secret or 0."""


class ProofMaker(Protocol):
    """Makes proofs of numbered members in one epoch."""

    @property
    def limits(self) -> Sequence[int]:
        """User message limits of the members."""

    @property
    def secrets(self) -> Sequence[int]:
        """Identity secrets of the members."""

    def prove(self, member: int, message_id: int, signal: bytes) -> rln.RlnProof:
        """Make a true proof; the id is below the limit."""

    def another_proof(self, proof: rln.RlnProof, salt: int) -> rln.RlnProof:
        """Make another true proof of the same statement."""

    def over_limit(self, member: int, signal: bytes) -> rln.RlnProof:
        """Make what a member can send for an id at their limit: the right share with a false proof."""


@dataclass(slots=True)
class Traffic:
    """Attempts of all members in one epoch, and the secrets behind the slots.

    Attributes:
        attempts: in any order.
        secrets: for each slot the secret of its member.
    """

    attempts: list[Attempt] = field(default_factory=list)
    secrets: list[int] = field(default_factory=list)


def mix(maker: ProofMaker, draw: random.Random) -> Traffic:
    """Make 3 × limit attempts of each member."""
    traffic = Traffic()
    for member, (limit, secret) in enumerate(zip(maker.limits, maker.secrets, strict=True)):
        distinct = limit if member % 2 else draw.randint(1, limit)
        first_slot = len(traffic.secrets)
        traffic.secrets += [secret] * distinct
        made = [
            _first(maker, member, slot, message_id)
            for message_id, slot in enumerate(range(first_slot, first_slot + distinct))
        ]
        pairs = draw.sample(range(distinct), draw.randint(0, min(distinct, max(1, limit // 4))))
        for message_id in pairs:
            signal = b"second %d %d" % (member, message_id)
            made.append(Attempt(first_slot + message_id, maker.prove(member, message_id, signal), signal))
        proven = len(made)
        while len(made) < 3 * limit:
            made.append(_more(made[draw.randrange(proven)], member, maker, draw))
        traffic.attempts += made
    return traffic


def _first(maker: ProofMaker, member: int, slot: int, message_id: int) -> Attempt:
    signal = b"first %d %d" % (member, message_id)
    return Attempt(slot, maker.prove(member, message_id, signal), signal)


def _more(proven: Attempt, member: int, maker: ProofMaker, draw: random.Random) -> Attempt:
    """Make a copy of a proven message, or a forgery from it."""
    proof, choice = proven.proof, draw.randrange(9)
    assert isinstance(proof, rln.RlnProof)
    if choice <= 1:
        return proven
    if choice <= 4:
        return replace(proven, proof=maker.another_proof(proof, draw.randrange(1, 1 << 64)))
    if choice == 5:  # a share off the line, to poison the slot
        return replace(proven, proof=replace(proof, y=(proof.y + 1) % ORDER), kind=OTHER_VALUES)
    if choice == 6:
        return replace(proven, slot=-1, proof=maker.over_limit(member, proven.signal), kind=OTHER_VALUES)
    if choice == 7:
        broken = bytes([*proof.proof[:8], proof.proof[8] ^ 1, *proof.proof[9:]])
        return replace(proven, proof=replace(proof, proof=broken), kind=SAME_VALUES)
    return replace(proven, signal=proven.signal + b"!", kind=OTHER_SIGNAL)


def send(
    verifier: rln.Verifier, attempts: Sequence[Attempt], numbers: Sequence[int], draw: random.Random
) -> list[Answer]:
    """Submit the numbered attempts in order, one by one and in batches, and return their results."""
    answers: list[Answer] = []
    at = 0
    while at < len(numbers):
        taken = numbers[at : at + draw.choice((1, 1, 1, 1, 2, 3, 17, 64))]
        at += len(taken)
        messages = [(attempts[number].proof, attempts[number].signal) for number in taken]
        verdicts = [verifier.submit(*messages[0])] if len(taken) == 1 else verifier.submit_many(messages)
        answers += [(number, *result_of(verdict)) for number, verdict in zip(taken, verdicts, strict=True)]
    return answers


async def send_together(
    verifier: rln.Verifier, attempts: Sequence[Attempt], numbers: Sequence[int]
) -> list[Answer]:
    """Submit the numbered attempts as `send` does, in 200 tasks at a time of one event loop."""
    answers: list[Answer] = []
    async with rln.AsyncVerifier(verifier) as async_verifier:
        for start in range(0, len(numbers), 200):
            taken = numbers[start : start + 200]
            tasks = [
                async_verifier.submit(attempts[number].proof, attempts[number].signal) for number in taken
            ]
            verdicts = await asyncio.gather(*tasks)
            answers += [
                (number, *result_of(verdict)) for number, verdict in zip(taken, verdicts, strict=True)
            ]
    return answers


def result_of(verdict: rln.Verdict) -> tuple[Result, int]:
    """Return the result that a verdict means, and the recovered secret or 0."""
    match verdict:
        case rln.Valid():
            return Result.VALID, 0
        case rln.Duplicate():
            return Result.DUPLICATE, 0
        case rln.RateLimitViolation(identity_secret=secret):
            return Result.VIOLATION, secret.reveal()
        case rln.Invalid(reason=reason):
            return _REFUSED[reason], 0


def check(
    traffic: Traffic,
    answers: Sequence[Answer],
    lost: Mapping[int, int] | None = None,
    *,
    partial_inserts: bool = False,
) -> Counter[Result]:
    """Check the result of every attempt; return the number of each result.

    Of the genuine attempts of a slot exactly one is valid. Attempts with the same x are duplicates, and all
    others are violations that recover the member's secret. The answers must cover every slot. So a member has
    as many valid attempts as different ids that they spend, which are never more than the limit.

    Args:
        traffic: with the attempts.
        answers: of all workers, in any order.
        lost: x of slots that were spent by a message whose sender got no answer.
        partial_inserts: whether the log inserts the shares of a message one by one. Then a copy may meet the
            first share and count as a duplicate, although the message itself meets a later share of another
            message and is a violation.
    """
    served: dict[int, int] = {}
    for number, result, _ in answers:
        if result is Result.VALID:
            attempt = traffic.attempts[number]
            assert attempt.kind == GENUINE, "a forged proof was served"
            assert attempt.slot not in served, "a message id was served twice"
            served[attempt.slot] = attempt.proof.x
    assert served.keys().isdisjoint(lost or {}), "a message id was served and lost"
    spent = served | dict(lost or {})
    assert sorted(spent) == list(range(len(traffic.secrets))), "a message id was never spent"
    overspent = {
        (traffic.attempts[number].slot, traffic.attempts[number].proof.x)
        for number, result, _ in answers
        if result is Result.VIOLATION
    }
    for number, result, secret in answers:
        attempt = traffic.attempts[number]
        if attempt.kind == OTHER_VALUES:
            assert result is Result.BAD_PROOF, "wrong result"
        elif attempt.kind == OTHER_SIGNAL:
            assert result is Result.WRONG_SIGNAL, "wrong result"
        elif attempt.kind == SAME_VALUES:
            assert result in (Result.BAD_PROOF, Result.DUPLICATE), "wrong result"
        elif attempt.proof.x == spent[attempt.slot]:
            assert result in (Result.VALID, Result.DUPLICATE), "wrong result"
        elif partial_inserts and result is Result.DUPLICATE and len(attempt.proof.shares) > 1:
            assert (attempt.slot, attempt.proof.x) in overspent, "wrong result"
        else:
            assert result is Result.VIOLATION, "wrong result"
            assert secret == traffic.secrets[attempt.slot], "another secret than the member's"
    return Counter(result for _, result, _ in answers)
