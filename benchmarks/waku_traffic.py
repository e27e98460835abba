"""WakuTraffic: messages of a Waku network that no node has seen, and judges that have seen nothing.

The clock stands still, so that messages stay valid while they are measured, in other processes, too.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import rln
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from rln.waku.judge import Judge
from rln.waku.message import WakuMessage
from rln.waku.network import WakuNetwork
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.signals import waku_signal

NETWORK = WakuNetwork(1, 8, "waku-2025")
PUBSUB, TOPIC = "/waku/2/rs/1/4", "/app/1/chat/proto"
TIME = 1_700_000_100
CLOCK = rln.EpochClock.waku(b"rln/waku-rln-relay/v2.0.0".ljust(32, b"\0"), 600, now=lambda: float(TIME))
PAYLOAD = 100
"""Bytes of a payload."""


class WakuTraffic:
    """The messages of one member, each with a proof and a message id of its own.

    Args:
        key: that their proofs verify with.
        root: of their tree.
        messages: encoded.
    """

    def __init__(self, key: rln.VerifyingKey, root: int, messages: list[bytes]) -> None:
        self.key, self.root, self.messages = key, root, messages

    @classmethod
    def make(cls, key: rln.ProvingKey, count: int) -> WakuTraffic:
        """Make messages, each by a proof of its own."""
        member = rln.Identity.from_seed(b"benchmark")
        parameters = key.parameters
        group = rln.Group(parameters.depth, parameters.limit_bits, rln.WindowSize(count=1))
        membership = group.register(member.commitment, limit=count)
        path = group.proof(membership.index)
        ids = MemoryMessageIds()
        messages = []
        with rln.Prover(member, membership, key, ids=ids, clock=CLOCK, path=path) as prover:
            for number in range(count):
                payload = (b"message %d " % number).ljust(PAYLOAD, b".")
                bare = WakuMessage(payload, TOPIC, timestamp=TIME * 10**9 + number)
                proof = prover.prove(waku_signal(bare, NETWORK.signal_format))
                assert isinstance(proof, rln.RlnProof)
                field = RateLimitProof.of(proof, CLOCK.current()).encode()
                messages.append(dataclasses.replace(bare, proof=field).encode())
        return cls(key.verifying_key, path.root, messages)

    def judge(self, kind: type[Judge] = Judge) -> Judge:
        """Make the judge of another node: to it, every message is new."""
        log = MemoryNullifierLog()
        verifier = rln.Verifier(self.key, roots=[self.root], log=log, clock=CLOCK, threads=1)
        return kind(NETWORK, verifier, CLOCK)

    def pairs(self, count: int) -> list[tuple[str, bytes]]:
        """Return the first messages as a judge takes them."""
        assert count <= len(self.messages)
        return [(PUBSUB, data) for data in self.messages[:count]]

    def write(self, file: Path) -> None:
        """Write all of it for another process."""
        content = {
            "key": self.key.encode().hex(),
            "root": self.root,
            "messages": [data.hex() for data in self.messages],
        }
        file.write_text(json.dumps(content))

    @classmethod
    def read(cls, file: Path) -> WakuTraffic:
        """Read what `write` wrote."""
        content = json.loads(file.read_text())
        key = rln.VerifyingKey.decode(bytes.fromhex(content["key"]))
        return cls(key, content["root"], [bytes.fromhex(data) for data in content["messages"]])
