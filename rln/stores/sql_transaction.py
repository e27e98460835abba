"""SqlTransaction: what the SQL of a registry asks of a database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from rln.stores.sql_rows import Row


class SqlTransaction(Protocol):
    """One transaction of a database."""

    duplicate_error: type[Exception]
    """The error of the database for a row that breaks uniqueness."""

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Return all rows."""

    def run(self, statement: str, *values: object) -> int:
        """Run a statement and return the number of rows that it changed."""

    def run_many(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement for each row."""
