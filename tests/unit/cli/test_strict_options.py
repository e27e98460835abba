"""Numbers of options have one form, in every command of the tree."""

from typing import Any

import pytest

from tests.threats.test_command_line import COMMANDS, run

ODD = (
    "1_0",
    "+7",
    " 7 ",
    "7 ",
    "\n7",
    "007",
    "00",
    "٧",
    "７",
    "²",
    "0x7",
    "1e1",
    "-0",
    "-1",
    "",
    "nan",
    "inf",
    "1,0",
)
ODD_WHOLE = (*ODD, "7.0", "7.")
ODD_SECONDS = (*ODD, "7.", ".5", "1.5.5", "0." + "1" * 10)


def number_type(parameter: Any) -> type | None:
    """Return int or float for a parameter that takes one, whatever the version of typer."""
    described = getattr(parameter, "type_descriptor", None)
    if described is not None:
        return described.annotation if described.annotation in (int, float) else None
    return {"integer": int, "float": float, "number": float}.get(parameter.type.name)


NUMBERS = [
    (path, parameter.opts[0], number_type(parameter))
    for path, command in COMMANDS
    for parameter in command.params
    if number_type(parameter)
]


@pytest.mark.parametrize(("path", "option", "kind"), NUMBERS, ids=lambda value: str(value))
def test_a_number_of_another_form_is_refused(path: tuple[str, ...], option: str, kind: type) -> None:
    for text in ODD_WHOLE if kind is int else ODD_SECONDS:
        status, out, err = run(*path, f"{option}={text}")
        assert (status, out) == (2, ""), (text, err)
        assert f"'{option}'" in err and "expected decimal digits" in err, err


def test_there_are_many_numbers() -> None:
    assert len(NUMBERS) > 25
    assert {kind for _, _, kind in NUMBERS} == {int, float}


def test_fractions_of_seconds_and_bounds(tmp_path: Any) -> None:
    log = (f"sqlite:///{tmp_path}/log.db", "--application", "example.com", "--period", "60", "--skew")
    assert run("log", "create", *log, "2.5")[0] == 0
    for skew, words in (
        ("9" * 18, "skew: expected at most"),
        ("1" + "0" * 400, "'--skew': expected 0 to 1000000000000000000, got a number of 401 characters"),
    ):
        status, _, err = run("log", "stats", *log, skew)
        assert (status, words in " ".join(err.split())) == (2, True), err
    assert "expected 1 to" in run("bench", "--threads", "0")[2]
    assert "expected 0.1 to 3600, got 0.01" in " ".join(run("group", "follow", "--every", "0.01")[2].split())
