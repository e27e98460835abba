"""Prover: one member's way to send messages.

The order is what keeps him safe. Everything that can be refused is refused first; then a message id is
reserved, durably, and is burnt from there on; only then does a proof come into being, which is verified
before it leaves. A crash at any point wastes an id and never uses one for two messages.
"""

from __future__ import annotations

from collections.abc import Callable

from rln.argument import instance, whole
from rln.errors import KeyFileError, ParameterError
from rln.identity import Identity
from rln.keys import ProvingKey
from rln.membership import Membership, MerkleProof
from rln.params import Params
from rln.ports import Clock, MessageIdAllocator
from rln.proof import AnyProof, MultiRlnProof, RlnProof, from_public_inputs
from rln.signal import hash_signal
from rln.statement import Statement

PathSource = MerkleProof | Callable[[int], MerkleProof]
"""A path, or what gives the newest one for a leaf index (`group.proof`)."""


class Prover:
    """Makes one member's proofs. Safe to use from several threads.

    Args:
        identity: the member.
        membership: index and limit, of the same commitment.
        key: the proving key.
        ids: gives out message ids, each one once. One member has one allocator, whatever else he runs.
        clock: which epoch it is.
        path: from the member's leaf to the root, or what gives it anew for each proof. None asks the group
            that the membership came from; without one, call `prepare` first.
        params: the provider's document; key and clock must be those that it names.
        self_check: verify each proof before it leaves. A malformed key could otherwise give proofs away that
            say too much; False is accepted for a key that is pinned in the package.
        threads: for one proof; None is one for each processor.

    Raises:
        ParameterError: parts that do not belong together.
    """

    def __init__(
        self,
        identity: Identity,
        membership: Membership,
        key: ProvingKey,
        *,
        ids: MessageIdAllocator,
        clock: Clock,
        path: PathSource | None = None,
        params: Params | None = None,
        self_check: bool = True,
        threads: int | None = None,
    ) -> None:
        instance(identity, Identity, "identity")
        instance(membership, Membership, "membership")
        instance(key, ProvingKey, "key")
        instance(ids, MessageIdAllocator, "ids")
        instance(clock, Clock, "clock")
        if identity.commitment != membership.commitment:
            raise ParameterError("membership: expected that of the identity, got another commitment's")
        whole(membership.limit, "limit", 1, key.parameters.largest_limit)
        if not self_check and not key.is_pinned:
            raise ParameterError(
                "self_check: expected True, False is for keys that are pinned in the package"
            )
        if params is not None:
            params.check_key(key)
            if clock.current().identifier != params.identifier:
                raise ParameterError(
                    "clock: expected the application and period of the parameters, got others"
                )
        self._identity = identity
        self._membership = membership
        self._leaf = membership.rate_commitment
        self._key = key
        self._ids = ids
        self._clock = clock
        self._self_check = self_check
        self._threads = threads
        self._path: PathSource | None = membership.paths if path is None else path
        if isinstance(self._path, MerkleProof):
            self.prepare(self._path)

    def prepare(self, path: MerkleProof) -> None:
        """Use this path for the proofs from now on.

        A proof is for the root of its path, so the path must be fresh enough for the verifier's window of
        roots.

        Raises:
            ParameterError: another depth, leaf or index than the member's.
        """
        self._path = self._checked(path)

    def prove(self, signal: bytes) -> RlnProof:
        """Prove for a signal, with one message id.

        Args:
            signal: the message; any bytes.

        Returns:
            The proof. It is safe to send again, and must only ever go with this signal.

        Raises:
            RateLimitReached: no message id is left in this epoch; nothing was revealed.
            ParameterError: no path yet, a key for several message ids, or a signal whose hash is 0.
            StoreUnavailable: the allocator is unsure.
            KeyFileError: key or graph computed something else than RLN; nothing left this call.
            EntropyError: the random source failed.
        """
        if self._key.parameters.max_out is not None:
            raise ParameterError("key: expected one for a single message id; use prove_multi")
        proof = self._prove(signal, 1)
        assert isinstance(proof, RlnProof)
        return proof

    def prove_multi(self, signal: bytes, count: int) -> MultiRlnProof:
        """Prove for a signal that costs several message ids.

        Args:
            signal: the message; any bytes.
            count: message ids to spend, 1 to the key's number of slots.

        Raises:
            As `prove`; ParameterError for a key with a single message id.
        """
        slots = self._key.parameters.max_out
        if slots is None:
            raise ParameterError("key: expected one for several message ids; use prove")
        proof = self._prove(signal, whole(count, "count", 1, slots))
        assert isinstance(proof, MultiRlnProof)
        return proof

    def _prove(self, signal: bytes, count: int) -> AnyProof:
        x = hash_signal(signal)
        path = self._current_path()
        epoch = self._clock.current()
        limit = self._membership.limit
        reserved = self._ids.reserve(self._membership.commitment, epoch, limit, count)
        statement = Statement.spend(
            self._key.parameters, limit, tuple(reserved), path, x, epoch.external_nullifier
        )
        expected = statement.public_values(self._identity)
        witness = self._key.witness(statement.inputs(), self._identity)
        try:
            if self._key.public_values(witness) != expected:
                raise KeyFileError("graph: expected the public values of RLN, it computes others")
            proof = self._key.prove(witness, self._threads)
        finally:
            witness.close()
        if self._self_check and not self._key.verifying_key.verify(expected, proof):
            raise KeyFileError("key: the proof that it made does not verify, so it was not released")
        return from_public_inputs(proof, expected)

    def _current_path(self) -> MerkleProof:
        source = self._path
        if source is None:
            raise ParameterError("path: expected one; call prepare, or give the prover a source of paths")
        return source if isinstance(source, MerkleProof) else self._checked(source(self._membership.index))

    def _checked(self, path: MerkleProof) -> MerkleProof:
        if path.depth != self._key.parameters.depth:
            raise ParameterError(f"path: expected {self._key.parameters.depth} levels, got {path.depth}")
        if path.index != self._membership.index or path.leaf != self._leaf:
            raise ParameterError("path: expected that of the member's leaf, got another leaf's")
        return path

    def __repr__(self) -> str:
        return f"Prover(index {self._membership.index}, limit {self._membership.limit})"
