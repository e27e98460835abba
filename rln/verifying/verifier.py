"""Verifier: judge a message that arrives.

The checks go from cheap to expensive: number of public values, epoch, root, signal, a search of the log for
identical shares, curve, subgroup and pairing equation. Nothing is written before all of them have passed.
Then one atomic insert into the log decides which of three the message is: the first with its message id, a
copy of the first, or another message with the same id. Proof bytes are never a key in the log, because anyone
can re-randomise them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rln.base.arguments import instance, pairs, plain_bytes, sequence, thread_count
from rln.base.injected import implements
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
from rln.group.root_source import RootSource, root_source
from rln.keys.verifying_key import VerifyingKey
from rln.params import Params
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof
from rln.protocol.signal import hash_signal
from rln.verifying.nullifier_check import Candidate, NullifierCheck, Outcome
from rln.verifying.ports import AuditTrail, NullifierLog, Observer
from rln.verifying.safe_observer import SafeObserver
from rln.verifying.source_limit import Source, SourceLimit, check_source
from rln.verifying.verdict import Invalid, Verdict

Message = tuple[AnyProof, bytes]
"""A decoded proof and the signal that it is about, both as received."""

_Answer = InputError | InvalidProof | None
"""The result of verifying one proof: what is wrong with it, or None."""


class Verifier:
    """Judges messages. Safe to use from several threads, and from several processes that share one log.

    Args:
        verifying_key: for the circuit that members prove with.
        roots: the acceptable roots, at least one: `group.roots`, which follows the group, another object with
            the methods of `RootSource`, or a list, tuple or set of roots, which is copied. An iterator, text,
            bytes, a mapping and the root 0 are refused.
        log: remembers the shares of accepted messages.
        clock: tells which epochs are acceptable.
        was_member: returns whether an identity commitment is or was registered (`group.was_member`). A
            recovered secret that was never registered raises IntegrityAlarm. None: no such check.
        sources: limits the bad proofs of each source. None: no limit.
        audit: keeps accepted messages, and those above the limit as evidence. None: nothing is kept.
        observer: is called with each outcome, and cannot change it. None: no observer.
        threads: number of threads for a batch, 1 to 256. None: one for each processor.
        params: the published parameters; key, clock and signals must match them. None: no such check.

    Raises:
        ParameterError: there is no acceptable root, key or clock are not those of the parameters, or an
            argument cannot do what it is for; the message names the method that is missing.
        FieldRangeError: a root is not a field element.
        KeyFileError: the key has not the number of public values of an RLN circuit.
    """

    def __init__(
        self,
        verifying_key: VerifyingKey,
        *,
        roots: RootSource | Iterable[int],
        log: NullifierLog,
        clock: Clock,
        was_member: Callable[[int], bool] | None = None,
        sources: SourceLimit | None = None,
        audit: AuditTrail | None = None,
        observer: Observer | None = None,
        threads: int | None = None,
        params: Params | None = None,
    ) -> None:
        instance(verifying_key, VerifyingKey, "verifying_key")
        implements(clock, Clock, "clock")
        if sources is not None:
            instance(sources, SourceLimit, "sources")
        verifying_key.check_rln()
        if params is not None:
            instance(params, Params, "params")
            params.check_verifier(verifying_key, clock)
        self._key = verifying_key
        self._roots = root_source(roots)
        self._clock = clock
        self._sources = sources
        self._threads = thread_count(threads)
        self._params = params
        self._observer = SafeObserver(observer)
        self._nullifier_check = NullifierCheck(
            log, clock, audit, was_member, verifying_key.digest, self._observer
        )

    def __repr__(self) -> str:
        return f"Verifier({self._key!r})"

    @property
    def verifying_key(self) -> VerifyingKey:
        """The key that messages are verified with."""
        return self._key

    def check(self, proof: AnyProof, signal: bytes) -> Epoch:
        """Check epoch, root, signal and proof of a message; the log is neither read nor written.

        Returns:
            The epoch that the message is for.

        Raises:
            WrongEpoch, UnknownRoot, WrongSignal, InvalidProof: the check that failed.
            InputError: the proof is malformed.
        """
        check_message(proof, signal)
        epoch = self._check_context(proof, signal)
        if not self._key.verify(proof.public_inputs, proof.proof):
            raise InvalidProof("proof: it does not verify with this verifying key")
        return epoch

    def submit(self, proof: AnyProof, signal: bytes, source: Source = None) -> Verdict:
        """Judge one message, and remember it if it is valid.

        Args:
            proof: as received, decoded.
            signal: the bytes that the message is about, as received.
            source: where the message came from, for a verifier with `sources`; at most 256 bytes or
                characters. All messages with source None count as one source.

        Returns:
            One of the four verdicts.

        Raises:
            Overloaded: the source has sent too many bad proofs; this proof was not verified.
            StoreUnavailable: log or audit trail cannot be sure of its data; the message must not be served.
            IntegrityAlarm: verified messages contradict each other, or show a secret that was never
                registered. This is impossible with a sound key and an intact log and registry.
            InputError: `proof` is not a proof, `signal` is not bytes, or `source` is invalid.
        """
        check_message(proof, signal)
        (outcome,) = self._judge([(proof, signal)], [check_source(source)], self._verify_one)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def submit_many(
        self, messages: Sequence[Message], sources: Sequence[Source] | None = None
    ) -> list[Verdict]:
        """Judge messages as `submit` would one after the other, but verify them together.

        Args:
            messages: pairs of proof and signal.
            sources: the source of each message, as for `submit`. None: all have source None.

        Returns:
            One verdict for each message, in order. Of two messages with one message id the earlier one is the
            first message.

        Raises:
            As `submit`, for the first message that has no verdict. Other messages may have been accepted;
            `outcomes` returns their verdicts too.
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
        """Judge messages as `submit_many` does, but return errors instead of raising the first one.

        Args:
            messages: pairs of proof and signal.
            sources: the source of each message, as for `submit`. None: all have source None.

        Returns:
            For each message, in order, its verdict or the error that `submit` would have raised.

        Raises:
            InputError: a proof is not a proof, a signal is not bytes, a source is invalid, or the number of
                sources is wrong.
            EntropyError: no randomness for the batch; nothing was accepted.
        """
        pairs(sequence(messages, "messages"), 2, "messages")
        if sources is None:
            checked: list[Source] = [None] * len(messages)
        else:
            checked = [check_source(one) for one in sequence(sources, "sources")]
        if len(checked) != len(messages):
            raise ParameterError(
                f"sources: expected {len(messages)}, one for each message, got {len(checked)}"
            )
        for proof, signal in messages:
            check_message(proof, signal)
        return self._judge(messages, checked, self._verify_many)

    def _judge(
        self,
        messages: Sequence[Message],
        sources: Sequence[Source],
        verify: Callable[[list[AnyProof]], Sequence[_Answer]],
    ) -> list[Outcome]:
        since = self._observer.moment()
        prepared = [
            self._to_candidate(*message, source) for message, source in zip(messages, sources, strict=True)
        ]
        candidates = [found for found in prepared if isinstance(found, Candidate)]
        try:
            looks = self._nullifier_check.look(candidates)
            refused = self._verify(candidates, [look.outcome for look in looks], verify)
            recorded = iter(self._nullifier_check.record(candidates, looks, refused))
        except Exception as error:  # no randomness or no memory: no message has a verdict
            for _ in messages:
                self._observer.judged(error, since)
            raise
        outcomes = [next(recorded) if isinstance(found, Candidate) else found for found in prepared]
        for outcome in outcomes:
            self._observer.judged(outcome, since)
        return outcomes

    def _to_candidate(self, proof: AnyProof, signal: bytes, source: Source) -> Candidate | Outcome:
        """Return a candidate if the context of a message is right, otherwise the outcome of the message."""
        try:
            epoch = self._check_context(proof, signal)
            return Candidate(proof, proof.shares, epoch, source)
        except (ProofRejected, EncodingError) as error:
            return _invalid(error)
        except Exception as error:  # noqa: BLE001 - an error of clock or store is the outcome
            return error

    def _verify(
        self,
        candidates: Sequence[Candidate],
        decided: Sequence[Outcome | None],
        verify: Callable[[list[AnyProof]], Sequence[_Answer]],
    ) -> list[Outcome | None]:
        """Verify the candidates that have no outcome yet. Return all outcomes, with None for a good proof.

        Each verification takes 1 from the allowance of the source, and a good proof gives it back. So
        candidates whose source had nothing left are tried again after the others. A batch therefore refuses
        the same messages as `submit` would one after the other. One kind of message costs more in a batch: a
        copy of a good message of the same batch with a bad proof, because the good one is not in the log yet.
        """
        outcomes = list(decided)
        waiting = [place for place, outcome in enumerate(outcomes) if outcome is None]
        while waiting:
            admitted, waiting, refused = self._admit(candidates, waiting)
            for place, error in refused.items():
                outcomes[place] = error
            good = admitted  # until there are answers: a source does not pay for a verification that raises
            try:
                answers = verify([candidates[place].proof for place in admitted]) if admitted else ()
                good = [place for place, answer in zip(admitted, answers, strict=True) if answer is None]
            finally:
                if self._sources is not None:
                    for place in good:
                        self._sources.give_back(candidates[place].source)
            for place, answer in zip(admitted, answers, strict=True):
                proof = candidates[place].proof
                outcomes[place] = self._recheck_root(proof) if answer is None else _invalid(answer)
        return outcomes

    def _admit(
        self, candidates: Sequence[Candidate], waiting: list[int]
    ) -> tuple[list[int], list[int], Mapping[int, Exception]]:
        """Take 1 from the allowance of its source for each waiting candidate.

        Returns:
            A tuple of three: the places of the candidates to verify now; the places of those whose source has
            nothing left, but may get some back from the others; and, by place, the errors of the rest.
        """
        if self._sources is None:
            return waiting, [], {}
        try:
            now = self._clock.now()
        except Exception as error:  # noqa: BLE001 - as in _to_candidate
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
        return [None if good else InvalidProof("proof: it does not verify with this verifying key")]

    def _verify_many(self, proofs: list[AnyProof]) -> Sequence[_Answer]:
        return self._key.verify_many(proofs, self._threads)

    def _recheck_root(self, proof: AnyProof) -> Outcome | None:
        """Return the outcome of a good proof whose root was retired by a slashing during verification."""
        try:
            self._check_root(proof)
        except UnknownRoot as error:
            return _invalid(error)
        except Exception as error:  # noqa: BLE001 - as in _to_candidate
            return error
        return None

    def _check_context(self, proof: AnyProof, signal: bytes) -> Epoch:
        if len(proof.public_inputs) != self._key.public_inputs:
            raise EncodingError(
                f"proof: expected {self._key.public_inputs} public values, got {len(proof.public_inputs)}"
            )
        epoch = self._clock.find(proof.external_nullifier)
        if epoch is None:
            raise WrongEpoch(
                "external nullifier: it belongs to no acceptable epoch: the message is too old, or "
                "application, period or clock differ"
            )
        self._check_root(proof)
        try:
            x = hash_signal(signal)
        except InputError as error:
            raise WrongSignal("signal: its hash is 0, which no proof may use") from error
        try:
            if self._params is not None:
                self._params.check_signal(signal)
        except InputError as error:
            raise WrongSignal(str(error)) from error
        if x != proof.x:
            raise WrongSignal("x: it is not the hash of the signal; the proof is for another signal")
        return epoch

    def _check_root(self, proof: AnyProof) -> None:
        if proof.root not in self._roots:
            raise UnknownRoot("root: it is not in the window of recent roots; prove again with a new path")


def check_message(proof: AnyProof, signal: bytes) -> None:
    """Check the types of a proof and its signal.

    Raises:
        InputError: one of them has the wrong type.
    """
    if not isinstance(proof, (RlnProof, MultiRlnProof)):
        raise ParameterError(f"proof: expected RlnProof or MultiRlnProof, got {type(proof).__name__}")
    plain_bytes(signal, "signal")


def _invalid(error: ProofRejected | InputError) -> Invalid:
    """Return the verdict for an error. Every error but ProofRejected means that the form is wrong."""
    return Invalid(error.reason if isinstance(error, ProofRejected) else Reason.MALFORMED, str(error))
