"""Verifier: what becomes of a message that arrives.

Checks go from cheap to dear, and nothing is written before the last one: number of values, epoch, root,
signal, a look for the identical share, curve, subgroup and equation, then one atomic insert into the log,
which alone decides between a first message, a copy, and a second message on the same id. Nothing is keyed on
proof bytes, since anybody can re-randomise them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rln.base import scalar
from rln.base.arguments import instance, plain_bytes
from rln.errors import (
    EncodingError,
    InputError,
    InvalidProof,
    Overloaded,
    ParameterError,
    ProofRejected,
    Reason,
    UnknownRoot,
    WrongEpoch,
    WrongSignal,
)
from rln.keys.verifying_key import VerifyingKey
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof
from rln.protocol.signal import hash_signal
from rln.verifying.nullifier_check import Candidate, NullifierCheck, Outcome
from rln.verifying.ports import AuditTrail, NullifierLog, Observer, RootSource
from rln.verifying.safe_observer import SafeObserver
from rln.verifying.source_limit import Source, SourceLimit, check_source
from rln.verifying.verdict import Invalid, Verdict

Message = tuple[AnyProof, bytes]
"""A proof as it came, decoded, and the bytes that it is about."""

_Answer = InputError | InvalidProof | None
"""Of a proof: what is wrong with it, or None."""


class Verifier:
    """Judges messages. Safe to use from several threads, and from several processes that share one log.

    Args:
        verifying_key: of the circuit that members prove with.
        roots: acceptable roots, live (`group.roots`) or a fixed collection; never empty.
        log: remembers the shares of accepted messages.
        clock: which epochs are acceptable.
        was_member: tells whether a commitment is registered now or was once (`group.was_member`); a recovered
            secret of somebody else is an alarm.
        sources: how many bad proofs each source may send; None: no limit.
        audit: keeps accepted messages, and second ones as evidence; None: nobody does.
        observer: is told what happens, and changes nothing; None: nobody is.
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
        sources: SourceLimit | None = None,
        audit: AuditTrail | None = None,
        observer: Observer | None = None,
        threads: int | None = None,
    ) -> None:
        instance(verifying_key, VerifyingKey, "verifying_key")
        instance(clock, Clock, "clock")
        if sources is not None:
            instance(sources, SourceLimit, "sources")
        verifying_key.check_rln(verifying_key.public_inputs)
        if not [scalar.check(root, "root") for root in roots]:
            raise ParameterError("roots: expected at least one, got none: nothing would be acceptable")
        self._key = verifying_key
        self._roots = roots
        self._clock = clock
        self._sources = sources
        self._threads = threads
        self._observer = SafeObserver(observer)
        self._nullifier_check = NullifierCheck(
            log, clock, audit, was_member, verifying_key.digest, self._observer
        )

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

    def submit(self, proof: AnyProof, signal: bytes, source: Source = None) -> Verdict:
        """Judge one message and remember it when it is valid.

        Args:
            proof: as it came, decoded.
            signal: the bytes that the message is about, as they came.
            source: where it came from, for a verifier with `sources`, at most 256 bytes or characters; all
                messages without one count as one source.

        Returns:
            One of the four verdicts.

        Raises:
            Overloaded: the source has sent too many bad proofs; this one was not looked at.
            StoreUnavailable: log or audit trail is unsure; the message must not be served.
            IntegrityAlarm: something happened that mathematics excludes.
            InputError: arguments that are not a proof and bytes.
        """
        check_message(proof, signal)
        (outcome,) = self._judge([(proof, signal)], [check_source(source)], self._verify_one)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def submit_many(
        self, messages: Sequence[Message], sources: Sequence[Source] | None = None
    ) -> list[Verdict]:
        """Judge messages as `submit` would one after the other, with one verification for all of them.

        Args:
            messages: pairs of proof and signal.
            sources: of each message, as for `submit`; None: nobody knows of any.

        Returns:
            A verdict for each, in order. Of two messages on one message id the first one counts as first.

        Raises:
            As `submit`. Other messages than the one that it is about may have been accepted.
            EntropyError: no randomness for the batch; nothing was accepted.
        """
        verdicts: list[Verdict] = []
        for outcome in self.outcomes(messages, sources):
            if isinstance(outcome, Exception):
                raise outcome
            verdicts.append(outcome)
        return verdicts

    def outcomes(
        self, messages: Sequence[Message], sources: Sequence[Source] | None = None
    ) -> list[Verdict | Exception]:
        """Judge messages as `submit_many` does, where one that has no verdict does not end the others.

        Args:
            messages: pairs of proof and signal.
            sources: of each message, as for `submit`; None: nobody knows of any.

        Returns:
            For each message in order its verdict, or the error that `submit` would have raised for it.

        Raises:
            InputError: an argument that is not a proof or not bytes, or another number of sources.
            EntropyError: no randomness for the batch; nothing was accepted.
        """
        origins = [None] * len(messages) if sources is None else [check_source(one) for one in sources]
        if len(origins) != len(messages):
            raise ParameterError(f"sources: expected {len(messages)}, got {len(origins)}")
        for proof, signal in messages:
            check_message(proof, signal)
        return self._judge(messages, origins, self._verify_many)

    def _judge(
        self,
        messages: Sequence[Message],
        origins: Sequence[Source],
        verify: Callable[[list[AnyProof]], Sequence[_Answer]],
    ) -> list[Outcome]:
        since = self._observer.moment()
        opened = [self._open(*message, origin) for message, origin in zip(messages, origins, strict=True)]
        candidates = [found for found in opened if isinstance(found, Candidate)]
        try:
            looks = self._nullifier_check.look(candidates)
            refused = self._verify(candidates, [look.outcome for look in looks], verify)
            recorded = iter(self._nullifier_check.record(candidates, looks, refused))
        except Exception as error:  # no randomness, no memory: it has no verdict for anybody
            for _ in messages:
                self._observer.judged(error, since)
            raise
        outcomes = [next(recorded) if isinstance(found, Candidate) else found for found in opened]
        for outcome in outcomes:
            self._observer.judged(outcome, since)
        return outcomes

    def _open(self, proof: AnyProof, signal: bytes, source: Source) -> Candidate | Outcome:
        """Return a candidate when the context of a message is right, otherwise its outcome."""
        try:
            epoch = self._check_context(proof, signal)
            return Candidate(proof, proof.shares, epoch, source)
        except (ProofRejected, EncodingError) as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 - whatever a clock or a store raises is this message's
            return error

    def _verify(
        self,
        candidates: Sequence[Candidate],
        decided: Sequence[Outcome | None],
        verify: Callable[[list[AnyProof]], Sequence[_Answer]],
    ) -> list[Outcome | None]:
        """Verify the candidates that have no outcome yet, and return the outcomes: None for a good proof.

        A good proof gives its source's allowance back, so candidates that found none get another round. A
        batch therefore refuses the same messages as `submit` would one after the other. One kind of message
        costs more in a batch: a bad proof with the shares of a good one of the same batch, since that one is
        not in the log yet.
        """
        outcomes = list(decided)
        waiting = [place for place, outcome in enumerate(outcomes) if outcome is None]
        while waiting:
            admitted, waiting, refused = self._admit(candidates, waiting)
            for place, error in refused.items():
                outcomes[place] = error
            good = admitted  # unless somebody finds out: no source pays for a verification that failed
            try:
                answers = verify([candidates[place].proof for place in admitted]) if admitted else ()
                good = [place for place, answer in zip(admitted, answers, strict=True) if answer is None]
            finally:
                if self._sources is not None:
                    for place in good:
                        self._sources.give_back(candidates[place].source)
            for place, answer in zip(admitted, answers, strict=True):
                proof = candidates[place].proof
                outcomes[place] = self._root_again(proof) if answer is None else _refused(answer)
        return outcomes

    def _admit(
        self, candidates: Sequence[Candidate], waiting: list[int]
    ) -> tuple[list[int], list[int], Mapping[int, Exception]]:
        """Take an allowance of its source for each waiting candidate.

        Returns:
            The places of those that got one, of those whose source may get one back for its others, and the
            error for each of the rest.
        """
        if self._sources is None:
            return waiting, [], {}
        try:
            now = self._clock.now()
        except Exception as error:  # noqa: BLE001 - as in _open
            return [], [], dict.fromkeys(waiting, error)
        admitted: list[int] = []
        later: list[int] = []
        refused: dict[int, Exception] = {}
        active: set[Source] = set()
        spent: set[Source] = set()
        for place in waiting:
            source = candidates[place].source
            if source not in spent and self._sources.take(source, now):
                active.add(source)
                admitted.append(place)
                continue
            spent.add(source)
            if source in active:
                later.append(place)
            else:
                refused[place] = Overloaded("source: too many bad proofs came from it; try later")
        return admitted, later, refused

    def _verify_one(self, proofs: list[AnyProof]) -> Sequence[_Answer]:
        (proof,) = proofs
        try:
            good = self._key.verify(proof.public_inputs, proof.proof)
        except InputError as error:
            return [error]
        return [None if good else InvalidProof("proof: the equation does not hold")]

    def _verify_many(self, proofs: list[AnyProof]) -> Sequence[_Answer]:
        return self._key.verify_many(proofs, self._threads)

    def _root_again(self, proof: AnyProof) -> Outcome | None:
        """What becomes of a good proof if a slashing during the verification has retired its root."""
        try:
            self._check_root(proof)
        except UnknownRoot as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 - as in _open
            return error
        return None

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
        except InputError as error:
            raise WrongSignal("signal: expected a hash other than 0, got one that is none") from error
        if x != proof.x:
            raise WrongSignal("x: expected the hash of the signal, got another value")
        return epoch

    def _check_root(self, proof: AnyProof) -> None:
        if proof.root not in self._roots:
            raise UnknownRoot("root: expected one of the window of recent roots, got another")


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
