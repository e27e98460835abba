"""The generated headers in the tree are what native/gen writes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATORS = sorted((ROOT / "native" / "gen").glob("*.py"))


def test_generated_headers_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "native" / "gen"), "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_every_constants_header_has_a_generator() -> None:
    headers = sorted((ROOT / "native" / "src").rglob("*_constants.h"))
    assert len(headers) > 5
    for header in headers:
        assert "Written by native/gen" in header.read_text()[:1000], header.name


@pytest.mark.parametrize("path", GENERATORS, ids=lambda p: p.stem)
def test_generators_need_the_standard_library_alone(path: Path) -> None:
    allowed = sys.stdlib_module_names | {p.stem for p in GENERATORS}
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert {n.split(".")[0] for n in names} <= allowed
