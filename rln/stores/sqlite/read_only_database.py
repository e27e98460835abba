"""ReadOnlyDatabase: an existing SQLite file that this process must not write, read without a trace.

The file is on read-only media, or it belongs to another user, or this user may not write it. SQLite reads a
file in WAL mode in three ways:

    with its -wal and -shm    The reader locks what it reads, and sees what others commit. This also works for
                              a user who may only read these files, and after a crash of the writer. But both
                              files must be there: a reader who makes them gets in the way of the owner.
    immutable                 The reader takes no lock and believes that the file never changes. This is right
                              only if nobody can write it: the file system as a whole is read-only, and there
                              is no WAL or rollback journal with content beside the file. A read-only mount
                              does not suffice, because others may write the same file system through another
                              mount. Each use compares size and times of the file with those when it was
                              opened: the file system may have been writable between two uses.
    by making -wal and -shm   Not here.

If neither of the first two is possible, the file is refused, and the message says what to do.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rln.base.file_kind import FileKind
from rln.stores.file_checks import check_local_file_system, check_readable_file, file_state, is_unchangeable
from rln.stores.sqlite.connection_slot import ConnectionSlot, in_use_at_fork
from rln.stores.sqlite.database import Database
from rln.stores.sqlite.file_header import reason_to_refuse

_SETTINGS: Final = ("query_only=1", "trusted_schema=0", "mmap_size=0", "busy_timeout=0")


class ReadOnlyDatabase(Database):
    """An existing file with tables, for reading only. Threads, forks and closing: as for `Database`.

    Args:
        path: path of the file.
        name, kind, schema_version: as for `Database`.
        why: why this process must not write the file; part of messages.

    Attributes:
        why: the argument.

    Raises:
        StoreUnavailable: here and in `reading`, the file cannot be read, or not safely; here also, it is of
            another kind, or has another schema version. In every other method: always.
    """

    def __init__(self, path: Path, *, name: str, kind: FileKind, schema_version: int, why: str) -> None:
        self.why = why
        self._opened_state: tuple[int, int, int] | None = None
        """The state of a file that is read as immutable; None: it is read with its WAL."""
        super().__init__(path, name=name, kind=kind, schema_version=schema_version, create=lambda _: None)

    def __repr__(self) -> str:
        return f"ReadOnlyDatabase({str(self.path)!r})"

    def _begin(self) -> None:
        with self.reading():
            pass

    @contextmanager
    def _using(self, slot: ConnectionSlot) -> Iterator[tuple[sqlite3.Connection, float]]:
        if slot is self._writer:
            raise self._error(
                f"{self.why}, so it is open for reading only; nothing was changed; to change it, run the "
                "command as its owner, where the file may be written"
            )
        with super()._using(slot) as given:
            yield given
            if self._opened_state is not None and self._may_have_changed():
                slot.clear()
                raise self._error(
                    "its file system can be written now, so the file may have changed; try again"
                )

    def _connection_of(self, slot: ConnectionSlot, deadline: float) -> sqlite3.Connection:
        if self._opened_state is not None and self._may_have_changed():
            slot.clear()  # what the connection has read before must not be mixed with what is there now
        return super()._connection_of(slot, deadline)

    def _may_have_changed(self) -> bool:
        return not is_unchangeable(self.path) or file_state(self.path) != self._opened_state

    def _open(self, deadline: float) -> sqlite3.Connection:
        if in_use_at_fork(self.path):
            raise self._in_use_at_fork()
        check_local_file_system(self.path, self._name)
        if self._file_id is None:
            check_readable_file(self.path, self._name)
            refusal = reason_to_refuse(self.path, self._kind, self._schema_version, empty=False)
            if refusal is not None:
                raise self._error(refusal)
        self._check_file()
        ends = ("-wal", "-shm", "-journal")
        wal, shm, journal = (self.path.with_name(self.path.name + end) for end in ends)
        is_immutable = is_unchangeable(self.path) and not (_has_content(wal) or _has_content(journal))
        self._opened_state = file_state(self.path) if is_immutable else None
        if not is_immutable and not (wal.exists() and shm.exists()):
            raise self._error(
                f"{self.why}; such a file can be read while a program that may write it has it open, which "
                f"makes {wal.name} and {shm.name}, or if its whole file system is read-only; run the command "
                "as its owner, where the file may be written, or ask for bulletins (`rln group export`)"
            )
        options = "immutable=1" if is_immutable else "readonly_shm=1"
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=ro&{options}", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = lambda text: text.decode(errors="replace")  # as in `Database`
        try:
            for setting in _SETTINGS:
                connection.execute(f"PRAGMA {setting}").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection


def _has_content(path: Path) -> bool:
    return path.exists() and os.path.getsize(path) > 0
