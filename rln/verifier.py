"""Verifier: what becomes of a message that arrives.

Checks go from cheap to dear, and nothing is written before the last one: number of values, epoch, root,
signal, a look for the identical share, curve, subgroup and equation, then one atomic insert into the log,
which alone decides between a first message, a copy, and a second message on the same id. Nothing is keyed on
proof bytes, since anybody can re-randomise them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    StoreUnavailable,
    UnknownRoot,
    WrongEpoch,
    WrongSignal,
)
from rln.ports import Clock, NullifierLog, RootSource, Taken
from rln.proof import AnyProof, MultiRlnProof, RlnProof
from rln.share import Share
from rln.signal import hash_signal
from rln.slashing import recover_secret
from rln.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict
from rln.verifying_key import VerifyingKey

_State = Epoch | Verdict | Exception
"""Of a message in a batch: its epoch while it may be valid, then what became of it."""


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
            known = [self._log.peek(epoch, share.nullifier or 0) for share in proof.shares]
            if all(there == share for there, share in zip(known, proof.shares, strict=True)):
                return Duplicate()
            if not self._key.verify(proof.public_inputs, proof.proof):
                raise InvalidProof("proof: the equation does not hold")
            # A slashing during the verification may have retired the root.
            self._check_root(proof)
        except (ProofRejected, InputError) as error:
            return _refused(error)
        self._forget_ended(epoch)
        return self._verdict(proof, self._log.insert_or_get(epoch, proof.shares))

    def submit_many(self, messages: Sequence[tuple[AnyProof, bytes]]) -> list[Verdict]:
        """Judge messages as `submit` would one after the other, with one verification for all of them.

        Args:
            messages: pairs of proof and signal.

        Returns:
            A verdict for each, in order. Of two messages on one message id the first one counts as first.

        Raises:
            As `submit`. Other messages than the one at which a store failed may have been accepted.
            EntropyError: no randomness for the batch; nothing was accepted.
        """
        verdicts: list[Verdict] = []
        for outcome in self.outcomes(messages):
            if isinstance(outcome, Exception):
                raise outcome
            verdicts.append(outcome)
        return verdicts

    def outcomes(self, messages: Sequence[tuple[AnyProof, bytes]]) -> list[Verdict | Exception]:
        """Judge messages as `submit_many` does, where one that has no verdict does not end the others.

        Args:
            messages: pairs of proof and signal.

        Returns:
            For each message in order its verdict, or the error that `submit` would have raised for it.

        Raises:
            InputError: an argument that is not a proof or not bytes.
            EntropyError: no randomness for the batch; nothing was accepted.
        """
        for proof, signal in messages:
            check_message(proof, signal)
        proofs = [proof for proof, _ in messages]
        states = self._unknown(proofs, [self._context_of(*message) for message in messages])
        waiting = [i for i, state in enumerate(states) if isinstance(state, Epoch)]
        answers = self._key.verify_many([proofs[i] for i in waiting], self._threads)
        failed = {i: _refused(error) for i, error in zip(waiting, answers, strict=True) if error is not None}
        for i in waiting:
            states[i] = failed[i] if i in failed else self._rooted(proofs[i], states[i])
        return self._recorded(proofs, states, failed)

    def _context_of(self, proof: AnyProof, signal: bytes) -> Epoch | Verdict | Exception:
        """The epoch of a message whose context is right, or what became of it."""
        try:
            return self._check_context(proof, signal)
        except (ProofRejected, InputError) as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 - whatever a clock or a store raises is this message's
            return error

    def _unknown(self, proofs: list[AnyProof], states: list[_State]) -> list[_State]:
        """The states, where messages whose shares are all in the log have become duplicates.

        This may shorten the way to DUPLICATE and to nothing else.
        """
        keys = [
            (state, share)
            for proof, state in zip(proofs, states, strict=True)
            if isinstance(state, Epoch)
            for share in proof.shares
        ]
        try:
            known = self._log.peek_many([(epoch, share.nullifier or 0) for epoch, share in keys])
        except Exception as error:  # noqa: BLE001 - as above, and no message passes it
            return [error if isinstance(state, Epoch) else state for state in states]
        found = iter([(there, share) for there, (_, share) in zip(known, keys, strict=True)])
        judged: list[_State] = []
        for proof, state in zip(proofs, states, strict=True):
            if not isinstance(state, Epoch):
                judged.append(state)
                continue
            pairs = [next(found) for _ in proof.shares]
            unsure = [there for there, _ in pairs if isinstance(there, StoreUnavailable)]
            same = all(there == share for there, share in pairs)
            judged.append(unsure[0] if unsure else Duplicate() if same else state)
        return judged

    def _rooted(self, proof: AnyProof, state: _State) -> _State:
        """The state again, unless a slashing during the verification has retired the root."""
        try:
            self._check_root(proof)
        except UnknownRoot as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 - as above
            return error
        return state

    def _recorded(
        self, proofs: list[AnyProof], states: list[_State], failed: dict[int, Invalid]
    ) -> list[Verdict | Exception]:
        """The outcomes, once all messages whose state is an epoch are in the log."""
        ready = [i for i, state in enumerate(states) if isinstance(state, Epoch)]
        taken = dict(zip(ready, self._claimed(proofs, states, ready), strict=True))
        brought: dict[tuple[int, int | None], Share] = {}
        outcomes: list[Verdict | Exception] = []
        for i, (proof, state) in enumerate(zip(proofs, states, strict=True)):
            named = {(proof.external_nullifier, share.nullifier): share for share in proof.shares}
            if i in taken:
                outcomes.append(self._outcome(proof, taken[i]))
                if taken[i] == ():
                    brought |= named
            elif i in failed and all(brought.get(name) == share for name, share in named.items()):
                outcomes.append(Duplicate())  # an earlier message of the batch brought the same shares
            else:
                assert not isinstance(state, Epoch)
                outcomes.append(state)
        return outcomes

    def _claimed(
        self, proofs: list[AnyProof], states: list[_State], ready: list[int]
    ) -> Sequence[Taken | Exception]:
        claims = [(state, proofs[i].shares) for i in ready if isinstance(state := states[i], Epoch)]
        if not claims:
            return []
        try:
            self._forget_ended(claims[-1][0])
            return self._log.insert_or_get_many(claims)
        except Exception as error:  # noqa: BLE001 - as above
            return [error] * len(claims)

    def _outcome(self, proof: AnyProof, taken: Taken | Exception) -> Verdict | Exception:
        if isinstance(taken, Exception):
            return taken
        try:
            return self._verdict(proof, taken)
        except IntegrityAlarm as alarm:
            return alarm

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

    def _verdict(self, proof: AnyProof, taken: Taken) -> Verdict:
        """What the log's answer means for a verified message."""
        if not taken:
            return Valid()
        before = {share.nullifier: share for share in taken}
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
