"""Rows: a table on a terminal, lines with tabs elsewhere, and never a value that is cut off."""

import sys

from rich.console import Console
from rich.table import Table

from rln.cli.table import format_table, stack

LINES = [(1, "0x" + "ab" * 32), (2, None)]


def test_elsewhere_than_on_a_terminal():
    assert format_table("two", ("index", "value"), LINES) == f"index\tvalue\n1\t0x{'ab' * 32}\n2\t\ntwo"
    assert format_table("none", ("index", "value"), []) == "none"


def test_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    table = format_table("two", ("index", "value"), LINES)
    assert isinstance(table, Table)
    console = Console(width=40)
    with console.capture() as captured:
        console.print(table)
    assert captured.get().count("ab") == 32
    assert format_table("none", ("index", "value"), []) == "none"


def test_tables_below_each_other(monkeypatch):
    assert stack(format_table("one", ("a",), []), format_table("two", ("a",), [(5,)])) == "one\na\n5\ntwo"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    console = Console(width=40)
    with console.capture() as captured:
        console.print(stack(format_table("two", ("index", "value"), LINES), format_table("none", ("a",), [])))
    assert captured.get().count("ab") == 32
    assert captured.get().rstrip().endswith("none")
