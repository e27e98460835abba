"""`rln gateway`: explains a configuration, and refuses what cannot be served."""

import socket
from pathlib import Path

import pytest

from tests.support.http_world import HttpWorld
from tests.support.price_routes import FLAT
from tests.unit.cli.terminal import run, run_json


@pytest.fixture
def config(tmp_path: Path):
    world = HttpWorld(tmp_path, members=1, routes=(FLAT,))
    (tmp_path / "key.txt").write_text("Bearer secret-word")
    path = tmp_path / "rln.toml"
    path.write_text(
        f'{path.read_text()}upstream_authorization = "key.txt"\n[gateway]\nupstream = "http://127.0.0.1:9"\n'
    )
    yield path
    world.close()


def test_check_explains_the_configuration_and_exits(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_json("gateway", "--config", config, "--check")
    assert found["routes"] == ["GET /v1/models: flat, 1 units or more"] and found["free paths"] == []
    text = run("gateway", "--config", config, "--check")
    assert (
        "routes                  GET /v1/models: flat, 1 units or more\n"
        "free paths              none\n"
        "upstream                http://127.0.0.1:9\n" in text
    )
    assert "secret-word" not in text
    monkeypatch.setenv("RLN_CONFIG", str(config))
    assert run_json("gateway", "--check") == found


def test_a_wrong_file_is_named(config: Path) -> None:
    config.write_text(config.read_text().replace("http://127.0.0.1:9", "http://127.0.0.1:9/v1"))
    found = run_json("gateway", "--config", config, "--check", status=2)
    assert f"{config}: upstream: expected an origin" in found["message"]


def test_a_port_that_is_taken_is_an_error_and_not_a_quiet_end(config: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = run_json("gateway", "--config", config, "--port", taken.getsockname()[1], status=3)
    assert "gateway: cannot listen" in found["message"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::"])
@pytest.mark.parametrize("check", [(), ("--check",)])
def test_a_gateway_before_itself_is_refused(config: Path, host: str, check: tuple[str, ...]) -> None:
    found = run_json("gateway", "--config", config, "--host", host, "--port", 9, *check, status=2)
    assert "upstream: expected another server, got http://127.0.0.1:9" in found["message"]
