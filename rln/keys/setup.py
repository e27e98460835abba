"""Setup: make a fresh proving key for one of our circuits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rln import circuit as circuits
from rln.base.arguments import instance
from rln.circuit.parameters import CircuitParameters
from rln.keys.key_file import KeyFile, Provenance
from rln.keys.proving_key import ProvingKey
from rln.lowlevel import keys

if TYPE_CHECKING:
    from rln.circuit import Circuit


def setup(
    circuit: Circuit, *, threads: int | None = None, progress: Callable[[float], None] | None = None
) -> ProvingKey:
    """Make a fresh key for a circuit of ours.

    Whoever runs this could keep what would let him forge proofs, so he must be the verifier; the key says so.
    What is random lives in wiped memory of the C core alone.

    Args:
        circuit: of `rln.circuit`.
        threads: None is one for each processor.
        progress: called with the part done, 0.0 to 1.0, from this thread.

    Raises:
        EntropyError: the random source failed.
    """
    instance(circuit, circuits.Circuit, "circuit")
    handle = keys.setup(*circuit.matrices(), circuit.wires, circuit.public_inputs, threads, progress)
    parameters = CircuitParameters.of_circuit(circuit)
    file = KeyFile(parameters, circuit.digest, Provenance(), handle.encode("ark"), circuit.graph)
    return ProvingKey._of(file, handle, kept=False)
