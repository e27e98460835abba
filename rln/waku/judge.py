"""Judge: rule on the messages of a Waku network.

The checks go from cheap to expensive: the rules of the network (`WakuNetwork.read`), then the verifier:
epoch, root, signal, log, pairing, insertion.

What the verifier decides before the pairing is decided again here after it, where gossip needs that:

* A root that is not acceptable may be newer than this node's roots. Such a message is parked, but only with a
  proof that holds; otherwise anybody could fill the places with garbage.
* A duplicate of the log may be new to this node, if several nodes share the log. It is forwarded after its
  proof was verified, and not delivered: over all nodes, applications get each message once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rln.base import scalar
from rln.base.arguments import instance, iterable, pairs, sequence
from rln.base.injected import callback
from rln.errors import (
    InputError,
    IntegrityAlarm,
    InvalidProof,
    Overloaded,
    ParameterError,
    ProofRejected,
    Reason,
    RlnError,
    StoreUnavailable,
    WrongSignal,
)
from rln.protocol.epoch import EpochClock
from rln.protocol.signal import hash_signal
from rln.verifying.nullifier_check import Outcome
from rln.verifying.source_limit import Source, SourceLimit, check_source
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid
from rln.verifying.verifier import Verifier
from rln.waku.forwarded import Forwarded
from rln.waku.network import OpenedMessage, WakuNetwork
from rln.waku.ruling import Ruling, Why

_PUBLIC_INPUTS = 5
"""Public values of a proof with one message id; Waku has no other proofs."""

_REASONS = {
    Reason.MALFORMED: Why.MALFORMED,
    Reason.WRONG_EPOCH: Why.WRONG_EPOCH,
    Reason.UNKNOWN_ROOT: Why.UNKNOWN_ROOT,
    Reason.WRONG_SIGNAL: Why.WRONG_SIGNAL,
    Reason.BAD_PROOF: Why.BAD_PROOF,
}


class OwnViolation(RlnError):
    """A message of an identity of this node exceeds its limit: another client uses a copy of the keystore.

    Stop one of the two clients; otherwise other nodes recover the secret, and the member is slashed.
    """


class Judge:
    """Rules on messages. Safe to use from several threads, if the log of the verifier is.

    A forked child goes on with a copy of what was forwarded. A judge needs no event loop and has nothing to
    close: close the log.

    Args:
        network: the rules of the network.
        verifier: with the roots and the log of the network; its key is for one message id a proof.
        clock: of the network, made by `EpochClock.waku`; the one of the verifier.
        own: identity commitments of this node, so that it never hands out a secret of its own.
        sources: limits the bad proofs of each peer among those that the verifier does not verify; may be the
            one of the verifier. None: no limit.
        has_expired: returns whether a root was acceptable once and is not any more; such a message is not
            parked. None: not known.

    Raises:
        ParameterError: an argument cannot do what it is for, or the key is for several message ids a proof.
    """

    def __init__(
        self,
        network: WakuNetwork,
        verifier: Verifier,
        clock: EpochClock,
        *,
        own: Iterable[int] = (),
        sources: SourceLimit | None = None,
        has_expired: Callable[[int], bool] | None = None,
    ) -> None:
        instance(network, WakuNetwork, "network")
        instance(verifier, Verifier, "verifier")
        instance(clock, EpochClock, "clock")
        if verifier.verifying_key.public_inputs != _PUBLIC_INPUTS:
            raise ParameterError(
                "verifier: expected a key for one message id a proof, got one with "
                f"{verifier.verifying_key.public_inputs} public values"
            )
        if sources is not None:
            instance(sources, SourceLimit, "sources")
        if has_expired is not None:
            callback(has_expired, "has_expired")
        self._network = network
        self._verifier = verifier
        self._clock = clock
        self._own = frozenset(scalar.check(value, "own") for value in iterable(own, "own"))
        self._sources = sources
        self._has_expired = has_expired
        self._forwarded = Forwarded()

    def __repr__(self) -> str:
        return f"Judge({self._network!r})"

    def rule(self, pubsub_topic: str, data: bytes, peer: Source = None) -> Ruling:
        """Rule on a message that a peer sent.

        Args:
            pubsub_topic: that the message was received on.
            data: the bytes.
            peer: who sent it, at most 256 bytes or characters. All messages from None count as one peer's.

        Returns:
            The ruling. An error of the log, the clock or the machine is in it, as `error`.

        Raises:
            InputError: an argument has the wrong type.
            IntegrityAlarm: stop the node, and investigate.
            EntropyError: no randomness.
        """
        (ruling,) = self.rule_many([(pubsub_topic, data)], [peer])
        if isinstance(ruling.error, IntegrityAlarm):
            raise ruling.error
        return ruling

    def rule_many(
        self, messages: Sequence[tuple[str, bytes]], peers: Sequence[Source] | None = None
    ) -> list[Ruling]:
        """Rule on messages as `rule` would one after the other, but verify them together.

        An error of the log, the clock or the machine is in the ruling, as `error`. If one of them is an
        `IntegrityAlarm`, which `rule` raises: stop the node, and investigate.

        Args:
            messages: pairs of pubsub topic and bytes.
            peers: who sent each message. None: all are from None.

        Returns:
            One ruling for each message, in order.

        Raises:
            InputError: an argument has the wrong type, or the number of peers is wrong.
            EntropyError: no randomness for the batch; nothing was accepted.
        """
        pairs(sequence(messages, "messages"), 2, "messages")
        senders = [check_source(one) for one in sequence(peers, "peers")] if peers is not None else None
        if senders is None:
            senders = [None] * len(messages)
        if len(senders) != len(messages):
            raise ParameterError(f"peers: expected {len(messages)}, one for each message, got {len(senders)}")
        opened = [self._network.read(topic, data, self._clock) for topic, data in messages]
        places = [place for place, one in enumerate(opened) if isinstance(one, OpenedMessage)]
        asked = [one for one in opened if isinstance(one, OpenedMessage)]
        outcomes: list[Outcome] = []
        if asked:  # an attacker's malformed messages cost no more than their reading
            outcomes = self._verifier.outcomes(
                [(one.proof, one.signal) for one in asked], [senders[place] for place in places]
            )
        answers = iter(zip(outcomes, (senders[place] for place in places), strict=True))
        return [one if isinstance(one, Ruling) else self._settle(one, *next(answers)) for one in opened]

    def rule_own(self, pubsub_topic: str, data: bytes) -> Ruling:
        """Rule on a message of this node before it is sent. Send it if the ruling is ACCEPT.

        A duplicate with the same share is sent again. PARK, an unknown root, means: renew the proof before it
        is sent, because peers do not know its root any more.

        Raises:
            InputError: an argument has the wrong type.
            OwnViolation: the message id was used for another message.
            IntegrityAlarm: stop the node, and investigate.
            EntropyError: no randomness.
        """
        opened = self._network.read(pubsub_topic, data, self._clock)
        if isinstance(opened, Ruling):
            return opened
        (outcome,) = self._verifier.outcomes([(opened.proof, opened.signal)])
        match outcome:
            case RateLimitViolation():
                raise OwnViolation(
                    "message id: expected an unused one, got one of another message; another client uses "
                    "the same keystore: stop one of them"
                )
            case Valid():
                self._forwarded.add(opened.epoch, opened.proof)
                return Ruling(Why.VALID, outcome)
            case Duplicate():
                refused = self._refused(opened, None)
                if refused is None:
                    self._forwarded.add(opened.epoch, opened.proof)
                return refused or Ruling(Why.NEW_HERE, outcome)
            case Invalid(reason=reason, detail=detail):
                return Ruling(_REASONS[reason], outcome, detail=detail)
            case IntegrityAlarm():
                raise outcome
        return _unsure(outcome)

    def _settle(self, opened: OpenedMessage, outcome: Outcome, peer: Source) -> Ruling:
        """Return the ruling that follows from an outcome of the verifier."""
        match outcome:
            case Valid():
                self._forwarded.add(opened.epoch, opened.proof)
                self._is_second_form(opened, peer)  # notes the first one
                return Ruling(Why.VALID, outcome)
            case Duplicate():
                return self._duplicate(opened, outcome, peer)
            case RateLimitViolation(identity_secret=secret):
                counts = self._is_second_form(opened, peer)
                if secret.commitment in self._own:
                    return Ruling(
                        Why.OWN_VIOLATION,
                        detail="another client uses a keystore of this node: stop one of them",
                    )
                return Ruling(Why.VIOLATION, outcome, counts)
            case Invalid(reason=Reason.UNKNOWN_ROOT):
                return self._unknown_root(opened, outcome, peer)
            case Invalid(reason=reason, detail=detail):
                return Ruling(_REASONS[reason], outcome, detail=detail)
        return _unsure(outcome)

    def _duplicate(self, opened: OpenedMessage, outcome: Duplicate, peer: Source) -> Ruling:
        if self._forwarded.holds(opened.epoch, opened.proof):
            return Ruling(Why.DUPLICATE, outcome, self._is_second_form(opened, peer))
        refused = self._refused(opened, peer)
        if refused is not None:
            return refused
        counts = self._is_second_form(opened, peer)
        if not self._forwarded.add(opened.epoch, opened.proof):  # by another thread meanwhile
            return Ruling(Why.DUPLICATE, outcome, counts)
        return Ruling(Why.NEW_HERE, outcome, counts)

    def _unknown_root(self, opened: OpenedMessage, outcome: Invalid, peer: Source) -> Ruling:
        try:
            expired = self._has_expired is not None and self._has_expired(opened.proof.root)
            if type(expired) is not bool:
                raise StoreUnavailable(
                    f"has_expired: expected True or False, got {type(expired).__name__}; correct it"
                )
        except Exception as error:  # noqa: BLE001 - a registry that fails decides nothing
            return _unsure(error)
        if expired:
            return Ruling(Why.EXPIRED_ROOT, outcome, detail=outcome.detail)
        return self._refused(opened, peer) or Ruling(Why.UNKNOWN_ROOT, outcome, detail=outcome.detail)

    def _refused(self, opened: OpenedMessage, peer: Source) -> Ruling | None:
        """Verify a proof that the verifier has not verified. Return the ruling if it does not hold."""
        try:
            if self._sources is not None and not self._sources.take(peer, self._clock.now()):
                raise Overloaded("peer: too many bad proofs came from it; try later")
            self._verify(opened)
            if self._sources is not None:
                self._sources.give_back(peer)
        except ProofRejected as error:
            return Ruling(_REASONS[error.reason], Invalid(error.reason, str(error)), detail=str(error))
        except InputError as error:
            return Ruling(Why.MALFORMED, Invalid(Reason.MALFORMED, str(error)), detail=str(error))
        except Exception as error:  # noqa: BLE001 - an error of clock or machine is no fault of the peer
            return _unsure(error)
        return None

    def _verify(self, opened: OpenedMessage) -> None:
        """Check signal and pairing, not the root."""
        if hash_signal(opened.signal) != opened.proof.x:
            raise WrongSignal("x: it is not the hash of the signal; the proof is for another signal")
        if not self._verifier.verifying_key.verify(opened.proof.public_inputs, opened.proof.proof):
            raise InvalidProof("proof: it does not verify with this verifying key")

    def _is_second_form(self, opened: OpenedMessage, peer: Source) -> bool:
        if peer is None:
            return False
        return self._forwarded.is_second_form(peer, opened.epoch, opened.proof, opened.digest)


def _unsure(error: Exception) -> Ruling:
    """Return the ruling on a message that got no verdict."""
    why = Why.OVERLOADED if isinstance(error, Overloaded) else Why.UNSURE
    return Ruling(why, detail=str(error), error=error)
