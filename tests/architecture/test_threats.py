"""Each row of docs/threats.md has its tests in tests/threats and links the code that guards it."""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

PAGE = ROOT / "docs" / "threats.md"
SPECIFICATION = ROOT / "docs" / "zerokit-spec.md"
TESTS = ROOT / "tests"
CODE = (ROOT / "rln", ROOT / "native")

ROW = re.compile(r"^\| ([A-HP]\d+) \|.*$", re.MULTILINE)
SECTION = re.compile(r"^#+ (\d+(?:\.\d+)?)[. ]", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s#]+)")

LINES = {found[1]: found[0] for found in ROW.finditer(PAGE.read_text())}


def linked(row: str) -> list[Path]:
    """Return the linked files of a row that exist."""
    paths = [(PAGE.parent / link).resolve() for link in LINK.findall(LINES[row])]
    return [path for path in paths if path.is_file()]


def attacks(row: str, path: Path) -> bool:
    """Return whether a test file has a test of the row."""
    return re.search(rf"^(async )?def test_{row.lower()}_", path.read_text(), re.MULTILINE) is not None


def test_every_row_has_its_tests_and_every_test_its_row() -> None:
    names = "\n".join(path.read_text() for path in (TESTS / "threats").glob("test_*.py"))
    tested = {row.upper() for row in re.findall(r"^(?:async )?def test_([a-hp]\d+)_", names, re.MULTILINE)}
    assert set(LINES) == tested
    assert len(LINES) > 20


@pytest.mark.parametrize("row", LINES)
def test_a_row_links_its_tests(row: str) -> None:
    tests = [path for path in linked(row) if TESTS in path.parents and path.name.startswith("test_")]
    assert tests, "a row links at least one test file"
    for path in tests:
        assert attacks(row, path), f"{path.name} holds no test_{row.lower()}_"
    holding = {path for path in (TESTS / "threats").glob("test_*.py") if attacks(row, path)}
    assert holding <= set(tests), "a row links every file of tests/threats that tests it"


@pytest.mark.parametrize("row", LINES)
def test_a_row_links_the_code_that_guards_it(row: str) -> None:
    assert [path for path in linked(row) if any(folder in path.parents for folder in CODE)]


def test_every_citation_names_an_existing_row_or_section() -> None:
    sections = set(SECTION.findall(SPECIFICATION.read_text()))
    rows = set(LINES) | set(SECTION.findall(PAGE.read_text()))
    lost = []
    for folder in ("rln", "native", "vectors"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in {".py", ".c", ".h", ".inc", ".md"}:
                continue
            text = path.read_text()
            for found in re.findall(r"zerokit-spec (\d+(?:\.\d+)?)", text):
                lost += [f"{path.name}: zerokit-spec {found}"] if found not in sections else []
            for found in re.findall(r"[Tt]hreats ([A-HP]\d+|\d+\.\d+)", text):
                lost += [f"{path.name}: threats {found}"] if found not in rows else []
    assert lost == []
