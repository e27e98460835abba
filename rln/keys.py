"""Keys: the proving key that members have, its file, and the setup that makes a fresh one.

A key from elsewhere is checked before its first use: each point, the equations between the parts (threats D4,
D5), and one proof of a random statement, whose public values are also computed apart from the key. A file
that is pinned by its SHA-256 was checked by whoever chose the pin. This module alone reads and writes key
files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from rln import scalar
from rln.argument import instance, plain_bytes
from rln.circuit import Circuit
from rln.errors import InputError, KeyFileError, ParameterError
from rln.files import write_file
from rln.identity import Identity
from rln.keyfile import CircuitParameters, KeyFile, Provenance, check_digest, is_key_file
from rln.lowlevel import entropy, groth16
from rln.lowlevel.witness import Graph, Witness
from rln.membership import MerkleProof
from rln.statement import SECRET, Statement, input_lengths
from rln.verifying_key import VerifyingKey, check_pin

PINNED: Final = frozenset(
    {
        # zerokit-20: rln_final.arkzkey with the graph.bin of zerokit 2.0.0 and later
        "f415aee863647adb8e89d5c609ba550fb33434a02c31bfcf33ef70fca2acff65",
    }
)
"""Digests of proving keys that belong to a packaged verifying key, with a graph that is known to fit."""


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
        "_graph_data",
        "_handle",
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
    _handle: groth16.ProvingKeyHandle
    _graph: Graph
    _graph_data: bytes

    def __init__(self) -> None:
        raise TypeError("ProvingKey: use load, decode, from_arkzkey, from_zkey or setup")

    @classmethod
    def _of(cls, file: KeyFile, handle: groth16.ProvingKeyHandle) -> Self:
        graph = _load_graph(file.graph)
        key = object.__new__(cls)
        key._handle, key._graph, key._graph_data = handle, graph, file.graph
        key.parameters, key.circuit_digest = file.parameters, file.circuit_digest
        key.provenance, key.digest = file.provenance, file.digest
        key.verifying_key = VerifyingKey._of(handle.verifying_key())
        found = {name: length for name, (_, length) in graph.inputs.items()}
        if found != input_lengths(file.parameters):
            raise ParameterError(f"graph: expected the inputs {input_lengths(file.parameters)}, got {found}")
        if graph.witness_size != handle.info().wires:
            raise ParameterError(
                f"graph: expected {handle.info().wires} wires as the key has, got {graph.witness_size}"
            )
        if key.verifying_key.public_inputs != file.parameters.public_inputs:
            raise ParameterError(
                f"key: expected {file.parameters.public_inputs} public values, "
                f"got {key.verifying_key.public_inputs}"
            )
        return key

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        graph: str | os.PathLike[str] | None = None,
        sha256: str | None = None,
        limit_bits: int = 16,
        name: str | None = None,
        threads: int | None = None,
    ) -> Self:
        """Read a key file: our own, a `.zkey` or an `.arkzkey`, the last two with the graph beside them.

        Args:
            path: the file; its first bytes say whether it is ours or a `.zkey`.
            graph: the witness graph of a foreign key.
            sha256: the SHA-256 of the file as 64 hexadecimal digits. With it, the file must be that one, and
                our own file is taken without repeating the checks. Without it the checks run.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such a file, another one than pinned, or a key that is unsound.
        """
        data = Path(path).read_bytes()
        if sha256 is not None:
            check_pin(data, check_digest(sha256, "sha256"), "key file")
        if is_key_file(data):
            if graph is not None:
                raise ParameterError("graph: expected none, the key file holds its own")
            return cls.decode(data, check=sha256 is None, threads=threads)
        if graph is None:
            raise ParameterError("graph: expected the witness graph that belongs to a foreign key")
        read = cls.from_zkey if data[:4] == b"zkey" else cls.from_arkzkey
        return read(
            data,
            Path(graph).read_bytes(),
            name=Path(path).name if name is None else name,
            limit_bits=limit_bits,
            threads=threads,
        )

    @classmethod
    def decode(cls, data: bytes, *, check: bool = True, threads: int | None = None) -> Self:
        """Read our own key file from memory.

        Args:
            data: the whole file.
            check: run the checks of a key that somebody else made.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such a file, or a key that is unsound.
        """
        file = KeyFile.decode(plain_bytes(data, "key file"))
        key = cls._of(file, groth16.ProvingKeyHandle.load("ark", file.key, threads))
        if check:
            key.check(threads)
        return key

    @classmethod
    def from_arkzkey(
        cls, data: bytes, graph: bytes, *, name: str, limit_bits: int = 16, threads: int | None = None
    ) -> Self:
        """Import zerokit's `.arkzkey` with its `graph.bin`, and check both.

        Args:
            data: the key file, whole.
            graph: the graph file, whole.
            name: the source, for the provenance.
            limit_bits: width of the circuit's range check, which neither file states.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such files, or a key that is unsound.
        """
        handle = groth16.ProvingKeyHandle.load("ark", plain_bytes(data, "arkzkey"), threads)
        return cls._import(handle, data, plain_bytes(graph, "graph"), name, limit_bits, None, threads)

    @classmethod
    def from_zkey(
        cls,
        data: bytes,
        graph: bytes | Circuit,
        *,
        name: str,
        limit_bits: int = 16,
        threads: int | None = None,
    ) -> Self:
        """Import snarkjs's Groth16 `.zkey` with a witness graph, or with the circuit of ours behind it.

        Args:
            data: the file, whole.
            graph: a graph file, or the circuit, whose graph is taken.
            name: the source, for the provenance.
            limit_bits: as for `from_arkzkey`; not needed with a circuit.
            threads: for the checks; None is one for each processor.

        Raises:
            InputError: not such files, or a key that is unsound.
        """
        handle = groth16.ProvingKeyHandle.load("zkey", plain_bytes(data, "zkey"), threads)
        own = None if isinstance(graph, bytes) else graph
        program = graph if isinstance(graph, bytes) else graph.graph
        return cls._import(handle, handle.encode("ark"), program, name, limit_bits, own, threads)

    @classmethod
    def _import(
        cls,
        handle: groth16.ProvingKeyHandle,
        data: bytes,
        graph: bytes,
        name: str,
        limit_bits: int,
        circuit: Circuit | None,
        threads: int | None,
    ) -> Self:
        if circuit is None:
            parameters, digest = _parameters_of(_load_graph(graph), limit_bits), None
        else:
            parameters, digest = _parameters(circuit), circuit.digest
        key = cls._of(KeyFile(parameters, digest, Provenance(name), data, graph), handle)
        key.check(threads)
        return key

    def check(self, threads: int | None = None) -> None:
        """Run every check of a key that somebody else made: equations, lints, and three proofs.

        Raises:
            KeyFileError: the key is unsound; the message names the part.
        """
        self._handle.check(threads)
        self.verifying_key.check_rln(self.parameters.public_inputs)
        with Identity.generate() as member:
            for statement in _true_statements(self.parameters):
                self._check_with(statement, member, threads)

    def _check_with(self, statement: Statement, member: Identity, threads: int | None) -> None:
        witness = self.witness(statement.inputs(), member)
        try:
            values = self.public_values(witness)
            if values != statement.public_values(member):
                raise KeyFileError("graph: expected the public values of RLN, it computes others")
            if not self.verifying_key.verify(values, self.prove(witness, threads)):
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
        wanted = dict(self._graph.inputs)
        slot = wanted.pop(SECRET)[0] if identity is not None else 0
        for name in inputs:
            if name not in wanted:
                raise ParameterError(f"inputs: unknown name {name[:40]!r}")
        packed = bytearray(scalar.SIZE * self._graph.input_size)
        for name, (offset, length) in wanted.items():
            if name not in inputs:
                raise ParameterError(f"inputs: {name} is missing")
            if len(inputs[name]) != length:
                raise ParameterError(f"inputs: {name}: expected {length} values, got {len(inputs[name])}")
            encoded = b"".join(scalar.encode(value, name) for value in inputs[name])
            packed[scalar.SIZE * offset : scalar.SIZE * (offset + length)] = encoded
        return Witness(self._graph, bytes(packed), None if identity is None else identity.handle, slot)

    def public_values(self, witness: Witness) -> tuple[int, ...]:
        """The public values in an assignment, in the order of the verifying key."""
        data = witness.read(1, self.parameters.public_inputs)
        return tuple(scalar.decode(data[i : i + scalar.SIZE]) for i in range(0, len(data), scalar.SIZE))

    def prove(self, witness: Witness, threads: int | None = 1) -> bytes:
        """Make the 128 bytes of a proof, with fresh blinding. Time depends on the witness.

        A witness that does not satisfy the circuit gives bytes that do not verify; `Prover` looks, this does
        not.

        Raises:
            EntropyError: the random source failed.
        """
        return groth16.prove(self._handle, witness, threads=threads)

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
        return self._graph_data

    def _file(self) -> KeyFile:
        return KeyFile(
            self.parameters, self.circuit_digest, self.provenance, self.to_arkzkey(), self._graph_data
        )

    def __repr__(self) -> str:
        return f"ProvingKey({self.parameters}, {self.provenance}, {self.digest[:16]}…)"


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
    instance(circuit, Circuit, "circuit")
    handle = groth16.setup(*circuit.matrices(), circuit.wires, circuit.public_inputs, threads, progress)
    file = KeyFile(_parameters(circuit), circuit.digest, Provenance(), handle.encode("ark"), circuit.graph)
    return ProvingKey._of(file, handle)


def _parameters(circuit: Circuit) -> CircuitParameters:
    return CircuitParameters(circuit.depth, circuit.limit_bits, circuit.max_out)


def _load_graph(data: bytes) -> Graph:
    try:
        return Graph.load(data)
    except InputError as error:
        raise error if str(error).startswith("graph") else type(error)(f"graph: {error}") from error


def _parameters_of(graph: Graph, limit_bits: int) -> CircuitParameters:
    """What the names of a foreign graph's inputs say about its relation."""
    for name in ("pathElements", "messageId"):
        if name not in graph.inputs:
            raise ParameterError(f"graph: expected an input {name}, there is none")
    slots = graph.inputs["messageId"][1]
    return CircuitParameters(
        graph.inputs["pathElements"][1], limit_bits, slots if "selectorUsed" in graph.inputs else None
    )


def _true_statements(parameters: CircuitParameters) -> Iterator[Statement]:
    """True statements about a member that nobody knows, with as many ids as there are slots, or nearly.

    A point of the key is seen by a proof in which its wire is not zero. Most wires are as good as random; the
    bits of path, ids and differences are not, so the second and the third statement are each other's
    complement in all of them: at the largest limit, limit - 1 - id has the opposite bits of id.
    """

    def below(bound: int) -> int:
        return int.from_bytes(entropy.draw(48), "little") % bound

    def statement(limit: int, ids: set[int], index: int) -> Statement:
        siblings = tuple(below(scalar.ORDER) for _ in range(parameters.depth))
        path = MerkleProof(0, index, siblings)
        x, external_nullifier = 1 + below(scalar.ORDER - 1), below(scalar.ORDER)
        return Statement.spend(parameters, limit, tuple(ids), path, x, external_nullifier)

    slots, largest, leaves = parameters.max_out or 1, parameters.largest_limit, 1 << parameters.depth
    limit = min(slots, largest) + below(max(largest - slots, 0) + 1)
    yield statement(limit, {below(limit) for _ in range(slots)}, below(leaves))
    ids, index = {below(largest) for _ in range(slots)}, below(leaves)
    yield statement(largest, ids, index)
    yield statement(largest, {largest - 1 - message_id for message_id in ids}, leaves - 1 - index)
