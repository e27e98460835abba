"""WakuWorld: a Waku network with small proofs, its members, and nodes that judge."""

from __future__ import annotations

import dataclasses
from typing import Any

import rln
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from rln.waku.judge import Judge
from rln.waku.message import WakuMessage
from rln.waku.network import WakuNetwork
from rln.waku.rate_limit_proof import RateLimitProof
from rln.waku.signals import waku_signal
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key

IDENTIFIER = b"rln/waku-rln-relay/v2.0.0".ljust(32, b"\0")
PERIOD = 600
PUBSUB = "/waku/2/rs/1/4"
TOPIC = "/app/1/chat/proto"
START = 1_700_000_100.0


class WakuWorld:
    """A network, its group, and a clock that a test sets by `time`."""

    def __init__(
        self, signal_format: str = "waku-2025", five_parts: bool = False, depth: int = DEPTH, roots: int = 16
    ) -> None:
        self.key = small_key() if depth == DEPTH else rln.setup(rln.circuit.rln(depth, LIMIT_BITS), threads=1)
        self.time = START
        self.network = WakuNetwork(1, 8, signal_format, five_parts)
        self.clock = rln.EpochClock.waku(IDENTIFIER, PERIOD, now=lambda: self.time)
        self.group = rln.Group(depth, LIMIT_BITS, rln.WindowSize(count=roots))
        self.log = MemoryNullifierLog()
        self.member = rln.Identity.generate()
        self.group.register(self.member.commitment, 4)

    def verifier(self, **more: Any) -> rln.Verifier:
        """Make a verifier on the shared log; `more` are arguments of `rln.Verifier`."""
        arguments = {"roots": self.group.roots, "log": self.log, "clock": self.clock, "threads": 1, **more}
        return rln.Verifier(self.key.verifying_key, **arguments)

    def judge(self, verifier: rln.Verifier | None = None, **more: Any) -> Judge:
        """Make a node of its own; `more` are arguments of `Judge`."""
        return Judge(self.network, verifier or self.verifier(), self.clock, **more)

    def prover(self, member: rln.Identity | None = None) -> rln.Prover:
        """Make a prover of a member with message ids of its own, as a copied keystore has them."""
        member = member or self.member
        membership = self.group.membership(member.commitment)
        ids, path = MemoryMessageIds(), self.group.proof
        return rln.Prover(member, membership, self.key, ids=ids, clock=self.clock, path=path, threads=1)

    def message(
        self, payload: bytes = b"hello", prover: rln.Prover | None = None, **more: Any
    ) -> WakuMessage:
        """Make a message with its proof, by a new prover unless one is given."""
        bare = WakuMessage(payload, TOPIC, timestamp=int(self.time * 10**9))
        bare = dataclasses.replace(bare, **more)
        proof = (prover or self.prover()).prove(waku_signal(bare, self.network.signal_format))
        return with_proof(bare, RateLimitProof.of(proof, self.clock.current()))


def with_proof(message: WakuMessage, proof: RateLimitProof) -> WakuMessage:
    """Return a message with another proof."""
    return dataclasses.replace(message, proof=proof.encode())


def proof_of(message: WakuMessage, **changes: Any) -> RateLimitProof:
    """Return the proof of a message, with some values changed."""
    return dataclasses.replace(RateLimitProof.decode(message.proof or b""), **changes)
