"""Threats to stores whose files or rows another program wrote or damaged: F21."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

import rln
from rln.base.file_kind import FileKind
from rln.errors import StoreUnavailable
from rln.stores import open_existing_members, open_log, open_mark, open_members, open_message_ids
from rln.stores.sqlite.database import Database
from tests.support.postgres_server import empty_database
from tests.support.small_world import DEPTH, LIMIT_BITS

CLOCK = rln.EpochClock("rows.example", 60, now=lambda: 1_700_000_010.0)

OPENERS: dict[str, Callable[[str], object]] = {
    "a nullifier log": lambda uri: open_log(uri, CLOCK),
    "a nullifier log (mark)": open_mark,
    "a member registry": lambda uri: open_members(uri, 5, 4),
    "a member registry (existing)": open_existing_members,
    "a file of message ids": open_message_ids,
}
"""How each kind of file is opened. A mark is in a file of the log's kind."""


def our_file(kind: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        opened = OPENERS[kind](f"sqlite:///{path}")
        if kind == "a file of message ids":
            opened.introduce(5)  # type: ignore[attr-defined]
        opened.close()  # type: ignore[attr-defined]
        for other in path.parent.glob(f"{path.name}-*"):
            other.unlink()

    return make


def somebody_elses_file(journal: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA journal_mode={journal}")
            connection.execute("CREATE TABLE theirs (a)")
            connection.execute("INSERT INTO theirs VALUES ('kept')")
            connection.commit()

    return make


def somebody_elses_unfinished_file(path: Path) -> None:
    """Make a file whose tables are in its WAL only, as after a crash of the other program."""
    live = path.with_name("live.db")
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE theirs (a)")
        connection.commit()
        path.write_bytes(live.read_bytes())
        path.with_name(path.name + "-wal").write_bytes(live.with_name("live.db-wal").read_bytes())
    for left in path.parent.glob("live.db*"):
        left.unlink()


def older_form(path: Path) -> None:
    our_file("a member registry")(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=1")


THEIRS: dict[str, tuple[Callable[[Path], None], str]] = {
    "this file is a nullifier log": (our_file("a nullifier log"), "a nullifier log"),
    "this file is a member registry": (our_file("a member registry"), "a member registry"),
    "this file is a file of message ids": (our_file("a file of message ids"), "a file of message ids"),
    "schema version": (older_form, ""),
    "belongs to another program": (somebody_elses_file("delete"), ""),
    "belongs to another program ": (somebody_elses_file("wal"), ""),
    "belongs to another program  ": (somebody_elses_unfinished_file, ""),
    "not a database": (lambda path: path.write_bytes(b"some other program's file " * 400) and None, ""),
    "not a database, but a mirror": (lambda path: path.write_bytes(b"rln-bul\n" + bytes(999)) and None, ""),
    "not a database, but a snapshot": (lambda path: path.write_bytes(b"rln-tree" + bytes(99)) and None, ""),
}


def everything_in(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Return the bytes, the time of change and the mode of every file."""
    return {
        path.name: (path.read_bytes(), os.stat(path).st_mtime_ns, os.stat(path).st_mode)
        for path in folder.iterdir()
    }


@pytest.mark.parametrize("said", THEIRS)
@pytest.mark.parametrize("kind", OPENERS)
def test_f21_a_file_of_another_kind_is_refused_by_name_and_not_changed(
    kind: str, said: str, tmp_path: Path
) -> None:
    make, own = THEIRS[said]
    expected = kind.partition(" (")[0]
    if own == expected:
        return  # it is the right kind
    path = tmp_path / "file.db"
    make(path)
    for found in tmp_path.iterdir():
        found.chmod(0o600)
    before = everything_in(tmp_path)
    with pytest.raises(StoreUnavailable) as caught:
        OPENERS[kind](f"sqlite:///{path}")
    assert str(path) in str(caught.value)
    if said != "schema version" or expected == "a member registry":
        assert said.strip() in str(caught.value)
    assert f"expected {expected}" in str(caught.value) or f"for {expected}" in str(caught.value)
    assert everything_in(tmp_path) == before


def test_f21_an_empty_file_becomes_a_store_and_is_no_existing_registry(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    path.touch(0o600)
    with pytest.raises(StoreUnavailable, match="expected a member registry, got an empty file"):
        open_existing_members(f"sqlite:///{path}")
    assert {name: data for name, (data, _, _) in everything_in(tmp_path).items()} == {"file.db": b""}
    open_members(f"sqlite:///{path}", 5, 4).close()
    open_existing_members(f"sqlite:///{path}").close()


def test_f21_looking_at_the_kind_of_a_file_keeps_the_locks_of_this_process(tmp_path: Path) -> None:
    def make() -> Database:
        return Database(
            tmp_path / "numbers.db",
            name="numbers",
            kind=FileKind.MESSAGE_IDS,
            schema_version=1,
            create=lambda connection: connection.execute("CREATE TABLE number (n)"),
        )

    first = make()
    try:
        with first.writing() as connection:
            connection.execute("INSERT INTO number VALUES (1)")
            with pytest.raises(StoreUnavailable, match="this file is a file of message ids"):
                open_mark(f"sqlite:///{tmp_path / 'numbers.db'}")
            with closing(sqlite3.connect(tmp_path / "numbers.db", timeout=0)) as other:
                code = (
                    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0); "
                    "c.execute('BEGIN IMMEDIATE')"
                )
                done = subprocess.run(
                    [sys.executable, "-c", code, str(tmp_path / "numbers.db")], capture_output=True
                )
                assert b"database is locked" in done.stderr
                assert other.execute("SELECT count(*) FROM number").fetchone() == (0,)
    finally:
        first.close()


OTHER_TABLES = {
    "an older form without its number": "ALTER TABLE rln_registry DROP COLUMN form",
    "another column": "ALTER TABLE rln_step ADD COLUMN more BIGINT",
    "a missing table": "DROP TABLE rln_event",
    "another form": "UPDATE rln_registry SET form = 1",
}


@pytest.mark.parametrize("what", OTHER_TABLES)
def test_f21_postgresql_tables_of_another_form_are_refused_by_name(what: str) -> None:
    uri = empty_database()
    open_members(uri, DEPTH, LIMIT_BITS).close()
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(OTHER_TABLES[what].encode())
    for opening in (lambda: open_existing_members(uri), lambda: open_members(uri, DEPTH, LIMIT_BITS)):
        with pytest.raises(StoreUnavailable, match="member registry of form 2"):
            opening()
