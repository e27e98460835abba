"""WakuNetwork: the rules of one network, and a message that keeps them.

`read` goes from cheap to expensive, and asks neither the log nor the verifying key: bytes, topic, proof, time
and epoch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from rln.base.arguments import flag, instance, plain_bytes, text, whole
from rln.errors import EncodingError, InputError, RlnError
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.proof import RlnProof
from rln.waku.message import WakuMessage
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.ruling import Ruling, Why
from rln.waku.signals import check_signal_format, waku_signal
from rln.waku.topics import MAX_CLUSTER, MAX_SHARDS, ContentTopic, PubsubTopic, check_boundary
from rln.waku.wire import LaxEncoding

_SECOND: Final = 1_000_000_000
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message that keeps the rules of its network, before its proof is verified.

    Attributes:
        message: as received, decoded.
        proof: its proof.
        epoch: that the proof is for.
        signal: that the proof must be about.
        digest: SHA-256 of the bytes.

    Raises:
        InputError: one of them has the wrong type.
    """

    message: WakuMessage
    proof: RlnProof
    epoch: Epoch
    signal: bytes
    digest: bytes

    def __post_init__(self) -> None:
        instance(self.message, WakuMessage, "message")
        instance(self.proof, RlnProof, "proof")
        instance(self.epoch, Epoch, "epoch")
        plain_bytes(self.signal, "signal")
        plain_bytes(self.digest, "digest")


@dataclass(frozen=True, slots=True)
class WakuNetwork:
    """The rules of one network.

    Args:
        cluster: its number, 0 to 65,535.
        shards: how many it has, 1 to 1024.
        signal_format: "waku-2025" or "waku-2023".
        five_parts: whether content topics with a generation are allowed too.

    Raises:
        ParameterError: an argument has the wrong type or is outside its range.
    """

    cluster: int
    shards: int
    signal_format: str
    five_parts: bool = False

    def __post_init__(self) -> None:
        whole(self.cluster, "cluster", 0, MAX_CLUSTER)
        whole(self.shards, "shards", 1, MAX_SHARDS)
        check_signal_format(self.signal_format)
        flag(self.five_parts, "five_parts")

    def read(self, pubsub_topic: str, data: bytes, clock: EpochClock) -> OpenedMessage | Ruling:
        """Return the message in some bytes, or the ruling on a message that breaks a rule.

        Args:
            pubsub_topic: that the message was received on.
            data: the bytes.
            clock: of the network, made by `EpochClock.waku`. A timestamp may differ by its skew.

        Raises:
            InputError: an argument has the wrong type.
        """
        text(pubsub_topic, "pubsub_topic")
        plain_bytes(data, "data")
        instance(clock, EpochClock, "clock")
        try:
            message = WakuMessage.decode(data)
            broken = self._broken_rule(pubsub_topic, message)
            if broken is not None:
                return broken
            if not message.proof:
                return Ruling(Why.NO_PROOF)
            proof = RateLimitProof.decode(message.proof)
            signal = waku_signal(message, self.signal_format)
        except InputError as error:
            # Other readers reduce numbers, cut off bytes and so on: they refuse only what is no protobuf.
            malformed = isinstance(error, EncodingError) and not isinstance(error, LaxEncoding)
            return Ruling(Why.MALFORMED if malformed else Why.LAX, detail=str(error))
        if proof.rln_identifier not in (None, clock.identifier):
            return Ruling(Why.OTHER_NETWORK)
        try:
            wrong = self._wrong_time(message, proof.epoch, clock)
            if wrong is not None:
                return Ruling(wrong)
            epoch = clock.epoch(proof.epoch)
        except RlnError as error:
            return Ruling(Why.UNSURE, detail=str(error), error=error)
        digest = hashlib.sha256(data).digest()
        return OpenedMessage(message, proof.rln_proof(epoch), epoch, signal, digest)

    def _broken_rule(self, pubsub_topic: str, message: WakuMessage) -> Ruling | None:
        """Return the ruling on a message whose fields or topics are not allowed here."""
        if message.unknown:
            return Ruling(Why.UNKNOWN_FIELDS)
        try:
            topic = ContentTopic.parse(message.content_topic, self.five_parts)
            if self.five_parts:
                check_boundary(message.payload, topic)
        except EncodingError as error:
            return Ruling(Why.WRONG_TOPIC, detail=str(error))
        if pubsub_topic != str(PubsubTopic(self.cluster, topic.shard(self.shards))):
            return Ruling(Why.WRONG_SHARD)
        return None

    def _wrong_time(self, message: WakuMessage, index: int, clock: EpochClock) -> Why | None:
        """Tell what is wrong with the time of a message. Without this, any index would cost two hashes."""
        if self.signal_format == "waku-2023" or message.timestamp is None:  # a relay could have changed it
            return None if any(epoch.index == index for epoch in clock.acceptable()) else Why.WRONG_EPOCH
        if abs(clock.now() - message.timestamp / _SECOND) > clock.skew:
            return Why.WRONG_TIME
        return None if index == message.timestamp // (_SECOND * clock.period) else Why.WRONG_EPOCH
