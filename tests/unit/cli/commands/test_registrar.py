"""`rln registrar`: explains a configuration, refuses a second registrar, and ends cleanly."""

import json
import socket
from pathlib import Path

import pytest

from rln.services.accounts import AccountStore
from rln.services.replacement import ReplacementRules
from tests.support.registrar_server import RegistrarServer, RegistrarWorld
from tests.unit.cli.terminal import run, run_json


@pytest.fixture
def world(tmp_path: Path):
    world = RegistrarWorld(
        tmp_path, table='interval = 5\nwebhooks = ["https://a.example/hidden-path"]\n', members=2
    )
    yield world
    world.close()


def test_check_explains_the_configuration_and_exits(world: RegistrarWorld) -> None:
    found = run_json("registrar", "--config", world.config, "--check")
    assert found == {
        "application": "api.localhost",
        "policy version": 1,
        "tiers": "basic (2), pro (100)",
        "registration": f"{world.url}/rln/registration",
        "bulletins": f"{world.url}/rln/bulletins/",
        "published step": 0,
        "admission": "every 5 seconds, or 8 at once",
        "replacements": "3 in 30 days, 0 after a slashing",
        "webhooks": 1,
    }
    text = run("registrar", "--config", world.config, "--check")
    assert "hidden-path" not in text and "account-0" not in text and "admission       every 5 seconds" in text


def test_the_file_may_be_named_by_the_environment(
    world: RegistrarWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLN_CONFIG", str(world.config))
    assert run_json("registrar", "--check")["application"] == "api.localhost"


def test_a_second_registrar_is_refused(world: RegistrarWorld) -> None:
    store = AccountStore(world.directory / "accounts.db", ReplacementRules(60, 300, 20))
    found = run_json("registrar", "--config", world.config, "--check", status=3)
    assert "another registrar uses this file" in found["message"]
    store.close()


def test_parts_that_do_not_belong_together_are_refused(world: RegistrarWorld) -> None:
    def message(**changes: str) -> str:
        before = world.config.read_text()
        text = before
        for name, value in changes.items():
            text = "\n".join(
                f'{name} = "{value}"' if line.startswith(f"{name} =") else line for line in text.split("\n")
            )
        world.config.write_text(text)
        found = run_json("registrar", "--config", world.config, "--check", status=2)
        world.config.write_text(before)
        return str(found["message"])

    assert "expected a key file" in message(key="policy.json") or "policy" in message(key="policy.json")
    assert "expected a signed policy" in message(policy="provider.rlnkey")
    (world.directory / "other.json").write_text(json.dumps({"accounts": {}}))
    assert "expected" in message(policy="other.json")
    assert "No such file" in message(policy="missing.json")


def test_a_port_that_is_taken_is_an_error_and_not_a_quiet_end(world: RegistrarWorld) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = run_json("registrar", "--config", world.config, "--port", taken.getsockname()[1], status=3)
    assert "cannot listen" in found["message"]


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_status_0(world: RegistrarWorld, signal: str) -> None:
    import signal as signals

    server = RegistrarServer(world)
    server.process.send_signal(getattr(signals, signal))
    assert server.process.wait(60) == 0
    assert "Traceback" not in server.log.read_text()
    server.close()
