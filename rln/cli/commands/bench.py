"""`rln bench`: measure this machine in a minute. `benchmarks/` compares with other libraries."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from rln import circuit
from rln.base import scalar
from rln.cli.report import AsJson, ProgressBar, Report, run
from rln.cli.table import format_table
from rln.keys.setup import setup
from rln.lowlevel import engine, hashes, threads
from rln.lowlevel.token import Token
from rln.lowlevel.witness import Witness
from rln.merkle.tree import MerkleTree
from rln.protocol.hashing import hash_to_field, poseidon_hash
from rln.protocol.identity import Identity
from rln.protocol.proof import from_public_inputs
from rln.protocol.statement import Statement

_DEPTH = 20
_BATCH = 256
_PACKED = 4096
_LEAVES = 1 << 16
_TOKENS = 16


@dataclass(frozen=True, slots=True)
class _Measurement:
    """One thing to measure.

    Attributes:
        name: printed in the table.
        work: what is timed.
        rounds: how often it is timed.
        units: the time of one round is divided by this number.
    """

    name: str
    work: Callable[[], object]
    rounds: int
    units: int = 1

    def median(self) -> float:
        """Return the median time of one unit, in seconds."""
        self.work()
        times = []
        for _ in range(self.rounds):
            start = time.perf_counter()
            self.work()
            times.append(time.perf_counter() - start)
        return statistics.median(times) / self.units


def bench(
    threads_each: Annotated[int, typer.Option("--threads", min=1, help="Threads for each measurement.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Measure this machine: full, prepared and token proofs, verification, hashes, the tree."""

    def action() -> Report:
        conditions = {"engine": engine.name(), "threads": threads_each, "processors": threads.available()}
        medians: dict[str, float] = {}
        with ProgressBar("measuring", hidden=as_json).running() as progress:
            measurements = _measurements(threads_each)
            for number, measurement in enumerate(measurements):
                medians[measurement.name] = measurement.median()
                progress((number + 1) / len(measurements))
        table = format_table(
            ", ".join(f"{name} {value}" for name, value in conditions.items()),
            ("operation", "median"),
            [
                (name, f"{seconds * 1e3:.4g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.4g} µs")
                for name, seconds in medians.items()
            ],
        )
        return Report({**conditions, "seconds": medians}, table)

    run(action, as_json)


def _measurements(threads_each: int) -> list[_Measurement]:
    """Return all measurements; they share a fresh key with its tables, and one member."""
    key = setup(circuit.rln(depth=_DEPTH))
    key.build_tables()
    identity = Identity.generate()
    tree = MerkleTree(_DEPTH)
    tree.append(poseidon_hash([identity.commitment, 1]))
    statement = Statement.spend(key.parameters, 1, (0,), tree.proof(0), 2, hash_to_field(b"epoch"))

    def witness(x: int) -> Witness:
        return key.witness({**statement.inputs(), "x": (x,)}, identity)

    zero, one, two = witness(0), witness(1), witness(2)
    partial = key.partial(two, key.tables(), threads_each)
    values = key.public_values(two)
    proof = key.prove(two, threads_each)
    batch = [from_public_inputs(proof, values)] * _BATCH
    tokens = [Token.new(partial, zero, one, threads_each) for _ in range(_TOKENS)]
    x = scalar.encode(statement.x, "x")
    packed = bytes(64 * _PACKED)
    leaves = list(range(1, _LEAVES + 1))
    return [
        _Measurement("full proof", lambda: key.prove(witness(2), threads_each), 9),
        _Measurement("prepared proof", lambda: partial.finish(witness(2), threads=threads_each), 9),
        _Measurement(
            "preparing a token", lambda: Token.new(partial, witness(0), witness(1), threads_each), 9
        ),
        _Measurement("publishing with a token", lambda: tokens.pop().publish(x), _TOKENS - 1),
        _Measurement("one verification", lambda: key.verifying_key.verify(values, proof), 31),
        _Measurement(
            f"verification in batches of {_BATCH}, a proof",
            lambda: key.verifying_key.verify_many(batch, threads_each),
            5,
            _BATCH,
        ),
        _Measurement("Poseidon of 2 inputs, one call", lambda: poseidon_hash([1, 2]), 301),
        _Measurement(
            f"Poseidon of 2 inputs, {_PACKED} packed, a hash",
            lambda: hashes.poseidon_many(packed, 2, threads=threads_each),
            9,
            _PACKED,
        ),
        _Measurement(
            f"tree of {_LEAVES} leaves",
            lambda: MerkleTree(_DEPTH, threads=threads_each).extend(leaves),
            3,
        ),
        _Measurement("setting one leaf of a tree of depth 20", lambda: tree.set(0, 7), 31),
    ]
