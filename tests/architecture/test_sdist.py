"""The source distribution contains the whole project, and the wheel what a user needs."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, project_files

LEFT_OUT = {".gitignore"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without build products."""
    target = tmp_path_factory.mktemp("clone") / "rln"
    for path in project_files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path)
    return target


@pytest.fixture(scope="module")
def built(clone: Path) -> str:
    """What the build of the source distribution printed."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--no-isolation", str(clone)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def sdist(clone: Path, built: str) -> Path:
    [found] = (clone / "dist").glob("rln-*.tar.gz")
    return found


def test_nothing_that_the_manifest_includes_is_missing(built: str) -> None:
    """In a clone without build products, only the lines that exclude them find nothing."""
    warnings = [line for line in built.splitlines() if line.startswith("warning: ")]
    assert [line for line in warnings if "previously-included" not in line] == []


@pytest.mark.parametrize("line", (ROOT / "MANIFEST.in").read_text().splitlines())
def test_a_line_of_the_manifest_names_what_the_project_has(line: str) -> None:
    """A line that excludes names only build products."""
    action, *patterns = line.split()
    files = [path.as_posix() for path in project_files()]
    found = {
        pattern: [name for name in files if fnmatch(name, pattern) or name.startswith(f"{pattern}/")]
        for pattern in patterns
    }
    if action in {"include", "graft"}:
        assert all(found.values()), found
    else:
        assert action in {"global-exclude", "prune"}
        assert not any(found.values()), found


def test_the_sdist_holds_the_whole_project(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        held = {Path(*Path(m.name).parts[1:]) for m in archive.getmembers() if m.isfile()}
    expected = {path for path in project_files() if path.name not in LEFT_OUT}
    assert expected - held == set()
    made = {p for p in held - expected if "rln.egg-info" not in p.parts}
    assert made <= {Path("PKG-INFO"), Path("setup.cfg")}


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet",
         "--wheel-dir", str(folder), str(sdist)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    [found] = folder.glob("*.whl")
    return found


@pytest.mark.slow
def test_the_wheel_of_the_sdist_works_for_all_python_versions(wheel: Path, tmp_path: Path) -> None:
    assert wheel.name.startswith("rln-0.1.0-cp311-abi3-")
    assert wheel.stat().st_size < 3 << 20  # debug information would make it ten times as large
    assert b".debug_info" not in zipfile.ZipFile(wheel).read("rln/_native.abi3.so")
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {str(p) for p in project_files() if p.parts[0] == "rln"}
    assert package - held == set()
    assert "rln/_native.abi3.so" in held
    assert not [name for name in held if name.split("/")[0] not in {"rln", "rln-0.1.0.dist-info"}]

    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target"]
    subprocess.run([*install, str(site), str(wheel)], check=True)
    for command in (
        ["-c", f"import rln; assert rln.__file__.startswith({str(site)!r})"],
        ["-m", "rln", "doctor"],
    ):
        run = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("pretend", "words"),
    [
        ("sys.platform = 'win32'", "Windows is not supported yet"),
        ("sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1", "free-threaded Python is not supported yet"),
    ],
)
def test_the_build_refuses_in_one_line(pretend: str, words: str) -> None:
    code = f"import runpy, sys, sysconfig, setuptools; sysconfig.get_config_vars(); {pretend}; "
    done = subprocess.run(
        [sys.executable, "-c", code + "runpy.run_path('setup.py')"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"rln: {words}; use CPython 3.11")
    assert done.stderr.count("\n") == 1


HTTP_PACKAGES = {"fastapi", "starlette", "pydantic", "uvicorn", "httpx", "httpx2", "anyio", "openai"}
HTTP_PACKAGES |= {"aiohttp", "requests", "urllib3"}


@pytest.mark.parametrize(
    "module",
    ["rln.integrations.asgi", "rln.integrations.admission", "rln.client.member", "rln.services.registrar"],
)
def test_a_part_for_http_imports_no_framework(module: str) -> None:
    """Whoever uses the middleware without FastAPI, or the client with another library, needs none of them."""
    code = f"import sys, {module}; print(sorted({HTTP_PACKAGES} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_importing_the_library_is_light() -> None:
    """It imports no extras and no packages of the tests; the command names the package that it needs."""
    heavy = {"typer", "rich", "numpy", "galois", "sympy", "py_ecc", "cffi.api", "pycparser", "asyncio"}
    heavy |= {"cryptography", *HTTP_PACKAGES}
    code = f"import sys, rln; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    code = "import sys; sys.modules['typer'] = None; import rln.cli; rln.cli.main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("rln: typer: expected this package to be installed (")
    assert done.stderr.endswith("; run: pip install 'rln[cli]'\n")
