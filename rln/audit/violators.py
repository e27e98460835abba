"""Violators: find members who exceeded their limit across nodes, in the messages that each node accepted.

Each node alone sees one message for each message id, so it sees no violation. The audit files of two nodes
together hold two shares of one nullifier, which give the identity secret. The files need no trust: a message
counts only if its proof verifies, so made-up or changed records convict no member.

The messages are read twice. The first pass writes all nullifiers to a table on disk, some 80 bytes each, and
keeps those that came with more than one x. The second pass verifies their messages. Memory does not grow with
the number of messages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rln.audit.search_table import SearchTable
from rln.base import scalar
from rln.base.arguments import instance
from rln.base.injected import callback
from rln.errors import InputError, IntegrityAlarm, RecoveryError
from rln.keys.verifying_key import VerifyingKey
from rln.lowlevel import entropy
from rln.protocol import proof_record
from rln.protocol.proof import AnyProof
from rln.protocol.share import Share
from rln.verifying.evidence import Evidence

_NAME_BYTES: Final = 16

_TABLES: Final = (
    "CREATE TABLE seen (name BLOB NOT NULL, x BLOB NOT NULL)",
    "CREATE TABLE suspect (name BLOB PRIMARY KEY, first BLOB, convicted INTEGER NOT NULL DEFAULT 0)"
    " WITHOUT ROWID",
)
_SUSPECTS: Final = "INSERT INTO suspect (name) SELECT name FROM seen GROUP BY name HAVING min(x) != max(x)"


@dataclass(frozen=True, slots=True)
class Violation:
    """One message id that a member used for two messages.

    Attributes:
        commitment: identity commitment of the member.
        evidence: both messages; their proofs verify.
    """

    commitment: int
    evidence: Evidence

    def __post_init__(self) -> None:
        scalar.check(self.commitment, "commitment")
        instance(self.evidence, Evidence, "evidence")


class Violators:
    """Finds violations among messages. One thread at a time may search; a search ends in a forked child.

    Args:
        messages: returns all messages, in the same order at each call.
        verifying_key: the key that their proofs must verify with.

    Attributes:
        messages: number of messages read so far.
        refused: number of messages whose nullifier came with more than one x and whose proof is invalid; they
            are ignored.

    Raises:
        KeyFileError: the key has not the number of public values of an RLN circuit.
    """

    def __init__(self, messages: Callable[[], Iterable[AnyProof]], verifying_key: VerifyingKey) -> None:
        callback(messages, "messages")
        instance(verifying_key, VerifyingKey, "verifying_key")
        self.messages = 0
        self.refused = 0
        self._read = messages
        verifying_key.check_rln()
        self._key = verifying_key
        # The hash is keyed, so that no sender can make nullifiers whose names collide.
        self._secret = entropy.draw(32)

    def find(self) -> Iterator[Violation]:
        """Yield each violation once, in the order in which the second message of each is read.

        Raises:
            StoreUnavailable: the table cannot be written, or this process was forked during the search.
            IntegrityAlarm: two verified messages with one nullifier recover no secret.
        """
        table = SearchTable()
        try:
            for statement in (*_TABLES, "BEGIN"):
                table.execute(statement)
            table.execute_many("INSERT INTO seen VALUES (?, ?)", self._seen())
            table.execute(_SUSPECTS)
            for proof in self._read():
                yield from self._violations(table, proof)
        finally:
            table.close()

    def _seen(self) -> Iterator[tuple[bytes, bytes]]:
        for proof in self._read():
            self.messages += 1
            for share in proof.shares:
                yield self._name(proof, share), self._hash(scalar.encode(share.x, "x"))

    def _violations(self, table: SearchTable, proof: AnyProof) -> Iterator[Violation]:
        verified = None
        for share in proof.shares:
            name = self._name(proof, share)
            rows = table.execute("SELECT first, convicted FROM suspect WHERE name = ?", name)
            if not rows or rows[0][1]:
                continue
            first = None if rows[0][0] is None else proof_record.decode(rows[0][0])
            if first is not None and first.x == proof.x:
                continue  # one message at two nodes, or a re-randomised copy: no violation
            if verified is None:
                verified = self._verifies(proof)
                self.refused += not verified
            if not verified:
                return
            if first is None:
                table.execute("UPDATE suspect SET first = ? WHERE name = ?", proof_record.encode(proof), name)
                continue
            evidence = Evidence(first, proof, self._key.digest)
            table.execute("UPDATE suspect SET convicted = 1 WHERE name = ?", name)
            yield Violation(self._sender(evidence), evidence)

    def _sender(self, evidence: Evidence) -> int:
        """Return the identity commitment of the sender of both messages."""
        try:
            return evidence.check(self._key).commitment
        except RecoveryError as error:
            raise IntegrityAlarm(
                "violators: two verified messages with one nullifier give no secret; stop and investigate"
            ) from error

    def _verifies(self, proof: AnyProof) -> bool:
        try:
            return self._key.verify(proof.public_inputs, proof.proof)
        except InputError:
            return False

    def _name(self, proof: AnyProof, share: Share) -> bytes:
        return self._hash(
            scalar.encode(proof.external_nullifier, "external nullifier")
            + scalar.encode(share.nullifier or 0, "nullifier")
        )

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._secret, digest_size=_NAME_BYTES).digest()
