"""One SQLite file: its kind, its promises, and what threads, forks and broken disks may do to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rln.base import forks
from rln.base.file_kind import FileKind
from rln.errors import StoreUnavailable
from rln.stores.sqlite import database
from rln.stores.sqlite.database import Database
from tests.support.killed_child import exit_code

ROOT = Path(__file__).resolve().parents[2]


def create(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")


def opened(path: Path, kind: FileKind = FileKind.LOG, schema_version: int = 3) -> Database:
    return Database(path, name="numbers", kind=kind, schema_version=schema_version, create=create)


def insert(numbers: Database, number: int) -> None:
    with numbers.writing() as connection:
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))


def listed(numbers: Database) -> list[int]:
    with numbers.reading() as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY number")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "numbers.db"


@pytest.fixture
def numbers(path: Path) -> Iterator[Database]:
    made = opened(path)
    yield made
    made.close()


def test_what_was_committed_is_there_for_everybody(path: Path, numbers: Database) -> None:
    insert(numbers, 1)
    with closing(opened(path)) as other:
        insert(other, 2)
        assert listed(other) == listed(numbers) == [1, 2]
    numbers.close()
    with closing(opened(path)) as other:
        assert listed(other) == [1, 2]


def test_an_exception_takes_a_transaction_back(numbers: Database) -> None:
    def change_ones_mind() -> None:
        with numbers.writing() as connection:
            connection.execute("INSERT INTO numbers VALUES (1)")
            raise KeyError

    with pytest.raises(KeyError):
        change_ones_mind()
    assert listed(numbers) == []
    insert(numbers, 2)
    assert listed(numbers) == [2]


def test_a_reader_sees_one_state(numbers: Database) -> None:
    insert(numbers, 1)
    with numbers.reading() as connection:
        assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (1,)
        insert(numbers, 2)
        assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (1,)
    assert listed(numbers) == [1, 2]


def test_files_are_their_owners_alone(path: Path, numbers: Database) -> None:
    insert(numbers, 1)
    assert {entry.name: entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()} == {
        "numbers.db": 0o600,
        "numbers.db-wal": 0o600,
        "numbers.db-shm": 0o600,
    }


def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    opened(path).close()
    path.chmod(0o640)
    with pytest.raises(StoreUnavailable, match="expected mode 0600, got 0640"):
        opened(path)


def test_a_link_or_a_directory_is_refused(path: Path, tmp_path: Path) -> None:
    opened(path).close()
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "directory").mkdir()
    for name in ("link", "directory"):
        with pytest.raises(StoreUnavailable, match="expected a regular file"):
            opened(tmp_path / name)
    with pytest.raises(StoreUnavailable, match="No such file"):
        opened(tmp_path / "missing" / "numbers.db")


def test_somebody_elses_file_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
        connection.commit()
    path.chmod(0o600)
    with pytest.raises(StoreUnavailable, match="expected a file of this library"):
        opened(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]


def test_another_kind_or_form_is_refused(path: Path) -> None:
    opened(path).close()
    with pytest.raises(StoreUnavailable, match="is a nullifier log, expected a member registry"):
        opened(path, kind=FileKind.REGISTRY)
    with pytest.raises(StoreUnavailable, match="with schema version 4, got 3"):
        opened(path, schema_version=4)


def test_garbage_is_refused(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes(b"no database, but as long as one" * 400)
    with pytest.raises(StoreUnavailable, match="not a database"):
        opened(path)


def test_of_many_processes_one_creates(path: Path) -> None:
    ready, go = os.pipe()
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.alarm(30)
                os.close(go)
                os.read(ready, 1)  # returns when the parent has closed its end
                with closing(opened(path)) as numbers:
                    insert(numbers, number)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(ready)
    os.close(go)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    with closing(opened(path)) as numbers:
        assert listed(numbers) == list(range(8))


def test_one_who_holds_it_too_long_is_not_waited_for_forever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TIMEOUT", 0.05)
    with closing(opened(path)) as numbers, closing(opened(path)) as other:
        with other.writing(), pytest.raises(StoreUnavailable, match="locked"):
            insert(numbers, 1)
        insert(numbers, 2)
        assert listed(numbers) == [2]


def test_nothing_is_done_after_closing(numbers: Database) -> None:
    numbers.close()
    numbers.close()
    with pytest.raises(StoreUnavailable, match="used after it was closed"):
        insert(numbers, 1)
    with pytest.raises(StoreUnavailable, match="used after it was closed"):
        listed(numbers)


def test_a_file_that_was_removed_or_replaced_is_not_used_on(path: Path, numbers: Database) -> None:
    insert(numbers, 1)
    path.rename(path.with_suffix(".old"))
    for use in (lambda: insert(numbers, 2), lambda: listed(numbers)):
        with pytest.raises(StoreUnavailable, match="No such file"):
            use()
    opened(path.with_suffix(".new")).close()
    path.with_suffix(".new").rename(path)
    for use in (lambda: insert(numbers, 2), lambda: listed(numbers)):
        with pytest.raises(StoreUnavailable, match="the file was replaced"):
            use()


def test_after_an_error_of_the_disk_no_connection_is_used_again(numbers: Database) -> None:
    with numbers.autocommitting() as writer, numbers.reading() as reader:
        pass
    with pytest.raises(StoreUnavailable, match="disk"), numbers.writing():
        raise sqlite3.OperationalError("disk I/O error")
    with numbers.autocommitting() as writer_now, numbers.reading() as reader_now:
        assert writer_now is not writer and reader_now is not reader
    with numbers.autocommitting() as writer_then:
        assert writer_then is writer_now


def test_while_somebody_reads_an_error_of_the_disk_is_not_settled(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TIMEOUT", 0.05)
    with closing(opened(path)) as numbers, closing(opened(path)) as other:
        insert(numbers, 1)
        with other.reading() as connection:
            connection.execute("SELECT * FROM numbers").fetchall()
            insert(numbers, 2)
            with pytest.raises(StoreUnavailable, match="disk"), numbers.writing():
                raise sqlite3.OperationalError("disk I/O error")
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="is in use|locked"):
                    insert(numbers, 3)
        insert(numbers, 4)
        assert listed(numbers) == [1, 2, 4]


def test_a_mistake_of_ours_is_no_error_of_the_disk(numbers: Database) -> None:
    insert(numbers, 1)
    with numbers.autocommitting() as writer:
        pass
    with pytest.raises(StoreUnavailable, match="UNIQUE"):
        insert(numbers, 1)
    with numbers.autocommitting() as writer_now:
        assert writer_now is writer


# ---- forks -----------------------------------------------------------------------------------------


def test_a_child_and_its_parent_both_keep_what_they_commit(path: Path) -> None:
    numbers = opened(path)
    insert(numbers, 1)
    to_child, to_parent = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(30)
            insert(numbers, 2)
            os.write(to_parent[1], b"x")
            os.read(to_child[0], 1)
            insert(numbers, 3)
            code = 0
        finally:
            os._exit(code)
    os.read(to_parent[0], 1)
    numbers.close()  # the last connection of the parent: closing it must not remove the WAL
    os.write(to_child[1], b"x")
    assert os.waitpid(child, 0)[1] == 0
    for end in (*to_child, *to_parent):
        os.close(end)
    with closing(opened(path)) as other:
        assert listed(other) == [1, 2, 3]


def test_a_child_of_a_parent_in_the_middle_of_a_transaction_refuses(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "FORK_WAIT", 0.05)
    numbers = opened(path)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with numbers.writing() as connection:
            connection.execute("INSERT INTO numbers VALUES (1)")
            entered.set()
            assert leave.wait(30)

    def refused() -> None:
        for use in (lambda: insert(numbers, 2), lambda: listed(numbers), lambda: opened(path)):
            with pytest.raises(StoreUnavailable, match="forked while the file was in use"):
                use()

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(30)
    assert exit_code(refused) == 0
    leave.set()
    holder.join()
    insert(numbers, 3)
    assert listed(numbers) == [1, 3]
    assert exit_code(lambda: insert(numbers, 4)) == 0
    assert listed(numbers) == [1, 3, 4]
    numbers.close()


def test_a_child_that_is_forked_in_a_transaction_of_its_own_thread_does_not_commit_it(path: Path) -> None:
    """Nor does it roll it back: the index of the WAL is memory that it shares with its parent."""
    numbers = opened(path)
    statements: list[str] = []

    def fork_in_the_middle() -> int:
        with numbers.writing() as connection:
            connection.execute("INSERT INTO numbers VALUES (1)")
            child = os.fork()
            if child == 0:
                connection.set_trace_callback(statements.append)
        return child

    parent, child, code = os.getpid(), -1, 1
    try:
        child = fork_in_the_middle()
    except StoreUnavailable as error:
        code = 0 if "forked while the file was in use" in str(error) and not statements else 2
    finally:
        if os.getpid() != parent:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert listed(numbers) == [1]
    insert(numbers, 2)
    assert listed(numbers) == [1, 2]
    numbers.close()


SPILLED = """
import os, sys
from pathlib import Path
from rln.base.file_kind import FileKind
from rln.stores.sqlite.database import Database
create = lambda connection: connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT)")
numbers = Database(Path(sys.argv[1]), name="numbers", kind=FileKind.LOG, schema_version=3, create=create)
with numbers.writing() as connection:
    connection.execute("PRAGMA cache_size=4")
    for number in range(500):
        connection.execute("INSERT INTO numbers VALUES (?, ?)", (number, "x" * 900))
    child = os.fork()
    if child == 0:
        sys.exit()  # the interpreter ends as it does in a script, and deletes every object
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (500,)
    connection.execute("UPDATE numbers SET text = 'y' || text")
with numbers.reading() as connection:
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM numbers WHERE text LIKE 'y%'").fetchone() == (500,)
print("whole")
"""


def test_a_child_that_ends_leaves_the_transaction_of_its_parent_alone(path: Path) -> None:
    """A transaction that does not fit in the cache is in the WAL already, whose index both have in memory."""
    run = subprocess.run([sys.executable, "-c", SPILLED, path], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout == "whole\n", run.stderr


def test_a_child_does_not_open_a_file_that_another_thread_was_opening(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection exists, but no slot has it yet."""
    monkeypatch.setattr(forks, "FORK_WAIT", 0.05)
    opened(path).close()
    opening, leave = threading.Event(), threading.Event()

    def held(self: Database, connection: sqlite3.Connection) -> None:
        opening.set()
        assert leave.wait(30)

    def refused() -> None:
        monkeypatch.undo()
        with pytest.raises(StoreUnavailable, match="forked while the file was in use"):
            opened(path)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_flush", held)
        opener = threading.Thread(target=opened, args=(path,))
        opener.start()
        assert opening.wait(30)
        assert exit_code(refused) == 0
        leave.set()
        opener.join()


def test_a_fork_that_was_not_noticed_is_refused_before_any_lock(
    numbers: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with numbers.writing():
            entered.set()
            assert leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(30)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        for use in (lambda: insert(numbers, 1), lambda: listed(numbers)):
            with pytest.raises(StoreUnavailable, match="forked outside Python"):
                use()
    leave.set()
    holder.join()


def test_a_fork_waits_for_the_other_threads(numbers: Database) -> None:
    ending = threading.Event()

    def work(first: int) -> None:
        number = first
        while not ending.is_set():
            insert(numbers, number)
            number += 2

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    try:
        for number in range(10):
            assert exit_code(lambda number=number: insert(numbers, -1 - number)) == 0
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    assert listed(numbers)[:10] == list(range(-10, 0))
