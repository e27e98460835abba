"""The temporary table of a search: rows in, rows out, errors as of a store; a child never touches it."""

import os

import pytest

from rln.audit.search_table import SearchTable
from rln.errors import StoreUnavailable
from tests.support.killed_child import exit_code

CREATE = "CREATE TABLE numbers (number INTEGER)"
COUNT = "SELECT count(*) FROM numbers"


@pytest.fixture
def table():
    made = SearchTable()
    made.execute(CREATE)
    yield made
    made.close()


def test_many_rows_are_written_in_pieces(table):
    table.execute_many("INSERT INTO numbers VALUES (?)", ((number,) for number in range(2500)))
    assert table.execute(COUNT) == [(2500,)]


def test_an_error_of_sqlite_is_one_of_a_store(table):
    with pytest.raises(StoreUnavailable, match="^violators: .*already exists"):
        table.execute(CREATE)


def test_a_child_refuses_and_leaves_the_file_to_its_parent(table):
    table.execute("BEGIN")
    table.execute("INSERT INTO numbers VALUES (1)")

    def refused() -> None:
        with pytest.raises(StoreUnavailable, match="forked during the search; search again"):
            table.execute(COUNT)
        table.close()

    assert exit_code(refused) == 0
    assert table.execute(COUNT) == [(1,)]


def test_a_fork_that_was_not_noticed_is_refused(table, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(StoreUnavailable, match="forked during the search"):
            table.execute(COUNT)
    assert table.execute(COUNT) == [(0,)]
