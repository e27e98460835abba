"""Proving key: what members prove with, where it comes from, and the checks before its first use.

A key that somebody else made is checked before its first use: its points, the equations between its parts
(threats D4, D5), and proofs of random statements, whose public values are also computed without the key. Two
keys are not checked again: our own key file, if the caller gives its SHA-256, and a key whose digest is part
of the package. The person who chose that digest must have checked the key. Only this module reads and writes
key files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

from rln import circuit as circuits
from rln.atomic_files import write_file
from rln.base.arguments import check_digest, file_path, flag, instance, plain_bytes
from rln.base.file_kind import FileKind, expect
from rln.circuit.parameters import CircuitParameters
from rln.errors import KeyFileError, ParameterError
from rln.keys.import_arguments import check_import, check_threads_and_r1cs
from rln.keys.key_file import KeyFile, Provenance
from rln.keys.key_tables import KeyTables
from rln.keys.sample_proofs import check_sample_proofs
from rln.keys.verifying_key import PINNED, VerifyingKey, check_pin
from rln.keys.witness_graph import WitnessGraph, parameters_of_graph
from rln.lowlevel import groth16
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.partial import Partial
from rln.lowlevel.tables import Tables
from rln.lowlevel.witness import Witness
from rln.protocol.identity import Identity

if TYPE_CHECKING:
    from rln.circuit import Circuit


class ProvingKey:
    """What members prove with: the key, its witness graph, and where both come from.

    Immutable, and safe to use from several threads. Make one with a named constructor or with `setup`.

    Attributes:
        parameters: of the relation.
        circuit_digest: SHA-256 (hex) of the circuit's `.r1cs`, or None if it is not known.
        provenance: who made the key.
        digest: SHA-256 (hex) of key and graph, which the header of a key file also holds.
        verifying_key: the key that verifies its proofs.
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
    def _make(
        cls, file: KeyFile, handle: ProvingKeyHandle, r1cs: bytes | None = None, cached: bool = True
    ) -> Self:
        key = object.__new__(cls)
        key._handle, key._graph = handle, WitnessGraph(file.graph, file.parameters)
        key.parameters, key.circuit_digest = file.parameters, file.circuit_digest
        key.provenance, key.digest = file.provenance, file.digest
        key.verifying_key = VerifyingKey._from_handle(handle.verifying_key())
        if key._graph.wires != handle.info().wires:
            raise ParameterError(
                f"graph: expected {handle.info().wires} wires, as in the key, got {key._graph.wires}"
            )
        if key.verifying_key.public_inputs != file.parameters.public_inputs:
            raise ParameterError(
                f"key: expected {file.parameters.public_inputs} public values, "
                f"got {key.verifying_key.public_inputs}"
            )
        if r1cs is None:
            key._tables = KeyTables.for_own_circuit(
                handle, file.digest, file.parameters, file.circuit_digest, cached
            )
        else:
            key.circuit_digest = hashlib.sha256(plain_bytes(r1cs, "r1cs")).hexdigest()
            key._tables = KeyTables.for_r1cs(handle, file.digest, key.circuit_digest, r1cs, key._check_tables)
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
        """Read a key file: our own, or a `.zkey` or `.arkzkey` with its witness graph.

        Args:
            path: the file. Its format is recognised by its content; a file of unknown kind is read as an
                `.arkzkey`.
            graph: file of the witness graph, only for a `.zkey` or `.arkzkey`.
            r1cs: file of the constraints of an imported key; they make its proofs faster once tables are
                built.
            sha256: the SHA-256 that the file must have, 64 hexadecimal digits. With it, our own file is not
                checked again. Without it, the checks run.
            limit_bits, name: as for `from_arkzkey`; by default, the name is that of the file.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such a file, another SHA-256, or a key that is unsound.
        """
        file = file_path(path, "path")
        graph_file = None if graph is None else file_path(graph, "graph")
        r1cs_file = None if r1cs is None else file_path(r1cs, "r1cs")
        check_import(file.name if name is None else name, limit_bits, threads)
        if sha256 is not None:
            check_digest(sha256, "sha256")
        data = file.read_bytes()
        constraints = None if r1cs_file is None else r1cs_file.read_bytes()
        if sha256 is not None:
            check_pin(data, sha256, "key file")
        kind = expect(data, "key file", FileKind.KEY, FileKind.ZKEY, FileKind.ARKZKEY)
        if kind is FileKind.KEY:
            if graph_file is not None:
                raise ParameterError("graph: expected none, because the key file holds one; leave it out")
            return cls.decode(data, r1cs=constraints, check=sha256 is None, threads=threads)
        if graph_file is None:
            raise ParameterError(
                "graph: expected the witness graph of the imported key, got none; name its file"
            )
        read = cls.from_zkey if kind is FileKind.ZKEY else cls.from_arkzkey
        return read(
            data,
            graph_file.read_bytes(),
            r1cs=constraints,
            name=file.name if name is None else name,
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
            r1cs: the `.r1cs` file of a key that was imported without it.
            check: whether to run the checks of a key that somebody else made.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such a file, or a key that is unsound.
        """
        check_threads_and_r1cs(threads, r1cs)
        checked = flag(check, "check")
        file = KeyFile.decode(plain_bytes(data, "key file"))
        handle = ProvingKeyHandle.load("ark", file.key, threads)
        return cls._make_checked(file, handle, r1cs, threads) if checked else cls._make(file, handle, r1cs)

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
            data: the whole key file.
            graph: the whole graph file.
            name: of the source, for the provenance.
            r1cs: the circuit's `.r1cs` file, if you have it: its A and B must be those of the key.
            limit_bits: width of the circuit's range check, which neither file states.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such files, or a key that is unsound.
        """
        check_import(name, limit_bits, threads, r1cs)
        plain_bytes(graph, "graph")
        expect(data, "arkzkey", FileKind.ARKZKEY)
        handle = ProvingKeyHandle.load("ark", plain_bytes(data, "arkzkey"), threads)
        parameters = parameters_of_graph(plain_bytes(graph, "graph"), limit_bits)
        file = KeyFile(parameters, None, Provenance(name), data, graph)
        return cls._make_checked(file, handle, r1cs, threads)

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
        """Import snarkjs's Groth16 `.zkey` with a witness graph, or with its circuit from `rln.circuit`.

        Args:
            data: the whole file.
            graph: the content of a graph file, or the circuit, which has a graph.
            name: of the source, for the provenance.
            r1cs, limit_bits: as for `from_arkzkey`; not needed with a circuit.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such files, or a key that is unsound.
        """
        check_import(name, limit_bits, threads, r1cs)
        if not isinstance(graph, bytes):
            instance(graph, circuits.Circuit, "graph")
        expect(data, "zkey", FileKind.ZKEY)
        handle = ProvingKeyHandle.load("zkey", plain_bytes(data, "zkey"), threads)
        if isinstance(graph, bytes):
            parameters, digest, program = parameters_of_graph(graph, limit_bits), None, graph
        else:
            parameters, digest, program = CircuitParameters.of_circuit(graph), graph.digest, graph.graph
        file = KeyFile(parameters, digest, Provenance(name), handle.encode("ark"), program)
        return cls._make_checked(file, handle, r1cs, threads)

    @classmethod
    def _make_checked(
        cls, file: KeyFile, handle: ProvingKeyHandle, r1cs: bytes | None, threads: int | None
    ) -> Self:
        key = cls._make(file, handle, r1cs)
        if not key.is_pinned:
            key.check(threads)
        return key

    def check(self, threads: int | None = None) -> None:
        """Run all checks of a key that somebody else made: equations, weak points (threats D4), three proofs.

        Raises:
            KeyFileError: the key is unsound; the message names the part.
        """
        self._handle.check(threads)
        self.verifying_key.check_rln(self.parameters.public_inputs)
        self._check_proofs(lambda witness: groth16.prove(self._handle, witness, threads=threads))

    def _check_tables(self, tables: Tables) -> None:
        """Make proofs with the tables, to check that the C matrix of the `.r1cs` file belongs to the key."""
        try:
            self._check_proofs(lambda witness: groth16.prove(self._handle, witness, tables=tables))
        except KeyFileError as error:
            raise ParameterError(
                "r1cs: its C matrix is not that of the key, so proofs do not verify; "
                "use the .r1cs of the key's circuit"
            ) from error

    def _check_proofs(self, prove: Callable[[Witness], bytes]) -> None:
        check_sample_proofs(self.parameters, self._graph, self.verifying_key, prove)

    @property
    def is_pinned(self) -> bool:
        """Whether the digest of the key is part of the package."""
        return self.digest in PINNED

    def info(self) -> dict[str, int]:
        """Return the sizes: wires, public_inputs, constraints, domain, a_entries, b_entries."""
        return dict(self._handle.info()._asdict())

    def witness(self, inputs: Mapping[str, Sequence[int]], identity: Identity | None = None) -> Witness:
        """Evaluate the witness graph.

        Args:
            inputs: all inputs of the circuit by name; if an identity is given, all except `identitySecret`.
            identity: its secret is used, and never becomes a Python object.

        Raises:
            ParameterError: an input is missing, unknown or of another length, or no witness can be
                computed from the inputs.
            FieldRangeError: a value is not a field element.
        """
        return self._graph.witness(inputs, identity)

    def public_values(self, witness: Witness) -> tuple[int, ...]:
        """Return the public values of a witness, in the order of the verifying key."""
        return self._graph.public_values(witness)

    def prove(self, witness: Witness, threads: int | None = None) -> bytes:
        """Make the 128 bytes of a proof, with fresh blinding. The time depends on the witness.

        The proof is not verified here. For a witness that does not satisfy the circuit, it does not verify;
        `Prover` checks that.

        Raises:
            EntropyError: the random source failed.
        """
        return groth16.prove(self._handle, witness, threads=threads, tables=self._tables.current())

    def tables(self) -> Tables | None:
        """Return the tables, or None while there are none; the second call starts to build them."""
        return self._tables.current()

    def partial(
        self, witness: Witness, tables: Tables | None, threads: int | None = 1, data: bytes | None = None
    ) -> Partial:
        """Compute what the proofs of one member on one path have in common. It is as secret as the witness.

        Args:
            witness: a witness of this member on this path.
            tables: of this key, for speed.
            threads: None is one for each processor.
            data: zerokit's partial proof, which must equal the result.

        Raises:
            InputError: the data is not a partial proof, or is that of other values.
        """
        known = self._graph.known
        if data is None:
            return Partial.new(self._handle, tables, witness, known, threads)
        if plain_bytes(data, "partial proof")[8 : 8 + len(known) - 1] != known[1:]:
            raise ParameterError(
                "partial proof: its known wires are not those of this circuit; use one made with this key"
            )
        return Partial.decode(self._handle, tables, witness, data, threads)

    @property
    def has_tables(self) -> bool:
        """Whether there are tables. The second use of a key starts to build them in the background."""
        return self._tables.available

    @property
    def tables_size(self) -> int:
        """Bytes of the tables, in memory or in a file."""
        return self._tables.size

    def build_tables(
        self, *, threads: int | None = None, progress: Callable[[float], None] | None = None
    ) -> bool:
        """Build the tables now, or read them from the user's cache.

        Args:
            threads: None is one for each processor.
            progress: called from this thread with the fraction that is done, 0.0 to 1.0.

        Returns:
            Whether they are in the cache, for later processes. Tables of a key from `setup` are not.

        Raises:
            ParameterError: the `.r1cs` that came with the key has its A and B, but another C.
            NativeError: out of memory.
        """
        return self._tables.build(threads, progress)

    def encode(self) -> bytes:
        """Return our own key file."""
        return self._to_file().encode()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write our own key file; an existing file is replaced completely or not at all."""
        write_file(file_path(path, "path"), self.encode())

    def to_arkzkey(self) -> bytes:
        """Return the key in zerokit's uncompressed layout; its graph is `graph_data`."""
        return self._handle.encode("ark")

    def to_zkey(self) -> bytes:
        """Return the key as a Groth16 `.zkey` of snarkjs."""
        return self._handle.encode("zkey")

    @property
    def graph_data(self) -> bytes:
        """The witness graph, a `wtns.graph.001` file."""
        return self._graph.data

    def _to_file(self) -> KeyFile:
        return KeyFile(
            self.parameters, self.circuit_digest, self.provenance, self.to_arkzkey(), self._graph.data
        )

    def __repr__(self) -> str:
        return f"ProvingKey({self.parameters}, {self.provenance}, {self.digest[:16]}…)"
