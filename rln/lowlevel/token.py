"""Tokens: prepared proofs in which only x is missing. The rest of the statement is fixed."""

from __future__ import annotations

from typing import Self

from rln.base.arguments import plain_bytes
from rln.lowlevel import _call
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import CData, ffi, lib
from rln.lowlevel.blinding import blinders
from rln.lowlevel.groth16 import PROOF_BYTES
from rln.lowlevel.partial import Partial
from rln.lowlevel.witness import Witness


class Token(_call.Handle):
    """A prepared proof, for one use. It is secret, and is wiped when it is used and when it is freed."""

    __slots__ = ()

    def __init__(self, pointer: CData) -> None:
        super().__init__("token", pointer, lib.rln_token_free)

    @classmethod
    def new(
        cls,
        partial: Partial,
        zero: Witness,
        one: Witness,
        threads: int | None = 1,
        blinding: tuple[int, int] | None = None,
    ) -> Self:
        """Prepare a proof for any x from the witnesses for x = 0 and x = 1.

        Every wire must be affine in x, as in the RLN circuits; otherwise the proof does not verify.

        Args:
            partial: of the same member and path, best with folded tables.
            zero, one: witnesses that differ only in x and in the wires that depend on it.
            threads: 1..256, None is one for each processor.
            blinding: as for `groth16.prove`.

        Raises:
            ParameterError: a known wire of the partial proof has another value in one of the witnesses.
            EntropyError: the system has no random bytes.
        """
        slot, fault = ffi.new("rln_token **"), _call.new_fault()
        with blinders(blinding) as (drawn, size):
            status = lib.rln_token_new(
                partial.pointer, zero.pointer, one.pointer, drawn, size, _threads.pool(threads), slot, fault
            )
        _call.check(status, fault, "token")
        return cls(slot[0])

    def publish(self, x: bytes) -> bytes:
        """Make the proof for x, 128 bytes. The token is then spent, even if this fails.

        Args:
            x: 32 bytes, not 0.

        Raises:
            ParameterError: the token is spent or was made by another process, or x is 0.
            EncodingError, FieldRangeError: x is not a scalar.
        """
        x = plain_bytes(x, "x")
        out, fault = _call.output(PROOF_BYTES), _call.new_fault()
        status = lib.rln_token_publish(self.pointer, x, len(x), out, PROOF_BYTES, fault)
        _call.check(status, fault, "token")
        return _call.take(out)
