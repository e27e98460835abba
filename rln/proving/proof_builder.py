"""ProofBuilder: makes the proofs of one member from message ids that the caller has reserved.

The part of a proof that depends only on the member and the path is most of the work. It is computed once and
kept; when the path changes, only what changed is computed again. With `self_check`, every proof is verified
before it is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, NoReturn

from rln.base import scalar
from rln.base.arguments import instance, plain_bytes, shown
from rln.errors import EncodingError, InputError, KeyFileError, ParameterError
from rln.keys.proving_key import ProvingKey
from rln.lowlevel.partial import Partial
from rln.lowlevel.tables import Tables
from rln.lowlevel.token import Token
from rln.lowlevel.witness import Witness
from rln.merkle.proof import MerkleProof
from rln.protocol.epoch import Epoch
from rln.protocol.identity import Identity
from rln.protocol.membership import Membership
from rln.protocol.proof import AnyProof, from_public_inputs
from rln.protocol.share import Share
from rln.protocol.statement import Statement

PathSource = MerkleProof | Callable[[int], MerkleProof]
"""A path, or a function that returns the newest path for a leaf index (`group.proof`)."""

PARTIAL_CODECS: Final[Mapping[str, bytes]] = {"zerokit-2": b"\x00", "zerokit-3": b""}
"""Names of zerokit's forms of a partial proof, and the tag at the start of each."""

_ROOT: Final = 1
"""Position of the root in the public values of the relation with one message id."""


class SlotToken:
    """A proof for one message id and path, complete except for the message. It is secret and is used once.

    Attributes:
        message_id: spent by the proof.
        external_nullifier: of the epoch.
        path, root: those that the proof is for.
    """

    __slots__ = ("_token", "external_nullifier", "message_id", "path", "root")

    def __init__(self, statement: Statement, root: int, token: Token) -> None:
        self.message_id = statement.message_ids[0]
        self.external_nullifier = statement.external_nullifier
        self.path = statement.path
        self.root = root
        self._token = token

    def publish(self, x: int) -> bytes:
        """Return the 128 bytes of the proof for this x. The token is used up, even if the call fails."""
        return self._token.publish(scalar.encode(x, "x"))

    def close(self) -> None:
        """Wipe the token; a second call does nothing."""
        self._token.close()

    def __repr__(self) -> str:
        return "<SlotToken>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("SlotToken: a token cannot be copied or pickled")


@dataclass(frozen=True, slots=True)
class _Prepared:
    path: MerkleProof
    tables: Tables | None
    partial: Partial


class ProofBuilder:
    """Makes one member's proofs. Safe to use from several threads; it has no lock, so a forked child goes on.

    Args:
        identity: the member.
        membership: index and limit, for the same identity commitment.
        key: the proving key.
        path: the first path, or a source of paths; None if there is none yet.
        self_check: verify each proof before it is returned.
        threads: for one proof; None is one for each processor.
    """

    def __init__(
        self,
        identity: Identity,
        membership: Membership,
        key: ProvingKey,
        path: PathSource | None,
        self_check: bool,
        threads: int | None,
    ) -> None:
        self.membership = membership
        self._identity = identity
        self._leaf = membership.rate_commitment
        self._key = key
        self._self_check = self_check
        self._threads = threads
        self._prepared: _Prepared | None = None
        self._closed = False
        self._source = self._checked(path) if isinstance(path, MerkleProof) else path

    # ---- the path

    def path(self) -> MerkleProof:
        """Return the path for the next proof.

        Raises:
            ParameterError: there is no path, it is not the member's, or the builder is closed.
        """
        self._refuse_closed()
        source = self._source
        if source is None:
            raise ParameterError(
                "path: expected a path, got none; call prepare(path), or pass path= to the prover"
            )
        return source if isinstance(source, MerkleProof) else self._checked(source(self.membership.index))

    def _checked(self, path: MerkleProof) -> MerkleProof:
        instance(path, MerkleProof, "path")
        if path.depth != self._key.parameters.depth:
            raise ParameterError(f"path: expected {self._key.parameters.depth} levels, got {path.depth}")
        if path.index != self.membership.index or path.leaf != self._leaf:
            raise ParameterError(
                f"path: expected the path of the member's leaf 0x{self._leaf:064x} at index "
                f"{self.membership.index}, got leaf 0x{path.leaf:064x} at index {path.index}"
            )
        return path

    def prepare(self, path: MerkleProof, partial_proof: bytes | None, codec: str) -> None:
        """Use this path for the next proofs, and compute what depends on it; see `Prover.prepare`."""
        self._refuse_closed()
        _codec_tag(codec)
        checked = self._checked(path)
        with self._witness(self._statement((0,), checked, 1, 0)) as witness:
            if partial_proof is None:
                self._partial(checked, witness, self._threads)
            else:
                tables, data = self._key.tables(), _without_tag(partial_proof, codec)
                self._store(checked, tables, self._key.partial(witness, tables, self._threads, data))
        self._source = checked

    def partial_proof(self, codec: str) -> bytes:
        """Return the prepared part for the current path; see `Prover.partial_proof`."""
        path = self.path()
        with self._witness(self._statement((0,), path, 1, 0)) as witness:
            return _codec_tag(codec) + self._partial(path, witness, self._threads).encode(self._threads)

    # ---- proofs

    def prove(self, message_ids: Sequence[int], path: MerkleProof, x: int, epoch: Epoch) -> AnyProof:
        """Return the proof that spends these message ids. No other call may use them, even if this one fails.

        Raises:
            KeyFileError: the key or its graph computed something other than RLN; no proof is returned.
            EntropyError: the random source failed.
        """
        return self.prove_statement(self._statement(message_ids, path, x, epoch.external_nullifier))

    def prove_statement(self, statement: Statement) -> AnyProof:
        """Return the proof of a statement about this member, as `prove` does.

        Raises:
            ParameterError: the limit or the path is not the member's.
            KeyFileError, EntropyError: as `prove`.
        """
        if statement.limit != self.membership.limit:
            raise ParameterError(f"limit: expected {self.membership.limit}, got {statement.limit}")
        path = self._checked(statement.path)
        expected = statement.public_values(self._identity)
        with self._witness(statement) as witness:
            self._check_public_values(witness, expected)
            proof = self._partial(path, witness, self._threads).finish(witness, threads=self._threads)
        return self._checked_proof(proof, expected)

    def shares(self, message_ids: range, x: int, epoch: Epoch) -> tuple[Share, ...]:
        """Return the shares that the member's proof with these message ids publishes."""
        return tuple(self._identity.share(x, epoch.external_nullifier, one) for one in message_ids)

    def renew(self, kept: AnyProof, message_ids: range, path: MerkleProof, epoch: Epoch) -> AnyProof:
        """Return a proof of a message for the root of a path: the kept one if it is for this root and key.

        Args:
            kept: a proof of the message, with the member's shares for these message ids.
            message_ids: those of the message, below the member's limit.
            path: from the member's leaf to the root.
            epoch: of the message.

        Raises:
            ParameterError: the key has too few slots for the message ids.
            KeyFileError, EntropyError: as `prove`.
        """
        slots = self._key.parameters.max_out or 1
        if len(message_ids) > slots:
            raise ParameterError(
                f"key: expected a key for {len(message_ids)} message ids, as many as the message has, got a "
                f"key for {slots}"
            )
        if kept.root == path.root and self._verifies(kept.proof, kept.public_inputs):
            return kept
        return self.prove(message_ids, path, kept.x, epoch)

    def token(self, message_id: int, path: MerkleProof, epoch: Epoch) -> SlotToken:
        """Compute, on one thread, the part of a proof that does not depend on its message.

        Raises:
            As `prove`.
        """
        statement = self._statement((message_id,), path, 1, epoch.external_nullifier)
        root = path.root
        with self._witness(statement, x=0) as zero, self._witness(statement) as one:
            # y is not read: it is the member's share at x = 1. With a published share it reveals the secret,
            # so it must not become a Python number. The self-check covers all public values of the proof.
            computed = scalar.decode(one.read(1 + _ROOT, 1))
            if computed != root:
                raise KeyFileError(
                    f"graph: expected the root 0x{root:064x} of the path, got 0x{computed:064x}; "
                    "use the graph of this key"
                )
            return SlotToken(statement, root, Token.new(self._partial(path, one, 1), zero, one))

    def publish(self, token: SlotToken, x: int) -> AnyProof:
        """Return the proof for a message from a token. The call uses the token up, even if it fails.

        Raises:
            KeyFileError: as `prove`.
        """
        with closing(token):
            share = self._identity.share(x, token.external_nullifier, token.message_id)
            expected = (share.y, token.root, share.nullifier or 0, x, token.external_nullifier)
            return self._checked_proof(token.publish(x), expected)

    def close(self) -> None:
        """Wipe what is prepared, and refuse further proofs."""
        self._closed = True
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.partial.close()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ParameterError("prover: used after it was closed")

    def _statement(
        self, message_ids: Sequence[int], path: MerkleProof, x: int, external_nullifier: int
    ) -> Statement:
        return Statement.spend(
            self._key.parameters, self.membership.limit, tuple(message_ids), path, x, external_nullifier
        )

    def _witness(self, statement: Statement, x: int | None = None) -> closing[Witness]:
        inputs = statement.inputs()
        if x is not None:
            inputs["x"] = (x,)
        return closing(self._key.witness(inputs, self._identity))

    def _partial(self, path: MerkleProof, witness: Witness, threads: int | None) -> Partial:
        """Return the prepared part for a path. There is no lock, so two threads may compute the same part."""
        tables, last = self._key.tables(), self._prepared
        if last is None or last.tables is not tables:
            made = self._key.partial(witness, tables, threads)
        elif last.path == path:
            return last.partial
        else:
            made = last.partial.update(witness, threads)
        self._store(path, tables, made)
        return made

    def _store(self, path: MerkleProof, tables: Tables | None, made: Partial) -> None:
        self._prepared = _Prepared(path, tables, made)
        if self._closed:  # meanwhile, by another thread
            self._prepared = None

    def _check_public_values(self, witness: Witness, expected: tuple[int, ...]) -> None:
        if self._key.public_values(witness) != expected:
            raise KeyFileError(
                "graph: expected the public values of RLN, got other values; use the graph of this key"
            )

    def _checked_proof(self, proof: bytes, expected: tuple[int, ...]) -> AnyProof:
        if self._self_check and not self._verifies(proof, expected):
            raise KeyFileError(
                "key: it made a proof that does not verify, which was not released; get the key again"
            )
        return from_public_inputs(proof, expected)

    def _verifies(self, proof: bytes, expected: tuple[int, ...]) -> bool:
        try:
            return self._key.verifying_key.verify(expected, proof)
        except InputError:  # the bytes are not even points of the curve
            return False


def _codec_tag(codec: str) -> bytes:
    if type(codec) is not str or codec not in PARTIAL_CODECS:
        raise ParameterError(f"codec: expected one of {', '.join(PARTIAL_CODECS)}, got {shown(codec)}")
    return PARTIAL_CODECS[codec]


def _without_tag(data: bytes, codec: str) -> bytes:
    tag = _codec_tag(codec)
    if not plain_bytes(data, "partial proof").startswith(tag):
        raise EncodingError(f"partial proof: expected the tag {tag.hex()} of {codec} at the start")
    return data[len(tag) :]
