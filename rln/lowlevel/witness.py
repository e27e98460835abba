"""Witness graphs, and the assignments to a circuit's wires that they make from its inputs."""

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
        inputs: for every named input the slots it takes, (offset, length).
        input_size: slots in all; slot 0 is the constant 1.
        witness_size: wires of the circuit, wire 0 is 1.
        node_count: operations and constants.
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
        """Load a file in the form `wtns.graph.001`, whole.

        Raises:
            EncodingError: it is not such a file, or larger than one may be; the message names the part.
        """
        data = plain_bytes(data, "graph")
        slot, fault = ffi.new("rln_graph **"), _call.new_fault()
        _call.check(lib.rln_graph_load(data, len(data), slot, fault), fault, "graph")
        return cls(slot[0])

    def known(self, unknown_slots: Iterable[int]) -> bytes:
        """Mark the wires that do not depend on some inputs, a byte 1 or 0 for each wire.

        What has an unknown operand is unknown, whatever it computes: zerokit marks its wires so, too.

        Args:
            unknown_slots: input slots, 1 to input_size - 1.

        Raises:
            ParameterError: there is no such slot.
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
    """An assignment to all wires, which is as secret as the identity in it: wiped when it is freed."""

    __slots__ = ("size",)

    def __init__(
        self, graph: Graph, inputs: bytes, identity: IdentityHandle | None = None, slot: int = 0
    ) -> None:
        """Evaluate a graph.

        Args:
            graph: the circuit's graph.
            inputs: graph.input_size scalars of 32 bytes; the first is ignored.
            identity: whose secret goes into `slot`, without passing through Python.
            slot: 1 or more; ignored without an identity.

        Raises:
            EncodingError: inputs has a wrong length.
            FieldRangeError: a scalar is not canonical.
            ParameterError: the slot is not one of the graph's; or the inputs have no witness.
        """
        inputs = plain_bytes(inputs, "inputs")
        secret = ffi.NULL if identity is None else identity.pointer
        slot = whole(slot, "slot", 0, graph.input_size)
        made, fault = ffi.new("rln_witness **"), _call.new_fault()
        status = lib.rln_witness_new(graph.pointer, inputs, len(inputs), secret, slot, made, fault)
        _call.check(status, fault, "witness")
        self._own(made[0])

    @classmethod
    def from_wires(cls, wires: bytes) -> Self:
        """Take an assignment that was computed elsewhere.

        Args:
            wires: 32 bytes each, the first one 1.

        Raises:
            EncodingError: the length is no multiple of 32, or zero.
            FieldRangeError: a wire is not canonical.
            ParameterError: the first wire is not 1.
        """
        wires = plain_bytes(wires, "wires")
        made, fault = ffi.new("rln_witness **"), _call.new_fault()
        _call.check(lib.rln_witness_import(wires, len(wires), made, fault), fault, "wires")
        witness = cls.__new__(cls)
        witness._own(made[0])
        return witness

    def _own(self, pointer: CData) -> None:
        _call.Handle.__init__(self, "witness", pointer, lib.rln_witness_free)
        self.size: int = lib.rln_witness_size(pointer)

    def read(self, start: int, count: int) -> bytes:
        """Copy count wires from start on, 32 bytes each.

        All are secret but those of the public inputs, which stand right after wire 0.

        Raises:
            ParameterError: they are not all there.
        """
        start = whole(start, "start", 0, self.size)
        count = whole(count, "count", 0, self.size - start)
        out = _call.output(32 * count)
        _call.check(lib.rln_witness_read(self.pointer, start, out, 32 * count), what="wires")
        return _call.take(out)
