r"""Tables of a proving key: multiples of its points, which make each proof several times faster.

They are built once, at the second use of a key or on request, and are kept as a file in the user's cache
(`rln.keys.table_cache`) for later processes. They hold no secret, and no proof depends on them: the same
witness and blinding give the same bytes with and without tables.

    7 bytes   rln-tab
    1 byte    format
    16 bytes  engine that made them and byte order, as in adx-little, padded with zeros
    u64       number of bytes of the content
    32 bytes  digest of the key
    32 bytes  digest of the `.r1cs` whose C matrix is included, or zeros
    32 bytes  SHA-256 of the content
    content   made by the C core

If the first 128 bytes, the header, do not match the content and the key exactly, the file is ignored and the
tables are built again. The file is mapped or read once: the bytes that are hashed are those that are used. It
is mapped only if no other user can change it; `rln.keys.table_cache` says what a change in place by this user
does (threats F18).

If the C matrix is known (`rln.keys.constraint_matrix`), the tables include it: a proof then takes fewer
transforms and a shorter sum.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from rln.base import forks
from rln.base.arguments import thread_count
from rln.base.injected import callback
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
"""Version of the content. Increase it when the C core changes what it writes."""

_HEADER: Final = struct.Struct("<7sB16sQ32s32s32s")
ENDING: Final = "tables"

Progress = Callable[[float], None]


class KeyTables:
    """The tables of one key, once they exist. Safe to use from several threads.

    A forked child has those that its parent had. It builds them itself if a thread of the parent was still
    building, but not if the fork was not noticed (`rln.base.forks.unnoticed`): proofs work without tables.

    Args:
        handle: the key.
        digest: of the key, 64 hexadecimal digits.
        circuit_digest: of the `.r1cs` with the C matrix, 64 hexadecimal digits; None if there is none.
        matrix: returns that matrix, or None if it does not belong to the key.
        check_tables: called with new tables; it raises if they make wrong proofs.
        cached: whether the tables are read from and written to the cache.
    """

    def __init__(
        self,
        handle: ProvingKeyHandle,
        digest: str,
        circuit_digest: str | None = None,
        matrix: Callable[[], Matrix | None] = lambda: None,
        *,
        check_tables: Callable[[Tables], None] = lambda made: None,
        cached: bool = True,
    ) -> None:
        self._handle = handle
        self._digest = bytes.fromhex(digest)
        self._circuit_digest = None if circuit_digest is None else bytes.fromhex(circuit_digest)
        self._matrix = matrix
        self._check_tables = check_tables
        self._cached = cached
        self._tables: Tables | None = None
        self._in_cache = False
        self._uses = 0
        self._lock = threading.Lock()
        self._builder: threading.Thread | None = None
        forks.register(self)

    @classmethod
    def for_own_circuit(
        cls,
        handle: ProvingKeyHandle,
        digest: str,
        parameters: CircuitParameters,
        circuit_digest: str | None,
        cached: bool,
    ) -> Self:
        """Make the object for a key that comes without an `.r1cs`; its circuit may be one of ours."""

        def matrix() -> Matrix | None:
            assert circuit_digest is not None  # otherwise no matrix is asked for
            return matrix_of_own_circuit(parameters, circuit_digest, handle.encode("ark"))

        return cls(handle, digest, circuit_digest, matrix, cached=cached)

    @classmethod
    def for_r1cs(
        cls,
        handle: ProvingKeyHandle,
        digest: str,
        circuit_digest: str,
        r1cs: bytes,
        check_tables: Callable[[Tables], None],
    ) -> Self:
        """Make the object for a key that came with its `.r1cs`.

        The `.r1cs` is compared with the key, unless the tables are in the cache.

        Raises:
            InputError: not an `.r1cs` file, or that of another circuit.
        """
        matrix: list[Matrix] = []
        made = cls(handle, digest, circuit_digest, lambda: matrix[0], check_tables=check_tables)
        if not made.load():
            matrix.append(matrix_of_r1cs(r1cs, handle.encode("ark")))
        return made

    @property
    def folded(self) -> bool:
        """Whether the tables include the C matrix, which makes proofs faster."""
        return self._circuit_digest is not None

    @property
    def size(self) -> int:
        """Bytes of the tables in memory; a file has 128 more."""
        return tables.size(self._handle, self.folded)

    @property
    def available(self) -> bool:
        """Whether there are tables."""
        return self._tables is not None

    def current(self) -> Tables | None:
        """Return the tables, or None while there are none.

        The first call looks for a file. If there is none, the second call starts to build them in the
        background, on one thread.
        """
        if self._tables is None:
            self._uses += 1
            if self._uses == 1:
                self.load()
            elif self._builder is None and not forks.unnoticed():
                self._start_building()
        return self._tables

    def load(self) -> bool:
        """Read the file, if there is one; return whether there are tables now."""
        if self._tables is None:
            self._tables = self._read_file()
        return self._tables is not None

    def build(self, threads: int | None = None, progress: Progress | None = None) -> bool:
        """Build the tables now, unless there are some; wait if another thread is building them.

        Returns:
            Whether the tables are in the cache, for later processes.

        Raises:
            ParameterError: the `.r1cs` that came with the key has its A and B, but another C.
            NativeError: out of memory.
        """
        thread_count(threads)
        if progress is not None:
            callback(progress, "progress")
        if self._builder is not None and not forks.unnoticed():
            self._builder.join()
        self._load_or_build(threads, progress)
        if progress is not None:
            progress(1.0)
        return self._in_cache

    # ---- building

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()  # the child keeps nothing that the lock guards

    def _after_fork(self, torn: bool) -> None:
        self._lock = threading.Lock()
        self._builder = None

    def _start_building(self) -> None:
        """Start the thread that builds, unless there was one before: there is no second attempt."""
        with self._lock:
            if self._builder is not None:
                return
            thread = threading.Thread(target=self._build_quietly, name="rln-tables", daemon=True)
            with suppress(RuntimeError):  # no thread can start: proofs work without tables
                thread.start()
                self._builder = thread

    def _build_quietly(self) -> None:
        with suppress(RlnError, MemoryError):  # proofs work without tables; `build` reports errors
            self._load_or_build(1, None)

    def _load_or_build(self, threads: int | None, progress: Progress | None) -> None:
        if not self.load():
            self._tables = self._build(threads, progress)

    def _build(self, threads: int | None, progress: Progress | None) -> Tables:
        matrix = self._matrix() if self.folded else None
        if self.folded and matrix is None:
            self._circuit_digest = None
            if (found := self._read_file()) is not None:
                return found
        memory = _allocate(_HEADER.size + self.size)
        content = memoryview(memory)[_HEADER.size :]
        tables.build(self._handle, matrix, content, threads, progress)
        made = Tables(self._handle, content)
        self._check_tables(made)
        if not self._cached:
            return made
        memory[: _HEADER.size] = self._header(hashlib.sha256(content).digest())
        table_cache.write(self._file_name(), [memoryview(memory)])
        # Processes share the pages of the file, so use it in place of the memory of this process.
        return self._read_file() or made

    # ---- the file

    def _read_file(self) -> Tables | None:
        if not self._cached:
            return None
        found = table_cache.read(self._file_name(), _HEADER.size + self.size)
        if found is None:
            return None
        content = memoryview(found)[_HEADER.size :]
        if found[: _HEADER.size] != self._header(hashlib.sha256(content).digest()):
            return None
        try:
            opened = Tables(self._handle, content)
        except InputError:
            return None
        self._in_cache = True
        return opened

    def _header(self, content_digest: bytes) -> bytes:
        made_by = f"{engine.name()}-{sys.byteorder}".encode("ascii")
        circuit = self._circuit_digest or bytes(32)
        return _HEADER.pack(MAGIC, FORMAT, made_by, self.size, self._digest, circuit, content_digest)

    def _file_name(self) -> str:
        return f"{hashlib.sha256(self._header(bytes(32))).hexdigest()[:32]}.{ENDING}"


def _allocate(size: int) -> mmap.mmap:
    """Allocate zeroed memory, aligned to a page."""
    try:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise NativeError(f"tables: expected {size} bytes of free memory, the system has fewer") from error
