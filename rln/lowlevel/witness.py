"""Witness graphs, and the witnesses that they compute from the inputs of a circuit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from rln.base.arguments import plain_bytes, whole
from rln.lowlevel import _call
from rln.lowlevel._call import CData, ffi, lib
from rln.lowlevel.identity import IdentityHandle


class Graph(_call.Handle):
    """A loaded witness graph.

    Attributes:
        inputs: for each named input its slots, as (offset, length).
        input_size: number of slots; slot 0 is the constant 1.
        witness_size: number of wires of the circuit; wire 0 is the constant 1.
        node_count: number of nodes.
    """

    __slots__ = ("input_size", "inputs", "node_count", "witness_size")

    def __init__(self, pointer: CData) -> None:
        super().__init__("graph", pointer, lib.rln_graph_free)
        self.input_size: int = lib.rln_graph_input_size(pointer)
        self.witness_size: int = lib.rln_graph_witness_size(pointer)
        self.node_count: int = lib.rln_graph_node_count(pointer)
        self.inputs: dict[str, tuple[int, int]] = {}
        name, name_len = ffi.new("char **"), ffi.new("size_t *")
        offset, length = ffi.new("uint32_t *"), ffi.new("uint32_t *")
        for index in range(lib.rln_graph_input_count(pointer)):
            _call.check(lib.rln_graph_input(pointer, index, name, name_len, offset, length), what="input")
            text = bytes(ffi.buffer(name[0], name_len[0])).decode("ascii")
            self.inputs[text] = (offset[0], length[0])

    @classmethod
    def load(cls, data: bytes) -> Self:
        """Load a whole `wtns.graph.001` file.

        Raises:
            EncodingError: not such a file, or a file above the size limits; the message names the part.
        """
        data = plain_bytes(data, "graph")
        slot, fault = ffi.new("rln_graph **"), _call.new_fault()
        _call.check(lib.rln_graph_load(data, len(data), slot, fault), fault, "graph")
        return cls(slot[0])

    def known(self, unknown_slots: Iterable[int]) -> bytes:
        """Mark the wires that do not depend on some inputs, with a byte 1 or 0 for each wire.

        A node with an unknown operand counts as unknown, whatever it computes; zerokit marks wires likewise.

        Args:
            unknown_slots: input slots, 1 to input_size - 1.

        Raises:
            ParameterError: a slot is outside this range.
        """
        unknown = bytearray(self.input_size)
        for slot in unknown_slots:
            unknown[whole(slot, "slot", 1, self.input_size - 1)] = 1
        out, fault = _call.output(self.witness_size), _call.new_fault()
        status = lib.rln_graph_known(
            self.pointer, bytes(unknown), len(unknown), out, self.witness_size, fault
        )
        _call.check(status, fault, "graph")
        return _call.take(out)


class Witness(_call.Handle):
    """The values of all wires, as secret as the identity in them; they are wiped when they are freed."""

    __slots__ = ("size",)

    def __init__(
        self, graph: Graph, inputs: bytes, identity: IdentityHandle | None = None, slot: int = 0
    ) -> None:
        """Evaluate a graph.

        Args:
            graph: the circuit's graph.
            inputs: graph.input_size scalars of 32 bytes; the first is ignored.
            identity: its secret goes into `slot`, and never becomes a Python object.
            slot: 1 or more; ignored without an identity.

        Raises:
            EncodingError: `inputs` has a wrong length.
            FieldRangeError: a scalar is not canonical.
            ParameterError: the graph has no such slot, or no witness can be computed from the inputs.
        """
        inputs = plain_bytes(inputs, "inputs")
        secret = ffi.NULL if identity is None else identity.pointer
        slot = whole(slot, "slot", 0, graph.input_size)
        made, fault = ffi.new("rln_witness **"), _call.new_fault()
        status = lib.rln_witness_new(graph.pointer, inputs, len(inputs), secret, slot, made, fault)
        _call.check(status, fault, "witness")
        self._set_pointer(made[0])

    @classmethod
    def from_wires(cls, wires: bytes) -> Self:
        """Import a witness that was computed elsewhere.

        Args:
            wires: 32 bytes each; the first is 1.

        Raises:
            EncodingError: the length is 0, or not a multiple of 32.
            FieldRangeError: a wire is not canonical.
            ParameterError: the first wire is not 1.
        """
        wires = plain_bytes(wires, "wires")
        made, fault = ffi.new("rln_witness **"), _call.new_fault()
        _call.check(lib.rln_witness_import(wires, len(wires), made, fault), fault, "wires")
        witness = cls.__new__(cls)
        witness._set_pointer(made[0])
        return witness

    def _set_pointer(self, pointer: CData) -> None:
        _call.Handle.__init__(self, "witness", pointer, lib.rln_witness_free)
        self.size: int = lib.rln_witness_size(pointer)

    def read(self, start: int, count: int) -> bytes:
        """Copy `count` wires from wire `start` on, 32 bytes each.

        All wires are secret except those of the public inputs, which follow wire 0.

        Raises:
            ParameterError: the witness has fewer wires.
        """
        start = whole(start, "start", 0, self.size)
        count = whole(count, "count", 0, self.size - start)
        out = _call.output(32 * count)
        _call.check(lib.rln_witness_read(self.pointer, start, out, 32 * count), what="wires")
        return _call.take(out)
