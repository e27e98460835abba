"""A package that is missing: the error names it, and what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rln.base.extras import missing, require
from rln.errors import ParameterError
from tests.support.registrar_server import RegistrarWorld

ROOT = Path(__file__).resolve().parents[3]


def run_without(packages: list[str], code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process that cannot import some packages."""
    absent = f"import sys; sys.modules.update(dict.fromkeys({packages!r}))\n"
    return subprocess.run([sys.executable, "-c", absent + code], cwd=ROOT, capture_output=True, text=True)


def test_a_package_that_is_there_is_imported() -> None:
    require("json", "none")


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(ParameterError, match=r"no_such_package: .* run: pip install 'rln\[sync\]'"):
        require("no_such_package", "sync")


def test_a_package_without_an_extra_is_named_itself() -> None:
    error = missing("httpx2", None, ImportError("why"))
    assert str(error) == "httpx2: expected this package to be installed (why); run: pip install httpx2"


@pytest.mark.parametrize(
    ("absent", "code", "advice"),
    [
        (["httpx2"], "import rln.integrations.httpx2", "httpx2"),
        (["httpx2", "anyio"], "import rln.integrations.httpx2", "httpx2"),
        (["httpx"], "import rln.integrations.httpx", "httpx"),
        (["httpx", "anyio"], "import rln.integrations.httpx", "httpx"),
        (["requests"], "import rln.integrations.requests", "requests"),
        (["requests", "urllib3"], "import rln.integrations.requests", "requests"),
        (["aiohttp"], "import rln.integrations.aiohttp", "aiohttp"),
        (["fastapi"], "import rln.integrations.fastapi", "'rln[registrar]'"),
        (["fastapi"], "import rln.services.registrar_app", "'rln[registrar]'"),
        (
            ["cryptography"],
            "from rln.integrations.asgi import RlnMiddleware; RlnMiddleware(print, 'rln.toml')",
            "'rln[http]'",
        ),
        (
            ["cryptography"],
            "from rln.sync.signing import RegistrarKey; RegistrarKey.load('registrar.pem')",
            "'rln[sync]'",
        ),
    ],
)
def test_the_first_use_without_a_package_says_what_to_install(
    absent: list[str], code: str, advice: str
) -> None:
    last = run_without(absent, code).stderr.splitlines()[-1]
    assert last.startswith(f"rln.errors.ParameterError: {absent[0]}: expected this package to be installed (")
    assert last.endswith(f"; run: pip install {advice}")


@pytest.mark.parametrize("package", ["cryptography", "fastapi", "uvicorn"])
def test_the_registrar_without_a_package_says_what_to_install(tmp_path: Path, package: str) -> None:
    world = RegistrarWorld(tmp_path)
    world.close()
    code = (
        f"import rln.cli; sys.argv = ['rln', 'registrar', '--config', {str(world.config)!r}]; rln.cli.main()"
    )
    done = run_without([package], code)
    assert done.returncode == 2, done.stderr
    assert f"{package}: expected this package to be installed (" in done.stderr
    assert "run: pip install 'rln[registrar]'" in " ".join(done.stderr.split())
