"""Groth16 keys: make, load, check and write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Self

from rln import errors
from rln.base.arguments import plain_bytes, whole
from rln.lowlevel import _call, entropy
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import CData, ffi, lib
from rln.lowlevel.matrix import NativeMatrix, SparseMatrix
from rln.lowlevel.progress import run_with_progress

Format = Literal["ark", "zkey"]

FORMATS: dict[str, int] = {"ark": lib.RLN_KEY_ARK, "zkey": lib.RLN_KEY_ZKEY}

COEFFICIENT_BYTES = 16
SETUP_RANDOM_BYTES = 320


class KeyInfo(NamedTuple):
    """The sizes of a proving key.

    Attributes:
        wires: of the circuit, the constant 1 included.
        public_inputs: the constant 1 not counted.
        constraints: the rows that bind the public inputs not counted.
        domain: size of the evaluation domain, a power of two.
        a_entries, b_entries: non-zero entries of the matrices A and B.
    """

    wires: int
    public_inputs: int
    constraints: int
    domain: int
    a_entries: int
    b_entries: int


class VerifyingKeyHandle(_call.Handle):
    """A verifying key, with the precomputed part of every verification.

    Attributes:
        public_inputs: number of public inputs of a proof.
    """

    __slots__ = ("public_inputs",)

    def __init__(self, pointer: CData) -> None:
        super().__init__("verifying key", pointer, lib.rln_verifying_key_free)
        self.public_inputs: int = lib.rln_verifying_key_public_inputs(pointer)

    @classmethod
    def decode(cls, data: bytes, compressed: bool) -> Self:
        """Read alpha || beta || gamma || delta || u64 count || IC points.

        Raises:
            EncodingError: a wrong length.
            FieldRangeError, PointError: an invalid coordinate or point.
            KeyFileError: a point at infinity, or delta equal or opposite to gamma.
        """
        data = plain_bytes(data, "verifying key")
        slot, fault = ffi.new("rln_verifying_key **"), _call.new_fault()
        status = lib.rln_verifying_key_decode(data, len(data), int(compressed), slot, fault)
        _call.check(status, fault, "verifying key")
        return cls(slot[0])

    def encode(self, compressed: bool) -> bytes:
        """Write the bytes that `decode` reads."""
        points = self.public_inputs + 2
        size = 8 + (32 * points + 64 * 3 if compressed else 64 * points + 128 * 3)
        out = _call.output(size)
        _call.check(
            lib.rln_verifying_key_encode(self.pointer, int(compressed), out, size), what="verifying key"
        )
        return _call.take(out)


class ProvingKeyHandle(_call.Handle):
    """A proving key with its verifying key. Every point is checked when the key is loaded."""

    __slots__ = ()

    def __init__(self, pointer: CData) -> None:
        super().__init__("proving key", pointer, lib.rln_proving_key_free)

    @classmethod
    def load(cls, format: Format, data: bytes, threads: int | None = 1) -> Self:
        """Read a whole key file.

        Args:
            format: ark for zerokit's .arkzkey, zkey for snarkjs's .zkey.
            data: the file.
            threads: 1..256, None is one for each processor.

        Raises:
            EncodingError: not such a file; the message names the part.
            FieldRangeError, PointError: an invalid coordinate, coefficient or point.
            KeyFileError: a point at infinity where none is allowed, or delta equal or opposite to gamma.
        """
        data = plain_bytes(data, "proving key")
        slot, fault = ffi.new("rln_proving_key **"), _call.new_fault()
        pool = _threads.pool(threads)
        status = lib.rln_proving_key_load(_format(format), data, len(data), pool, slot, fault)
        _call.check(status, fault, "proving key")
        return cls(slot[0])

    def encode(self, format: Format) -> bytes:
        """Write a file that `load` reads. A `.zkey` is written without the contributions of its ceremony."""
        number = _format(format)
        size = lib.rln_proving_key_size(self.pointer, number)
        out = _call.output(size)
        _call.check(lib.rln_proving_key_encode(self.pointer, number, out, size), what="proving key")
        return _call.take(out)

    def info(self) -> KeyInfo:
        """Return the sizes of the key."""
        info = ffi.new("rln_key_info *")
        _call.check(lib.rln_proving_key_info(self.pointer, info), what="proving key")
        return KeyInfo(*(int(getattr(info, name)) for name in KeyInfo._fields))

    def check(self, threads: int | None = 1) -> None:
        """Check with pairings that the proving key belongs to its own verifying key.

        Raises:
            KeyFileError: it does not; the message names the part.
            EntropyError: the system has no random bytes.
        """
        random = entropy.draw(COEFFICIENT_BYTES * (self.info().wires + 1))
        fault = _call.new_fault()
        pool = _threads.pool(threads)
        status = lib.rln_proving_key_check(self.pointer, random, len(random), pool, fault)
        _call.check(status, fault, "proving key")

    def verifying_key(self) -> VerifyingKeyHandle:
        """Return the verifying key."""
        slot = ffi.new("rln_verifying_key **")
        _call.check(lib.rln_proving_key_verifying_key(self.pointer, slot), what="verifying key")
        return VerifyingKeyHandle(slot[0])


def setup(
    a: SparseMatrix,
    b: SparseMatrix,
    c: SparseMatrix,
    wires: int,
    public_inputs: int,
    threads: int | None = 1,
    progress: Callable[[float], None] | None = None,
) -> ProvingKeyHandle:
    """Make a fresh key for the constraints <A,w> <B,w> = <C,w>.

    The random numbers stay in memory of the C core, which is wiped before this returns.

    Args:
        a, b, c: matrices with the same number of rows.
        wires: of the circuit; wire 0 is the constant 1.
        public_inputs: wires 1..public_inputs are public.
        threads: 1..256, None is one for each processor.
        progress: called with the part done, 0.0 to 1.0, from this thread.

    Raises:
        ParameterError: the sizes do not fit together.
        FieldRangeError: a coefficient is not canonical.
        EntropyError: the system has no random bytes, or bad ones.
    """
    wires = whole(wires, "wires", 1, 2**32 - 1)
    public_inputs = whole(public_inputs, "public_inputs", 0, wires - 1)
    matrices = [NativeMatrix(matrix) for matrix in (a, b, c)]
    slot, fault, done = ffi.new("rln_proving_key **"), _call.new_fault(), ffi.new("uint32_t *")
    pool = _threads.pool(threads)
    random = _call.output(SETUP_RANDOM_BYTES)

    def run() -> int:
        status: int = lib.rln_setup(
            matrices[0].pointer, matrices[1].pointer, matrices[2].pointer, wires, public_inputs,
            random, SETUP_RANDOM_BYTES, pool, done, slot, fault,
        )  # fmt: skip
        return status

    try:
        entropy.fill(random)
        status = run_with_progress(run, done, progress)
    finally:
        _call.wipe(random)
    _call.check(status, fault, "setup")
    return ProvingKeyHandle(slot[0])


def _format(format: str) -> int:
    if format not in FORMATS:
        raise errors.ParameterError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
    return FORMATS[format]
