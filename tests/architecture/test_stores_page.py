"""docs/stores.md: behind each promise, and each fault that is not noticed, stands the test that shows it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "stores.md").read_text()
HEADINGS = re.compile(r"^(#+ .*|\*\*(?:Promised|Not noticed|Back up and restore)\*\*.*)$", re.MULTILINE)
REFERENCE = re.compile(r"<!-- (.*?) -->", re.DOTALL)


def items() -> list[str]:
    """Return the items of the lists under Promised, Not noticed, and Back up and restore."""
    parts = HEADINGS.split(PAGE)
    lists = [text for heading, text in zip(parts[1::2], parts[2::2], strict=True) if heading.startswith("**")]
    return [
        item for text in lists for item in re.split(r"^- ", text.split("\n\n", 2)[1], flags=re.MULTILINE)[1:]
    ]


ITEMS = items()


def test_there_are_lists_for_each_store() -> None:
    assert len(ITEMS) >= 70
    assert PAGE.count("**Promised**") >= 12
    assert PAGE.count("**Not noticed**") >= 10
    assert PAGE.count("**Back up and restore**") >= 6


@pytest.mark.parametrize("item", ITEMS, ids=[re.sub(r"\W+", "-", item[:50]) for item in ITEMS])
def test_behind_each_statement_stands_its_test(item: str) -> None:
    found = REFERENCE.findall(item)
    assert len(found) == 1, "expected one comment with the tests, or with why there is none"
    if found[0].startswith("untested: "):
        return
    for reference in found[0].split():
        path, _, name = reference.partition("::")
        tree = ast.parse((ROOT / path).read_text())
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in names, f"{path} has no test {name}"


def test_few_statements_have_no_test() -> None:
    assert sum("<!-- untested: " in item for item in ITEMS) <= 17
