"""Proofs in two steps: first what depends on the known wires, then the rest, several times faster."""

from __future__ import annotations

from typing import Self

from rln.base.arguments import instance, plain_bytes
from rln.lowlevel import _call
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import CData, ffi, lib
from rln.lowlevel.blinding import blinders
from rln.lowlevel.groth16 import PROOF_BYTES
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.tables import Tables
from rln.lowlevel.witness import Witness


class Partial(_call.Handle):
    """The first step. It is as secret as the identity in the witness, and is wiped when it is freed."""

    __slots__ = ("_key", "_tables")

    def __init__(self, pointer: CData, key: CData, tables: CData) -> None:
        super().__init__("partial proof", pointer, lib.rln_partial_free)
        self._key = key  # the pointer keeps the key alive after its handle is closed
        self._tables = tables

    @classmethod
    def new(
        cls,
        key: ProvingKeyHandle,
        tables: Tables | None,
        witness: Witness,
        known: bytes,
        threads: int | None = 1,
    ) -> Self:
        """Compute the first step from the known wires of a witness.

        Args:
            key: of the witness's circuit.
            tables: of this key, for speed.
            witness: a whole witness; the values of the other wires do not matter.
            known: a byte for each wire, 1 or 0, as from `Graph.known`.
            threads: 1..256, None is one for each processor.

        Raises:
            EncodingError: `known` has another length.
            ParameterError: the number of wires differs between witness and key, the tables are another key's,
                or `known` has a byte other than 0 and 1, or 0 for wire 0.
        """
        instance(witness, Witness, "witness")
        known = plain_bytes(known, "known")
        slot, fault = ffi.new("rln_partial **"), _call.new_fault()
        pool, opened = _threads.pool(threads), _pointer_or_null(tables)
        status = lib.rln_partial_new(
            key.pointer, opened, witness.pointer, known, len(known), pool, slot, fault
        )
        _call.check(status, fault, "partial proof")
        return cls(slot[0], key.pointer, opened)

    def update(self, witness: Witness, threads: int | None = 1) -> Self:
        """Make another first step with the same known wires and new values; the cost depends on what changed.

        Raises:
            ParameterError: the witness has another number of wires.
        """
        slot, fault = ffi.new("rln_partial **"), _call.new_fault()
        status = lib.rln_partial_update(self.pointer, witness.pointer, _threads.pool(threads), slot, fault)
        _call.check(status, fault, "partial proof")
        return type(self)(slot[0], self._key, self._tables)

    def finish(
        self, witness: Witness, blinding: tuple[int, int] | None = None, threads: int | None = 1
    ) -> bytes:
        """Make the proof that `groth16.prove` makes, 128 bytes; arguments as there.

        Raises:
            ParameterError: a known wire has another value in this witness.
            EntropyError: the system has no random bytes.
        """
        out, fault = _call.output(PROOF_BYTES), _call.new_fault()
        with blinders(blinding) as (drawn, size):
            status = lib.rln_partial_finish(
                self.pointer, witness.pointer, drawn, size, _threads.pool(threads), out, PROOF_BYTES, fault
            )
        _call.check(status, fault, "proof")
        return _call.take(out)

    def encode(self, threads: int | None = 1) -> bytes:
        """Write the partial proof in the form of zerokit 3.0.0 (zerokit-spec 7.5)."""
        size = lib.rln_partial_size(self._key)
        out = _call.output(size)
        status = lib.rln_partial_encode(self.pointer, _threads.pool(threads), out, size)
        _call.check(status, what="partial proof")
        return _call.take(out)

    @classmethod
    def decode(
        cls,
        key: ProvingKeyHandle,
        tables: Tables | None,
        witness: Witness,
        data: bytes,
        threads: int | None = 1,
    ) -> Self:
        """Read the bytes that `encode` writes, and compare the points; this costs as much as `new`.

        Raises:
            EncodingError: a wrong length, count or byte for a wire.
            PointError: a point differs from that of the witness's values; the message names it.
            ParameterError: as for `new`.
        """
        instance(witness, Witness, "witness")
        data = plain_bytes(data, "partial proof")
        slot, fault = ffi.new("rln_partial **"), _call.new_fault()
        pool, opened = _threads.pool(threads), _pointer_or_null(tables)
        status = lib.rln_partial_decode(
            key.pointer, opened, witness.pointer, data, len(data), pool, slot, fault
        )
        _call.check(status, fault, "partial proof")
        return cls(slot[0], key.pointer, opened)


def _pointer_or_null(tables: Tables | None) -> CData:
    if tables is None:
        return ffi.NULL
    instance(tables, Tables, "tables")
    return tables.pointer
