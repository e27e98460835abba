"""Violators: who sent more than his limit to several nodes, found in what each of them accepted.

A node alone sees one message of such a member and nothing wrong. Two nodes' audit files together hold two
shares of one nullifier, and with them his secret. Nobody who wrote a file is believed: a message counts when
its proof verifies, so whoever makes up records, or changes those of others, convicts nobody.

The messages are read twice. The first time all nullifiers go into a table on disk, some 80 bytes each, and
those that came with two x remain; the second time their messages are verified. Memory does not grow with the
number of messages.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rln.base import scalar
from rln.errors import InputError, IntegrityAlarm, RecoveryError, StoreUnavailable
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
    """One message id of a member with two messages.

    Attributes:
        commitment: identity commitment of the member.
        evidence: both messages; their proofs hold.
    """

    commitment: int
    evidence: Evidence


class Violators:
    """Finds violations among messages.

    Args:
        messages: gives all of them, in the same order each time it is called.
        verifying_key: with which their proofs must verify.

    Attributes:
        messages: how many were read.
        refused: how many of the suspicious ones do not verify, and count for nothing.
    """

    def __init__(self, messages: Callable[[], Iterable[AnyProof]], verifying_key: VerifyingKey) -> None:
        self.messages = 0
        self.refused = 0
        self._read = messages
        self._key = verifying_key
        # Names are keyed, so that nobody can make up nullifiers whose names meet.
        self._secret = entropy.draw(32)

    def find(self) -> Iterator[Violation]:
        """Go through all violations, each message id once, in the order of the second message.

        Raises:
            StoreUnavailable: no room for the table.
            IntegrityAlarm: two verified messages with one nullifier recover nothing.
        """
        # A database without a name is a file of its own that nobody else sees and that goes with it.
        table = sqlite3.connect("", isolation_level=None)
        try:
            for statement in _TABLES:
                table.execute(statement)
            table.execute("BEGIN")
            table.executemany("INSERT INTO seen VALUES (?, ?)", self._seen())
            table.execute(_SUSPECTS)
            for proof in self._read():
                yield from self._look(table, proof)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"violators: {error}") from error
        finally:
            table.close()

    def _seen(self) -> Iterator[tuple[bytes, bytes]]:
        for proof in self._read():
            self.messages += 1
            for share in proof.shares:
                yield self._name(proof, share), self._hash(scalar.encode(share.x, "x"))

    def _look(self, table: sqlite3.Connection, proof: AnyProof) -> Iterator[Violation]:
        believed = None
        for share in proof.shares:
            name = self._name(proof, share)
            row = table.execute("SELECT first, convicted FROM suspect WHERE name = ?", (name,)).fetchone()
            if row is None or row[1]:
                continue
            first = None if row[0] is None else proof_record.decode(row[0])
            if first is not None and first.x == proof.x:
                continue  # one message at two nodes, or what somebody made of it: it convicts nobody
            if believed is None:
                believed = self._holds(proof)
                self.refused += not believed
            if not believed:
                return
            if first is None:
                table.execute(
                    "UPDATE suspect SET first = ? WHERE name = ?", (proof_record.encode(proof), name)
                )
                continue
            evidence = Evidence(first, proof, self._key.digest)
            table.execute("UPDATE suspect SET convicted = 1 WHERE name = ?", (name,))
            yield Violation(self._convicted(evidence), evidence)

    def _convicted(self, evidence: Evidence) -> int:
        """The commitment of whoever sent both messages."""
        try:
            return evidence.check(self._key).commitment
        except RecoveryError as error:
            raise IntegrityAlarm("violators: two verified messages are not on one line") from error

    def _holds(self, proof: AnyProof) -> bool:
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
