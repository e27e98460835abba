"""The documentation: its code blocks run, its links have targets, and the reference is current."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import project_files

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference.md"
GENERATOR = ROOT / "docs" / "reference.py"
PAGES = [ROOT / path for path in project_files() if path.suffix == ".md"]
NOT_RUN = "<!-- not run"
LINK = re.compile(r"\]\(([^)\s]+)\)")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: what stands behind the opening fence.
        line: number of its first line in the page.
        code: its text.
        run: whether no comment `<!-- not run ... -->` stands right before it.
    """

    language: str
    line: int
    code: str
    run: bool


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    language, start, before = None, 0, ""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        fence = line.startswith("```")
        if fence and language is None:
            language, start = line[3:].strip(), number + 1
        elif fence:
            assert line == "```", f"line {number + 1}: expected a closing fence"
            code = "\n".join(lines[start:number])
            found.append(Block(str(language), start + 1, code, not before.startswith(NOT_RUN)))
            language, before = None, ""
        elif language is None and line.strip():
            before = line.strip()
    assert language is None, f"line {start}: a fence that is not closed"
    return found


def prose(text: str) -> str:
    for block in blocks(text):
        text = text.replace(block.code, "")
    return text


def test_blocks_are_found_with_their_places() -> None:
    text = "a\n```python\nx = 1\n\ny = 2\n```\n<!-- not run: a sketch -->\n\n```sh\nls\n```\n```python\n```\n"
    assert blocks(text) == [
        Block("python", 3, "x = 1\n\ny = 2", True),
        Block("sh", 10, "ls", False),
        Block("python", 13, "", True),
    ]
    for wrong in ("```python\nx = 1\n", "```python\n```python\n```\n"):
        with pytest.raises(AssertionError, match="fence"):
            blocks(wrong)


def programs(page: Path) -> list[list[Block]]:
    """The blocks of a page that run, by the namespace that they share: in README.md each has its own."""
    code = [block for block in blocks(page.read_text()) if block.language == "python" and block.run]
    return [[block] for block in code] if page == ROOT / "README.md" else [code]


PROGRAMS = [
    pytest.param(page, program, id=page.name if index == 0 else f"{page.name}-{program[0].line}")
    for page in PAGES
    for index, program in enumerate(programs(page))
]


@pytest.mark.parametrize(("page", "program"), PROGRAMS)
def test_the_code_of_a_page_runs(
    page: Path, program: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each program in an empty namespace and an empty directory, as a reader would type it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    names: dict[str, Any] = {"__name__": "page"}
    for block in program:
        source = "\n" * (block.line - 1) + block.code  # so that a traceback names the page's line
        exec(compile(source, str(page), "exec"), names)


def test_every_block_of_the_readme_runs_alone() -> None:
    assert len(programs(ROOT / "README.md")) >= 3
    assert all(len(program) == 1 for program in programs(ROOT / "README.md"))


@every_page
def test_every_block_names_its_language(page: Path) -> None:
    assert {block.language for block in blocks(page.read_text())} <= {
        "js",
        "json",
        "python",
        "sh",
        "text",
        "toml",
    }


@every_page
def test_links_lead_to_files(page: Path) -> None:
    text = prose(page.read_text())
    local = [link.partition("#")[0] for link in LINK.findall(text) if "://" not in link]
    missing = [link for link in local if link and not (page.parent / link).exists()]
    assert missing == []


# ---- the reference ---------------------------------------------------------------------------------


def reference(script: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True)
    return done.returncode, done.stderr


def test_the_reference_is_current() -> None:
    assert reference(GENERATOR, "--check") == (0, "")


def test_a_stale_reference_is_noticed(tmp_path: Path) -> None:
    script = tmp_path / "docs" / "reference.py"
    script.parent.mkdir()
    script.write_text(GENERATOR.read_text())
    (tmp_path / "rln").symlink_to(ROOT / "rln")
    page = script.with_suffix(".md")
    stale = (1, "reference.md: not what the docstrings say; run python docs/reference.py\n")
    assert reference(script, "--check") == stale
    assert reference(script) == (0, "")
    assert page.read_text() == REFERENCE.read_text()
    page.write_text(page.read_text().replace("Prove", "Disprove", 1))
    assert reference(script, "--check") == stale
    assert reference(script, "--help")[0] == 2


def test_the_reference_names_everything_public() -> None:
    import rln

    text = REFERENCE.read_text()
    missing = [name for name in rln.__all__ if f"`rln.{name}`" not in text and name != "circuit"]
    missing += [name for name in rln.circuit.__all__ if f"`rln.circuit.{name}`" not in text]
    assert missing == []
