"""Tables: drawn on a terminal, and elsewhere as lines with tabs. No value is ever cut off."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from rln.cli.report import is_terminal


def format_table(
    summary: str, headers: Sequence[str], rows: Iterable[Sequence[object]]
) -> str | RenderableType:
    """Return a table in the form that a report's text may have.

    Args:
        summary: printed below the table; printed alone if there are no rows.
        headers: headers of the columns.
        rows: as many values each as there are headers; None is an empty cell.
    """
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if not texts:
        return summary
    if not is_terminal(sys.stdout):
        return "\n".join(["\t".join(line) for line in (headers, *texts)] + [summary])
    table = Table(*(Column(header, overflow="fold") for header in headers))
    for text in texts:
        table.add_row(*text)
    return Group(table, Text(summary))


def stack(*parts: str | RenderableType) -> str | RenderableType:
    """Put several tables below each other."""
    lines = [part for part in parts if isinstance(part, str)]
    return "\n".join(lines) if len(lines) == len(parts) else Group(*parts)


def format_facts(facts: Mapping[str, object]) -> str:
    """Return one line for each fact, its name and its value; `-` stands for None."""
    width = max(map(len, facts))
    return "\n".join(f"{name:{width}}  {'-' if value is None else value}" for name, value in facts.items())


def format_paragraph(text: str, label: str = "", *, stream: TextIO | None = None) -> str:
    """Return a label with a text behind it: on a terminal in lines that fit it, elsewhere in one line.

    Args:
        text: one paragraph.
        label: stands before the first line; the later lines are indented by its width.
        stream: where it will be printed; None: standard output.
    """
    if not is_terminal(sys.stdout if stream is None else stream):
        return label + text
    columns = max(shutil.get_terminal_size().columns, len(label) + 20)
    indented = textwrap.TextWrapper(
        columns,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        expand_tabs=False,  # a path is shown as it is
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return indented.fill(text)
