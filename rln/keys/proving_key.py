"""Proving key: what members prove with, where it comes from, and the checks before its first use.

A key from elsewhere is checked before its first use: each point, the equations between the parts (threats D4,
D5), and proofs of random statements, whose public values are also computed apart from the key. A file that is
pinned by its SHA-256 was checked by whoever chose the pin, as was a key that is pinned in the package. This
module alone reads and writes key files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rln.atomic_files import write_file
from rln.base.arguments import check_digest, plain_bytes
from rln.circuit.parameters import CircuitParameters
from rln.errors import KeyFileError, ParameterError
from rln.keys.key_file import KeyFile, Provenance, is_key_file
from rln.keys.key_tables import KeyTables
from rln.keys.verifying_key import PINNED, VerifyingKey, check_pin
from rln.keys.witness_graph import WitnessGraph, relation_of
from rln.lowlevel import groth16
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.partial import Partial
from rln.lowlevel.tables import Tables
from rln.lowlevel.witness import Witness
from rln.protocol.identity import Identity
from rln.protocol.statement import sample_statements

if TYPE_CHECKING:
    from rln.circuit import Circuit


class ProvingKey:
    """What members prove with: the key, its witness graph, and where both come from.

    Immutable, safe to use from several threads; made by the named constructors and by `setup`.

    Attributes:
        parameters: the relation.
        circuit_digest: SHA-256 (hex) of the circuit's `.r1cs`, or None where it is not known.
        provenance: who made it.
        digest: SHA-256 (hex) of key and graph, the one in a key file's header.
        verifying_key: its other half.
    """

    __slots__ = (
        "_graph",
        "_handle",
        "_tables",
        "circuit_digest",
        "digest",
        "parameters",
        "provenance",
        "verifying_key",
    )

    parameters: CircuitParameters
    circuit_digest: str | None
    provenance: Provenance
    digest: str
    verifying_key: VerifyingKey
    _handle: ProvingKeyHandle
    _graph: WitnessGraph
    _tables: KeyTables

    def __init__(self) -> None:
        raise TypeError("ProvingKey: use load, decode, from_arkzkey, from_zkey or setup")

    @classmethod
    def _of(
        cls, file: KeyFile, handle: ProvingKeyHandle, r1cs: bytes | None = None, kept: bool = True
    ) -> Self:
        key = object.__new__(cls)
        key._handle, key._graph = handle, WitnessGraph(file.graph, file.parameters)
        key.parameters, key.circuit_digest = file.parameters, file.circuit_digest
        key.provenance, key.digest = file.provenance, file.digest
        key.verifying_key = VerifyingKey._of(handle.verifying_key())
        if key._graph.wires != handle.info().wires:
            raise ParameterError(
                f"graph: expected {handle.info().wires} wires as the key has, got {key._graph.wires}"
            )
        if key.verifying_key.public_inputs != file.parameters.public_inputs:
            raise ParameterError(
                f"key: expected {file.parameters.public_inputs} public values, "
                f"got {key.verifying_key.public_inputs}"
            )
        if r1cs is None:
            key._tables = KeyTables.own(handle, file.digest, file.parameters, file.circuit_digest, kept)
        else:
            key.circuit_digest = hashlib.sha256(plain_bytes(r1cs, "r1cs")).hexdigest()
            key._tables = KeyTables.supplied(handle, file.digest, key.circuit_digest, r1cs, key._try)
        return key

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        graph: str | os.PathLike[str] | None = None,
        r1cs: str | os.PathLike[str] | None = None,
        sha256: str | None = None,
        limit_bits: int = 16,
        name: str | None = None,
        threads: int | None = None,
    ) -> Self:
        """Read a key file: our own, a `.zkey` or an `.arkzkey`, the last two with the graph beside them.

        Args:
            path: the file; its first bytes say whether it is ours or a `.zkey`.
            graph: the witness graph of a foreign key.
            r1cs: the constraints of a foreign key, which make its proofs faster once tables are built.
            sha256: the SHA-256 of the file as 64 hexadecimal digits. With it, the file must be that one, and
                our own file is taken without repeating the checks. Without it the checks run.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such a file, another one than pinned, or a key that is unsound.
        """
        data = Path(path).read_bytes()
        constraints = None if r1cs is None else Path(r1cs).read_bytes()
        if sha256 is not None:
            check_pin(data, check_digest(sha256, "sha256"), "key file")
        if is_key_file(data):
            if graph is not None:
                raise ParameterError("graph: expected none, the key file holds its own")
            return cls.decode(data, r1cs=constraints, check=sha256 is None, threads=threads)
        if graph is None:
            raise ParameterError("graph: expected the witness graph that belongs to a foreign key")
        read = cls.from_zkey if data[:4] == b"zkey" else cls.from_arkzkey
        return read(
            data,
            Path(graph).read_bytes(),
            r1cs=constraints,
            name=Path(path).name if name is None else name,
            limit_bits=limit_bits,
            threads=threads,
        )

    @classmethod
    def decode(
        cls, data: bytes, *, r1cs: bytes | None = None, check: bool = True, threads: int | None = None
    ) -> Self:
        """Read our own key file from memory.

        Args:
            data: the whole file.
            r1cs: the constraints of a key that was imported without them, an `.r1cs` file.
            check: run the checks of a key that somebody else made.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such a file, or a key that is unsound.
        """
        file = KeyFile.decode(plain_bytes(data, "key file"))
        handle = ProvingKeyHandle.load("ark", file.key, threads)
        return cls._checked(file, handle, r1cs, threads) if check else cls._of(file, handle, r1cs)

    @classmethod
    def from_arkzkey(
        cls,
        data: bytes,
        graph: bytes,
        *,
        name: str,
        r1cs: bytes | None = None,
        limit_bits: int = 16,
        threads: int | None = None,
    ) -> Self:
        """Import zerokit's `.arkzkey` with its `graph.bin`, and check both.

        Args:
            data: the key file, whole.
            graph: the graph file, whole.
            name: the source, for the provenance.
            r1cs: the circuit's `.r1cs` file, where it is at hand: A and B must be those of the key.
            limit_bits: width of the circuit's range check, which neither file states.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such files, or a key that is unsound.
        """
        handle = ProvingKeyHandle.load("ark", plain_bytes(data, "arkzkey"), threads)
        parameters = relation_of(plain_bytes(graph, "graph"), limit_bits)
        return cls._checked(KeyFile(parameters, None, Provenance(name), data, graph), handle, r1cs, threads)

    @classmethod
    def from_zkey(
        cls,
        data: bytes,
        graph: bytes | Circuit,
        *,
        name: str,
        r1cs: bytes | None = None,
        limit_bits: int = 16,
        threads: int | None = None,
    ) -> Self:
        """Import snarkjs's Groth16 `.zkey` with a witness graph, or with the circuit of ours behind it.

        Args:
            data: the file, whole.
            graph: a graph file, or the circuit, whose graph is taken.
            name: the source, for the provenance.
            r1cs, limit_bits: as for `from_arkzkey`; not needed with a circuit.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such files, or a key that is unsound.
        """
        handle = ProvingKeyHandle.load("zkey", plain_bytes(data, "zkey"), threads)
        if isinstance(graph, bytes):
            parameters, digest, program = relation_of(graph, limit_bits), None, graph
        else:
            parameters, digest, program = CircuitParameters.of_circuit(graph), graph.digest, graph.graph
        file = KeyFile(parameters, digest, Provenance(name), handle.encode("ark"), program)
        return cls._checked(file, handle, r1cs, threads)

    @classmethod
    def _checked(
        cls, file: KeyFile, handle: ProvingKeyHandle, r1cs: bytes | None, threads: int | None
    ) -> Self:
        key = cls._of(file, handle, r1cs)
        if not key.is_pinned:
            key.check(threads)
        return key

    def check(self, threads: int | None = None) -> None:
        """Run every check of a key that somebody else made: equations, lints, and three proofs.

        Raises:
            KeyFileError: the key is unsound; the message names the part.
        """
        self._handle.check(threads)
        self.verifying_key.check_rln(self.parameters.public_inputs)
        self._check_proofs(lambda witness: groth16.prove(self._handle, witness, threads=threads))

    def _try(self, tables: Tables) -> None:
        """Make proofs with tables whose C came from outside."""
        try:
            self._check_proofs(lambda witness: groth16.prove(self._handle, witness, tables=tables))
        except KeyFileError as error:
            raise ParameterError("r1cs: C is not the one that belongs to the key") from error

    def _check_proofs(self, prove: Callable[[Witness], bytes]) -> None:
        with Identity.generate() as member:
            for statement in sample_statements(self.parameters):
                witness = self.witness(statement.inputs(), member)
                try:
                    values = self.public_values(witness)
                    if values != statement.public_values(member):
                        raise KeyFileError("graph: expected the public values of RLN, it computes others")
                    if not self.verifying_key.verify(values, prove(witness)):
                        raise KeyFileError("key: its proof of a true statement does not verify")
                finally:
                    witness.close()

    @property
    def is_pinned(self) -> bool:
        """Is it a key whose digest is part of the package."""
        return self.digest in PINNED

    def info(self) -> dict[str, int]:
        """Sizes: wires, public_inputs, constraints, domain, a_entries, b_entries."""
        return dict(self._handle.info()._asdict())

    def witness(self, inputs: Mapping[str, Sequence[int]], identity: Identity | None = None) -> Witness:
        """Evaluate the witness graph.

        Args:
            inputs: all inputs of the circuit by name, without `identitySecret` when an identity is given.
            identity: whose secret goes in, without passing through Python.

        Raises:
            ParameterError: an input missing, unknown or of another length; or the inputs have no witness.
            FieldRangeError: a value that is not a field element.
        """
        return self._graph.witness(inputs, identity)

    def public_values(self, witness: Witness) -> tuple[int, ...]:
        """The public values in an assignment, in the order of the verifying key."""
        return self._graph.public_values(witness)

    def prove(self, witness: Witness, threads: int | None = None) -> bytes:
        """Make the 128 bytes of a proof, with fresh blinding. Time depends on the witness.

        A witness that does not satisfy the circuit gives bytes that do not verify; `Prover` looks, this does
        not.

        Raises:
            EntropyError: the random source failed.
        """
        return groth16.prove(self._handle, witness, threads=threads, tables=self._tables.current())

    def tables(self) -> Tables | None:
        """The tables for one more proof; None while there are none."""
        return self._tables.current()

    def partial(
        self, witness: Witness, tables: Tables | None, threads: int | None = 1, data: bytes | None = None
    ) -> Partial:
        """Compute what the proofs of one member on one path share; secret, like the witness.

        Args:
            witness, tables, threads: to compute it from and with.
            data: zerokit's partial proof, which must be the same.

        Raises:
            InputError: data is no such thing, or that of other values.
        """
        known = self._graph.known
        if data is None:
            return Partial.new(self._handle, tables, witness, known, threads)
        if data[8 : 8 + len(known) - 1] != known[1:]:
            raise ParameterError("partial proof: expected other wires to be known")
        return Partial.decode(self._handle, tables, witness, data, threads)

    @property
    def has_tables(self) -> bool:
        """Are there tables. A key that is used twice gets some in the background."""
        return self._tables.ready

    @property
    def tables_size(self) -> int:
        """Bytes of the tables, in memory or as a file."""
        return self._tables.size

    def build_tables(
        self, *, threads: int | None = None, progress: Callable[[float], None] | None = None
    ) -> bool:
        """Build the tables now, or find them in the user's cache.

        Args:
            threads: None is one for each processor.
            progress: called with the part done, 0.0 to 1.0, from this thread.

        Returns:
            Whether they are in the cache, for later processes. Those of a key from `setup` are not.

        Raises:
            ParameterError: the `.r1cs` that came with the key has its A and B and another C.
            NativeError: no memory.
        """
        return self._tables.build(threads, progress)

    def encode(self) -> bytes:
        """Our own key file."""
        return self._file().encode()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write our own key file; a file in its place is replaced whole or not at all."""
        write_file(Path(path), self.encode())

    def to_arkzkey(self) -> bytes:
        """The key in zerokit's uncompressed layout; its graph is `graph_data`."""
        return self._handle.encode("ark")

    def to_zkey(self) -> bytes:
        """The key as a Groth16 `.zkey` of snarkjs."""
        return self._handle.encode("zkey")

    @property
    def graph_data(self) -> bytes:
        """The witness graph, a `wtns.graph.001` file."""
        return self._graph.data

    def _file(self) -> KeyFile:
        return KeyFile(
            self.parameters, self.circuit_digest, self.provenance, self.to_arkzkey(), self._graph.data
        )

    def __repr__(self) -> str:
        return f"ProvingKey({self.parameters}, {self.provenance}, {self.digest[:16]}…)"
