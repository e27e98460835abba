"""Tables: drawn on a terminal, lines with tabs elsewhere, and no value is ever cut off."""

import sys

from rich.console import Console, Group
from rich.table import Table

from rln.cli.table import format_paragraph, format_table, stack

LINES = [(1, "0x" + "ab" * 32), (2, None)]


def test_without_a_terminal():
    assert format_table("two", ("index", "value"), LINES) == f"index\tvalue\n1\t0x{'ab' * 32}\n2\t\ntwo"
    assert format_table("none", ("index", "value"), []) == "none"


def test_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    summary = "two rows, and this line is wider than both columns"
    drawn = format_table(summary, ("n", "value"), LINES[1:])
    assert isinstance(drawn, Group)
    assert isinstance(drawn.renderables[0], Table)
    console = Console(width=60)
    with console.capture() as captured:
        console.print(drawn)
    assert captured.get().splitlines()[-1] == summary
    console = Console(width=40)
    with console.capture() as captured:
        console.print(format_table("two", ("index", "value"), LINES))
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


def test_paragraphs_are_wrapped_on_a_terminal_only(monkeypatch):
    text = "several words that are wider than the terminal, and " + "f" * 64
    assert format_paragraph(text, "passed  ") == f"passed  {text}"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    lines = format_paragraph(text, "passed  ").splitlines()
    assert lines[0] == "passed  several words that are wider"
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert lines[-1].strip() == "f" * 64  # a digest is never cut
