"""Exit statuses: 2 for wrong usage, 3 for the machine's failures. Help: a text for everything."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

import rln
from rln.cli.app import app
from tests.unit.cli.terminal import run, run_json


def test_machine_failures_are_three(files, tmp_path, monkeypatch):
    def no_entropy(out):
        raise rln.EntropyError("entropy: none")

    monkeypatch.setattr("rln.lowlevel.entropy.fill", no_entropy)
    assert run_json("identity", "new", "--out", tmp_path / "a", status=3)["error"] == "EntropyError"
    assert not (tmp_path / "a").exists()


def test_too_much_to_do_is_three(tmp_path, monkeypatch):
    def too_many(out):
        raise rln.Overloaded("verifier: 7 messages are pending; try later")

    monkeypatch.setattr("rln.lowlevel.entropy.fill", too_many)
    assert run_json("identity", "new", "--out", tmp_path / "a", status=3)["error"] == "Overloaded"


def test_the_version_is_one_everywhere():
    """A provider could not say which version they run: no option and no attribute told it."""
    assert run("--version") == f"rln {rln.__version__}\n"
    assert run_json("doctor")["rln"] == rln.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", rln.__version__)


def test_when_a_store_serves_again_is_in_the_json(tmp_path, monkeypatch):
    for wait in (None, 12.5):

        def refused(out):
            raise rln.StoreUnavailable("log: refused", retry_after=wait)  # noqa: B023 - called in this round

        monkeypatch.setattr("rln.lowlevel.entropy.fill", refused)
        found = run_json("identity", "new", "--out", tmp_path / "a", status=3)
        assert found == {"error": "StoreUnavailable", "message": "log: refused", "retry_after": wait}


def test_usage_errors_are_two():
    for arguments in (
        ("prove",),
        ("nonsense",),
        ("setup", "--depth", "x", "--out", "y"),
        ("keys", "export", "x"),
    ):
        run(*arguments, status=2)


def commands(command: Any, name: str = "rln") -> Iterator[tuple[str, Any]]:
    """Yield a command and all below it."""
    yield name, command
    for child in getattr(command, "commands", {}).values():
        yield from commands(child, f"{name} {child.name}")


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help_text(name):
    """In sentences; a terminal of any width wraps them, so no paragraph has a line break of its own."""
    command = COMMANDS[name]
    assert command.help.strip().endswith(".")
    assert all("\n" not in paragraph for paragraph in command.help.split("\n\n"))
    for parameter in command.params:
        assert parameter.help, parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_h_is_help_everywhere(name):
    words = name.split()[1:]
    said = run(*words, "-h")
    assert said == run(*words, "--help")
    assert "-h" in said and "Usage" in said
