"""Output into a pipe: text without frames and colours; the environment does not change that."""

import os
import re
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT
from tests.threats.test_command_line import COMMANDS, run
from tests.unit.cli.screen import shown

DRAWN = re.compile("[\u2500-\u259f\x1b]")
"""Lines, frames and blocks, and the beginning of a colour."""


@pytest.mark.parametrize("path", [(), *{path[:1] for path, _ in COMMANDS}, *(path for path, _ in COMMANDS)])
def test_help_and_usage_errors_are_plain(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments in ((*path, "--help"), (*path, "--no-such-option"), path[:1], (*path[:-1], "nonsense")):
        if arguments in {path for path, _ in COMMANDS}:
            continue
        status, out, err = run(*arguments)
        assert status == (0 if "--help" in arguments else 2) or arguments == path[:1]  # help, whatever status
        assert not DRAWN.search(out + err), out + err
        assert "Usage: rln" in out + err


def test_tables_are_lines_with_tabs(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("rln.cli.commands.bench._Measurement.median", lambda _: 0.5)
    monkeypatch.setattr("rln.cli.commands.bench._DEPTH", 3)
    uri = f"sqlite:///{tmp_path}/members.db"
    log = (f"sqlite:///{tmp_path}/log.db", "--application", "example.com", "--period", "60")
    for arguments in (
        ("bench",),
        ("group", "create", uri, "--depth", "3"),
        ("group", "register", uri, "--commitment", "7", "--limit", "1"),
        ("group", "list", uri),
        ("log", "create", *log),
        ("log", "stats", *log),
        ("keys", "check", "zerokit-20"),
    ):
        status, out, err = run(*arguments)
        assert status == 0 and not DRAWN.search(out + err), out + err
    assert "full proof\t500 ms" in run("bench")[1]


@pytest.mark.parametrize("arguments", [("--help",), ("log", "stats"), ("demo", "--depth", "2")])
def test_a_process_draws_nothing_into_a_pipe(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rln", *arguments],
        cwd=ROOT,
        env={**os.environ, "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout + done.stderr and not DRAWN.search(done.stdout + done.stderr)


@pytest.mark.parametrize("path", sorted({path[:-1] for path, _ in COMMANDS}))
def test_no_line_of_a_list_of_commands_is_cut_off(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, err = run(*path, "--help")
    assert "Commands:" in out and "..." not in out.partition("Commands:")[2], out + err


def test_without_a_command_the_message_asks_for_one() -> None:
    assert run("keys")[2].endswith("rln: expected a command, got none\n")


def test_a_message_is_wrapped_between_words_on_a_terminal() -> None:
    """A terminal alone breaks a line after any character, also in the middle of a word."""
    said = shown("group", "list", "members.db", columns=60, status=2)
    assert said[0].startswith("rln: store: expected one of memory://, sqlite://,")
    assert all(line.startswith("     ") for line in said[1:] if line)
    assert len(said) > 2 and max(map(len, said)) <= 60
