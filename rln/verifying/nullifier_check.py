"""NullifierCheck: what a verifier remembers, and what it means that something was remembered before.

The log alone decides between a first message, a copy, and a second message on the same id. The audit trail,
where there is one, keeps what was accepted and what convicts; it decides nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rln.base.arguments import instance
from rln.errors import IntegrityAlarm, Overloaded, RecoveryError, StoreUnavailable
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.proof import AnyProof
from rln.protocol.recovery import recover_secret
from rln.protocol.share import Share
from rln.verifying.evidence import Evidence
from rln.verifying.ports import AuditTrail, NullifierLog, Taken
from rln.verifying.safe_observer import SafeObserver
from rln.verifying.source_limit import Source
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict

Outcome = Verdict | Exception
"""What becomes of a message: a verdict, or the error for whoever asked."""

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A message whose context is right: it is valid if its proof holds and its shares are new.

    Attributes:
        proof: as it came, decoded.
        shares: those of the proof.
        epoch: the acceptable epoch that it is for.
        source: where it came from.
    """

    proof: AnyProof
    shares: tuple[Share, ...]
    epoch: Epoch
    source: Source = None


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the log held for one candidate before its proof was verified.

    Attributes:
        known: for each share of the candidate the share that the log holds under its nullifier, or None.
        outcome: a duplicate, the error of the log, or None: the candidate may be valid.
    """

    known: tuple[Share | None, ...]
    outcome: Outcome | None


class NullifierCheck:
    """Deals with log and audit trail for a verifier. Safe to use from several threads.

    Args:
        log, clock, audit, was_member: as for `Verifier`.
        verifying_key: its digest, for evidence.
        watch: is told how the log does.
    """

    def __init__(
        self,
        log: NullifierLog,
        clock: Clock,
        audit: AuditTrail | None,
        was_member: Callable[[int], bool] | None,
        verifying_key: str,
        watch: SafeObserver,
    ) -> None:
        instance(log, NullifierLog, "log")
        if audit is not None:
            instance(audit, AuditTrail, "audit")
        self._log = log
        self._clock = clock
        self._audit = audit
        self._was_member = was_member
        self._verifying_key = verifying_key
        self._observer = watch
        self._forget_at = 0

    def look(self, candidates: Sequence[Candidate]) -> list[Look]:
        """Look candidates up before they are verified; nothing is written.

        A candidate is a duplicate when the log already holds all of its shares. Nothing else is decided here.
        """
        keys = [
            (candidate.epoch, share.nullifier or 0) for candidate in candidates for share in candidate.shares
        ]
        answers = iter(self._ask(self._log.peek_many, keys))
        return [
            _look(candidate, list(itertools.islice(answers, len(candidate.shares))))
            for candidate in candidates
        ]

    def record(
        self, candidates: Sequence[Candidate], looks: Sequence[Look], refused: Sequence[Outcome | None]
    ) -> list[Outcome]:
        """Put the candidates that are verified into the log, and return the outcome of each candidate.

        A refused candidate becomes a duplicate when earlier ones of this call have brought its shares: a look
        just before it would have found them.

        Args:
            candidates: in the order in which they are judged.
            looks: what `look` returned for each.
            refused: the outcome of each that is not to be recorded; None: its proof holds.

        Returns:
            The outcome of each, in the same order.
        """
        good = [candidate for candidate, outcome in zip(candidates, refused, strict=True) if outcome is None]
        inserted = self._insert(good)
        lost = self._keep([one for one, taken in zip(good, inserted, strict=True) if taken == ()])
        answers = iter(inserted)
        brought: dict[tuple[int, int | None], Share] = {}
        outcomes: list[Outcome] = []
        for candidate, look, outcome in zip(candidates, looks, refused, strict=True):
            if outcome is not None:
                late = isinstance(outcome, (Invalid, Overloaded)) and _all_known(candidate, look, brought)
                outcomes.append(Duplicate() if late else outcome)
                continue
            taken = next(answers)
            if isinstance(taken, Exception):
                outcomes.append(taken)
                continue
            name = candidate.proof.external_nullifier
            brought |= {(name, share.nullifier): share for share in taken or candidate.shares}
            outcomes.append(self._judge(candidate, taken) if taken else lost or Valid())
        return outcomes

    def _insert(self, good: list[Candidate]) -> Sequence[Taken | Exception]:
        if not good:
            return ()
        try:
            self._forget_ended(good[-1].epoch)
        except Exception as error:  # noqa: BLE001 - as in _ask
            return [error] * len(good)
        return self._ask(self._log.insert_or_get_many, [(one.epoch, one.shares) for one in good])

    def _ask(
        self, method: Callable[[list[_Question]], Sequence[_Answer]], questions: list[_Question]
    ) -> Sequence[_Answer | Exception]:
        """The answers of the log. Whatever it raises is that of each question: no message passes it."""
        if not questions:
            return ()
        since = self._observer.moment()
        try:
            answers = method(questions)
            if len(answers) != len(questions):
                raise StoreUnavailable(f"log: expected {len(questions)} answers, got {len(answers)}")
        except Exception as error:  # noqa: BLE001 - as the first line says
            self._observer.stored(True, since)
            return [error] * len(questions)
        self._observer.stored(any(isinstance(answer, Exception) for answer in answers), since)
        return answers

    def _forget_ended(self, epoch: Epoch) -> None:
        """Once a period let the log drop what can never be acceptable again: it must not only grow."""
        horizon = self._clock.horizon()
        if horizon >= self._forget_at:
            self._log.forget(horizon)
            self._forget_at = horizon + epoch.end - epoch.start

    def _keep(self, accepted: list[Candidate]) -> Exception | None:
        """Put messages into the audit trail; the error if they are not in it."""
        if self._audit is None or not accepted:
            return None
        try:
            self._audit.append_many([(one.epoch, one.proof) for one in accepted])
        except Exception as error:  # noqa: BLE001 - what is not kept must not be served
            return error
        return None

    def _judge(self, candidate: Candidate, taken: Taken) -> Outcome:
        """What becomes of a verified message when some of its nullifiers were in the log."""
        before = {share.nullifier: share for share in taken}
        try:
            for share in candidate.shares:
                known = before.get(share.nullifier, share)
                if known.x != share.x:
                    return self._violation(candidate, known, share)
                if known.y != share.y:
                    raise IntegrityAlarm(
                        "share: two verified messages with one nullifier and one x have different y"
                    )
        except Exception as error:  # noqa: BLE001 - it is this message's
            return error
        return Duplicate()

    def _violation(self, candidate: Candidate, first: Share, second: Share) -> RateLimitViolation:
        evidence = self._evidence(candidate, first)
        try:
            secret = recover_secret(first, second)
        except RecoveryError as error:
            raise IntegrityAlarm(
                "share: two verified messages with one nullifier are not on its line"
            ) from error
        if self._was_member is not None and not self._was_member(secret.commitment):
            raise IntegrityAlarm("share: two verified messages recover a secret that was never registered")
        return RateLimitViolation(secret, evidence)

    def _evidence(self, candidate: Candidate, first: Share) -> Evidence | None:
        """Keep the second message unless two of its nullifier are kept, and find the first one."""
        if self._audit is None:
            return None
        kept = self._audit.lookup(candidate.epoch, first.nullifier or 0)
        if len(kept) < 2:  # so that nobody fills a disk by overspending
            self._audit.append_many([(candidate.epoch, candidate.proof)])
        known = [proof for proof in kept if first in proof.shares]
        return Evidence(known[0], candidate.proof, self._verifying_key) if known else None


def _look(candidate: Candidate, answers: Sequence[Share | Exception | None]) -> Look:
    known = tuple(None if isinstance(answer, Exception) else answer for answer in answers)
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    if errors:
        return Look(known, errors[-1])
    return Look(known, Duplicate() if known == candidate.shares else None)


def _all_known(candidate: Candidate, look: Look, brought: dict[tuple[int, int | None], Share]) -> bool:
    """Tell whether the log held all shares of a candidate, or others of the same call have brought them."""
    if not brought:
        return False
    name = candidate.proof.external_nullifier
    return all(
        brought.get((name, share.nullifier), known) == share
        for share, known in zip(candidate.shares, look.known, strict=True)
    )
