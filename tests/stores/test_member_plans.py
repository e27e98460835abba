"""No SQL statement of a registry reads all members, according to SQLite's query plans."""

from __future__ import annotations

import sqlite3

import pytest

from rln.stores import sql_events, sql_registry
from rln.stores.sql_tables import definitions

QUESTIONS = {
    name: text
    for name, text in (vars(sql_registry) | vars(sql_events)).items()
    if isinstance(text, str) and text.startswith(("SELECT", "UPDATE")) and name != "_SLASHED"
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_walks_all_members_events_or_slashings(name: str) -> None:
    connection = sqlite3.connect(":memory:")
    for definition in definitions("INTEGER", "BLOB"):
        connection.execute(definition)
    text = QUESTIONS[name]
    plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", [0] * text.count("?")).fetchall()
    walks = [row[3] for row in plan if row[3].startswith("SCAN")]
    # The newest step is the last row of its index; the registry has one row.
    assert walks in ([], ["SCAN rln_step"], ["SCAN rln_registry"])
    assert (walks == ["SCAN rln_step"]) == (name == "_HEAD")
    connection.close()


def test_there_are_questions() -> None:
    assert len(QUESTIONS) >= 13
