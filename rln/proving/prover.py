"""Prover: one member's way to send messages.

The order is what keeps him safe. Everything that can be refused is refused first; then a message id is
reserved, durably, and is burnt from there on; only then does a proof come into being, which is verified
before it leaves. A crash at any point wastes an id and never uses one for two messages.

Proofs become faster by themselves: the second one on a path costs a third of the first, and with `tokens` all
but the message is computed beforehand. They are the same proofs on every way, and the order is the same too.
"""

from __future__ import annotations

from typing import NoReturn, Self

from rln.base.arguments import instance, whole
from rln.base.bounds import MAX_LIMIT_BITS
from rln.errors import ParameterError
from rln.keys.proving_key import ProvingKey
from rln.merkle.proof import MerkleProof
from rln.params import Params
from rln.protocol import proof_record
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.identity import Identity
from rln.protocol.membership import Membership
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof
from rln.protocol.signal import hash_signal
from rln.proving.ports import MessageIdAllocator
from rln.proving.proof_builder import PathSource, ProofBuilder, SlotToken
from rln.proving.token_queue import TokenQueue


class Prover:
    """Makes one member's proofs. Safe to use from several threads.

    Closing it, or leaving its `with` block, wipes what it has computed beforehand.

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
        tokens: how many of the next proofs to keep ready, all but their messages, for as long as epoch and
            path stay. They are made on a thread in the background, which asks `ids`, `clock` and the source
            of paths, too. An id is reserved for each; those that are not used when the epoch ends are lost.
            Only with a key for a single message id.

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
        tokens: int = 0,
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
        whole(tokens, "tokens", 0, 1 << MAX_LIMIT_BITS)
        if tokens and key.parameters.max_out is not None:
            raise ParameterError("tokens: expected 0 with a key for several message ids")
        source = membership.paths if path is None else path
        self._membership = membership
        self._slots = key.parameters.max_out
        self._ids = ids
        self._clock = clock
        self._builder = ProofBuilder(identity, membership, key, source, self_check, threads)
        self._queue = TokenQueue(tokens, self._builder, ids, clock) if tokens else None
        self._refill()

    def prepare(
        self, path: MerkleProof, partial_proof: bytes | None = None, codec: str = "zerokit-3"
    ) -> None:
        """Use this path for the proofs from now on, and compute all of them that depends on it.

        A proof is for the root of its path, so the path must be fresh enough for the verifier's window of
        roots.

        Args:
            path: from the member's leaf to the root.
            partial_proof: what another RLN library prepared for this member and path. It is computed here
                anyway, and must be the same.
            codec: its form, "zerokit-2" or "zerokit-3".

        Raises:
            ParameterError: another depth, leaf or index than the member's.
            InputError: a partial proof that is none, or that of another member or path.
        """
        self._builder.prepare(path, partial_proof, codec)
        self._refill()

    def partial_proof(self, codec: str = "zerokit-3") -> bytes:
        """What is prepared for the path of now, as zerokit writes it. It is a secret.

        Args:
            codec: the form, "zerokit-2" or "zerokit-3".

        Raises:
            ParameterError: no path yet, or no such codec.
        """
        return self._builder.partial_proof(codec)

    @property
    def tokens_ready(self) -> int:
        """How many proofs wait for a message now."""
        return 0 if self._queue is None else self._queue.ready

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
        if self._slots is not None:
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
        if self._slots is None:
            raise ParameterError("key: expected one for several message ids; use prove")
        proof = self._prove(signal, whole(count, "count", 1, self._slots))
        assert isinstance(proof, MultiRlnProof)
        return proof

    def again(self, signal: bytes) -> AnyProof | None:
        """Return the proof that was made for this signal in this epoch, byte for byte, to send it again.

        A second `prove` would spend another message id, and a changed message needs one. After a lost answer
        ask here first; it is the same after a restart, with an allocator that survives one.

        Returns:
            The newest proof for the signal, or None: there was none in this epoch.

        Raises:
            ParameterError: a signal whose hash is 0.
            StoreUnavailable: the allocator is unsure.
        """
        kept = self._ids.recall(self._membership.commitment, self._clock.current(), hash_signal(signal))
        return None if kept is None else proof_record.decode(kept)

    def close(self) -> None:
        """Wipe what was computed beforehand, and prove no more; a second time does nothing."""
        if self._queue is not None:
            self._queue.close()
        self._builder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prove(self, signal: bytes, count: int) -> AnyProof:
        x = hash_signal(signal)
        path = self._builder.path()
        epoch = self._clock.current()
        if self._queue is None:
            member = self._membership
            reserved = self._ids.reserve(member.commitment, epoch, member.limit, count, x)
            return self._remembered(self._builder.prove(reserved, path, x, epoch), epoch, reserved)
        try:
            taken = self._queue.take(epoch, path)
            if isinstance(taken, SlotToken):
                spent = range(taken.message_id, taken.message_id + 1)
                return self._remembered(self._builder.publish(taken, x), epoch, spent)
            spent = range(taken, taken + 1)
            return self._remembered(self._builder.prove(spent, path, x, epoch), epoch, spent)
        finally:
            self._refill()

    def _remembered(self, proof: AnyProof, epoch: Epoch, ids: range) -> AnyProof:
        """The proof, once the allocator has it: then it may leave, any number of times."""
        self._ids.keep(self._membership.commitment, epoch, ids, proof.x, proof_record.encode(proof))
        return proof

    def _refill(self) -> None:
        if self._queue is not None:
            self._queue.work()

    def __repr__(self) -> str:
        return f"Prover(index {self._membership.index}, limit {self._membership.limit})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Prover: it holds secrets and cannot be copied or pickled")
