"""Tables of a proving key: multiples of its points in one buffer, which make proofs several times faster.

A buffer is any memory aligned to 64 bytes: `mmap` gives such memory, `bytes` may not. Tables hold nothing
secret. Their lengths and numbers are checked, their points are not: who keeps them in a file keeps a digest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from rln.lowlevel import _call
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import CData, ffi, lib
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.matrix import NativeMatrix, SparseMatrix
from rln.lowlevel.progress import run_beside

if TYPE_CHECKING:
    from mmap import mmap

    Buffer = mmap | memoryview


def size(key: ProvingKeyHandle, folded: bool) -> int:
    """Count the bytes of a key's tables; folded ones are for a key whose C matrix is known."""
    return int(lib.rln_tables_size(key.pointer, int(folded)))


def build(
    key: ProvingKeyHandle,
    c: SparseMatrix | None,
    buffer: Buffer,
    threads: int | None = 1,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Fill a writable buffer of `size` bytes.

    Args:
        key: whose points.
        c: its C matrix, for folded tables; a wrong one makes proofs that do not verify.
        buffer: all zero when this raises.
        threads: 1..256, None is one for each processor.
        progress: called with the part done, 0.0 to 1.0, from this thread.

    Raises:
        EncodingError: a buffer of another length.
        ParameterError: a buffer that is not aligned, or a matrix of another number of rows or wires.
        FieldRangeError: a coefficient is not canonical.
    """
    matrix = None if c is None else NativeMatrix(c)
    fault, done = _call.new_fault(), ffi.new("uint32_t *")
    pool = _threads.pool(threads)
    with ffi.from_buffer("uint8_t[]", buffer, require_writable=True) as out:

        def run() -> int:
            status: int = lib.rln_tables_build(
                key.pointer, ffi.NULL if matrix is None else matrix.pointer, pool, done, out, len(out), fault
            )
            return status

        _call.check(run_beside(run, done, progress), fault, "tables")


class Tables(_call.Handle):
    """Opened tables. They keep their key and buffer; a buffer that changes meanwhile makes wrong proofs."""

    __slots__ = ()

    def __init__(self, key: ProvingKeyHandle, buffer: Buffer) -> None:
        """Open what `build` filled for this key.

        Raises:
            EncodingError: not such tables, or those of a key of another shape.
            ParameterError: those of another key, or a buffer that is not aligned.
        """
        data = ffi.from_buffer("uint8_t[]", buffer)
        slot, fault = ffi.new("rln_tables **"), _call.new_fault()
        status = lib.rln_tables_open(key.pointer, data, len(data), slot, fault)
        _call.check(status, fault, "tables")
        super().__init__("tables", slot[0], _Free(key.pointer, data))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Free:
    """Frees tables, and keeps what they point to until then: as long as any call uses them, closed or not."""

    __slots__ = ("_free", "_kept")

    def __init__(self, *kept: CData) -> None:
        self._free: Callable[[CData], None] = lib.rln_tables_free  # `lib` is gone when the interpreter ends
        self._kept = kept

    def __call__(self, pointer: CData) -> None:
        self._free(pointer)
        self._kept = ()
