"""Parked: messages whose root this node does not know yet, until its roots were refreshed.

A member proves with the newest root, and a node learns of it a little later. So such a message waits, bytes
only: no validator is held, and gossip has no answer yet. Only messages whose proof holds are parked. Still,
anybody can make proofs for a tree of their own, so the places are shared out: if all are taken, the source
with most of them loses its newest. A source is a peer, and also the network prefix of its address, because
names of peers cost nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Final

from rln.base.arguments import instance, plain_bytes, text, unix_time
from rln.verifying.source_limit import Source, check_source

PLACES: Final = 256
"""Messages that are parked at a time."""
LONGEST_WAIT: Final = 3.0
"""Seconds for which a message is parked."""


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A message that waits.

    Args:
        pubsub_topic: that it was received on.
        data: the bytes.
        peer: who sent it.
        prefix: of the peer's address, such as "203.0.113.0/24".
        since: unix time at which it was parked first.

    Raises:
        InputError: an argument has the wrong type.
    """

    pubsub_topic: str
    data: bytes
    peer: Source
    prefix: Source
    since: float

    def __post_init__(self) -> None:
        text(self.pubsub_topic, "pubsub_topic")
        plain_bytes(self.data, "data")
        check_source(self.peer)
        check_source(self.prefix)
        unix_time(self.since, "since")


class Parked:
    """The places. They belong to one thread or event loop, have nothing to close, and a fork copies them."""

    def __init__(self) -> None:
        self._messages: dict[bytes, ParkedMessage] = {}  # by SHA-256 of the bytes, oldest first

    def __len__(self) -> int:
        """Return how many messages are parked."""
        return len(self._messages)

    def __bool__(self) -> bool:
        """Return True: places without messages are places."""
        return True

    def __repr__(self) -> str:
        return f"Parked({len(self)} of {PLACES})"

    def park(self, message: ParkedMessage) -> bool:
        """Give a message a place, and return whether it has one. Without a place its ruling is IGNORE.

        A message that is parked already keeps its place and its time. One for which there is no place because
        its own source has most of them is refused.

        Raises:
            ParameterError: not a `ParkedMessage`.
        """
        instance(message, ParkedMessage, "message")
        digest = hashlib.sha256(message.data).digest()
        if digest in self._messages:
            return True
        if len(self._messages) >= PLACES and not self._make_place(message):
            return False
        self._messages[digest] = message
        return True

    def take(self, now: float) -> list[ParkedMessage]:
        """Take out all messages, oldest first, to judge them again after the roots were refreshed.

        Those that have waited for more than 3 seconds are left out: their ruling is IGNORE. Park the ones
        that are still unknown again, as they are, so that their time goes on.

        Raises:
            ParameterError: not a time.
        """
        unix_time(now, "now")
        taken = [one for one in self._messages.values() if one.since <= now <= one.since + LONGEST_WAIT]
        self._messages = {}
        return taken

    def _make_place(self, message: ParkedMessage) -> bool:
        """Drop the newest message of the largest peer in the largest prefix, if that is fair to it."""
        prefixes = Counter(one.prefix for one in self._messages.values())
        prefix, most = prefixes.most_common(1)[0]
        if prefixes[message.prefix] + 1 >= most:  # a place in another prefix would be no fairer
            prefix = message.prefix
        peers = Counter(one.peer for one in self._messages.values() if one.prefix == prefix)
        peer, most = max(peers.items(), key=lambda item: item[1], default=(None, 0))
        if prefix == message.prefix and peers[message.peer] + 1 >= most:
            return False
        newest = next(
            digest
            for digest in reversed(self._messages)
            if (self._messages[digest].prefix, self._messages[digest].peer) == (prefix, peer)
        )
        del self._messages[newest]
        return True
