"""Setup, which makes a fresh proving key for one of our circuits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rln import circuit as circuits
from rln.base.arguments import instance, thread_count
from rln.base.injected import callback
from rln.circuit.parameters import CircuitParameters
from rln.keys.key_file import KeyFile, Provenance
from rln.keys.proving_key import ProvingKey
from rln.lowlevel import keys

if TYPE_CHECKING:
    from rln.circuit import Circuit


def setup(
    circuit: Circuit, *, threads: int | None = None, progress: Callable[[float], None] | None = None
) -> ProvingKey:
    """Make a fresh key for a circuit of `rln.circuit`.

    The maker of a key could keep its random numbers and forge proofs with them. So the maker must be the
    verifier; the key records that it was made here. The random numbers stay in memory of the C core, which is
    wiped before this returns.

    Args:
        circuit: the relation, built.
        threads: None is one for each processor.
        progress: called with the part done, 0.0 to 1.0, from this thread.

    Raises:
        EntropyError: the random source failed or repeats itself.
    """
    instance(circuit, circuits.Circuit, "circuit")
    thread_count(threads)
    if progress is not None:
        callback(progress, "progress")
    handle = keys.setup(*circuit.matrices(), circuit.wires, circuit.public_inputs, threads, progress)
    parameters = CircuitParameters.of_circuit(circuit)
    file = KeyFile(parameters, circuit.digest, Provenance(), handle.encode("ark"), circuit.graph)
    return ProvingKey._make(file, handle, cached=False)
