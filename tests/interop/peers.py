"""Requests to the packaged peers, and the one statement that the tests prove."""

import json
import subprocess
from pathlib import Path
from typing import Any

import rln
from rln import MerkleTree
from rln.lowlevel.witness import Witness

HERE = Path(__file__).resolve().parent

SECRET = rln.hash_to_field(b"test-merkle-proof")
SIGNAL = b"hey hey"
LIMIT, MESSAGE_ID, INDEX = 100, 1, 3


def ask(node: Path, peer: str, requests: list[dict[str, Any]], **settings: str) -> list[Any]:
    """Send requests to a peer and return its answers, one for each request."""
    question = json.dumps({"peer": peer, "requests": requests, **settings})
    done = subprocess.run(
        [node, "peer.mjs"], cwd=HERE, input=question, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout)
    assert len(answers) == len(requests)
    return list(answers)


def snarkjs_command(node: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the snarkjs command line."""
    command = [node, HERE / "node_modules" / "snarkjs" / "build" / "cli.cjs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def statement(message_id: int = MESSAGE_ID, signal: bytes = SIGNAL) -> dict[str, Any]:
    """Return the golden input of zerokit's own tests as a circom input, in decimal strings."""
    tree = MerkleTree(20)
    commitment = rln.poseidon_hash([SECRET])
    tree.set(INDEX, rln.poseidon_hash([commitment, LIMIT]))
    path = tree.proof(INDEX)
    external = rln.poseidon_hash(
        [rln.hash_to_field(b"test-epoch"), rln.hash_to_field(b"test-rln-identifier")]
    )
    return {
        "identitySecret": str(SECRET),
        "userMessageLimit": str(LIMIT),
        "messageId": str(message_id),
        "pathElements": [str(value) for value in path.siblings],
        "identityPathIndex": [str(bit) for bit in path.bits],
        "x": str(rln.hash_to_field(signal)),
        "externalNullifier": str(external),
    }


def witness_of(key: rln.ProvingKey, inputs: dict[str, Any]) -> Witness:
    """Return the full assignment for a circom input."""
    values = {name: value if isinstance(value, list) else [value] for name, value in inputs.items()}
    return key.witness({name: tuple(map(int, value)) for name, value in values.items()})


def assignment(witness: Witness) -> list[str]:
    """Return the values of all wires, in decimal."""
    read = witness.read(0, witness.size)
    return [str(int.from_bytes(read[i : i + 32], "little")) for i in range(0, len(read), 32)]


def serialised(inputs: dict[str, Any]) -> bytes:
    """Return the statement as zerokit 0.9 writes a witness (zerokit-spec 7.3)."""

    def number(text: str) -> bytes:
        return int(text).to_bytes(32, "little")

    path, bits = inputs["pathElements"], inputs["identityPathIndex"]
    return b"".join(
        [
            *(number(inputs[name]) for name in ("identitySecret", "userMessageLimit", "messageId")),
            len(path).to_bytes(8, "little"),
            *(number(text) for text in path),
            len(bits).to_bytes(8, "little"),
            bytes(int(bit) for bit in bits),
            *(number(inputs[name]) for name in ("x", "externalNullifier")),
        ]
    )


def framed(proof: bytes, signal: bytes) -> bytes:
    """Return what zerokit 0.9 verifies: the 288 bytes of the message, the signal's length, the signal."""
    return proof + len(signal).to_bytes(8, "little") + signal
