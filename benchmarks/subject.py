"""What is measured: one statement, one key, and their export in the peers' formats."""

from pathlib import Path

import rln
from rln import wtns
from rln.lowlevel.witness import Witness

THREADS = 1


class Statement:
    """A member at leaf 3 of an otherwise empty tree of depth 20, limit 100, message id 1."""

    def __init__(self) -> None:
        self.identity = rln.Identity.from_seed(b"benchmark")
        tree = rln.MerkleTree(20)
        tree.set(3, rln.poseidon_hash([self.identity.commitment, 100]))
        path = tree.proof(3)
        self.inputs = {
            "userMessageLimit": (100,),
            "messageId": (1,),
            "pathElements": path.siblings,
            "identityPathIndex": path.bits,
            "x": (rln.hash_to_field(b"signal"),),
            "externalNullifier": (rln.hash_to_field(b"epoch"),),
        }


class Subject:
    """Our key, its export in the peers' formats, and one proof with its public values."""

    def __init__(self, directory: Path) -> None:
        self.circuit = rln.circuit.rln(depth=20)
        self.statement = Statement()
        self.key = rln.setup(self.circuit)
        self.zkey, self.r1cs, self.wtns, self.vk = (
            directory / name for name in ("key.zkey", "circuit.r1cs", "witness.wtns", "vk.json")
        )
        self.zkey.write_bytes(self.key.to_zkey())
        self.r1cs.write_bytes(self.circuit.r1cs.encode())
        self.vk.write_bytes(self.key.verifying_key.to_json())
        witness = self.witness()
        self.wtns.write_bytes(wtns.write(witness.read(0, witness.size)))
        self.values = self.key.public_values(witness)
        self.proof = self.key.prove(witness, THREADS)
        assert self.key.verifying_key.verify(self.values, self.proof)

    def witness(self) -> Witness:
        """The full assignment, from the circom inputs."""
        return self.key.witness(self.statement.inputs, self.statement.identity)
