"""Sample proofs: proofs of random true statements, which check a key, its graph or its tables."""

from __future__ import annotations

from collections.abc import Callable

from rln.circuit.parameters import CircuitParameters
from rln.errors import KeyFileError
from rln.keys.verifying_key import VerifyingKey
from rln.keys.witness_graph import WitnessGraph
from rln.lowlevel.witness import Witness
from rln.protocol.identity import Identity
from rln.protocol.statement import sample_statements


def check_sample_proofs(
    parameters: CircuitParameters,
    graph: WitnessGraph,
    verifying_key: VerifyingKey,
    prove: Callable[[Witness], bytes],
) -> None:
    """Prove random true statements, and verify the proofs.

    The public values that the graph computes are compared with those that RLN's own functions compute.

    Args:
        parameters: of the relation.
        graph: its witness graph.
        verifying_key: verifies the proofs.
        prove: makes a proof of a witness.

    Raises:
        KeyFileError: the public values differ, or a proof does not verify.
    """
    with Identity.generate() as member:
        for statement in sample_statements(parameters):
            witness = graph.witness(statement.inputs(), member)
            try:
                values = graph.public_values(witness)
                if values != statement.public_values(member):
                    raise KeyFileError("graph: expected the public values of RLN, the graph computes others")
                if not verifying_key.verify(values, prove(witness)):
                    raise KeyFileError(
                        "key: its proof of a true statement does not verify; do not use the key or its graph"
                    )
            finally:
                witness.close()
