"""Words that the text of the project does not use; CONTRIBUTING.md says why."""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, project_files

READ = {".md", ".py", ".pyi", ".c", ".h", ".inc", ".toml", ".svg"}
PAGES = [path for path in project_files() if path.suffix in READ and path.name != Path(__file__).name]
# A member is "the member" or "they". An error says what it got, or why it does not say so.
UNWANTED = re.compile(r"\b(he|his|him|she|her|dear|dearer|got another)\b", re.IGNORECASE)


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_no_unwanted_word(path: Path) -> None:
    lines = (ROOT / path).read_text().splitlines()
    found = [f"{number}: {line.strip()}" for number, line in enumerate(lines, 1) if UNWANTED.search(line)]
    assert found == []
