"""docs/threats.md and tests/threats name the same rows."""

import re

from tests.architecture.tree import ROOT


def test_every_row_has_its_tests_and_every_test_its_row():
    page = (ROOT / "docs" / "threats.md").read_text()
    rows = set(re.findall(r"^\| ([A-F]\d+) \|", page, re.M))
    names = "\n".join(path.read_text() for path in (ROOT / "tests" / "threats").glob("test_*.py"))
    tested = {row.upper() for row in re.findall(r"^def test_([a-f]\d+)_", names, re.M)}
    assert rows == tested
    assert len(rows) > 20


def test_every_citation_leads_somewhere():
    page = (ROOT / "docs" / "threats.md").read_text()
    specification = (ROOT / "docs" / "zerokit-spec.md").read_text()
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?)[. ]", specification, re.M))
    rows = set(re.findall(r"^\| ([A-F]\d+) \|", page, re.M)) | set(
        re.findall(r"^#+ (\d+(?:\.\d+)?)[. ]", page, re.M)
    )
    lost = []
    for folder in ("rln", "native", "vectors"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in {".py", ".c", ".h", ".md"}:
                continue
            text = path.read_text()
            for found in re.findall(r"zerokit-spec (\d+(?:\.\d+)?)", text):
                lost += [f"{path.name}: zerokit-spec {found}"] if found not in sections else []
            for found in re.findall(r"[Tt]hreats ([A-F]\d+|\d+\.\d+)", text):
                lost += [f"{path.name}: threats {found}"] if found not in rows else []
    assert lost == []
