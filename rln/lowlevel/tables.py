"""Tables of a proving key: multiples of its points in one buffer, which make proofs several times faster.

The buffer may be any memory aligned to 64 bytes: `mmap` memory is, `bytes` may not be. Tables hold no secret.
Their lengths and counts are checked, their points are not: if you keep tables in a file, keep a digest, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from rln.lowlevel import _call
from rln.lowlevel import threads as _threads
from rln.lowlevel._call import CData, ffi, lib
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.matrix import NativeMatrix, SparseMatrix
from rln.lowlevel.progress import run_with_progress

if TYPE_CHECKING:
    from mmap import mmap

    Buffer = mmap | memoryview


def size(key: ProvingKeyHandle, folded: bool) -> int:
    """Return the bytes of a key's tables; folded tables include the C matrix, which must then be known."""
    return int(lib.rln_tables_size(key.pointer, int(folded)))


def build(
    key: ProvingKeyHandle,
    c: SparseMatrix | None,
    buffer: Buffer,
    threads: int | None = 1,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Fill a writable buffer of `size` bytes with tables.

    Args:
        key: the key.
        c: its C matrix, for folded tables; with a wrong matrix, proofs do not verify.
        buffer: set to zero if this raises.
        threads: 1..256, None is one for each processor.
        progress: called with the part done, 0.0 to 1.0, from this thread.

    Raises:
        EncodingError: the buffer has another length.
        ParameterError: the buffer is not aligned, or the matrix has another number of rows or wires.
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

        _call.check(run_with_progress(run, done, progress), fault, "tables")


class Tables(_call.Handle):
    """Tables that are open. They keep key and buffer alive; if the buffer changes, proofs are wrong."""

    __slots__ = ()

    def __init__(self, key: ProvingKeyHandle, buffer: Buffer) -> None:
        """Open tables that `build` made for this key.

        Raises:
            EncodingError: not tables, or tables of a key with other sizes.
            ParameterError: tables of another key, or the buffer is not aligned.
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
    """Frees tables, and until then keeps their key and buffer alive: a call may still use closed tables."""

    __slots__ = ("_free", "_kept")

    def __init__(self, *kept: CData) -> None:
        self._free: Callable[[CData], None] = lib.rln_tables_free  # at exit, `lib` is cleared first
        self._kept = kept

    def __call__(self, pointer: CData) -> None:
        self._free(pointer)
        self._kept = ()
