"""Traffic: what members and forgers send, mixed, and what must exactly become of it whoever comes first.

A slot is one message id of one member in one epoch. Some slots get a second message: a planted pair, of which
the one that comes first is valid. Everything is sent several times, some of it as other proofs of the same
statement; some is forged.
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
"""Of an attempt: proven; a false proof of values that nobody proved; a false proof of a statement that is
proven elsewhere, which may be called a copy of it, but never be served; a proof that comes with another
signal."""


class End(Enum):
    """What became of an attempt."""

    VALID = "V"
    DUPLICATE = "D"
    VIOLATION = "R"
    BAD_PROOF = "P"  # or points that are none
    WRONG_SIGNAL = "S"


_REFUSED = {
    Reason.BAD_PROOF: End.BAD_PROOF,
    Reason.MALFORMED: End.BAD_PROOF,
    Reason.WRONG_SIGNAL: End.WRONG_SIGNAL,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing that is sent.

    Attributes:
        slot: number of the member's message id among all slots; -1 where nobody proved. Messages with several
            ids that all meet one another are one slot.
        proof, signal: what is sent.
        kind: GENUINE and so on.
    """

    slot: int
    proof: AnyProof
    signal: bytes
    kind: int = GENUINE


Answer = tuple[int, End, int]
"""Number of the attempt, its end, and the secret that was recovered or 0."""


class Maker(Protocol):
    """Makes proofs of numbered members in one epoch."""

    @property
    def limits(self) -> Sequence[int]:
        """Of the members."""

    @property
    def secrets(self) -> Sequence[int]:
        """Of the members."""

    def prove(self, member: int, message_id: int, signal: bytes) -> rln.RlnProof:
        """A true proof; the id is below the limit."""

    def again(self, proof: rln.RlnProof, salt: int) -> rln.RlnProof:
        """Another true proof of the same statement."""

    def beyond(self, member: int, signal: bytes) -> rln.RlnProof:
        """What a member can send for an id at his limit: his share, without a proof."""


@dataclass(slots=True)
class Traffic:
    """Attempts of all members in one epoch, and the secrets behind the slots.

    Attributes:
        attempts: in no order.
        secrets: of each slot's member.
    """

    attempts: list[Attempt] = field(default_factory=list)
    secrets: list[int] = field(default_factory=list)


def mix(maker: Maker, draw: random.Random) -> Traffic:
    """3 × limit attempts of each member."""
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


def _first(maker: Maker, member: int, slot: int, message_id: int) -> Attempt:
    signal = b"first %d %d" % (member, message_id)
    return Attempt(slot, maker.prove(member, message_id, signal), signal)


def _more(proven: Attempt, member: int, maker: Maker, draw: random.Random) -> Attempt:
    """A copy of what a member proved, or a forgery made from it."""
    proof, choice = proven.proof, draw.randrange(9)
    assert isinstance(proof, rln.RlnProof)
    if choice <= 1:
        return proven
    if choice <= 4:
        return replace(proven, proof=maker.again(proof, draw.randrange(1, 1 << 64)))
    if choice == 5:  # a share off the line, to poison the slot
        return replace(proven, proof=replace(proof, y=(proof.y + 1) % ORDER), kind=OTHER_VALUES)
    if choice == 6:
        return replace(proven, slot=-1, proof=maker.beyond(member, proven.signal), kind=OTHER_VALUES)
    if choice == 7:
        broken = bytes([*proof.proof[:8], proof.proof[8] ^ 1, *proof.proof[9:]])
        return replace(proven, proof=replace(proof, proof=broken), kind=SAME_VALUES)
    return replace(proven, signal=proven.signal + b"!", kind=OTHER_SIGNAL)


def send(
    verifier: rln.Verifier, attempts: Sequence[Attempt], numbers: Sequence[int], draw: random.Random
) -> list[Answer]:
    """Submit the numbered attempts in order, one by one and in batches, and say what became of each."""
    answers: list[Answer] = []
    at = 0
    while at < len(numbers):
        taken = numbers[at : at + draw.choice((1, 1, 1, 1, 2, 3, 17, 64))]
        at += len(taken)
        messages = [(attempts[number].proof, attempts[number].signal) for number in taken]
        verdicts = [verifier.submit(*messages[0])] if len(taken) == 1 else verifier.submit_many(messages)
        answers += [(number, *end_of(verdict)) for number, verdict in zip(taken, verdicts, strict=True)]
    return answers


async def send_together(
    verifier: rln.Verifier, attempts: Sequence[Attempt], numbers: Sequence[int]
) -> list[Answer]:
    """As `send`, by 200 tasks at a time of one event loop."""
    answers: list[Answer] = []
    async with rln.AsyncVerifier(verifier) as judge:
        for start in range(0, len(numbers), 200):
            taken = numbers[start : start + 200]
            tasks = [judge.submit(attempts[number].proof, attempts[number].signal) for number in taken]
            verdicts = await asyncio.gather(*tasks)
            answers += [(number, *end_of(verdict)) for number, verdict in zip(taken, verdicts, strict=True)]
    return answers


def end_of(verdict: rln.Verdict) -> tuple[End, int]:
    """The end that a verdict means, and the secret that it brings or 0."""
    match verdict:
        case rln.Valid():
            return End.VALID, 0
        case rln.Duplicate():
            return End.DUPLICATE, 0
        case rln.RateLimitViolation(identity_secret=secret):
            return End.VIOLATION, secret.reveal()
        case rln.Invalid(reason=reason):
            return _REFUSED[reason], 0


def check(
    traffic: Traffic,
    answers: Sequence[Answer],
    lost: Mapping[int, int] | None = None,
    *,
    partly: bool = False,
) -> Counter[End]:
    """Compare with what must have become of every attempt; return how often each end came.

    Of a slot's genuine attempts exactly one is valid, those with its x are duplicates, all others violations
    that recover the member's secret. Every slot's first attempt must be among the answers; a member's valid
    ones are then as many as the different ids that he spends, which are never more than his limit.

    Args:
        traffic: with the attempts.
        answers: of all workers, in any order.
        lost: x of slots that were spent by a message whose sender got no answer.
        partly: the log inserts the shares of a message one by one. A copy may then meet the first of them
            and be called a copy, before the message itself meets another one and is a violation.
    """
    served: dict[int, int] = {}
    for number, end, _ in answers:
        if end is End.VALID:
            attempt = traffic.attempts[number]
            assert attempt.kind == GENUINE, "a forged proof was served"
            assert attempt.slot not in served, "a message id was served twice"
            served[attempt.slot] = attempt.proof.x
    assert served.keys().isdisjoint(lost or {}), "a message id was served and lost"
    spent = served | dict(lost or {})
    assert sorted(spent) == list(range(len(traffic.secrets))), "a message id was never spent"
    overspent = {
        (traffic.attempts[number].slot, traffic.attempts[number].proof.x)
        for number, end, _ in answers
        if end is End.VIOLATION
    }
    for number, end, secret in answers:
        attempt = traffic.attempts[number]
        if attempt.kind == OTHER_VALUES:
            assert end is End.BAD_PROOF, "another end"
        elif attempt.kind == OTHER_SIGNAL:
            assert end is End.WRONG_SIGNAL, "another end"
        elif attempt.kind == SAME_VALUES:
            assert end in (End.BAD_PROOF, End.DUPLICATE), "another end"
        elif attempt.proof.x == spent[attempt.slot]:
            assert end in (End.VALID, End.DUPLICATE), "another end"
        elif partly and end is End.DUPLICATE and len(attempt.proof.shares) > 1:
            assert (attempt.slot, attempt.proof.x) in overspent, "another end"
        else:
            assert end is End.VIOLATION, "another end"
            assert secret == traffic.secrets[attempt.slot], "another secret than the planted one"
    return Counter(end for _, end, _ in answers)
