"""Prover: makes the messages of one member.

The order of the steps protects the member's secret. All checks come first. Then a message id is reserved
durably, and is spent from then on. Only then is the proof computed; it is verified before it is returned. A
crash can waste an id, but an id is never used for two messages.

Later proofs are faster: the second proof on a path takes less than half of the time of the first, and with
`tokens` everything but the message is computed in advance. In every case the proofs are of the same form, and
the order of the steps is the same.
"""

from __future__ import annotations

from typing import NoReturn, Self

from rln.base.arguments import flag, instance, thread_count, whole
from rln.base.bounds import MAX_LIMIT_BITS
from rln.base.injected import callback, implements
from rln.base.served_again import add_wait
from rln.errors import ParameterError, StoreUnavailable
from rln.keys.proving_key import ProvingKey
from rln.merkle.proof import MerkleProof
from rln.params import Params
from rln.protocol import proof_record
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.identity import Identity
from rln.protocol.membership import Membership
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof
from rln.protocol.signal import hash_signal
from rln.proving.id_answers import current_epoch, reserve_ids
from rln.proving.kept_messages import check_shares, kept_messages, kept_proof, renewable_message
from rln.proving.ports import MessageIdAllocator
from rln.proving.proof_builder import PathSource, ProofBuilder, SlotToken
from rln.proving.token_queue import TokenQueue


class Prover:
    """Makes one member's proofs. Safe to use from several threads.

    Closing it, or leaving its `with` block, wipes what it has computed in advance. A forked child can prove
    if its parent's `ids` work there, as those in a file do. It begins without tokens, because their message
    ids are the parent's.

    Args:
        identity: the member.
        membership: index and limit, for the same identity commitment.
        key: the proving key.
        ids: gives out message ids, each one once. All provers of a member must share one allocator.
        clock: gives the current epoch.
        path: from the member's leaf to the root, or a function that returns the newest path for an index and
            is called for each proof. None takes the paths from the group that made the membership; if it has
            none, call `prepare` first.
        params: the provider's parameters; key, clock and signals must match them. None: no such check.
        self_check: verify each proof before it is returned. Without this check, proofs with a malformed key
            could reveal the secret. False is accepted only if the package contains the digest of the key
            (`key.is_pinned`).
        threads: for one proof; None is one for each processor.
        tokens: number of proofs to prepare in advance, complete except for their messages. They are for the
            current epoch and path. They are made on a background thread, which also calls `ids`, `clock` and
            the source of paths. A message id is reserved for each; ids still unused when the epoch ends are
            lost. Only with a key for a single message id.

    Raises:
        ParameterError: the arguments do not belong together; the message names the one that does not match.
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
        implements(ids, MessageIdAllocator, "ids")
        implements(clock, Clock, "clock")
        if path is not None and not isinstance(path, MerkleProof):
            callback(path, "path")
        if params is not None:
            instance(params, Params, "params")
        flag(self_check, "self_check")
        thread_count(threads)
        if identity.commitment != membership.commitment:
            raise ParameterError(
                f"membership: expected commitment 0x{identity.commitment:064x}, that of the identity, "
                f"got 0x{membership.commitment:064x}"
            )
        whole(membership.limit, "limit", 1, key.parameters.largest_limit)
        if not self_check and not key.is_pinned:
            raise ParameterError(
                "self_check: expected True, because key.is_pinned is False, got False; leave self_check out"
            )
        if params is not None:
            params.check_key(key)
            params.check_clock(clock)
        whole(tokens, "tokens", 0, 1 << MAX_LIMIT_BITS)
        if tokens and key.parameters.max_out is not None:
            raise ParameterError(f"tokens: expected 0 with a key for several message ids, got {tokens}")
        source = membership.paths if path is None else path
        self._membership = membership
        self._params = params
        self._slots = key.parameters.max_out
        self._ids = ids
        self._clock = clock
        self._builder = ProofBuilder(identity, membership, key, source, self_check, threads)
        self._queue = TokenQueue(tokens, self._builder, ids, clock) if tokens else None
        self._refill()

    def prepare(
        self, path: MerkleProof, partial_proof: bytes | None = None, codec: str = "zerokit-3"
    ) -> None:
        """Use this path for the next proofs, and compute the part of them that depends on no message.

        A proof is valid for the root of its path, so the path must be new enough for that root to be in the
        verifier's window.

        Args:
            path: from the member's leaf to the root.
            partial_proof: that part for this member and path, from `partial_proof()` or from zerokit. It is
                computed here too, and the two must be equal.
            codec: the form of `partial_proof`, "zerokit-2" or "zerokit-3".

        Raises:
            ParameterError: depth, leaf or index are not the member's.
            InputError: not a partial proof, or the partial proof of another member or path.
        """
        self._builder.prepare(path, partial_proof, codec)
        self._refill()

    def partial_proof(self, codec: str = "zerokit-3") -> bytes:
        """Return what `prepare` computed for the current path, in a form of zerokit. It is a secret.

        Args:
            codec: the form, "zerokit-2" or "zerokit-3".

        Raises:
            ParameterError: no path yet, or no such codec.
        """
        return self._builder.partial_proof(codec)

    @property
    def tokens_ready(self) -> int:
        """Number of tokens: prepared proofs that wait for a message."""
        return 0 if self._queue is None else self._queue.ready

    def prove(self, signal: bytes) -> RlnProof:
        """Make the proof for a signal, which spends one message id.

        Args:
            signal: any bytes.

        Returns:
            The proof. You can send it again safely, but only ever with this signal.

        Raises:
            RateLimitReached: no message id is left in this epoch; nothing was revealed.
            ParameterError: no path yet, a key for several message ids, or a signal whose hash is 0.
            EncodingError: the signal is not in the format of the parameters; nothing was spent.
            StoreUnavailable: the allocator cannot be sure of its records.
            KeyFileError: the key or its graph computed something other than RLN; no proof is returned.
            EntropyError: the random source failed.
        """
        if self._slots is not None:
            raise ParameterError(
                f"key: expected a key for a single message id, got a key for {self._slots}; use prove_multi"
            )
        proof = self._prove(signal, 1)
        assert isinstance(proof, RlnProof)
        return proof

    def prove_multi(self, signal: bytes, count: int) -> MultiRlnProof:
        """Make the proof for a signal, which spends several message ids.

        Args:
            signal: any bytes.
            count: message ids to spend, 1 to the key's number of slots.

        Raises:
            As `prove`; ParameterError also for a key for a single message id.
        """
        if self._slots is None:
            raise ParameterError(
                "key: expected a key for several message ids, got a key for a single one; use prove"
            )
        proof = self._prove(signal, whole(count, "count", 1, self._slots))
        assert isinstance(proof, MultiRlnProof)
        return proof

    def again(self, signal: bytes) -> AnyProof | None:
        """Return the proof that was made for this signal in this epoch, byte for byte, to send it again.

        If you do not know whether a message arrived, call this first: `prove` would spend another message id
        for the same signal. It also works after a restart, if the allocator is durable. If a verifier refused
        the root of the proof, use `renew`.

        Returns:
            The newest proof for the signal, or None if there is none in this epoch.

        Raises:
            ParameterError: a signal whose hash is 0.
            StoreUnavailable: the allocator cannot be sure of its records, or has kept something else.
        """
        x, epoch = hash_signal(signal), current_epoch(self._clock)
        for kept in kept_messages(self._ids, self._membership, epoch.identifier, x):
            if kept.epoch_index == epoch.index:
                return kept_proof(kept, epoch, x)
        return None

    def renew(self, signal: bytes) -> AnyProof:
        """Make the proof of a kept message again for the newest root.

        Call it when a verifier refused the proof because its root is too old (UNKNOWN_ROOT): `prove` would
        spend another message id.

        Epoch, message ids and x are those of the message that the allocator kept. So the new proof publishes
        the share of the first one and no other, however often you renew it, and no message id is spent. The
        allocator keeps the new proof before it is returned; from then on, `again` returns it.

        Args:
            signal: the signal that `prove` or `prove_multi` was called with.

        Returns:
            The newest proof of the signal in an acceptable epoch, for the root of the current path. It is the
            kept one if that is for this root.

        Raises:
            NotRenewable: no message was kept for the signal (after a crash, its ids may be spent all the
                same); its epoch has ended and is not acceptable any more; or its ids are not below the
                member's limit. Nothing was spent: use `prove`.
            ParameterError: no path yet, the path is not the member's, a signal whose hash is 0, or the
                message has more message ids than the key has slots.
            EncodingError: the signal is not in the format of the parameters.
            StoreUnavailable: the allocator cannot be sure of its records, or has kept something else.
            KeyFileError: the key or its graph computed something other than RLN; no proof is returned.
            EntropyError: the random source failed.
        """
        x = self._x(signal)
        path = self._builder.path()
        try:
            kept, epoch = renewable_message(self._ids, self._membership, self._clock, x)
            old = kept_proof(kept, epoch, x)
            check_shares(kept, old, self._builder.shares(kept.ids, x, epoch))
            new = self._builder.renew(old, kept.ids, path, epoch)
            return old if new is old else self._remembered(new, epoch, kept.ids)
        except StoreUnavailable as error:
            add_wait(error, self._clock.now)
            raise

    def close(self) -> None:
        """Wipe what was computed in advance, and refuse further proofs; a second call does nothing."""
        if self._queue is not None:
            self._queue.close()
        self._builder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _x(self, signal: bytes) -> int:
        return hash_signal(signal if self._params is None else self._params.check_signal(signal))

    def _prove(self, signal: bytes, count: int) -> AnyProof:
        x = self._x(signal)
        path = self._builder.path()
        epoch = current_epoch(self._clock)
        try:
            return self._prove_in(epoch, path, x, count)
        except StoreUnavailable as error:
            add_wait(error, self._clock.now)
            raise

    def _prove_in(self, epoch: Epoch, path: MerkleProof, x: int, count: int) -> AnyProof:
        if self._queue is None:
            reserved = reserve_ids(self._ids, self._membership, epoch, count, x)
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
        """Return the proof after the allocator has recorded it; from then on it may be sent repeatedly."""
        self._ids.keep(self._membership.commitment, epoch, ids, proof.x, proof_record.encode(proof))
        return proof

    def _refill(self) -> None:
        if self._queue is not None:
            self._queue.work()

    def __repr__(self) -> str:
        return f"Prover(index {self._membership.index}, limit {self._membership.limit})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Prover: it holds secrets and cannot be copied or pickled")
