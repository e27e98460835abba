"""docs/first-day.md: from an empty directory to a slashed member, with the command `rln` alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.test_docs import Block, blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-day.md"
DAY = 86400
SPARE = 180
"""Seconds that the page may take; both messages of the violation must be of one day."""
SKEW = 25
"""Seconds after midnight in which the day before is acceptable too; the page shows one epoch."""


@dataclass(frozen=True)
class Step:
    """A block of commands, and the block behind it that says what they print, if there is one."""

    commands: Block
    printed: str | None


def steps(text: str) -> list[Step]:
    found = blocks(text)
    following = [*found[1:], None]
    return [
        Step(block, after.code if after is not None and after.language == "text" else None)
        for block, after in zip(found, following, strict=True)
        if block.language == "sh" and block.run
    ]


def matches(printed: str, expected: str) -> bool:
    """Compare an output with a block of the page: … is any text in a line, or any lines if it is alone."""
    pattern = ""
    for line in expected.splitlines():
        pattern += r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + "\n"
    return re.fullmatch(pattern, printed) is not None


def test_an_output_is_compared_whole() -> None:
    assert matches("a\nb 1\n", "a\nb …") and matches("x\ny\nb\n", "…\nb") and matches("b\n", "…\nb")
    for printed in ("a\n", "a\nb\nc\n", "c\na\nb\n", "a\n\nb\n"):
        assert not matches(printed, "a\nb")


def install_command(folder: Path) -> None:
    """Write the program that an installation makes of the entry point in pyproject.toml."""
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["rln"]
    module, name = entry.split(":")
    program = folder / "rln"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom {module} import {name}\nsys.exit({name}())\n", encoding="utf-8"
    )
    program.chmod(0o755)


@pytest.mark.slow
def test_the_first_day_of_a_provider_with_commands_alone(tmp_path: Path) -> None:
    """A newcomer did not find the pieces, and no command proved a message or judged one."""
    passed = time.time() % DAY
    if passed > DAY - SPARE or passed < SKEW:
        time.sleep(SKEW + (DAY - passed if passed > SKEW else -passed))
    programs, place, home = (tmp_path / name for name in ("bin", "day", "home"))
    for folder in (programs, place, home):
        folder.mkdir()
    install_command(programs)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "RLN_CACHE_DIR": "",
        "COLUMNS": "200",
    }
    found = steps(PAGE.read_text())
    assert len(found) >= 15
    for step in found:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step.commands.code],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        said = f"{PAGE.name}:{step.commands.line}: status {done.returncode}\n{done.stdout}"
        assert done.returncode == 0, said
        assert "Traceback" not in done.stdout, said
        if step.printed is not None:
            assert matches(done.stdout, step.printed), f"{said}\nthe page says:\n{step.printed}"
    assert not list(home.iterdir()), "a command wrote outside of the directory"
    own = place / "provider"
    secrets = [*place.glob("*/identity.json"), own / "evidence.json", own / "registrar.pem"]
    assert len(secrets) == 4
    assert {file.stat().st_mode & 0o777 for file in secrets} == {0o600}
