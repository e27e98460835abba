"""The registrar keeps what its OpenAPI document says, whatever schemathesis sends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.support.effort import effort
from tests.support.registrar_server import RegistrarServer, RegistrarWorld, api_key


@pytest.fixture
def schemathesis() -> str:
    """The command."""
    found = shutil.which("schemathesis", path=str(Path(sys.executable).parent)) or shutil.which(
        "schemathesis"
    )
    if found is None:
        lacking("schemathesis", "schemathesis is not installed")
    return str(found)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RegistrarServer]:
    world = RegistrarWorld(tmp_path, members=3)
    server = RegistrarServer(world)
    yield server
    server.close()
    world.close()


def test_schemathesis_finds_nothing(schemathesis: str, server: RegistrarServer) -> None:
    document = server.client.get("/rln/registration/openapi.json").json()
    assert document["openapi"].startswith("3.1.") and len(document["paths"]) == 6
    ended = subprocess.run(
        [
            schemathesis,
            "run",
            f"{server.world.url}/rln/registration/openapi.json",
            "--header",
            f"Authorization: Bearer {api_key('account-0')}",
            "--checks=all",
            f"--max-examples={effort(25, 1000)}",
            "--no-color",
        ],
        cwd=server.world.directory,
        capture_output=True,
        text=True,
        env={"NO_PROXY": "*", "HOME": str(server.world.directory), "PATH": "/usr/bin:/bin"},
    )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert "Tested: 7" in ended.stdout and "Unresolvable" not in ended.stdout
    assert "rln.registrar" not in server.log.read_text(), "no request has failed inside"
