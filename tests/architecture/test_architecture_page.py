"""docs/architecture.md: its picture shows the imports, and its table has a line for every folder."""

import re
import subprocess
import sys
from pathlib import Path

from docs import architecture
from tests.architecture.floors import FLOORS, PACKAGE, ROOT

SCRIPT = ROOT / "docs" / "architecture.py"
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)
    return done.returncode, done.stderr


def test_the_picture_is_current() -> None:
    assert run("--check") == (0, "")
    assert run("--help")[0] == 2


def test_a_stale_picture_is_noticed(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(architecture, "PICTURE", tmp_path / "architecture.svg")
    assert architecture.main(["--check"]) == 1
    assert "run python docs/architecture.py" in capsys.readouterr().err
    assert architecture.main([]) == 0
    assert architecture.main(["--check"]) == 0
    monkeypatch.setattr(architecture, "rooms", lambda: {"cli": {"errors"}, "errors": set()})
    assert architecture.main(["--check"]) == 1


def test_every_room_has_one_line_and_the_order_of_the_floors() -> None:
    listed = [name.removesuffix(".py") for name in re.findall(r"^\| \[rln/([\w.]+)\]", PAGE, re.M)]
    there = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert listed == [name for name in FLOORS if name in there - {"__main__"}]


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    uses = {"cli": {"base", "errors"}, "base": {"errors"}, "errors": set()}
    assert architecture.arrows(uses) == [("cli", "base"), ("base", "errors")]
    assert [architecture.height(name, uses) for name in ("cli", "base", "errors")] == [2, 1, 0]
