"""Recorder: what a verifier remembers, and what it means that something was remembered before.

The log alone decides between a first message, a copy, and a second message on the same id. The audit trail,
where there is one, keeps what was accepted and what convicts; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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


@dataclass(slots=True, eq=False)
class Case:
    """One message whose context is right, on its way to an outcome.

    Attributes:
        known: shares that the log held when it was looked at, by nullifier.
        outcome: None as long as the message may be valid.
    """

    proof: AnyProof
    shares: Sequence[Share]
    epoch: Epoch
    source: Source = None
    known: dict[int | None, Share | None] = field(default_factory=dict)
    outcome: Outcome | None = None

    @property
    def settled(self) -> Outcome:
        """The outcome, once there is one."""
        assert self.outcome is not None, "a message was judged and has no outcome"
        return self.outcome


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

    def look(self, cases: Sequence[Case]) -> None:
        """Make duplicates of what is in the log with all its shares; to no other end the way is shorter."""
        keys = [(case.epoch, share.nullifier or 0) for case in cases for share in case.shares]
        answers = iter(self._ask(self._log.peek_many, keys))
        for case in cases:
            for share in case.shares:
                there = next(answers)
                if isinstance(there, Exception):
                    case.outcome = there
                else:
                    case.known[share.nullifier] = there
            if case.outcome is None and _all_known(case, {}):
                case.outcome = Duplicate()

    def record(self, cases: Sequence[Case]) -> None:
        """Put the messages that are good so far into the log, and give each case its outcome.

        One that failed after the look is a duplicate when an earlier one has brought the same shares: that is
        what a look just before it would have found.
        """
        good = [case for case in cases if case.outcome is None]
        before = dict(zip(good, self._insert(good), strict=True))
        lost = self._keep([case for case in good if before[case] == ()])
        brought: dict[tuple[int, int | None], Share] = {}
        for case in cases:
            if case in before:
                taken = before[case]
                if isinstance(taken, Exception):
                    case.outcome = taken
                    continue
                name = case.proof.external_nullifier
                brought |= {(name, share.nullifier): share for share in taken or case.shares}
                case.outcome = self._judge(case, taken) if taken else lost or Valid()
            elif brought and isinstance(case.outcome, (Invalid, Overloaded)) and _all_known(case, brought):
                case.outcome = Duplicate()

    def _insert(self, good: list[Case]) -> Sequence[Taken | Exception]:
        if not good:
            return ()
        try:
            self._forget_ended(good[-1].epoch)
        except Exception as error:  # noqa: BLE001 - as in _ask
            return [error] * len(good)
        return self._ask(self._log.insert_or_get_many, [(case.epoch, case.shares) for case in good])

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

    def _keep(self, cases: list[Case]) -> Exception | None:
        """Put messages into the audit trail; the error if they are not in it."""
        if self._audit is None or not cases:
            return None
        try:
            self._audit.append_many([(case.epoch, case.proof) for case in cases])
        except Exception as error:  # noqa: BLE001 - what is not kept must not be served
            return error
        return None

    def _judge(self, case: Case, taken: Taken) -> Outcome:
        """What becomes of a verified message when some of its nullifiers were in the log."""
        before = {share.nullifier: share for share in taken}
        try:
            for share in case.shares:
                known = before.get(share.nullifier, share)
                if known.x != share.x:
                    return self._violation(case, known, share)
                if known.y != share.y:
                    raise IntegrityAlarm(
                        "share: two verified messages with one nullifier and one x have different y"
                    )
        except Exception as error:  # noqa: BLE001 - it is this message's
            return error
        return Duplicate()

    def _violation(self, case: Case, first: Share, second: Share) -> RateLimitViolation:
        evidence = self._evidence(case, first)
        try:
            secret = recover_secret(first, second)
        except RecoveryError as error:
            raise IntegrityAlarm(
                "share: two verified messages with one nullifier are not on its line"
            ) from error
        if self._was_member is not None and not self._was_member(secret.commitment):
            raise IntegrityAlarm("share: two verified messages recover a secret that was never registered")
        return RateLimitViolation(secret, evidence)

    def _evidence(self, case: Case, first: Share) -> Evidence | None:
        """Keep the second message unless two of its nullifier are kept, and find the first one."""
        if self._audit is None:
            return None
        kept = self._audit.lookup(case.epoch, first.nullifier or 0)
        if len(kept) < 2:  # so that nobody fills a disk by overspending
            self._audit.append_many([(case.epoch, case.proof)])
        known = [proof for proof in kept if first in proof.shares]
        return Evidence(known[0], case.proof, self._verifying_key) if known else None


def _all_known(case: Case, brought: dict[tuple[int, int | None], Share]) -> bool:
    """Are all shares of a message in the log, or brought there since by others?"""
    name = case.proof.external_nullifier
    return all(
        brought.get((name, share.nullifier), case.known.get(share.nullifier)) == share
        for share in case.shares
    )
