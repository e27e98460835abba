"""Topics: what a message is for (content topic), and which part of the network carries it (pubsub topic).

    content topic   /application/version/name/encoding           (23/WAKU2-TOPICS)
                    /0/application/version/name/encoding         only where a network allows it
    pubsub topic    /waku/2/rs/cluster/shard                     (51/WAKU2-RELAY-SHARDING)

A signal joins payload and topic without their lengths. So a byte could move from one to the other without a
change of the signal: payload "…node" with "/app/1/chat/proto", and payload "…nod" with "e/app/1/chat/proto".
Therefore a topic must have exactly four parts, none empty, and begin with a slash: the topic is then what
follows the fourth slash from the end, and every signal has one reading. Where five parts are allowed too, a
payload in front of a four-part topic must not end in "/0" (`check_boundary`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

from rln.base.arguments import flag, instance, plain_bytes, text, whole
from rln.errors import EncodingError

MAX_CLUSTER: Final = (1 << 16) - 1
MAX_SHARDS: Final = 1024
"""Most shards of a cluster."""
_PUBSUB: Final = re.compile(r"/waku/2/rs/(0|[1-9][0-9]{0,4})/(0|[1-9][0-9]{0,3})\Z")
_SHOWN: Final = 80
_ENOUGH: Final = 6
"""Slashes of a topic after which it has too many; a topic of 150 KiB has many more."""


@dataclass(frozen=True, slots=True)
class ContentTopic:
    """The parts of a content topic.

    Args:
        application: such as "waku".
        version: of the application, such as "1".
        name: of what the application does with the message.
        encoding: of the payload, such as "proto".
        has_generation: whether the topic begins with "/0", the only generation that there is.

    Raises:
        ParameterError: a part has the wrong type.
        EncodingError: a part is empty or has a slash.
    """

    application: str
    version: str
    name: str
    encoding: str
    has_generation: bool = False

    def __post_init__(self) -> None:
        for name in ("application", "version", "name", "encoding"):
            value = text(getattr(self, name), name)
            if not value or "/" in value:
                raise EncodingError(f"{name}: expected text without a slash, got {value[:_SHOWN]!r}")
        flag(self.has_generation, "has_generation")

    @classmethod
    def parse(cls, topic: str, five_parts: bool = False) -> Self:
        """Read a content topic.

        Args:
            topic: as received.
            five_parts: whether the form with a generation is allowed beside the other.

        Raises:
            ParameterError: an argument has the wrong type.
            EncodingError: the topic has another form.
        """
        flag(five_parts, "five_parts")
        first, *parts = text(topic, "content topic").split("/", _ENOUGH)
        has_generation = five_parts and len(parts) == 5 and parts[0] == "0"
        if has_generation:
            del parts[0]
        if first or len(parts) != 4 or not all(parts):
            raise EncodingError(
                f"content topic: expected /application/version/name/encoding, got {topic[:_SHOWN]!r}"
            )
        application, version, name, encoding = parts
        return cls(application, version, name, encoding, has_generation)

    def __str__(self) -> str:
        generation = "/0" if self.has_generation else ""
        return f"{generation}/{self.application}/{self.version}/{self.name}/{self.encoding}"

    def shard(self, shards: int) -> int:
        """Return the shard of the topic in a cluster: SHA-256(application ‖ version) mod the shards.

        Args:
            shards: number of shards of the cluster, 1 to 1024.

        Raises:
            ParameterError: the number is outside its range.
            EncodingError: the topic is text that UTF-8 cannot encode.
        """
        whole(shards, "shards", 1, MAX_SHARDS)
        try:
            named = (self.application + self.version).encode("utf-8")
        except UnicodeEncodeError:
            raise EncodingError("content topic: expected text without lone surrogates") from None
        return int.from_bytes(hashlib.sha256(named).digest()[-8:], "big") % shards


@dataclass(frozen=True, slots=True)
class PubsubTopic:
    """A shard of a cluster.

    Args:
        cluster: number of the network, 0 to 65,535.
        shard: 0 to 1023.

    Raises:
        ParameterError: a number is outside its range.
    """

    cluster: int
    shard: int

    def __post_init__(self) -> None:
        whole(self.cluster, "cluster", 0, MAX_CLUSTER)
        whole(self.shard, "shard", 0, MAX_SHARDS - 1)

    @classmethod
    def parse(cls, topic: str) -> Self:
        """Read a pubsub topic.

        Raises:
            ParameterError: not `str`.
            EncodingError: the topic has another form, or a number is outside its range.
        """
        found = _PUBSUB.match(text(topic, "pubsub topic"))
        if found is None or int(found[1]) > MAX_CLUSTER or int(found[2]) >= MAX_SHARDS:
            raise EncodingError(f"pubsub topic: expected /waku/2/rs/cluster/shard, got {topic[:_SHOWN]!r}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"/waku/2/rs/{self.cluster}/{self.shard}"


def check_boundary(payload: bytes, topic: ContentTopic) -> None:
    """Refuse a payload that may end in the generation of its topic, where topics of five parts are allowed.

    Raises:
        EncodingError: the payload ends in "/0" and the topic has four parts, or the payload is not `bytes`.
        ParameterError: `topic` is not a topic.
    """
    instance(topic, ContentTopic, "topic")
    if plain_bytes(payload, "payload").endswith(b"/0") and not topic.has_generation:
        raise EncodingError('payload: expected an end other than "/0" before a topic of four parts')
