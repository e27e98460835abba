"""A build on a machine without a C compiler, or without Python's headers, says what to install."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a build reads."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "native", tmp_path / "native", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "rln" / "base").mkdir(parents=True)
    shutil.copy2(ROOT / "rln" / "base" / "version.py", tmp_path / "rln" / "base" / "version.py")
    return tmp_path


def failed_build(clone: Path, path: str, **environment: str) -> str:
    """Return the messages of a build that must fail, with PATH and more variables."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"CC", "CFLAGS", "CPATH"}}
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext"],
        cwd=clone, env={**inherited, "PATH": path, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def programs(folder: Path, *names: str) -> str:
    """Make a directory with these programs of the machine alone; return it as a PATH."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def assert_ends_with(messages: str, fault: str, debian: str, fedora: str, alpine: str) -> None:
    """Check the last six lines: what is missing, what to install on four systems, and what else may help."""
    first, *systems, _ = messages.splitlines()[-6:]
    assert re.fullmatch(f"rln: {fault}. Install it, then repeat the command:", first)
    assert [" ".join(line.split()) for line in systems] == [
        f"Debian, Ubuntu apt install {debian}",
        f"Fedora dnf install {fedora}",
        f"Alpine apk add {alpine}",
        "macOS xcode-select --install",
    ]


NO_COMPILER = "the build needs a C compiler, and [^ ]+ is missing or finds no C library"
COMPILERS = ("gcc libc6-dev", "gcc glibc-devel", "gcc musl-dev")


def test_a_build_without_a_compiler_names_its_package(clone, tmp_path):
    said = failed_build(clone, programs(tmp_path / "bin", "env"))
    assert_ends_with(said, NO_COMPILER, *COMPILERS)


def test_a_build_whose_compiler_finds_no_c_library_names_its_package(clone):
    """Debian's gcc only recommends libc6-dev: with --no-install-recommends it is not there."""
    said = failed_build(clone, os.environ["PATH"], CC=f"{os.environ.get('CC', 'cc')} -nostdinc")
    assert_ends_with(said, NO_COMPILER, *COMPILERS)


def test_a_build_without_python_h_names_its_package(clone):
    hiding = clone / "hiding"
    hiding.mkdir()
    (hiding / "Python.h").write_text('#error "as if there were none"\n')
    said = failed_build(clone, os.environ["PATH"], CFLAGS=f"-I{hiding}")
    fault = "the build needs the headers of this Python, and /.*/Python.h is missing or unusable"
    assert_ends_with(said, fault, "python3-dev", "python3-devel", "python3-dev")


def test_a_machine_that_lacks_nothing_compiles_the_core(clone):
    engines = (clone / "native" / "src" / "engine").glob("engine_*.c")
    for engine in engines:
        engine.write_text('#error "the build came this far"\n')
    said = failed_build(clone, os.environ["PATH"])
    assert "the build came this far" in said
    assert "Install it" not in said
