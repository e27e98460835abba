"""What the benchmarks measure: one statement, a key, and the files that the peers read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.circuit import Circuit
from rln.formats import wtns
from rln.lowlevel.witness import Witness

THREADS = 1
DEPTH = 20


class Statement:
    """A member at leaf 3 of an otherwise empty tree, limit 100, message id 1."""

    def __init__(self, depth: int = DEPTH) -> None:
        self.identity = rln.Identity.from_seed(b"benchmark")
        tree = rln.MerkleTree(depth)
        tree.set(3, rln.poseidon_hash([self.identity.commitment, 100]))
        self.path = tree.proof(3)

    def inputs(self, signal: bytes = b"signal", message_id: int = 1) -> dict[str, tuple[int, ...]]:
        """Return the circom inputs, without the secret."""
        return {
            "userMessageLimit": (100,),
            "messageId": (message_id,),
            "pathElements": self.path.siblings,
            "identityPathIndex": self.path.bits,
            "x": (rln.hash_to_field(signal),),
            "externalNullifier": (rln.hash_to_field(b"epoch"),),
        }


class Subject:
    """A key, its export for the peers, and one proof with its public values.

    Args:
        name: what the tables call the key.
        key: without tables yet.
        zkey: the same key, for the peers.
        directory: for the files made here.
        circuit: of a key of ours; None for another's.
    """

    def __init__(
        self, name: str, key: rln.ProvingKey, zkey: Path, directory: Path, circuit: Circuit | None = None
    ) -> None:
        self.name, self.key, self.zkey, self.circuit = name, key, zkey, circuit
        self.statement = Statement()
        self.wtns = directory / f"{name}.wtns"
        witness = self.witness()
        self.wtns.write_bytes(wtns.write(witness.read(0, witness.size)))
        self.values = key.public_values(witness)
        self.proof = key.prove(witness, THREADS)
        assert key.verifying_key.verify(self.values, self.proof)

    def witness(self, signal: bytes = b"signal", message_id: int = 1) -> Witness:
        """Compute the full assignment from the circom inputs."""
        return self.key.witness(self.statement.inputs(signal, message_id), self.statement.identity)

    def proofs(self, count: int) -> list[tuple[bytes, tuple[int, ...]]]:
        """Make different proofs, each with its public values."""
        made = []
        for number in range(count):
            witness = self.witness(b"signal %d" % number, number % 100)
            made.append((self.key.prove(witness, None), self.key.public_values(witness)))
        return made


def own_key(directory: Path) -> Subject:
    """Make a fresh key for RLN(20, 16), and export it as `.zkey` and `.r1cs`."""
    circuit = rln.circuit.rln(depth=DEPTH)
    key = rln.setup(circuit)
    zkey = directory / "own.zkey"
    zkey.write_bytes(key.to_zkey())
    (directory / "own.r1cs").write_bytes(circuit.r1cs.encode())
    return Subject("own key", key, zkey, directory, circuit)


def ceremony_key(directory: Path) -> Subject:
    """Load zerokit's depth-20 ceremony key from the directory that RLN_ZEROKIT_DIR names."""
    root = os.environ.get("RLN_ZEROKIT_DIR")
    if root is None:
        pytest.skip("RLN_ZEROKIT_DIR names no directory with zerokit's keys")
    files = Path(root) / "tree_depth_20"
    key = rln.ProvingKey.load(files / "rln_final.arkzkey", graph=files / "graph.bin", r1cs=files / "rln.r1cs")
    return Subject("ceremony key", key, files / "rln_final.zkey", directory)


SUBJECTS: dict[str, Callable[[Path], Subject]] = {"own key": own_key, "ceremony key": ceremony_key}

Subjects = Callable[[str], Subject]
"""Makes the subject of a name once, and returns it."""

PeerKeys = Callable[[Subject], tuple[Any, Any]]
"""Returns groth16py's proving and verifying key of a subject."""
