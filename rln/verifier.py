"""Verifier: what becomes of a message that arrives.

Checks go from cheap to dear, and nothing is written before the last one: number of values, epoch, root,
signal, a look for the identical share, curve, subgroup and equation, then one atomic insert into the log,
which alone decides between a first message, a copy, and a second message on the same id. Nothing is keyed on
proof bytes, since anybody can re-randomise them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rln import scalar
from rln.argument import instance, plain_bytes
from rln.epoch import Epoch
from rln.errors import (
    EncodingError,
    InputError,
    IntegrityAlarm,
    InvalidProof,
    ParameterError,
    ProofRejected,
    Reason,
    RecoveryError,
    UnknownRoot,
    WrongEpoch,
    WrongSignal,
)
from rln.ports import Clock, NullifierLog, RootSource
from rln.proof import AnyProof, MultiRlnProof, RlnProof
from rln.share import Share
from rln.signal import hash_signal
from rln.slashing import recover_secret
from rln.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict
from rln.verifying_key import VerifyingKey


class Verifier:
    """Judges messages. Safe to use from several threads, and from several processes that share one log.

    Args:
        verifying_key: of the circuit that members prove with.
        roots: acceptable roots, live (`group.roots`) or a fixed collection; never empty.
        log: remembers the shares of accepted messages.
        clock: which epochs are acceptable.
        was_member: tells whether a commitment is registered now or was once (`group.was_member`); a recovered
            secret of somebody else is an alarm.
        threads: for a batch; None is one for each processor.

    Raises:
        ParameterError: no acceptable root.
        KeyFileError: the key fails the lints for RLN keys.
    """

    def __init__(
        self,
        verifying_key: VerifyingKey,
        *,
        roots: RootSource,
        log: NullifierLog,
        clock: Clock,
        was_member: Callable[[int], bool] | None = None,
        threads: int | None = None,
    ) -> None:
        instance(verifying_key, VerifyingKey, "verifying_key")
        instance(log, NullifierLog, "log")
        instance(clock, Clock, "clock")
        verifying_key.check_rln(verifying_key.public_inputs)
        if not [scalar.check(root, "root") for root in roots]:
            raise ParameterError("roots: expected at least one, got none: nothing would be acceptable")
        self._key = verifying_key
        self._roots = roots
        self._log = log
        self._clock = clock
        self._was_member = was_member
        self._threads = threads
        self._forget_at = 0

    def __repr__(self) -> str:
        return f"Verifier({self._key!r})"

    def check(self, proof: AnyProof, signal: bytes) -> Epoch:
        """Check all that needs no memory of other messages; the log is neither read nor written.

        Returns:
            The epoch that the message is for.

        Raises:
            WrongEpoch, UnknownRoot, WrongSignal, InvalidProof: what does not hold.
            InputError: a proof that is none.
        """
        epoch = self._check_context(proof, plain_bytes(signal, "signal"))
        if not self._key.verify(proof.public_inputs, proof.proof):
            raise InvalidProof("proof: the equation does not hold")
        return epoch

    def submit(self, proof: AnyProof, signal: bytes) -> Verdict:
        """Judge one message and remember it when it is valid.

        Args:
            proof: as it came, decoded.
            signal: the bytes that the message is about, as they came.

        Returns:
            One of the four verdicts.

        Raises:
            StoreUnavailable: the log is unsure; nothing was accepted.
            IntegrityAlarm: something happened that mathematics excludes.
            InputError: arguments that are not a proof and bytes.
        """
        check_message(proof, signal)
        try:
            epoch = self._check_context(proof, signal)
            if self._is_known(epoch, proof):
                return Duplicate()
            if not self._key.verify(proof.public_inputs, proof.proof):
                raise InvalidProof("proof: the equation does not hold")
        except (ProofRejected, InputError) as error:
            return _refused(error)
        return self._record(epoch, proof)

    def submit_many(self, messages: Sequence[tuple[AnyProof, bytes]]) -> list[Verdict]:
        """Judge messages as `submit` would one after the other, with one verification for all of them.

        Args:
            messages: pairs of proof and signal.

        Returns:
            A verdict for each, in order. Of two messages on one message id the first one counts as first.

        Raises:
            As `submit`. Messages before the one at which a store failed may have been accepted; those after
                it were not.
            EntropyError: no randomness for the batch; nothing was accepted.
        """
        verdicts: list[Verdict] = []
        for outcome in self.outcomes(messages):
            if isinstance(outcome, Exception):
                raise outcome
            verdicts.append(outcome)
        return verdicts

    def outcomes(self, messages: Sequence[tuple[AnyProof, bytes]]) -> Iterator[Verdict | Exception]:
        """Judge messages as `submit_many` does, where one that has no verdict does not end the others.

        The first step verifies all of them; each further one remembers one message. Messages that are not
        asked for are not remembered.

        Args:
            messages: pairs of proof and signal.

        Yields:
            For each message in order its verdict, or the error that `submit` would have raised for it.

        Raises:
            InputError: an argument that is not a proof or not bytes.
            EntropyError: no randomness for the batch; nothing was accepted.
        """
        for proof, signal in messages:
            check_message(proof, signal)
        screened = [self._screened(proof, signal) for proof, signal in messages]
        pairs = [(found, proof) for found, (proof, _) in zip(screened, messages, strict=True)]
        waiting = [proof for found, proof in pairs if isinstance(found, Epoch)]
        answers = iter(self._key.verify_many(waiting, self._threads))
        for found, proof in pairs:
            yield self._outcome(found, proof, next(answers)) if isinstance(found, Epoch) else found

    def _screened(self, proof: AnyProof, signal: bytes) -> Epoch | Verdict | Exception:
        """All but the equation: the epoch of a message that may be good, or what became of it."""
        try:
            epoch = self._check_context(proof, signal)
            return Duplicate() if self._is_known(epoch, proof) else epoch
        except (ProofRejected, InputError) as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 - whatever a store raises is this message's
            return error

    def _outcome(
        self, epoch: Epoch, proof: AnyProof, answer: InputError | InvalidProof | None
    ) -> Verdict | Exception:
        try:
            if answer is None:
                return self._record(epoch, proof)
            # An earlier message of the batch may have brought the same share by now.
            return Duplicate() if self._is_known(epoch, proof) else _refused(answer)
        except Exception as error:  # noqa: BLE001 - as above
            return error

    def _check_context(self, proof: AnyProof, signal: bytes) -> Epoch:
        if len(proof.public_inputs) != self._key.public_inputs:
            raise EncodingError(
                f"proof: expected {self._key.public_inputs} public values, got {len(proof.public_inputs)}"
            )
        epoch = self._clock.find(proof.external_nullifier)
        if epoch is None:
            raise WrongEpoch("external nullifier: expected that of an acceptable epoch, got another")
        self._check_root(proof)
        try:
            x = hash_signal(signal)
        except ParameterError as error:
            raise WrongSignal("signal: its hash is 0") from error
        if x != proof.x:
            raise WrongSignal("x: expected the hash of the signal, got another value")
        return epoch

    def _check_root(self, proof: AnyProof) -> None:
        if proof.root not in self._roots:
            raise UnknownRoot("root: expected one of the window of recent roots, got another")

    def _is_known(self, epoch: Epoch, proof: AnyProof) -> bool:
        """Are all of these very shares in the log; may shorten the way to DUPLICATE and to nothing else."""
        return all(
            share.nullifier is not None and self._log.peek(epoch, share.nullifier) == share
            for share in proof.shares
        )

    def _record(self, epoch: Epoch, proof: AnyProof) -> Verdict:
        try:
            # A slashing during the verification may have retired the root.
            self._check_root(proof)
        except UnknownRoot as error:
            return _refused(error)
        self._forget_ended(epoch)
        before = {share.nullifier: share for share in self._log.insert_or_get(epoch, proof.shares)}
        if not before:
            return Valid()
        for share in proof.shares:
            known = before.get(share.nullifier, share)
            if known.x != share.x:
                return self._violation(known, share)
            if known.y != share.y:
                raise IntegrityAlarm(
                    "share: two verified messages with one nullifier and one x have different y"
                )
        return Duplicate()

    def _forget_ended(self, epoch: Epoch) -> None:
        """Once a period let the log drop what can never be acceptable again: it must not only grow."""
        horizon = self._clock.horizon()
        if horizon >= self._forget_at:
            self._forget_at = horizon + epoch.end - epoch.start
            self._log.forget(horizon)

    def _violation(self, first: Share, second: Share) -> RateLimitViolation:
        try:
            secret = recover_secret(first, second)
        except RecoveryError as error:
            raise IntegrityAlarm(
                "share: two verified messages with one nullifier are not on its line"
            ) from error
        if self._was_member is not None and not self._was_member(secret.commitment):
            raise IntegrityAlarm("share: two verified messages recover a secret that was never registered")
        return RateLimitViolation(secret)


def check_message(proof: AnyProof, signal: bytes) -> None:
    """Refuse what is not a proof with the bytes that it is about.

    Raises:
        InputError: another type.
    """
    if not isinstance(proof, (RlnProof, MultiRlnProof)):
        raise ParameterError(f"proof: expected RlnProof or MultiRlnProof, got {type(proof).__name__}")
    plain_bytes(signal, "signal")


def _refused(error: ProofRejected | InputError) -> Invalid:
    """The verdict for a refusal; one that is no ProofRejected is about the form."""
    return Invalid(error.reason if isinstance(error, ProofRejected) else Reason.MALFORMED, str(error))
