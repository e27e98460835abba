"""Rows: a table on a terminal, lines with tabs elsewhere, and never a value that is cut off."""

import sys

from rich.console import Console
from rich.table import Table

from rln.cli.table import rows, together

LINES = [(1, "0x" + "ab" * 32), (2, None)]


def test_elsewhere_than_on_a_terminal():
    assert rows("two", ("index", "value"), LINES) == f"index\tvalue\n1\t0x{'ab' * 32}\n2\t\ntwo"
    assert rows("none", ("index", "value"), []) == "none"


def test_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    table = rows("two", ("index", "value"), LINES)
    assert isinstance(table, Table)
    console = Console(width=40)
    with console.capture() as captured:
        console.print(table)
    assert captured.get().count("ab") == 32
    assert rows("none", ("index", "value"), []) == "none"


def test_tables_below_each_other(monkeypatch):
    assert together(rows("one", ("a",), []), rows("two", ("a",), [(5,)])) == "one\na\n5\ntwo"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    console = Console(width=40)
    with console.capture() as captured:
        console.print(together(rows("two", ("index", "value"), LINES), rows("none", ("a",), [])))
    assert captured.get().count("ab") == 32
    assert captured.get().rstrip().endswith("none")
