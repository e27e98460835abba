"""Rows for people: a table on a terminal, lines with tabs elsewhere, where nothing may be cut off."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table


def format_table(
    title: str, headers: Sequence[str], lines: Iterable[Sequence[object]]
) -> str | RenderableType:
    """Return what a report may have as its text.

    Args:
        title: of the table; elsewhere the last line.
        headers: of the columns.
        lines: as many values each; None is left empty.
    """
    texts = [["" if value is None else str(value) for value in line] for line in lines]
    if not sys.stdout.isatty():
        return "\n".join(["\t".join(line) for line in (headers, *texts)] if texts else []) + (
            f"\n{title}" if texts else title
        )
    table = Table(title=title)
    for header in headers:
        table.add_column(header, overflow="fold")
    for line in texts:
        table.add_row(*line)
    return table if texts else title


def stack(*parts: str | RenderableType) -> str | RenderableType:
    """Put several of them below each other."""
    lines = [part for part in parts if isinstance(part, str)]
    return "\n".join(lines) if len(lines) == len(parts) else Group(*parts)
