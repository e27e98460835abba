"""WakuPublisher: make the messages of a member, complete with proof, ready to send.

A message passes the node's own judge before anybody else sees it: so nothing leaves that peers would refuse,
and a second client with the same keystore is noticed.

A proof for a newer root shows that both messages have one author, who alone can make it. And a message with a
new timestamp is another message, which would reveal the secret if it used the same id. So `renew` keeps the
signal, and it is for two moments only: before a message is sent for the first time, and after the one
light-push service that got it has refused it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from rln.base.arguments import instance, text
from rln.errors import EncodingError, RlnError, WrongEpoch
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.proof import RlnProof
from rln.proving.prover import Prover
from rln.waku.judge import Judge
from rln.waku.message import WakuMessage
from rln.waku.network import WakuNetwork
from rln.waku.rate_limit_proof import ENCODED_BYTES, RateLimitProof
from rln.waku.ruling import Gossip, Why
from rln.waku.signals import waku_signal
from rln.waku.topics import ContentTopic, PubsubTopic, check_boundary

_SECOND: Final = 1_000_000_000
"""Nanoseconds."""


class NotSendable(RlnError):
    """The node's own judge refuses a message: peers would, too. The message id of its proof may be spent.

    Args:
        message: what the judge says.
        why: becomes the attribute.

    Attributes:
        why: the reason of the ruling.
    """

    def __init__(self, message: str, why: Why) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class ReadyMessage:
    """A message that may be sent, as often as you like, until its time is over.

    Args:
        pubsub_topic: to send it on.
        message: with its proof.

    Raises:
        ParameterError: an argument has the wrong type.
    """

    pubsub_topic: str
    message: WakuMessage

    def __post_init__(self) -> None:
        text(self.pubsub_topic, "pubsub_topic")
        instance(self.message, WakuMessage, "message")

    @property
    def data(self) -> bytes:
        """The bytes to send."""
        return self.message.encode()


class WakuPublisher:
    """Makes messages of one member. Safe to use from several threads.

    A forked child can publish if the prover can. A publisher needs no event loop and has nothing to close:
    close the prover.

    Args:
        network: the rules of the network.
        prover: of the member, with a key for one message id a proof, and the clock below.
        judge: of this node, which should have the member's commitment among its `own`.
        clock: of the network, made by `EpochClock.waku`.

    Raises:
        ParameterError: an argument has the wrong type.
    """

    def __init__(self, network: WakuNetwork, prover: Prover, judge: Judge, clock: EpochClock) -> None:
        instance(network, WakuNetwork, "network")
        instance(prover, Prover, "prover")
        instance(judge, Judge, "judge")
        instance(clock, EpochClock, "clock")
        self._network = network
        self._prover = prover
        self._judge = judge
        self._clock = clock

    def make(
        self, payload: bytes, content_topic: str, *, meta: bytes | None = None, ephemeral: bool | None = None
    ) -> ReadyMessage:
        """Make a message with the time of now, which spends one message id.

        Nothing of `meta` and `ephemeral` is protected by the proof: relays can change them.

        Args:
            payload: at least one byte, because nwaku and go-waku refuse an empty one.
            content_topic: in the form that the network allows.
            meta: at most 64 bytes. None: absent.
            ephemeral: whether the network should not store the message. None: absent.

        Raises:
            InputError: an argument is wrong, the topic has another form, or the message is above 150 KiB;
                nothing was spent.
            RateLimitReached: no message id is left in this epoch.
            WrongEpoch: the epoch ended meanwhile; a message id of the new one is spent. Call again.
            OwnViolation: another client uses a copy of the keystore.
            NotSendable: the judge refuses the message.
            StoreError: a store cannot be sure of its data.
        """
        topic = ContentTopic.parse(content_topic, self._network.five_parts)
        if self._network.five_parts:
            check_boundary(payload, topic)
        now = int(self._clock.now() * _SECOND)
        bare = WakuMessage(payload, content_topic, 0, now, meta, None, ephemeral)
        if not payload:
            raise EncodingError("payload: expected at least one byte, got none")
        # The longest proof, so that a message that gets too long spends nothing.
        dataclasses.replace(bare, proof=bytes(ENCODED_BYTES)).encode()
        pubsub_topic = str(PubsubTopic(self._network.cluster, topic.shard(self._network.shards)))
        proof = self._prover.prove(waku_signal(bare, self._network.signal_format))
        return self._checked(pubsub_topic, bare, proof)

    def renew(self, ready: ReadyMessage) -> ReadyMessage:
        """Make a message again for the newest root: the same share, and no message id is spent.

        Call it only before the message is sent, or after the light-push service that got it has refused it.
        A peer that sees both proofs knows who has made them.

        Raises:
            NotRenewable: the prover has not kept the message, or its epoch has ended; nothing was spent.
            NotSendable: the time of the message is over, or the judge refuses it for another reason.
            InputError, OwnViolation, StoreError: as for `make`.
        """
        instance(ready, ReadyMessage, "ready")
        signal = waku_signal(ready.message, self._network.signal_format)
        proof = self._prover.renew(signal)
        assert isinstance(proof, RlnProof)  # of a key for one message id
        return self._checked(ready.pubsub_topic, ready.message, proof)

    def _checked(self, pubsub_topic: str, bare: WakuMessage, proof: RlnProof) -> ReadyMessage:
        epoch = self._epoch(bare)
        if proof.external_nullifier != epoch.external_nullifier:
            raise WrongEpoch("epoch: it ended while the proof was made; make the message again")
        message = dataclasses.replace(bare, proof=RateLimitProof.of(proof, epoch).encode())
        ruling = self._judge.rule_own(pubsub_topic, message.encode())
        if ruling.error is not None:
            raise ruling.error
        if ruling.gossip is not Gossip.ACCEPT:
            what = f"; {ruling.detail}" if ruling.detail else ""
            raise NotSendable(
                f"message: expected one that this node forwards, got {ruling.why.value}{what}", ruling.why
            )
        return ReadyMessage(pubsub_topic, message)

    def _epoch(self, message: WakuMessage) -> Epoch:
        return self._clock.epoch((message.timestamp or 0) // (_SECOND * self._clock.period))
