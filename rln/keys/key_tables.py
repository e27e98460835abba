r"""Tables of a proving key: multiples of its points, which make each proof several times faster.

They are built once, when a key is used for the second time or when somebody asks, and kept as a file in the
user's cache (`rln.keys.table_cache`), where later processes find them. They hold nothing secret, and no proof
depends on them: the same witness and blinding give the same bytes with and without.

    7 bytes   rln-tab
    1 byte    format
    16 bytes  engine that made them and order of bytes, as in adx-little, filled with zeros
    u64       number of bytes of the content
    32 bytes  digest of the key
    32 bytes  digest of the `.r1cs` whose C matrix went in, or zeros
    32 bytes  SHA-256 of the content
    content   what the C core made

A file whose first 128 bytes are not exactly those of its content and of the key at hand is not used: it is
built anew. The digest is taken of the mapping that is used afterwards.

Where the C matrix is known (`rln.keys.constraint_matrix`) it goes into the tables, and a proof takes fewer
transforms and a shorter sum.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from rln.circuit.parameters import CircuitParameters
from rln.errors import InputError, NativeError, RlnError
from rln.keys import table_cache
from rln.keys.constraint_matrix import matrix_of_own_circuit, matrix_of_r1cs
from rln.lowlevel import engine, tables
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.tables import Tables

if TYPE_CHECKING:
    from rln.circuit import Matrix

MAGIC: Final = b"rln-tab"
FORMAT: Final = 1
"""Changes with every change of what the C core makes."""

_HEADER: Final = struct.Struct("<7sB16sQ32s32s32s")
ENDING: Final = "tables"

Progress = Callable[[float], None]

_starting = threading.Lock()


def _renew_lock() -> None:
    global _starting
    _starting = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


class KeyTables:
    """The tables of one key, when they are there. Safe to use from several threads.

    Args:
        handle: the key.
        digest: the key's, 64 hexadecimal digits.
        circuit_digest: of the `.r1cs` with the C matrix, 64 hexadecimal digits; None where there is none.
        matrix: gives that matrix, or None when it turns out not to belong to the key.
        trial: is called with tables before they are believed.
        kept: whether they go to a file and come from one.
    """

    def __init__(
        self,
        handle: ProvingKeyHandle,
        digest: str,
        circuit_digest: str | None = None,
        matrix: Callable[[], Matrix | None] = lambda: None,
        *,
        trial: Callable[[Tables], None] = lambda made: None,
        kept: bool = True,
    ) -> None:
        self._handle = handle
        self._digest = bytes.fromhex(digest)
        self._circuit = None if circuit_digest is None else bytes.fromhex(circuit_digest)
        self._matrix = matrix
        self._trial = trial
        self._kept = kept
        self._tables: Tables | None = None
        self._stored = False
        self._uses = 0
        self._builder: tuple[int, threading.Thread] | None = None

    @classmethod
    def own(
        cls,
        handle: ProvingKeyHandle,
        digest: str,
        parameters: CircuitParameters,
        circuit_digest: str | None,
        kept: bool,
    ) -> Self:
        """For a key whose circuit, if it is known at all, is one of ours, or was once at hand."""

        def matrix() -> Matrix | None:
            assert circuit_digest is not None  # or nobody asks
            return matrix_of_own_circuit(parameters, circuit_digest, handle.encode("ark"))

        return cls(handle, digest, circuit_digest, matrix, kept=kept)

    @classmethod
    def supplied(
        cls,
        handle: ProvingKeyHandle,
        digest: str,
        circuit_digest: str,
        r1cs: bytes,
        trial: Callable[[Tables], None],
    ) -> Self:
        """For a key that came with its `.r1cs`; what was looked at once is not again.

        Raises:
            InputError: it is no such file, or another circuit's.
        """
        matrix: list[Matrix] = []
        made = cls(handle, digest, circuit_digest, lambda: matrix[0], trial=trial)
        if not made.look():
            matrix.append(matrix_of_r1cs(r1cs, handle.encode("ark")))
        return made

    @property
    def folded(self) -> bool:
        """Does the C matrix go in."""
        return self._circuit is not None

    @property
    def size(self) -> int:
        """Bytes that they take, in memory and, with 128 more, as a file."""
        return tables.size(self._handle, self.folded)

    @property
    def ready(self) -> bool:
        """Are there any."""
        return self._tables is not None

    def current(self) -> Tables | None:
        """The tables for one more proof; None while there are none.

        The first call looks for a file; the second one, if there is none, begins to build them in the
        background, on one thread.
        """
        if self._tables is None:
            self._uses += 1
            if self._uses == 1:
                self.look()
            elif not self._is_building():
                self._build_beside()
        return self._tables

    def look(self) -> bool:
        """Use the file, if there is one; tell whether there are tables now."""
        if self._tables is None:
            self._tables = self._read()
        return self._tables is not None

    def build(self, threads: int | None = None, progress: Progress | None = None) -> bool:
        """Build them now, unless there are some; another thread that is building makes this one wait.

        Returns:
            Whether a later process will find them.

        Raises:
            ParameterError: the `.r1cs` that came with the key has its A and B and another C.
            NativeError: no memory.
        """
        if self._is_building() and self._builder is not None:
            self._builder[1].join()
        self._provide(threads, progress)
        if progress is not None:
            progress(1.0)
        return self._stored

    # ---- building

    def _is_building(self) -> bool:
        """Is a thread of this process at it, or was, to no effect: it would not fare better again."""
        return self._builder is not None and self._builder[0] == os.getpid()

    def _build_beside(self) -> None:
        with _starting:
            if self._is_building():
                return
            thread = threading.Thread(target=self._try, name="rln-tables", daemon=True)
            with suppress(RuntimeError):  # no thread to be had: proofs go on without tables
                thread.start()
                self._builder = os.getpid(), thread

    def _try(self) -> None:
        with suppress(RlnError, MemoryError):  # a proof needs no tables; who asks for them is told
            self._provide(1, None)

    def _provide(self, threads: int | None, progress: Progress | None) -> None:
        if not self.look():
            self._tables = self._build(threads, progress)

    def _build(self, threads: int | None, progress: Progress | None) -> Tables:
        matrix = self._matrix() if self.folded else None
        if self.folded and matrix is None:
            self._circuit = None
            if (found := self._read()) is not None:
                return found
        room = _room(_HEADER.size + self.size)
        content = memoryview(room)[_HEADER.size :]
        tables.build(self._handle, matrix, content, threads, progress)
        made = Tables(self._handle, content)
        self._trial(made)
        if not self._kept:
            return made
        room[: _HEADER.size] = self._header(hashlib.sha256(content).digest())
        table_cache.write(self._name(), [memoryview(room)])
        # The file's pages are shared with other processes, so what was built here may go.
        return self._read() or made

    # ---- the file

    def _read(self) -> Tables | None:
        if not self._kept:
            return None
        found = table_cache.read(self._name(), _HEADER.size + self.size)
        if found is None:
            return None
        content = memoryview(found)[_HEADER.size :]
        if found[: _HEADER.size] != self._header(hashlib.sha256(content).digest()):
            return None
        try:
            opened = Tables(self._handle, content)
        except InputError:
            return None
        self._stored = True
        return opened

    def _header(self, content_digest: bytes) -> bytes:
        made_by = f"{engine.name()}-{sys.byteorder}".encode("ascii")
        circuit = self._circuit or bytes(32)
        return _HEADER.pack(MAGIC, FORMAT, made_by, self.size, self._digest, circuit, content_digest)

    def _name(self) -> str:
        return f"{hashlib.sha256(self._header(bytes(32))).hexdigest()[:32]}.{ENDING}"


def _room(size: int) -> mmap.mmap:
    """Zeroed memory of this process, aligned to a page."""
    try:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise NativeError(f"tables: no {size} bytes of memory") from error
