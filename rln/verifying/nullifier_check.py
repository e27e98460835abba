"""NullifierCheck: look up and record the shares of messages, and tell copies and violations apart.

The log alone decides which of three a message is: the first with its message id, a copy of the first, or
another message with the same id. The audit trail is optional. It keeps accepted messages and evidence, and
decides nothing: a message that it has not kept is not served, but no fault of it hides a violation, which
then comes without evidence (threats F20).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rln.base.arguments import shown
from rln.base.injected import callback, implements
from rln.base.served_again import add_wait
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
"""The result for a message: a verdict, or the error that the caller gets."""

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A message that has passed the checks before its proof: number of values, epoch, root and signal.

    It is valid if its proof verifies and its shares are new.

    Attributes:
        proof: as received, decoded.
        shares: the shares of the proof.
        epoch: the acceptable epoch that the message is for.
        source: where the message came from.
    """

    proof: AnyProof
    shares: tuple[Share, ...]
    epoch: Epoch
    source: Source = None


@dataclass(frozen=True, slots=True, eq=False)
class LookupResult:
    """What the log held for one candidate before its proof was verified.

    Attributes:
        known: for each share of the candidate, the share in the log with the same nullifier, or None.
        outcome: a duplicate, or the error of the log. None: the candidate may be valid.
    """

    known: tuple[Share | None, ...]
    outcome: Outcome | None


class NullifierCheck:
    """Uses the log and the audit trail for a verifier. Safe to use from several threads, if they are.

    Args:
        log, clock, audit, was_member: as for `Verifier`.
        verifying_key: digest of the verifying key, for evidence.
        observer: is told how the log answers, and what happened to the audit trail.
    """

    def __init__(
        self,
        log: NullifierLog,
        clock: Clock,
        audit: AuditTrail | None,
        was_member: Callable[[int], bool] | None,
        verifying_key: str,
        observer: SafeObserver,
    ) -> None:
        implements(log, NullifierLog, "log")
        if audit is not None:
            implements(audit, AuditTrail, "audit")
        if was_member is not None:
            callback(was_member, "was_member")
        self._log = log
        self._clock = clock
        self._audit = audit
        self._was_member = was_member
        self._verifying_key = verifying_key
        self._observer = observer
        self._forget_at = 0

    def look(self, candidates: Sequence[Candidate]) -> list[LookupResult]:
        """Look up the shares of candidates before verification, without writing.

        A candidate is a duplicate when the log already holds all of its shares. Nothing else is decided
        before verification.
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
        self,
        candidates: Sequence[Candidate],
        looks: Sequence[LookupResult],
        refused: Sequence[Outcome | None],
    ) -> list[Outcome]:
        """Insert the verified candidates into the log, and return the outcome of every candidate.

        A refused candidate counts as a duplicate if the log holds all of its shares by now, because of
        earlier candidates of this call: judged one by one, `look` would have found them.

        Args:
            candidates: in the order in which they are judged.
            looks: the result of `look` for each candidate.
            refused: for each candidate its outcome, or None if its proof verifies and it must be recorded.

        Returns:
            One outcome for each candidate, in the same order.
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
        answers = self._ask(self._log.insert_or_get_many, [(one.epoch, one.shares) for one in good])
        return [_taken(answer) for answer in answers]

    def _ask(
        self, method: Callable[[list[_Question]], Sequence[_Answer]], questions: list[_Question]
    ) -> Sequence[_Answer | Exception]:
        """Return the answers of the log. An error that it raises is the answer to every question."""
        if not questions:
            return ()
        since = self._observer.moment()
        try:
            answers = method(questions)
            if len(answers) != len(questions):
                raise StoreUnavailable(f"log: expected {len(questions)} answers, got {len(answers)}")
        except Exception as error:  # noqa: BLE001 - it is the answer to every question
            self._observer.stored(True, since)
            add_wait(error, self._clock.now)
            return [error] * len(questions)
        self._observer.stored(any(isinstance(answer, Exception) for answer in answers), since)
        for answer in answers:
            add_wait(answer, self._clock.now)
        return answers

    def _forget_ended(self, epoch: Epoch) -> None:
        """Once a period, let the log drop epochs that cannot become acceptable again, to keep it small."""
        horizon = self._clock.horizon()
        if type(horizon) is not int or horizon >= epoch.end:
            raise StoreUnavailable(
                f"clock: expected a horizon before {epoch.end}, the end of an acceptable epoch, got "
                f"{shown(horizon)}; nothing was forgotten; check the clock"
            )
        if horizon >= self._forget_at:
            self._log.forget(horizon)
            self._forget_at = horizon + epoch.end - epoch.start

    def _keep(self, accepted: list[Candidate]) -> Exception | None:
        """Append messages to the audit trail, and return its error if it has not kept them."""
        if self._audit is None or not accepted:
            return None
        try:
            self._audit.append_many([(one.epoch, one.proof) for one in accepted])
        except Exception as error:  # noqa: BLE001 - a message that is not kept must not be served
            return error
        finally:
            self._report_damage(self._audit)
        return None

    def _judge(self, candidate: Candidate, taken: Taken) -> Outcome:
        """Return the outcome of a verified message when some of its nullifiers were in the log already."""
        before = {share.nullifier: share for share in taken}
        try:
            for share in candidate.shares:
                known = before.get(share.nullifier, share)
                if known.x != share.x:
                    return self._violation(candidate, known, share)
                if known.y != share.y:
                    raise IntegrityAlarm(
                        "share: two verified messages have the same nullifier and x, but different y; stop "
                        "the service, and check the verifying key and the log"
                    )
        except Exception as error:  # noqa: BLE001 - the outcome of this message alone
            return error
        return Duplicate()

    def _violation(self, candidate: Candidate, first: Share, second: Share) -> RateLimitViolation:
        evidence = self._evidence(candidate, first)
        try:
            secret = recover_secret(first, second)
        except RecoveryError as error:
            raise IntegrityAlarm(
                "share: the shares of two verified messages have one nullifier, but are not on its line; "
                "stop the service, and check the verifying key and the log"
            ) from error
        if self._was_member is not None and not self._is_known(secret.commitment, self._was_member):
            raise IntegrityAlarm(
                "share: two verified messages recover a secret that was never registered; stop the service, "
                "and check the verifying key and the registry"
            )
        return RateLimitViolation(secret, evidence)

    def _is_known(self, commitment: int, was_member: Callable[[int], bool]) -> bool:
        """Ask whether a commitment was registered. The log keeps the first share whatever the answer is."""
        answer = was_member(commitment)
        if type(answer) is not bool:
            raise StoreUnavailable(
                f"was_member: expected True or False, got {type(answer).__name__}; correct it and submit the "
                "message again: the log is unchanged, so the same secret is recovered again"
            )
        return answer

    def _evidence(self, candidate: Candidate, first: Share) -> Evidence | None:
        """Return the evidence, or None if the first message cannot be found. Keep two messages a nullifier.

        An audit trail that fails does not hide the violation: its error goes to the observer.
        """
        if self._audit is None:
            return None
        known: list[AnyProof] = []
        try:
            kept = self._audit.lookup(candidate.epoch, first.nullifier or 0)
            known += [proof for proof in kept if first in proof.shares]
            if len({proof.x for proof in kept}) < 2:  # so that exceeding the limit cannot fill a disk
                self._audit.append_many([(candidate.epoch, candidate.proof)])
        except Exception as error:  # noqa: BLE001 - the verdict does not depend on the audit trail
            self._observer.damaged(error)
        self._report_damage(self._audit)
        return Evidence(known[0], candidate.proof, self._verifying_key) if known else None

    def _report_damage(self, audit: AuditTrail) -> None:
        try:
            found = list(audit.damage())
        except Exception as error:  # noqa: BLE001 - as in _evidence
            found = [error]
        for damage in found:
            self._observer.damaged(damage)


def _taken(answer: object) -> Taken | Exception:
    """Return the answer of a log to a claim; anything else than shares, even nothing, is no acceptance."""
    if isinstance(answer, Exception) or (type(answer) is tuple and all(type(one) is Share for one in answer)):
        return answer
    return StoreUnavailable(f"log: expected a tuple of shares for a claim, got {type(answer).__name__}")


def _look(candidate: Candidate, answers: Sequence[Share | Exception | None]) -> LookupResult:
    known = tuple(answer if isinstance(answer, Share) else None for answer in answers)
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    if errors:
        return LookupResult(known, errors[-1])
    return LookupResult(known, Duplicate() if known == candidate.shares else None)


def _all_known(
    candidate: Candidate, look: LookupResult, brought: dict[tuple[int, int | None], Share]
) -> bool:
    """Return whether the log holds all shares of a candidate, also because of earlier candidates."""
    if not brought:
        return False
    name = candidate.proof.external_nullifier
    return all(
        brought.get((name, share.nullifier), known) == share
        for share, known in zip(candidate.shares, look.known, strict=True)
    )
