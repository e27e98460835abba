"""Real proofs with a small key, for members whose secrets are known."""

from __future__ import annotations

import random
from dataclasses import replace

import rln
from rln.lowlevel import groth16
from rln.protocol.proof import AnyProof
from rln.protocol.signal import hash_signal
from rln.proving.proof_builder import ProofBuilder
from tests.support.small_world import DEPTH, LIMIT_BITS, small_key
from tests.threats.full_world import R, key_points, plus, times


class RealProofMaker:
    """Makes proofs of eight numbered members in one epoch; see `ProofMaker`."""

    limits = (16, 16, 1, 16, 7, 16, 16, 16)

    def __init__(self) -> None:
        self.key = small_key()
        self.clock = rln.EpochClock("real.example", 3600, past_gap=1)
        self.epoch = self.clock.current()
        self.secrets = [random.Random(number).randrange(1, R) for number in range(len(self.limits))]
        self._group = rln.Group(DEPTH, LIMIT_BITS)
        self._identities = [rln.Identity.from_secret(secret) for secret in self.secrets]
        for identity, limit in zip(self._identities, self.limits, strict=True):
            self._group.register(identity.commitment, limit)
        self.root = self._group.root
        self._builders = [self._builder(identity) for identity in self._identities]

    def _builder(self, identity: rln.Identity) -> ProofBuilder:
        member = self._group.membership(identity.commitment)
        return ProofBuilder(identity, member, self.key, self._group.proof(member.index), True, 1)

    def prove(self, member: int, message_id: int, signal: bytes) -> rln.RlnProof:
        builder = self._builders[member]
        return _single(builder.prove((message_id,), builder.path(), hash_signal(signal), self.epoch))

    def another_proof(self, proof: rln.RlnProof, salt: int) -> rln.RlnProof:
        """Return (A / t, t B + t s delta, C + s A), another proof of the same statement."""
        points, t, s = groth16.decompress(proof.proof), salt % R or 1, salt**2 % R
        a, b, c = points[:64], points[64:192], points[192:]
        delta = key_points(self.key.verifying_key)["delta"]
        other = times(a, pow(t, -1, R)) + plus(times(b, t), times(delta, t * s)) + plus(c, times(a, s))
        return replace(proof, proof=groth16.compress(other))

    def over_limit(self, member: int, signal: bytes) -> rln.RlnProof:
        """Combine the share of the id at the limit with the proof of an id below it."""
        true = self.prove(member, 0, signal)
        share = self._identities[member].share(true.x, self.epoch.external_nullifier, self.limits[member])
        return replace(true, y=share.y, nullifier=share.nullifier or 0)


def _single(proof: AnyProof) -> rln.RlnProof:
    assert isinstance(proof, rln.RlnProof)
    return proof
