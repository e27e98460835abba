"""CredentialMaker: makes a member's credentials with a prover."""

from __future__ import annotations

import math

from rln.base.arguments import instance, whole
from rln.base.bounds import MAX_SLOTS
from rln.base.injected import callback
from rln.client.credential_source import MadeCredential
from rln.errors import NotRenewable, ParameterError, RateLimitReached
from rln.http.credential import Credential, key_id
from rln.http.policy import Policy
from rln.http.signal import NONCE_BYTES, RequestParts
from rln.lowlevel import entropy
from rln.protocol.epoch import Clock
from rln.protocol.proof import AnyProof
from rln.proving.prover import Prover
from rln.sync.mirror import Mirror


class CredentialMaker:
    """Makes credentials of one membership. Threads and forked children may share it, as its prover.

    Args:
        prover: of the member.
        policy: in force.
        mirror: the group; the prover takes its paths from it.
        clock: of the prover.
    """

    def __init__(self, prover: Prover, policy: Policy, mirror: Mirror, clock: Clock) -> None:
        instance(prover, Prover, "prover")
        instance(policy, Policy, "policy")
        instance(mirror, Mirror, "mirror")
        callback(clock.current, "clock.current")
        self._prover = prover
        self._max_out = policy.params.max_out
        self._key_id = key_id(policy.params.verifying_key_digest)
        self._mirror = mirror
        self._clock = clock

    def make(self, parts: RequestParts, units: int) -> MadeCredential:
        """Make a credential with a new nonce; see `CredentialSource`.

        Raises:
            RateLimitReached: with the seconds until the next epoch.
            ParameterError: something else than parts, a number of units that there is not, or several units
                with a key for one message id.
            RlnError: as `Prover.prove`.
        """
        instance(parts, RequestParts, "parts")
        if whole(units, "units", 1, MAX_SLOTS) != 1 and self._max_out is None:
            raise ParameterError(f"units: expected 1 with a key for one message id, got {units}")
        nonce = entropy.draw(NONCE_BYTES)
        # Read before the path: if the group advances meanwhile, the credential passes for an older one, and
        # a renewal does no harm.
        step = self._mirror.step
        signal = parts.signal(nonce)
        try:
            proof: AnyProof = (
                self._prover.prove(signal)
                if self._max_out is None
                else self._prover.prove_multi(signal, units)
            )
        except RateLimitReached as error:
            if error.retry_after is not None:
                raise
            seconds = max(self._clock.current().end - self._clock.now(), 0.0)
            raise RateLimitReached(f"{error}, in {math.ceil(seconds)} seconds", retry_after=seconds) from None
        return self._made(proof, nonce, step)

    def renew(self, parts: RequestParts, made: MadeCredential) -> MadeCredential | None:
        """Prove again for the newest root; see `CredentialSource`."""
        instance(parts, RequestParts, "parts")
        instance(made, MadeCredential, "made")
        step = self._mirror.step
        try:
            proof = self._prover.renew(parts.signal(made.nonce))
        except NotRenewable:
            return None
        return self._made(proof, made.nonce, step)

    def close(self) -> None:
        """Wipe what was computed in advance; a second call does nothing."""
        self._prover.close()

    def _made(self, proof: AnyProof, nonce: bytes, step: int) -> MadeCredential:
        credential = Credential(self._key_id, nonce, proof)
        return MadeCredential(credential.encode(), nonce, credential.units, step)
